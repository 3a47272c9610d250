//! The connection rate after a step, by what each side's requests cost: arithmetic only (DESIGN section 5).

use std::collections::BTreeMap;

use crate::connects::{Connects, Cost};
use crate::time::Time;
use crate::weight::Weight;

/// Attempts per second that are predicted.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Rates {
    /// At what is asked for now.
    pub now: f64,
    /// At the highest of the window.
    pub peak: f64,
}

/// What is predicted of one database after the next step.
#[derive(Clone, Debug, PartialEq)]
pub struct Prediction {
    /// The weight after the step.
    pub weight: Weight,
    /// The rates, or what is not known for them.
    pub rates: Result<Rates, Missing>,
}

/// Why nothing is predicted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    /// It is not known how much is asked for.
    Demand,
    /// It is not known how many requests reach each side, or for too short a time.
    Requests,
    /// A side has made too few connects.
    Legacy,
    /// Likewise.
    Kubernetes,
}

/// What the sides cost when a raise was made.
#[derive(Clone, Debug, PartialEq)]
pub struct Foreseen {
    /// When it was read back.
    pub at: Time,
    /// Where it went.
    pub to: Weight,
    /// By the database's name.
    pub costs: BTreeMap<String, Costs>,
}

/// What each side costs a database.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Costs {
    /// Legacy, if it is known.
    pub legacy: Option<Cost>,
    /// Kubernetes, if it is known.
    pub kubernetes: Option<Cost>,
    /// Attempts per second of nobody's users, which do not follow what is asked for.
    pub others: f64,
}

impl Costs {
    /// By what is known of its connects; `None` while that is too little.
    pub fn of(known: &Connects) -> Option<Self> {
        let (legacy, kubernetes) = (known.per_request.legacy, known.per_request.kubernetes);
        Some(Self { legacy, kubernetes, others: known.others? })
    }

    /// Attempts per second at `weight` if so much is asked for, and what chance makes of them (a standard
    /// deviation).
    pub fn rate(&self, weight: Weight, demand: f64) -> Result<(f64, f64), Missing> {
        let share = weight.percent() / 100.0;
        let (mut rate, mut variance) = (self.others, 0.0);
        let sides =
            [(1.0 - share, self.legacy, Missing::Legacy), (share, self.kubernetes, Missing::Kubernetes)];
        for (share, cost, missing) in sides {
            if share > 0.0 {
                let cost = cost.ok_or(missing)?;
                let part = share * demand * cost.each;
                rate += part;
                variance += part * part / cost.counted;
            }
        }
        Ok((rate, variance.sqrt()))
    }
}
