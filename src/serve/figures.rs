//! What is known of the plans at the time of a scrape.

use super::metrics::PlanLabels;

/// A guard's figures.
#[derive(Clone, Debug, PartialEq)]
pub struct GuardFigures {
    /// The database's name in the plan.
    pub database: String,
    /// The signal's name.
    pub signal: &'static str,
    /// 0 clear, 1 pause, 2 rollback.
    pub level: u8,
    /// The newest value, if there is one.
    pub value: Option<f64>,
}

/// What is known of a side, in requests per second.
#[derive(Clone, Debug, PartialEq)]
pub struct SideFigures {
    /// `legacy` or `kubernetes`.
    pub side: &'static str,
    /// What it can carry now.
    pub ready: Option<f64>,
    /// What it is asked for now.
    pub load: Option<f64>,
}

/// The connects of one side's users to a database, per second.
#[derive(Clone, Debug, PartialEq)]
pub struct ConnectFigures {
    /// The database's name in the plan.
    pub database: String,
    /// `legacy` or `kubernetes`.
    pub side: &'static str,
    /// How many.
    pub rate: f64,
}

/// A plan's figures at the time of a scrape.
#[derive(Clone, Debug, PartialEq)]
pub struct PlanFigures {
    /// The plan.
    pub plan: PlanLabels,
    /// Where its routes should stand, in percent.
    pub intended: Option<f64>,
    /// Where they stand, in percent.
    pub actual: Option<f64>,
    /// Its phase.
    pub phase: &'static str,
    /// Its guards.
    pub guards: Vec<GuardFigures>,
    /// What both sides are asked for together, in requests per second.
    pub demand: Option<f64>,
    /// The highest demand of its window.
    pub peak: Option<f64>,
    /// Its sides.
    pub sides: [SideFigures; 2],
    /// The connects of the sides' users to its databases, where they are known.
    pub connects: Vec<ConnectFigures>,
}
