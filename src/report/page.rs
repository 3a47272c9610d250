//! The page as a whole.

use super::{Run, Table};

/// How something ended. It decides a colour and a sign, never the colour alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Verdict {
    /// As expected.
    Good,
    /// Not as expected.
    Bad,
    /// Nothing was expected of it.
    #[default]
    Neutral,
}

/// What the times of a page count from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Clock {
    /// Seconds since the begin of the run; shown as `0:12:30`, from a day on as `3d 4:05`.
    #[default]
    SinceBegin,
    /// Seconds since the Unix epoch; shown as date and time in UTC.
    Unix,
}

/// One page. All texts are plain text; what stands for markup in them is shown as it is.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Page {
    /// The page's title, such as the plan and the scenario.
    pub title: String,
    /// How it ended.
    pub verdict: Verdict,
    /// One sentence: what a reader must know who reads nothing else.
    pub headline: String,
    /// What all times of the page count from.
    pub clock: Clock,
    /// The figures at the top, the most telling first; about four to eight.
    pub facts: Vec<Fact>,
    /// Up to two courses of the same incident, shown side by side in this order.
    pub runs: Vec<Run>,
    /// Further tables, below the charts. What happened in each run is listed without asking, from
    /// the run's marks.
    pub tables: Vec<Table>,
    /// What to know about how this came about: assumptions, limits. One paragraph each.
    pub notes: Vec<String>,
    /// The last line: versions, seed, the command that makes this page again.
    pub footer: String,
}

impl Page {
    /// A page that has only its head.
    pub fn new(title: impl Into<String>, verdict: Verdict, headline: impl Into<String>) -> Self {
        Self { title: title.into(), verdict, headline: headline.into(), ..Self::default() }
    }

    /// The same with its times counted from `clock`.
    #[must_use]
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// The same with one more figure at the top.
    #[must_use]
    pub fn fact(mut self, fact: Fact) -> Self {
        self.facts.push(fact);
        self
    }

    /// The same with one more course of the incident.
    #[must_use]
    pub fn run(mut self, run: Run) -> Self {
        self.runs.push(run);
        self
    }

    /// The same with one more table.
    #[must_use]
    pub fn table(mut self, table: Table) -> Self {
        self.tables.push(table);
        self
    }

    /// The same with one more note.
    #[must_use]
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }

    /// The same with this last line.
    #[must_use]
    pub fn footer(mut self, footer: impl Into<String>) -> Self {
        self.footer = footer.into();
        self
    }
}

/// One figure at the top of the page.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Fact {
    /// What it is, in a few words.
    pub label: String,
    /// The figure with its unit.
    pub value: String,
    /// What to compare it with, or nothing.
    pub note: String,
    /// Whether it is as it should be.
    pub verdict: Verdict,
}

impl Fact {
    /// A figure without a note, neither good nor bad.
    pub fn new(label: impl Into<String>, value: impl Into<String>) -> Self {
        Self { label: label.into(), value: value.into(), ..Self::default() }
    }

    /// The same with a note below it.
    #[must_use]
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.note = note.into();
        self
    }

    /// The same, judged.
    #[must_use]
    pub fn verdict(mut self, verdict: Verdict) -> Self {
        self.verdict = verdict;
        self
    }
}
