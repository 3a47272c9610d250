//! The one clock: the core's [`Time`], anchored once to the wall clock and advanced by the monotonic
//! one, so that a step of the wall clock moves nothing in the engine.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

use crate::core::time::Time;

/// Reads the time.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    started: Instant,
    anchor: Time,
}

impl Clock {
    /// A clock that agrees with the wall clock now.
    pub fn start() -> Self {
        Self { started: Instant::now(), anchor: wall() }
    }

    /// Now.
    pub fn now(&self) -> Time {
        self.at(Instant::now())
    }

    /// The time at a monotonic instant.
    pub fn at(&self, instant: Instant) -> Time {
        self.anchor + instant.saturating_duration_since(self.started)
    }

    /// The monotonic instant of a time; the clock's start for an earlier one.
    pub fn instant(&self, time: Time) -> Instant {
        // Far futures are capped: an instant must be representable.
        self.started + time.since(self.anchor).min(Duration::from_secs(86_400 * 365))
    }

    /// How far the wall clock is ahead of this one now, in milliseconds; status shows wall times.
    pub fn offset(&self) -> i64 {
        let (wall, now) = (wall().as_millis(), self.now().as_millis());
        i64::try_from(wall).unwrap_or(i64::MAX).saturating_sub(i64::try_from(now).unwrap_or(i64::MAX))
    }
}

fn wall() -> Time {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Time::default() + since
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_advances_by_the_monotonic_clock_alone() {
        let clock = Clock::start();
        let before = clock.now();
        tokio::time::advance(Duration::from_secs(90)).await;
        assert_eq!(clock.now().since(before), Duration::from_secs(90));
        // The wall clock has not moved with it: seen from here it was stepped back.
        assert!((-90_500..=-89_000).contains(&clock.offset()), "{}", clock.offset());
        assert_eq!(clock.at(clock.instant(before)), before);
    }
}
