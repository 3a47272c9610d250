//! From the counters of load balancers to what each side is asked for and fails, per second.

use std::collections::VecDeque;
use std::time::Duration;

use crate::route::{Counted, Reading, Requests};
use crate::time::Time;

/// Over less than this a count says little; the next reading is compared with the same one.
const SHORTEST: Duration = Duration::from_secs(1);

/// Fewer requests per second than this, or failed ones, are no outage.
pub(crate) const FEW: f64 = 2.0;

/// A side fails by itself from this share of its requests on,
const SOME: f64 = 0.01;
/// ... so many times the share that the other fails,
const MORE: f64 = 1.5;
/// ... and so many standard deviations of a count more.
const CHANCE: f64 = 3.0;

/// Requests of one side, per second.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Flow {
    /// All that reached it, retries included.
    pub requests: f64,
    /// Those that failed.
    pub failed: f64,
}

impl Flow {
    /// The share that failed, 0 to 1; 0 where nothing to speak of did.
    pub fn failing(&self) -> f64 {
        if self.failed >= FEW { (self.failed / self.requests).min(1.0) } else { 0.0 }
    }

    /// Whether over half of its requests fail.
    pub fn mostly_fails(&self) -> bool {
        self.failed > 0.5 * self.requests
    }

    /// Whether it fails by itself: over a hundredth of its requests, half as much again as the `other` side of
    /// its own, and more than chance makes within a second. What both fail has a common cause.
    pub fn fails_alone(&self, other: &Self) -> bool {
        let alike = self.requests * if other.requests > 0.0 { other.failed / other.requests } else { 0.0 };
        let share = self.failing();
        share > SOME && self.failed >= MORE * alike && self.failed - alike > CHANCE * alike.sqrt()
    }
}

/// What the sides are asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Load {
    /// Legacy.
    pub legacy: Flow,
    /// Kubernetes.
    pub kubernetes: Flow,
}

impl Load {
    /// All requests, per second.
    pub fn demand(&self) -> f64 {
        self.legacy.requests + self.kubernetes.requests
    }

    /// The share of the requests that fail, 0 to 1.
    pub fn failing(&self) -> f64 {
        let demand = self.demand();
        if demand > 0.0 { ((self.legacy.failed + self.kubernetes.failed) / demand).min(1.0) } else { 0.0 }
    }

    /// Whether Kubernetes fails over half of its requests (at least two a second), and legacy less than half
    /// of its own: what both fail has a common cause, and moving does not help.
    pub fn kubernetes_fails(&self) -> bool {
        self.kubernetes.failed >= FEW && self.kubernetes.mostly_fails() && !self.legacy.mostly_fails()
    }

    /// Both together.
    #[must_use]
    pub fn plus(&self, other: &Self) -> Self {
        let sum = |one: Flow, other: Flow| Flow {
            requests: one.requests + other.requests,
            failed: one.failed + other.failed,
        };
        Self { legacy: sum(self.legacy, other.legacy), kubernetes: sum(self.kubernetes, other.kubernetes) }
    }
}

/// Turns the readings of one instance into its load.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Meter {
    before: Option<(Time, u64, Counted)>,
    load: Option<(Time, Load)>,
}

impl Meter {
    /// Takes in a reading.
    pub fn read(&mut self, reading: &Reading, now: Time) {
        let Some(counted) = reading.counted else {
            *self = Self::default();
            return;
        };
        let Some((then, boot, before)) = self.before else {
            self.before = Some((now, reading.boot, counted));
            return;
        };
        let span = now.since(then);
        if boot == reading.boot && span < SHORTEST {
            return;
        }
        self.before = Some((now, reading.boot, counted));
        // A process that was restarted, or whose counters were cleared, counts from zero again.
        if boot == reading.boot
            && let Some(load) = load(&before, &counted, span)
        {
            self.load = Some((now, load));
        }
    }

    /// The newest load, and when it was measured.
    pub fn load(&self) -> Option<(Time, Load)> {
        self.load
    }
}

/// A promise is kept, or not, by means of this length: a second's noise says nothing.
const MEAN: Duration = Duration::from_secs(10);
/// The highest of them counts for so long, so that what is said of it does not change at each sample.
const HELD: Duration = Duration::from_mins(5);

/// What is asked for steadily: the highest mean of the last minutes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Steady {
    /// Of the mean that is being made: requests, and their time.
    sum: (f64, Duration),
    /// Those that no later one exceeds, oldest and so highest first.
    means: VecDeque<(Time, f64)>,
}

impl Steady {
    /// Takes in the demand of `span`, which ended at `at`.
    pub fn push(&mut self, at: Time, demand: f64, span: Duration) {
        self.sum.0 += demand * span.as_secs_f64();
        self.sum.1 += span;
        if self.sum.1 >= MEAN {
            let mean = self.sum.0 / self.sum.1.as_secs_f64();
            self.means.retain(|(then, before)| at.since(*then) < HELD && *before > mean);
            self.means.push_back((at, mean));
            self.sum = (0.0, Duration::ZERO);
        }
    }

    /// The highest mean of the last minutes, if there is one.
    pub fn highest(&self, now: Time) -> Option<f64> {
        let young = self.means.iter().find(|(then, _)| now.since(*then) < HELD);
        young.map(|(_, mean)| *mean)
    }
}

fn load(before: &Counted, now: &Counted, span: Duration) -> Option<Load> {
    let per_second = |before: u64, now: u64| Some(now.checked_sub(before)? as f64 / span.as_secs_f64());
    let flow = |before: &Requests, now: &Requests| {
        let requests = per_second(before.all, now.all)?;
        // A request that breaks off may be counted as failed twice.
        Some(Flow { requests, failed: per_second(before.failed, now.failed)?.min(requests) })
    };
    Some(Load {
        legacy: flow(&before.legacy, &now.legacy)?,
        kubernetes: flow(&before.kubernetes, &now.kubernetes)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// After each second one of `demands`, again and again, for `seconds`.
    fn steady(demands: &[f64], seconds: usize) -> (Steady, Time) {
        let mut steady = Steady::default();
        let mut now = Time::from_millis(1_000_000);
        for demand in demands.iter().cycle().take(seconds) {
            now = now + Duration::from_secs(1);
            steady.push(now, *demand, Duration::from_secs(1));
        }
        (steady, now)
    }

    #[test]
    fn a_side_fails_alone_by_more_than_the_other_and_than_chance() {
        let flow = |requests, failed| Flow { requests, failed };
        for (one, other, alone) in [
            (flow(1000.0, 100.0), flow(1000.0, 10.0), true),
            (flow(1000.0, 100.0), flow(1000.0, 100.0), false),
            // Half as much again.
            (flow(1000.0, 150.0), flow(1000.0, 100.0), true),
            (flow(1000.0, 149.0), flow(1000.0, 100.0), false),
            // By chance: of four expected ten and less.
            (flow(100.0, 10.0), flow(100.0, 4.0), false),
            (flow(100.0, 11.0), flow(100.0, 4.0), true),
            // A hundredth, and two a second, are nothing to speak of.
            (flow(1000.0, 10.0), flow(1000.0, 0.0), false),
            (flow(1000.0, 11.0), flow(1000.0, 0.0), true),
            (flow(50.0, 1.9), flow(50.0, 0.0), false),
            (flow(50.0, 2.0), flow(50.0, 0.0), true),
            // A side that nobody asks fails nothing.
            (flow(50.0, 20.0), flow(0.0, 0.0), true),
            (flow(0.0, 0.0), flow(50.0, 20.0), false),
        ] {
            assert_eq!(one.fails_alone(&other), alone, "{one:?} {other:?}");
        }
    }

    #[test]
    fn what_is_asked_for_steadily_is_known_after_ten_seconds_by_their_mean() {
        let (young, now) = steady(&[900.0, 1100.0], 9);
        assert_eq!(young.highest(now), None);
        let (known, now) = steady(&[900.0, 1100.0], 10);
        assert_eq!(known.highest(now), Some(1000.0));
        // Each by the time that it stands for.
        let mut uneven = Steady::default();
        for (demand, span) in [(900.0, 2), (1_000.0, 8)] {
            uneven.push(now, demand, Duration::from_secs(span));
        }
        assert_eq!(uneven.highest(now), Some(980.0));
    }

    #[test]
    fn the_highest_mean_counts_for_five_minutes() {
        let (mut known, high) = steady(&[1000.0], 10);
        let mut now = high;
        while now.since(high) < Duration::from_mins(5) - Duration::from_secs(1) {
            now = now + Duration::from_secs(1);
            known.push(now, 500.0, Duration::from_secs(1));
        }
        assert_eq!(known.highest(now), Some(1000.0));
        now = now + Duration::from_secs(1);
        assert_eq!(known.highest(now), Some(500.0));
        assert_eq!(known.highest(now + Duration::from_mins(5)), None);
    }

    #[test]
    fn no_more_than_the_means_of_five_minutes_are_kept_and_of_these_what_may_be_the_highest() {
        let demands: Vec<f64> = (0..3600).rev().map(f64::from).collect();
        let (falling, _) = steady(&demands, 3600);
        assert_eq!(falling.means.len(), 30);
        let (level, _) = steady(&[1.0], 3600);
        assert_eq!(level.means.len(), 1);
    }
}
