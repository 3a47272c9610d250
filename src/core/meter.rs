//! From a database's counters to rates: deltas, resets, restarts, refusals.

use crate::time::Time;

/// What a database answered to one question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Its counters.
    Counters(Counters),
    /// It refused us for want of connections: a sample of `ConnectionsOfMax` = 100 % (R6).
    Full,
    /// It did not answer, or the standing connection was lost; what was said, without secrets.
    Down(String),
}

/// Counters as a database gives them. Each may be reset on its own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Which server this is: it changes when another one answers under the same name.
    pub identity: u64,
    /// Seconds since the server started.
    pub uptime: u64,
    /// Attempts to connect since the start, those refused at the limit left out.
    pub attempts: u64,
    /// Attempts refused at the limit since the start.
    pub refused: u64,
    /// Attempts that failed since the start.
    pub failed: u64,
    /// Connections held now.
    pub connected: u64,
    /// Connections that may be held.
    pub maximum: u64,
}

/// What one answer says, compared with the one before.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sample {
    /// When it was taken.
    pub at: Time,
    /// Attempts per second since the sample before, the refused ones included.
    pub connection_rate: Option<f64>,
    /// Connections held, in percent of the maximum.
    pub of_max: Option<f64>,
    /// Failed attempts, in percent of all, since the sample before.
    pub failed_percent: Option<f64>,
    /// Failed attempts per second since the sample before.
    pub failed_rate: Option<f64>,
    /// The database is full or nearly: a low rate proves nothing (R6).
    pub saturated: bool,
}

/// What the meter made of an answer.
#[derive(Clone, Debug, PartialEq)]
pub enum Observation {
    /// A sample; while `returning_until` lies ahead it says nothing.
    Sample {
        /// The sample.
        sample: Sample,
        /// The database came back, restarted or is another server: let it settle until then.
        returning_until: Option<Time>,
    },
    /// The database does not answer.
    Down {
        /// Since when.
        since: Time,
        /// What it said last.
        error: String,
    },
}
