//! The tests over recent values, as they were first written: each judgement looks at every value anew.

use std::collections::VecDeque;
use std::time::Duration;

use super::baseline::{Baseline, FLOOR};
use crossfade_core::guard::{Condition, Test};
use crossfade_core::time::Time;

/// The longest time that a condition may look back.
pub const LONGEST: Duration = Duration::from_mins(10);
/// A relative test asks for at least this many values, however long each covers.
const RELATIVE_VALUES: u32 = 3;
/// The time over which a slope is fitted, and the value under which it does not count (in percent).
const SLOPE: (Duration, f64) = (Duration::from_secs(10), 50.0);
/// The trend S: how far one value may count, what each second takes off, the most it reaches.
const TREND: (f64, f64, f64) = (5.0, 1.5, 40.0);
/// One part in so many of the time that a condition must hold is left to the sampler's jitter.
const JITTER: u32 = 8;

/// One value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// The end of the time that it covers.
    pub at: Time,
    /// How long that time is.
    pub covers: Duration,
    /// In the signal's unit.
    pub value: f64,
    /// Failures per second, for `FailedConnections`; else 0.
    pub per_second: f64,
    /// The database was full or nearly: a low value proves nothing (R6).
    pub saturated: bool,
}

/// The recent values of one signal.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Series {
    points: VecDeque<(Point, Option<Duration>)>,
    means: VecDeque<Point>,
    bucket: Vec<Point>,
    /// What is normal.
    pub baseline: Baseline,
    trend: f64,
}

impl Series {
    /// Takes in a value; `keep` is how far back its guard's conditions look.
    pub fn push(&mut self, point: Point, keep: Duration) {
        self.points.push_back((point, None));
        let full_in = self.full_in();
        if let Some(newest) = self.points.back_mut() {
            newest.1 = full_in;
        }
        self.bucket.push(point);
        let covered: Duration = self.bucket.iter().map(|point| point.covers).sum();
        if covered + point.covers / 2 >= Duration::from_secs(1) {
            let mean = mean(&self.bucket, covered);
            self.bucket.clear();
            // Of a full database a low value proves nothing (R6), nor is it normal.
            if !mean.saturated {
                self.advance_trend(&mean);
                self.baseline.push(mean.covers, mean.value);
            }
            self.means.push_back(mean);
        }
        let old =
            |at: Time| point.at.since(at) > keep.min(LONGEST).max(SLOPE.0) + point.covers * RELATIVE_VALUES;
        while self.points.front().is_some_and(|(front, _)| old(front.at)) {
            self.points.pop_front();
        }
        while self.means.front().is_some_and(|front| old(front.at)) {
            self.means.pop_front();
        }
    }

    /// Starts the trend S anew, as after a guard has cleared.
    pub fn restart_trend(&mut self) {
        self.trend = 0.0;
    }

    /// Forgets what is normal; the recent values stay.
    pub fn relearn(&mut self) {
        self.baseline = Baseline::default();
        self.restart_trend();
    }

    /// The newest value.
    pub fn newest(&self) -> Option<&Point> {
        self.points.back().map(|(point, _)| point)
    }

    /// Whether `condition` holds at the newest value. A relative one without baseline does not.
    pub fn holds(&self, condition: &Condition) -> bool {
        let floored = |baseline: f64| baseline.max(FLOOR);
        let base = self.baseline.value().map(floored);
        match condition.test {
            Test::Above(limit) => self.lasts(condition, |point, _| point.value > limit),
            Test::Below(limit) => self.lasts(condition, |point, _| point.value < limit && !point.saturated),
            Test::AboveBaseline(times) => {
                base.is_some_and(|base| self.means_last(condition, |mean| mean.value > times * base))
            }
            Test::BelowBaseline(times) => base.is_some_and(|base| {
                self.means_last(condition, |mean| mean.value < times * base && !mean.saturated)
            }),
            Test::Trend(limit) => self.trend >= limit,
            Test::FullWithin(time) => {
                self.lasts(condition, |_, full_in| full_in.is_some_and(|full_in| full_in <= time))
            }
            Test::Failures { percent, per_second } => {
                let normal = self.baseline.so_far().unwrap_or(0.0);
                self.lasts(condition, |point, _| {
                    point.value - normal > percent && point.per_second > per_second
                })
            }
            Test::FailuresBelow { percent } => {
                let normal = self.baseline.so_far().unwrap_or(0.0);
                self.lasts(condition, |point, _| point.value - normal < percent && !point.saturated)
            }
        }
    }

    fn lasts(&self, condition: &Condition, test: impl Fn(&Point, Option<Duration>) -> bool) -> bool {
        let tested = self.points.iter().rev().map(|(point, full_in)| (point, test(point, *full_in)));
        holds_long_enough(tested, condition.lasting, condition.within, 1)
    }

    fn means_last(&self, condition: &Condition, test: impl Fn(&Point) -> bool) -> bool {
        let tested = self.means.iter().rev().map(|mean| (mean, test(mean)));
        holds_long_enough(tested, condition.lasting, condition.within, RELATIVE_VALUES)
    }

    /// CUSUM: the sum of how far each mean lies above normal, in standard deviations.
    fn advance_trend(&mut self, mean: &Point) {
        let (clip, forget, most) = TREND;
        let Some(base) = self.baseline.value().map(|base| base.max(FLOOR)) else { return };
        let sigma = (0.15 * base).max(base.sqrt()).max(self.baseline.deviation());
        let deviation = ((mean.value - base) / sigma).clamp(-clip, clip);
        self.trend = (self.trend + deviation - forget).clamp(0.0, most);
    }

    /// When the value reaches 100 at the slope of its last 10 s (least squares).
    fn full_in(&self) -> Option<Duration> {
        let (span, least) = SLOPE;
        let newest = self.newest()?;
        if newest.value <= least {
            return None;
        }
        let recent = || {
            let young = |point: &&Point| newest.at.since(point.at) <= span;
            self.points.iter().rev().map(|(point, _)| point).take_while(young)
        };
        let count = recent().count();
        if count < 3 {
            return None;
        }
        let age = |point: &Point| -newest.at.since(point.at).as_secs_f64();
        let mean_age = recent().map(age).sum::<f64>() / count as f64;
        let mean_value = recent().map(|point| point.value).sum::<f64>() / count as f64;
        let (mut covariance, mut variance) = (0.0, 0.0);
        for point in recent() {
            covariance += (age(point) - mean_age) * (point.value - mean_value);
            variance += (age(point) - mean_age).powi(2);
        }
        let slope = covariance / variance;
        if slope.is_nan() || slope <= 0.0 {
            return None;
        }
        Duration::try_from_secs_f64((100.0 - newest.value).max(0.0) / slope).ok()
    }
}

/// Whether values that pass cover at least `lasting` of the last `within`, newest first.
///
/// A little short still counts, at most half a value: three samples taken at 0.95 s are three seconds.
fn holds_long_enough<'a>(
    tested: impl Iterator<Item = (&'a Point, bool)>,
    lasting: Duration,
    within: Duration,
    least: u32,
) -> bool {
    let mut tested = tested.peekable();
    let Some((newest, _)) = tested.peek() else { return false };
    let end = newest.at;
    let lasting = lasting.max(newest.covers * least);
    let slack = (newest.covers / 2).min(lasting / JITTER);
    let window = within.max(lasting);
    let mut held = Duration::ZERO;
    for (point, passes) in tested {
        let age = end.since(point.at);
        if age >= window {
            break;
        }
        if passes {
            held += point.covers.min(window.saturating_sub(age));
        }
    }
    held + slack >= lasting
}

fn mean(points: &[Point], covered: Duration) -> Point {
    // That of one is itself, without rounding.
    if let [point] = points {
        return *point;
    }
    let seconds = covered.as_secs_f64();
    let weighted = |value: fn(&Point) -> f64| {
        points.iter().map(|point| value(point) * point.covers.as_secs_f64()).sum::<f64>() / seconds
    };
    Point {
        at: points.last().map_or(Time::default(), |point| point.at),
        covers: covered,
        value: weighted(|point| point.value),
        per_second: weighted(|point| point.per_second),
        saturated: points.iter().any(|point| point.saturated),
    }
}
