//! The recent values of one signal, and the tests over them.

use std::time::Duration;

use crate::baseline::{Baseline, FLOOR};
use crate::guard::{Condition, Signal, Test};
use crate::held::{Held, Kept, RELATIVE_VALUES, Recent};
use crate::slope;
use crate::time::Time;

/// The longest time that a condition may look back.
pub const LONGEST: Duration = Duration::from_mins(10);
/// What a mean covers, half a value more or less.
const SECOND: Duration = Duration::from_secs(1);
/// The trend S: how far one value may count, what each second takes off, the most it reaches.
const TREND: (f64, f64, f64) = (5.0, 1.5, 40.0);

/// One value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// The end of the time that it covers.
    pub at: Time,
    /// How long that time is: at most the time since the value before.
    pub covers: Duration,
    /// In the signal's unit.
    pub value: f64,
    /// Failures per second, for `FailedConnections`; else 0.
    pub per_second: f64,
    /// The database was full or nearly: a low value proves nothing (R6).
    pub saturated: bool,
}

/// The recent values of one signal, and how long each condition of its guard has held over them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Series {
    points: Recent,
    /// Means of a second; single values where each covers more.
    means: Recent,
    /// The points of which the next mean is made, and the time that they cover.
    bucket: Vec<Point>,
    bucket_covers: Duration,
    /// What is normal.
    pub baseline: Baseline,
    trend: f64,
    /// In the order of the guard's conditions; the last is the one to resume.
    held: Vec<Held>,
    /// Whether the guard is tripped: else nobody asks for the last condition, and it is not counted.
    tripped: bool,
    /// How far back the conditions look.
    keep: Duration,
    /// Whether slopes are fitted.
    fills: bool,
}

impl Series {
    /// Asks for `conditions`, in this order, from now on; values and baseline stay. Slopes are fitted
    /// for connections in percent always, for another signal while a condition asks for them.
    pub fn watch(&mut self, signal: Signal, conditions: &[Condition]) {
        self.held = conditions.iter().copied().map(Held::new).collect();
        let longest = conditions.iter().map(|condition| condition.within.max(condition.lasting)).max();
        self.keep = longest.unwrap_or_default();
        let slopes = conditions.iter().any(|condition| matches!(condition.test, Test::FullWithin(_)));
        self.fills = signal == Signal::ConnectionsOfMax || slopes;
    }

    /// Takes in a value.
    pub fn push(&mut self, point: Point) {
        let full_in = if self.fills { slope::full_in(&point, &self.points) } else { None };
        self.points.push(Kept::new(point, full_in));
        if let Some(mean) = self.mean_with(point) {
            // Of a full database a low value proves nothing (R6), nor is it normal.
            if !mean.saturated {
                self.advance_trend(&mean);
                self.baseline.push(mean.covers, mean.value);
            }
            self.means.push(Kept::new(mean, None));
        }
        self.follow(&point);
    }

    /// The mean that this point completes, if it does.
    fn mean_with(&mut self, point: Point) -> Option<Point> {
        let covers = self.bucket_covers + point.covers;
        if covers + point.covers / 2 < SECOND {
            self.bucket.push(point);
            self.bucket_covers = covers;
            return None;
        }
        // That of one is itself, without rounding.
        if self.bucket.is_empty() {
            return Some(point);
        }
        self.bucket.push(point);
        let mean = mean(&self.bucket, covers);
        self.bucket.clear();
        self.bucket_covers = Duration::ZERO;
        Some(mean)
    }

    /// Drops what no condition looks back to, and counts on.
    fn follow(&mut self, newest: &Point) {
        let span = self.keep.min(LONGEST).max(slope::SPAN) + newest.covers * u32::from(RELATIVE_VALUES);
        let old = |value: &Kept| newest.at.since(value.at) > span;
        let (points, means) = (self.points.first_but(old), self.means.first_but(old));
        let mut held = std::mem::take(&mut self.held);
        let asked = held.len().saturating_sub(usize::from(!self.tripped));
        for held in &mut held[..asked] {
            let test = held.test();
            let kept = if is_of_means(test) { means } else { points };
            held.follow(self.values(test), kept, self.normal(test));
        }
        self.held = held;
        self.points.drop_before(points);
        self.means.drop_before(means);
    }

    /// Counts the last condition from the next value on, or no longer.
    pub fn trip(&mut self, tripped: bool) {
        if self.tripped != tripped {
            self.tripped = tripped;
            self.held.last_mut().into_iter().for_each(Held::restart);
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
    pub(crate) fn newest(&self) -> Option<&Kept> {
        self.points.newest()
    }

    /// The mean of the last `span`: value, failures per second, and the time that it covers; `None` before
    /// so much is known.
    pub(crate) fn mean_of(&self, span: Duration) -> Option<(f64, f64, Duration)> {
        let newest = self.points.newest()?;
        let (mut covered, mut value, mut per_second) = (Duration::ZERO, 0.0, 0.0);
        // What came before a gap says nothing of the time after it.
        let young = |point: &&Kept| newest.at.since(point.at) < span;
        for point in self.points.newest_first().take_while(young) {
            let covers = Duration::from_nanos(point.covers);
            // Half a value short still counts.
            if covered + covers / 2 >= span {
                break;
            }
            covered += covers;
            value += point.value * covers.as_secs_f64();
            per_second += point.per_second * covers.as_secs_f64();
        }
        let seconds = covered.as_secs_f64();
        let whole = covered + Duration::from_nanos(newest.covers) / 2 >= span;
        whole.then(|| (value / seconds, per_second / seconds, covered))
    }

    /// Whether `condition` holds at the newest value. A relative one without baseline does not.
    ///
    /// `place` is where it stands among the conditions that were asked for: then the answer is known.
    /// Any other condition, and any after a change of the baseline, is counted anew.
    pub fn holds(&self, place: usize, condition: &Condition) -> bool {
        if let Test::Trend(limit) = condition.test {
            return self.trend >= limit;
        }
        let normal = self.normal(condition.test);
        let known = self.held.get(place).and_then(|held| held.answer(condition, normal));
        known.unwrap_or_else(|| Held::anew(*condition, self.values(condition.test), normal))
    }

    /// The values that a test looks at.
    fn values(&self, test: Test) -> &Recent {
        if is_of_means(test) { &self.means } else { &self.points }
    }

    /// What a test compares with; 0 where nothing is compared, and `None` while it is not known.
    fn normal(&self, test: Test) -> Option<f64> {
        match test {
            Test::AboveBaseline(_) | Test::BelowBaseline(_) => self.base(),
            Test::Failures { .. } | Test::FailuresBelow { .. } => Some(self.baseline.so_far().unwrap_or(0.0)),
            Test::Above(_) | Test::Below(_) | Test::FullWithin(_) => Some(0.0),
            Test::Trend(_) => None,
        }
    }

    /// The baseline B' of relative tests.
    fn base(&self) -> Option<f64> {
        self.baseline.value().map(|baseline| baseline.max(FLOOR))
    }

    /// CUSUM: the sum of how far each mean lies above normal, in standard deviations.
    fn advance_trend(&mut self, mean: &Point) {
        let (clip, forget, most) = TREND;
        let Some(base) = self.base() else { return };
        let least = (0.15 * base).max(base.sqrt());
        if self.trend == 0.0 && adds_nothing(mean.value, base, least) {
            return;
        }
        let sigma = least.max(self.baseline.remember_deviation());
        let deviation = ((mean.value - base) / sigma).clamp(-clip, clip);
        self.trend = (self.trend + deviation - forget).clamp(0.0, most);
    }
}

/// Whether a mean adds nothing to an empty trend even by the narrowest spread: a wider one need not be known.
fn adds_nothing(mean: f64, base: f64, least: f64) -> bool {
    let (_, forget, _) = TREND;
    (mean - base) / least <= forget
}

/// Whether a test looks at means of a second, however fast samples come.
const fn is_of_means(test: Test) -> bool {
    matches!(test, Test::AboveBaseline(_) | Test::BelowBaseline(_))
}

fn mean(points: &[Point], covered: Duration) -> Point {
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
