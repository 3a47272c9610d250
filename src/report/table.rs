//! Tables: what a reader looks up.

use super::Verdict;

/// A table below the charts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table {
    /// What it lists.
    pub title: String,
    /// Its columns, from the left.
    pub columns: Vec<Column>,
    /// Its rows, from the top.
    pub rows: Vec<Row>,
}

impl Table {
    /// A table of these columns, without a row.
    pub fn new(title: impl Into<String>, columns: impl IntoIterator<Item = Column>) -> Self {
        Self { title: title.into(), columns: columns.into_iter().collect(), rows: Vec::new() }
    }

    /// The same with one more row.
    #[must_use]
    pub fn row(mut self, row: Row) -> Self {
        self.rows.push(row);
        self
    }
}

/// Where a column's cells stand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Align {
    /// Words.
    #[default]
    Left,
    /// Figures.
    Right,
}

/// The head of a column.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Where its cells stand.
    pub align: Align,
}

impl Column {
    /// A column of words.
    pub fn text(name: impl Into<String>) -> Self {
        Self { name: name.into(), align: Align::Left }
    }

    /// A column of figures.
    pub fn figure(name: impl Into<String>) -> Self {
        Self { name: name.into(), align: Align::Right }
    }
}

/// A row of a table.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Row {
    /// One text for each column; those that are missing are empty, those too many are not shown.
    pub cells: Vec<String>,
    /// When it happened, by the page's clock: the row is then a link to that place in the charts.
    pub at: Option<f64>,
    /// Whether it is as it should be: a sign before the first cell.
    pub verdict: Verdict,
}

impl Row {
    /// A row that links to nothing.
    pub fn new<T: Into<String>>(cells: impl IntoIterator<Item = T>) -> Self {
        Self { cells: cells.into_iter().map(Into::into).collect(), ..Self::default() }
    }

    /// The same as a link to this time in the charts.
    #[must_use]
    pub fn at(mut self, at: f64) -> Self {
        self.at = Some(at);
        self
    }

    /// The same, judged.
    #[must_use]
    pub fn verdict(mut self, verdict: Verdict) -> Self {
        self.verdict = verdict;
        self
    }
}
