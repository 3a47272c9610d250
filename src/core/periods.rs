//! The peaks that a stage has seen: what its weight was asked to carry, period by period.
//!
//! A period is a day, or the peak window if that is shorter. The first begins when the stage stands at its
//! weight with its soak clock running, each further one at the end of the one before. It is full when the
//! clock ran for all of it but a twelfth; it is a peak when demand came within a tenth of the highest that
//! the window knows, now.

use std::time::Duration;

use crate::capacity::Demand;
use crate::time::Time;

/// A period is no longer than this.
pub const DAY: Duration = Duration::from_hours(24);
/// The share of the window's highest demand that makes a period a peak.
pub const NEAR: f64 = 0.9;
/// This part of a period may pass unwatched: of a day two hours, so that neither a restart nor the pauses of
/// a nightly batch cost one.
const UNWATCHED: u32 = 12;
/// The most peaks that may be asked for: the days of the longest window.
pub const MOST: u32 = 31;

/// How long a period of `demand` is.
pub fn length(demand: &Demand) -> Duration {
    demand.peak_window.min(DAY)
}

/// What a stage has stood through at its weight.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Periods {
    /// The highest demand of each full period that was a peak, in requests per second, oldest first.
    pub peaks: Vec<f64>,
    /// The period under way; `None` until the soak clock has run.
    pub now: Option<Period>,
}

/// A period under way.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Period {
    /// When it began.
    pub since: Time,
    /// For how long of it the soak clock ran.
    pub watched: Duration,
    /// The highest mean of demand in it so far, in requests per second.
    pub highest: f64,
}

/// What became of the period under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Course {
    /// It goes on.
    On,
    /// Too much of it was not watched: another one has begun.
    Void,
    /// It was full: another one has begun.
    Full,
}

impl Periods {
    /// Another `span` was watched, to `now`; the highest demand that the window knows is `highest`.
    pub fn watch(&mut self, span: Duration, length: Duration, highest: f64, now: Time) -> Course {
        let Some(period) = &mut self.now else {
            self.now = Some(Period { since: now, ..Period::default() });
            return Course::On;
        };
        period.watched += span;
        let passed = now.since(period.since);
        let missing = passed.saturating_sub(period.watched);
        if missing > length / UNWATCHED {
            self.now = Some(Period { since: now, ..Period::default() });
            return Course::Void;
        }
        if passed < length {
            return Course::On;
        }
        if period.highest > 0.0 && period.highest >= NEAR * highest {
            self.peaks.push(period.highest);
        }
        self.now = Some(Period { since: now, ..Period::default() });
        Course::Full
    }

    /// A mean of demand that ended at `at`, taken over `span`; one that began before the period does not
    /// count.
    pub fn take(&mut self, at: Time, span: Duration, requests_per_second: f64) {
        if let Some(period) = &mut self.now
            && at - span >= period.since
        {
            period.highest = period.highest.max(requests_per_second);
        }
    }

    /// Forgets what is no peak beside a `highest` that is seen now; whether there was such.
    pub fn forget_lower(&mut self, highest: f64) -> bool {
        let before = self.peaks.len();
        self.peaks.retain(|peak| *peak >= NEAR * highest);
        self.peaks.len() != before
    }

    /// How many peaks were seen.
    pub fn seen(&self) -> u32 {
        u32::try_from(self.peaks.len()).unwrap_or(u32::MAX)
    }
}
