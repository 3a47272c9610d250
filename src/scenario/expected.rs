//! Expectations with their names resolved: what is checked.

use std::fmt;
use std::time::Duration;

use super::expectation::{CrashAnywhere, Expectation, LevelIs, Suspects};
use super::file::File;
use super::names::{self, Names, Problems};
use super::words::{Moment, Span};
use crate::api::Problem;
use crate::core::guard::Signal;
use crate::core::reason::Reason;
use crate::core::report::Phase;
use crate::core::state::GuardKey;
use crate::sim::scenario::Scenario;

/// Something that must be so.
#[derive(Clone, Debug, PartialEq)]
pub struct Expected {
    /// Whose plans.
    pub services: Vec<usize>,
    /// When.
    pub when: When,
    /// What.
    pub must: Must,
    /// In words.
    pub words: String,
    /// The feature without which it cannot hold yet.
    pub needs: Option<String>,
}

/// When something must be so; times after the begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// At this moment.
    At(Duration),
    /// At some moment from the first to the second.
    Within(Duration, Duration),
    /// All the time from the first to the second.
    Throughout(Duration, Duration),
}

impl When {
    /// The first and the last moment.
    pub fn ends(&self) -> (Duration, Duration) {
        match *self {
            Self::At(at) => (at, at),
            Self::Within(from, until) | Self::Throughout(from, until) => (from, until),
        }
    }
}

impl fmt::Display for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::At(at) => write!(f, "at {}", Span(at)),
            Self::Within(after, until) => {
                write!(f, "within {} of {}", Span(until.saturating_sub(after)), Span(after))
            }
            Self::Throughout(from, until) => write!(f, "from {} to {}", Span(from), Span(until)),
        }
    }
}

/// What must be so.
#[derive(Clone, Debug, PartialEq)]
pub enum Must {
    /// The phase is one of these.
    Phase(Vec<Phase>),
    /// The phase is one of these for no longer than this at a stretch.
    Longest(Vec<Phase>, Duration),
    /// The load balancers stand within this, in percent.
    Weight(f64, f64),
    /// The stage is one of these.
    Stage(Vec<Option<String>>),
    /// A guard stands at this level.
    Level(GuardKey, LevelIs),
    /// A blocker has this reason, and a message that contains this.
    BlockedBy(Reason, String),
    /// Something happens so often: at least, at most, at most per day.
    Count(Happens, String, [Option<u32>; 3]),
    /// The share of requests that fail is below the first and above the second, in percent, and at most so
    /// many times what it is without Crossfade.
    Failed(Option<f64>, Option<f64>, Option<f64>),
    /// The status names a suspect.
    Suspects(Suspects),
    /// The end is the same wherever the operator dies.
    CrashAnywhere(CrashAnywhere),
    /// This version does not know what is spoken of.
    NotKnown(String),
}

/// What may happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Happens {
    /// A retreat begins.
    Retreat,
    /// A step of a retreat.
    RetreatStep,
    /// The weight was raised.
    Raise,
    /// The plan pauses.
    Pause,
    /// People are told so.
    Told(Reason),
}

/// Every phase.
const PHASES: [Phase; 8] = [
    Phase::Pending,
    Phase::Shifting,
    Phase::Soaking,
    Phase::AwaitingApproval,
    Phase::Paused,
    Phase::RollingBack,
    Phase::RolledBack,
    Phase::Completed,
];

/// How far a load balancer's weight may be off by rounding, in percent.
const ROUNDING: f64 = 0.25;

/// The expectations of `file`.
pub fn resolve(file: &File, names: &Names, scenario: &Scenario, problems: &mut Problems) -> Vec<Expected> {
    let each = file.expect.iter().enumerate();
    each.filter_map(|(place, expectation)| {
        let field = format!("expect[{place}]");
        let mut resolver = Resolver { file, names, scenario, field, problems, expectation };
        resolver.resolve()
    })
    .collect()
}

struct Resolver<'a> {
    file: &'a File,
    names: &'a Names,
    scenario: &'a Scenario,
    field: String,
    problems: &'a mut Problems,
    expectation: &'a Expectation,
}

impl Resolver<'_> {
    fn say(&mut self, name: &str, reason: impl Into<String>, remedy: impl Into<String>) {
        let name = if name.is_empty() { String::new() } else { format!(".{name}") };
        self.problems.push(Problem::new(format!("{}{name}", self.field), reason, remedy));
    }

    fn resolve(&mut self) -> Option<Expected> {
        let it = self.expectation;
        let services = match &it.service {
            None => (0..self.names.services.len()).collect(),
            name => vec![self.names.service(name.as_ref(), &self.field, self.problems)],
        };
        if let Some(feature) = &it.needs {
            let known: Vec<String> = self.file.needs.iter().map(|need| need.feature.clone()).collect();
            if !known.contains(feature) {
                let field = format!("{}.needs", self.field);
                names::unknown(&field, "feature in needs", feature, &known, self.problems);
            }
        }
        let time = self.when();
        let (thing, what) = self.must(services.first().copied().unwrap_or_default())?;
        let whose = it.service.as_ref().map(|name| format!("{name}: ")).unwrap_or_default();
        let always = time == When::Throughout(Duration::ZERO, self.scenario.lasts);
        let words = if always { format!("{whose}{what}") } else { format!("{whose}{what} {time}") };
        Some(Expected { services, when: time, must: thing, words, needs: it.needs.clone() })
    }

    fn when(&mut self) -> When {
        let it = self.expectation;
        let lasts = self.scenario.lasts;
        let ways = [it.at.is_some(), it.within.is_some(), it.from.is_some() || it.until.is_some()];
        if ways.into_iter().filter(|way| *way).count() > 1 {
            self.say("", "has several times", "write at, or within (and after), or from and until");
        }
        if it.after.is_some() && it.within.is_none() {
            self.say("after", "says nothing without within", "add within, or write from");
        }
        let zero = Duration::ZERO;
        let when = match (it.at, it.within) {
            (Some(Moment::End), _) => When::At(lasts),
            (Some(Moment::After(at)), _) => When::At(at),
            (None, Some(within)) => {
                let after = it.after.map_or(zero, |after| after.0);
                When::Within(after, after + within.0)
            }
            (None, None) => {
                When::Throughout(it.from.map_or(zero, |from| from.0), it.until.map_or(lasts, |until| until.0))
            }
        };
        let (from, until) = when.ends();
        if until > lasts || from > until {
            let reason = format!("{when} is not within the {} of the run", Span(lasts));
            self.say("", reason, "let it be before the end, or let the scenario last longer");
        }
        when
    }

    fn must(&mut self, service: usize) -> Option<(Must, String)> {
        let it = self.expectation;
        let of = |there: bool, name: &'static str| there.then_some(name);
        let named: Vec<&str> = [
            of(it.phase.is_some(), "phase"),
            of(it.weight.is_some(), "weight"),
            of(it.stage.is_some(), "stage"),
            of(it.level.is_some(), "level"),
            of(it.blocked_by.is_some(), "blockedBy"),
            of(it.told.is_some(), "told"),
            of(it.never.is_some(), "never"),
            of(it.count.is_some(), "count"),
            of(it.failed.is_some(), "failed"),
            of(it.suspects.is_some(), "suspects"),
            of(it.crash_anywhere.is_some(), "crashAnywhere"),
        ]
        .into_iter()
        .flatten()
        .collect();
        if named.len() != 1 {
            let reason = if named.is_empty() {
                "nothing is expected".into()
            } else {
                named.join(" and ") + " at once"
            };
            self.say("", reason, "say one thing, such as phase: Paused");
            return None;
        }
        match named.first().copied()? {
            "phase" => self.phase(),
            "weight" => {
                let range = it.weight.unwrap_or_default();
                let (from, to) = match range.is {
                    Some(is) => (is - ROUNDING, is + ROUNDING),
                    None => (range.from.unwrap_or(0.0), range.to.unwrap_or(100.0)),
                };
                let words = match range.is {
                    Some(is) => format!("weight {is} %"),
                    None => format!("weight {from} to {to} %"),
                };
                Some((Must::Weight(from, to), words))
            }
            "stage" => {
                let stages = it.stage.clone().unwrap_or_default();
                let each: Vec<&str> = stages.split(" or ").map(str::trim).collect();
                let field = format!("{}.stage", self.field);
                for name in each.iter().filter(|name| **name != "none") {
                    self.names.stage(service, name, &field, self.problems);
                }
                let each = each.into_iter().map(|name| (name != "none").then(|| name.to_owned()));
                Some((Must::Stage(each.collect()), format!("stage {stages}")))
            }
            "level" => self.level(service),
            "blockedBy" => {
                let contains = it.contains.clone().unwrap_or_default();
                let words = format!("blocked by {}", it.blocked_by.as_deref().unwrap_or_default());
                match self.reason("blockedBy", it.blocked_by.as_ref()?)? {
                    Ok(reason) => Some((Must::BlockedBy(reason, contains), words + &self.containing())),
                    Err(unknown) => Some((unknown, words)),
                }
            }
            "failed" => {
                let share = it.failed.unwrap_or_default();
                let (below, above) = (share.below.map(|below| below.0), share.above.map(|above| above.0));
                let words = match (below, above, share.of_without) {
                    (Some(below), None, None) => format!("fewer than {below} % of requests fail"),
                    (None, Some(above), None) => format!("more than {above} % of requests fail"),
                    (Some(below), Some(above), None) => format!("{above} to {below} % of requests fail"),
                    (None, None, Some(times)) => {
                        format!("at most {times} times the requests fail that do without Crossfade")
                    }
                    _ => {
                        let remedy = "write below or above, such as below: 0.5%, or ofWithout alone";
                        self.say("failed", "says nothing, or too much", remedy);
                        return None;
                    }
                };
                Some((Must::Failed(below, above, share.of_without), words))
            }
            "suspects" => {
                let suspects = it.suspects.clone()?;
                let words = format!("\"{}\" among the first {} suspects", suspects.contain, suspects.among);
                Some((Must::Suspects(suspects), words))
            }
            "crashAnywhere" => {
                let crash = it.crash_anywhere?;
                let words = format!(
                    "the same end, no step twice, with a crash after each of {} actions from {} on",
                    crash.runs, crash.at
                );
                Some((Must::CrashAnywhere(crash), words))
            }
            counted => self.count(counted),
        }
    }

    fn phase(&mut self) -> Option<(Must, String)> {
        let it = self.expectation;
        let text = it.phase.clone().unwrap_or_default();
        let mut phases = Vec::new();
        for name in text.split(" or ").map(str::trim) {
            let Some(phase) = PHASES.into_iter().find(|phase| phase.name() == name) else {
                let all: Vec<String> = PHASES.iter().map(|phase| phase.name().to_owned()).collect();
                names::unknown(&format!("{}.phase", self.field), "phase", name, &all, self.problems);
                return None;
            };
            phases.push(phase);
        }
        Some(match it.longest {
            Some(longest) => {
                (Must::Longest(phases, longest.0), format!("never {text} for longer than {longest}"))
            }
            None => (Must::Phase(phases), format!("phase {text}")),
        })
    }

    fn level(&mut self, service: usize) -> Option<(Must, String)> {
        let level = self.expectation.level.as_ref()?;
        let field = format!("{}.level", self.field);
        let words = format!(
            "{} is {}",
            level.guard,
            match level.is {
                LevelIs::Clear => "clear",
                LevelIs::Pause => "at pause",
                LevelIs::Rollback => "at rollback",
                LevelIs::Tripped => "tripped",
            }
        );
        let Some(signal) = Signal::ALL.into_iter().find(|signal| signal.name() == level.guard) else {
            if self.expectation.needs.is_some() {
                return Some((Must::NotKnown(format!("the guard {}", level.guard)), words));
            }
            let all: Vec<String> = Signal::ALL.iter().map(|signal| signal.name().to_owned()).collect();
            names::unknown(&format!("{field}.guard"), "guard", &level.guard, &all, self.problems);
            return None;
        };
        let database = self.names.plan_database(service, level.database.as_ref(), &field, self.problems);
        Some((Must::Level(GuardKey::new(database, signal), level.is), words))
    }

    /// The reason of that name; what this version does not know is no problem where it needs a feature.
    fn reason(&mut self, field: &str, name: &str) -> Option<Result<Reason, Must>> {
        if let Some(reason) = Reason::ALL.iter().find(|reason| reason.name() == name) {
            return Some(Ok(*reason));
        }
        if self.expectation.needs.is_some() {
            return Some(Err(Must::NotKnown(format!("the reason {name}"))));
        }
        let words: &[&str] =
            if field == "blockedBy" { &[] } else { &["retreat", "retreatStep", "raise", "pause"] };
        let reasons = Reason::ALL.iter().map(|reason| reason.name());
        let all: Vec<String> = words.iter().copied().chain(reasons).map(ToOwned::to_owned).collect();
        names::unknown(&format!("{}.{field}", self.field), "reason", name, &all, self.problems);
        None
    }

    fn containing(&self) -> String {
        self.expectation.contains.as_ref().map(|part| format!(" (\"{part}\")")).unwrap_or_default()
    }

    fn count(&mut self, field: &str) -> Option<(Must, String)> {
        let it = self.expectation;
        let name = it.told.as_ref().or(it.never.as_ref()).or(it.count.as_ref())?;
        let limits = match field {
            "told" => [Some(1), None, None],
            "never" => [None, Some(0), None],
            _ => [it.at_least, it.at_most, it.at_most_per_day],
        };
        if limits == [None; 3] {
            self.say("count", "says no number", "write atMost, atLeast or atMostPerDay");
            return None;
        }
        let words = match limits {
            [Some(1), None, None] => name.clone(),
            [None, Some(0), None] => format!("no {name}"),
            [least, most, per_day] => {
                let part = |word: &str, number: Option<u32>, end: &str| {
                    number.map(|number| format!("{word} {number}{end}")).into_iter()
                };
                let parts = part("at least", least, "")
                    .chain(part("at most", most, ""))
                    .chain(part("at most", per_day, " a day"));
                format!("{name} {}", parts.collect::<Vec<_>>().join(", "))
            }
        } + &self.containing();
        let happens = match name.as_str() {
            "retreat" => Happens::Retreat,
            "retreatStep" => Happens::RetreatStep,
            "raise" => Happens::Raise,
            "pause" => Happens::Pause,
            other => match self.reason(field, other)? {
                Ok(reason) => Happens::Told(reason),
                Err(unknown) => return Some((unknown, words)),
            },
        };
        Some((Must::Count(happens, it.contains.clone().unwrap_or_default(), limits), words))
    }
}
