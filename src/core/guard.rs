//! A guard: one signal of one database with its pause, rollback and resume thresholds.

use std::fmt;
use std::time::Duration;

use crate::time::Time;

/// What a guard looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Signal {
    /// Attempts to connect, per second.
    ConnectionRate,
    /// Connections held, in percent of the database's maximum.
    ConnectionsOfMax,
    /// Failed attempts to connect, in percent of all attempts.
    FailedConnections,
}

impl Signal {
    /// Every signal, in the order in which status shows them.
    pub const ALL: [Self; 3] = [Self::ConnectionRate, Self::ConnectionsOfMax, Self::FailedConnections];

    /// The name as the API spells it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ConnectionRate => "ConnectionRate",
            Self::ConnectionsOfMax => "ConnectionsOfMax",
            Self::FailedConnections => "FailedConnections",
        }
    }
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A signal with its thresholds.
#[derive(Clone, Debug, PartialEq)]
pub struct Guard {
    /// What it looks at.
    pub signal: Signal,
    /// Pauses the plan when any of these holds.
    pub pause: Vec<Condition>,
    /// Begins a retreat when any of these holds.
    pub rollback: Vec<Condition>,
    /// Clears the guard when it holds.
    pub resume: Condition,
}

impl Guard {
    /// Every condition.
    pub fn conditions(&self) -> impl Iterator<Item = &Condition> {
        self.pause.iter().chain(&self.rollback).chain(std::iter::once(&self.resume))
    }

    /// Whether any of its thresholds compares with the baseline.
    pub fn is_relative(&self) -> bool {
        self.conditions().any(|condition| condition.test.is_relative())
    }

    /// The longest time that its conditions look back.
    pub fn longest(&self) -> Duration {
        self.conditions().map(|condition| condition.within.max(condition.lasting)).max().unwrap_or_default()
    }
}

/// A test that must hold for a time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Condition {
    /// What must hold.
    pub test: Test,
    /// For how long in all.
    pub lasting: Duration,
    /// Out of the last how long; equal to `lasting` when it must hold without a break.
    pub within: Duration,
}

/// A test of one sample (absolute ones) or of one mean of at least a second (relative ones).
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Test {
    /// The value is above this.
    Above(f64),
    /// The value is below this.
    Below(f64),
    /// The value is above this many times the baseline B' (at least 20/s).
    AboveBaseline(f64),
    /// The value is below this many times the baseline B'.
    BelowBaseline(f64),
    /// The cumulative sum S of the deviations from the baseline has reached this (CUSUM).
    Trend(f64),
    /// At its present slope the value reaches 100 within this time (and is above 50 now).
    FullWithin(Duration),
    /// Failures are above this percentage (over their own median) and above this many per second.
    Failures {
        /// Percent of attempts, above the signal's own 15 min median.
        percent: f64,
        /// Failures per second.
        per_second: f64,
    },
    /// Failures are below this percentage (over their own median).
    FailuresBelow {
        /// Percent of attempts, above the signal's own 15 min median.
        percent: f64,
    },
}

impl Test {
    /// Whether it compares with the baseline.
    pub const fn is_relative(self) -> bool {
        matches!(self, Self::AboveBaseline(_) | Self::BelowBaseline(_) | Self::Trend(_))
    }
}

/// How far a guard has tripped. It rises at once and falls only to `Clear`, by `resume`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Nothing is wrong.
    #[default]
    Clear,
    /// The pause threshold was crossed: nothing rises.
    Pause,
    /// The rollback threshold was crossed: a retreat.
    Rollback,
}

/// What a guard remembers; kept in status, so that a trip survives a restart.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Tripped {
    /// How far it has tripped.
    pub level: Level,
    /// Since when it has this level.
    pub since: Time,
    /// The baseline, frozen when it tripped.
    pub baseline: Option<f64>,
}

/// What the samples say of one guard now; made by [`crate::watch`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Judgement {
    /// The newest value, in the signal's unit; `None` while there is none.
    pub value: Option<f64>,
    /// The baseline in use, if one is known.
    pub baseline: Option<f64>,
    /// Why nothing can be said; `None` when the data is fresh and complete.
    pub unknown: Option<Unknown>,
    /// The pause threshold is crossed.
    pub pause: bool,
    /// The rollback threshold is crossed.
    pub rollback: bool,
    /// The guard is tripped, and its resume threshold holds.
    pub resume: bool,
}

impl Judgement {
    /// Whether the data says nothing at all. While a baseline is being learned the tests that need
    /// none work.
    pub const fn is_blind(&self) -> bool {
        matches!(self.unknown, Some(Unknown::Stale { .. } | Unknown::Down { .. } | Unknown::Returning { .. }))
    }
}

/// Why a guard's data says nothing: never clear, never a breach (R5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unknown {
    /// No sample since the watch began, or none for three periods.
    Stale {
        /// When the newest sample was taken, or the watch began.
        since: Time,
    },
    /// The database does not answer.
    Down {
        /// Since when.
        since: Time,
        /// What it said last, without secrets.
        error: String,
    },
    /// The database came back, restarted or is another server: it is left alone until `until`.
    Returning {
        /// When its data counts again.
        until: Time,
    },
    /// It has been watched for a shorter time than its pause is measured in: that it is clear is not
    /// known yet. It can trip all the same.
    Young {
        /// When it is known, if nothing trips it.
        until: Time,
    },
    /// The baseline is still being learned; it is known at `until`.
    Learning {
        /// When relative thresholds begin to work.
        until: Time,
    },
}
