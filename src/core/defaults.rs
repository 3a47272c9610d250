//! The default guards: what is in force for a signal that the user says nothing about.
//!
//! The thresholds are those of the design's section 4.

use std::time::Duration;

use crate::guard::{Condition, Guard, Signal, Test};

/// Failures per second that `FailedConnections` needs besides its percentage to pause: one failing
/// client on a quiet night is no surge.
pub const FAILURES_TO_PAUSE: f64 = 5.0;
/// Failures per second that `FailedConnections` needs besides its percentage to roll back.
pub const FAILURES_TO_ROLL_BACK: f64 = 20.0;

/// The default guard of every signal, in the order of [`Signal::ALL`].
pub fn guards() -> Vec<Guard> {
    Signal::ALL.into_iter().map(guard).collect()
}

/// The default guard of `signal`.
pub fn guard(signal: Signal) -> Guard {
    match signal {
        Signal::ConnectionRate => Guard {
            signal,
            pause: vec![unbroken(Test::AboveBaseline(1.5), 3), unbroken(Test::Trend(12.0), 0)],
            rollback: vec![], // relative thresholds only pause
            resume: out_of(Test::BelowBaseline(1.2), 57, 60),
        },
        Signal::ConnectionsOfMax => Guard {
            signal,
            pause: vec![
                unbroken(Test::Above(70.0), 0),
                unbroken(Test::FullWithin(Duration::from_mins(1)), 3),
            ],
            rollback: vec![
                unbroken(Test::Above(85.0), 3),
                out_of(Test::FullWithin(Duration::from_secs(20)), 8, 10),
            ],
            resume: unbroken(Test::Below(60.0), 120),
        },
        Signal::FailedConnections => Guard {
            signal,
            pause: vec![out_of(Test::Failures { percent: 0.1, per_second: FAILURES_TO_PAUSE }, 3, 5)],
            rollback: vec![out_of(Test::Failures { percent: 1.0, per_second: FAILURES_TO_ROLL_BACK }, 5, 8)],
            resume: unbroken(Test::FailuresBelow { percent: 0.02 }, 60),
        },
    }
}

const fn unbroken(test: Test, seconds: u64) -> Condition {
    out_of(test, seconds, seconds)
}

const fn out_of(test: Test, seconds: u64, within: u64) -> Condition {
    Condition { test, lasting: Duration::from_secs(seconds), within: Duration::from_secs(within) }
}
