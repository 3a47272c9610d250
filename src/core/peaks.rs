//! The highest demand of the last days, in a bounded number of parts that a status can hold.

use std::collections::VecDeque;
use std::time::Duration;

use crate::time::Time;

/// Demand is looked at in means of this length: a burst is no peak.
pub const MEAN: Duration = Duration::from_mins(5);
/// The window is kept in so many parts, each with its highest mean.
pub const PARTS: u32 = 16;

/// The highest mean of one part of the window.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Peak {
    /// When that mean ended.
    pub at: Time,
    /// In requests per second.
    pub requests_per_second: f64,
}

/// The highest demand of the last days: at most one more than [`PARTS`] values, oldest first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Peaks(pub VecDeque<Peak>);

impl Peaks {
    /// Takes in a mean that ended at `peak.at`; whether it should be stored: it begins a new part, or is a
    /// tenth higher than what stood in its own.
    pub fn push(&mut self, peak: Peak, window: Duration) -> bool {
        self.0.retain(|old| peak.at.since(old.at) < window);
        let part = (window / PARTS).max(MEAN).as_millis().max(1);
        let number = |at: Time| u128::from(at.as_millis()) / part;
        match self.0.back_mut() {
            Some(last) if number(last.at) == number(peak.at) => {
                let before = last.requests_per_second;
                if peak.requests_per_second > before {
                    *last = peak;
                }
                peak.requests_per_second > before * 1.1
            }
            _ => {
                self.0.push_back(peak);
                true
            }
        }
    }

    /// The highest of the last `window`.
    pub fn highest(&self, window: Duration, now: Time) -> Option<Peak> {
        // The oldest come first, and only they can be too old.
        let young = self.0.iter().skip_while(|peak| now.since(peak.at) >= window);
        young.copied().reduce(
            |one, other| if other.requests_per_second >= one.requests_per_second { other } else { one },
        )
    }
}
