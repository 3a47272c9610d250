//! The one clock: the core's [`Time`], anchored once to the wall clock and advanced by the monotonic
//! one, so that a step of the wall clock moves nothing in the engine.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

use crate::core::time::Time;

/// A smaller difference of the clocks is not followed, in milliseconds.
const TREMBLE: u64 = 1_000;

/// What needs no exact moment is done at multiples of this: see [`Clock::beat`].
const BEAT: Duration = Duration::from_millis(50);

/// Reads the time.
#[derive(Debug)]
pub struct Clock {
    started: Instant,
    anchor: Time,
    offset: AtomicI64,
}

impl Clock {
    /// A clock that agrees with the wall clock now.
    pub fn start() -> Self {
        Self { started: Instant::now(), anchor: wall(), offset: AtomicI64::new(0) }
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
        self.started + time.since(self.anchor).min(Duration::from_hours(24 * 365))
    }

    /// The first beat after an instant. Timers that end together wake the process once: a thousand plans that
    /// each look every second would else wake it a thousand times, which costs more than what they look at.
    pub fn beat(&self, instant: Instant) -> Instant {
        let since = instant.saturating_duration_since(self.started);
        let beats = since.as_nanos() / BEAT.as_nanos() + 1;
        self.started + u32::try_from(beats).map_or(since, |beats| BEAT * beats)
    }

    /// How far the wall clock is ahead of this one, in milliseconds; status shows wall times. It
    /// follows only what is worth it: else every time in a status would tremble.
    pub fn offset(&self) -> i64 {
        let known = self.offset.load(Ordering::Relaxed);
        let followed = follow(known, ahead(wall(), self.now()));
        if followed != known {
            self.offset.store(followed, Ordering::Relaxed);
        }
        followed
    }
}

fn follow(known: i64, now: i64) -> i64 {
    if known.abs_diff(now) >= TREMBLE { now } else { known }
}

fn ahead(wall: Time, time: Time) -> i64 {
    let millis = |time: Time| i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
    millis(wall).saturating_sub(millis(time))
}

fn wall() -> Time {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Time::default() + since
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_advances_by_the_monotonic_clock_alone() {
        let started = Instant::now();
        let anchor = Time::from_millis(1_000_000);
        let clock = Clock { started, anchor, offset: AtomicI64::new(0) };
        let later = clock.at(started + Duration::from_secs(90));
        assert_eq!(later, Time::from_millis(1_090_000));
        assert_eq!(clock.instant(later), started + Duration::from_secs(90));
        assert_eq!(clock.instant(Time::from_millis(5)), started);
    }

    #[test]
    fn what_ends_between_two_beats_ends_with_the_second() {
        let (started, millis) = (Instant::now(), Duration::from_millis);
        let clock = Clock { started, anchor: Time::default(), offset: AtomicI64::new(0) };
        let beat = |after| clock.beat(started + millis(after)).duration_since(started);
        assert_eq!([0, 1, 49, 50, 1_020].map(beat), [50, 50, 50, 100, 1_050].map(millis));
    }

    #[test]
    fn a_step_of_the_wall_clock_shows_only_in_the_offset() {
        let now = Time::from_millis(1_000_000);
        assert_eq!(ahead(Time::from_millis(1_003_600), now), 3_600);
        assert_eq!(ahead(Time::from_millis(996_400), now), -3_600);
        assert_eq!((follow(0, 999), follow(0, -3_600)), (0, -3_600));
        assert_eq!(Clock::start().offset(), 0);
    }
}
