//! For how long a condition has held, counted as values come and go.
//!
//! A [`Held`] keeps the sum of the time that passing values cover, over the values `first..end` of a
//! [`Recent`]. With each new value one enters and about one leaves; what leaves is tested again, and
//! as its test and what it is compared with are the same as when it entered, so is the outcome. When
//! what is normal has moved, the window is counted anew. Durations are integers: the sum is exact.

use std::collections::VecDeque;
use std::time::Duration;

use crate::guard::{Condition, Test};
use crate::lean;
use crate::series::Point;
use crate::time::Time;

/// A relative test asks for at least this many values, however long each covers.
pub const RELATIVE_VALUES: u8 = 3;
/// One part in so many of the time that a condition must hold is left to the sampler's jitter.
const JITTER: u64 = 8;

/// A value that is kept.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Kept {
    pub at: Time,
    /// In nanoseconds: as one number, times are added and compared faster.
    pub covers: u64,
    pub value: f64,
    pub per_second: f64,
    pub saturated: bool,
    /// When it reaches 100 at the slope of its last 10 s, if that was asked for.
    pub full_in: Option<Duration>,
}

impl Kept {
    pub fn new(point: Point, full_in: Option<Duration>) -> Self {
        let Point { at, covers, value, per_second, saturated } = point;
        Self { at, covers: nanos(covers), value, per_second, saturated, full_in }
    }

    /// How much older it is than `newest`, in nanoseconds.
    fn age(&self, newest: Time) -> u64 {
        newest.as_millis().saturating_sub(self.at.as_millis()).saturating_mul(1_000_000)
    }
}

/// The recent values, oldest first, numbered from 0 on since the first ever. None overlap: each
/// covers at most the time since the one before.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Recent {
    values: VecDeque<Kept>,
    /// How many have been dropped: the number of the oldest that is kept.
    dropped: u64,
}

impl Recent {
    pub fn push(&mut self, value: Kept) {
        lean::push(&mut self.values, value);
    }

    pub fn newest(&self) -> Option<&Kept> {
        self.values.back()
    }

    pub fn newest_first(&self) -> impl Iterator<Item = &Kept> + Clone {
        self.values.iter().rev()
    }

    /// The number that the next value will have.
    pub fn end(&self) -> u64 {
        self.dropped + self.values.len() as u64
    }

    fn get(&self, number: u64) -> Option<&Kept> {
        self.values.get(usize::try_from(number.checked_sub(self.dropped)?).ok()?)
    }

    /// The number of the oldest value that is not `old`.
    pub fn first_but(&self, old: impl Fn(&Kept) -> bool) -> u64 {
        let mut first = self.dropped;
        while self.get(first).is_some_and(&old) {
            first += 1;
        }
        first
    }

    /// Drops the values before number `first`.
    pub fn drop_before(&mut self, first: u64) {
        while self.dropped < first && self.values.pop_front().is_some() {
            self.dropped += 1;
        }
    }
}

/// For how long one condition has held.
#[derive(Clone, Debug, PartialEq)]
pub struct Held {
    condition: Condition,
    /// What the values were compared with; `None` when that is not known, and nothing is counted.
    normal: Option<f64>,
    /// For how long it must hold, out of the last how long, in nanoseconds: at least.
    lasting: u64,
    window: u64,
    /// The numbers of the values in the window: from `first` to before `end`.
    first: u64,
    end: u64,
    /// The time that the passing ones among them cover, in nanoseconds.
    covered: u64,
    holds: bool,
}

impl Held {
    /// Nothing counted yet.
    pub fn new(condition: Condition) -> Self {
        let lasting = nanos(condition.lasting);
        let window = nanos(condition.within).max(lasting);
        Self { condition, normal: None, lasting, window, first: 0, end: 0, covered: 0, holds: false }
    }

    /// Forgets what was counted.
    pub fn restart(&mut self) {
        *self = Self::new(self.condition);
    }

    /// What the values are tested for.
    pub fn test(&self) -> Test {
        self.condition.test
    }

    /// Whether the condition holds at the newest of `values`, counted anew.
    pub fn anew(condition: Condition, values: &Recent, normal: Option<f64>) -> bool {
        let mut held = Self::new(condition);
        held.follow(values, 0, normal);
        held.holds
    }

    /// Whether `condition` holds, if that is what was counted, by the same `normal`.
    pub fn answer(&self, condition: &Condition, normal: Option<f64>) -> Option<bool> {
        (self.normal == normal && self.condition == *condition).then_some(self.holds)
    }

    /// Catches up with `values`, of which those before number `kept` are about to be dropped.
    pub fn follow(&mut self, values: &Recent, kept: u64, normal: Option<f64>) {
        let newest = values.newest().filter(|_| kept < values.end());
        if newest.is_none() || self.normal != normal {
            let end = values.end();
            *self = Self { normal, first: end, end, covered: 0, holds: false, ..*self };
        }
        let (Some(newest), Some(base)) = (newest, normal) else { return };
        let test = self.condition.test;
        // In calm nothing passes, and what leaves the window needs no second test: it leaves when
        // something passes.
        if self.covered == 0 && self.end + 1 == values.end() && !passes(test, base, newest) {
            (self.first, self.end, self.holds) = (self.first.max(kept), self.end + 1, false);
            return;
        }
        let least = u64::from(if test.is_relative() { RELATIVE_VALUES } else { 1 });
        let lasting = self.lasting.max(newest.covers * least);
        let window = self.window.max(lasting);
        let age = |value: &Kept| value.age(newest.at);
        let covers = |value: &Kept| if passes(test, base, value) { value.covers } else { 0 };
        while let Some(value) = values.get(self.end) {
            self.covered += covers(value);
            self.end += 1;
        }
        while let Some(value) =
            values.get(self.first).filter(|value| self.first < kept || age(value) >= window)
        {
            self.covered -= covers(value);
            self.first += 1;
        }
        // What was counted anew is counted from the newest value back. Else the window, which is as
        // long as the newest value at least, may have grown.
        while let Some(before) = self.first.checked_sub(1).filter(|before| *before >= kept)
            && let Some(value) = values.get(before).filter(|value| age(value) < window)
        {
            self.covered += covers(value);
            self.first = before;
        }
        // Of the oldest value only a part may lie in the window.
        let outside = values.get(self.first).map_or(0, |oldest| {
            let inside = window.saturating_sub(age(oldest));
            covers(oldest).saturating_sub(inside)
        });
        // A little short still counts, at most half a value: three samples taken at 0.95 s are three
        // seconds.
        let slack = (newest.covers / 2).min(lasting / JITTER);
        self.holds = self.covered - outside + slack >= lasting;
    }
}

/// At most 584 years.
fn nanos(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}

/// Whether a value passes a test, compared with what is normal.
fn passes(test: Test, normal: f64, value: &Kept) -> bool {
    match test {
        Test::Above(limit) => value.value > limit,
        Test::Below(limit) => value.value < limit && !value.saturated,
        Test::AboveBaseline(times) => value.value > times * normal,
        Test::BelowBaseline(times) => value.value < times * normal && !value.saturated,
        Test::FullWithin(time) => value.full_in.is_some_and(|full_in| full_in <= time),
        Test::Failures { percent, per_second } => {
            value.value - normal > percent && value.per_second > per_second
        }
        Test::FailuresBelow { percent } => value.value - normal < percent && !value.saturated,
        // A sum over all values: no single one passes.
        Test::Trend(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_that_is_just_as_much_as_the_threshold_has_not_crossed_it() {
        let value = |value: f64, per_second: f64| Kept {
            at: Time::from_millis(1),
            covers: 1,
            value,
            per_second,
            saturated: false,
            full_in: None,
        };
        let failures = Test::Failures { percent: 1.0, per_second: 20.0 };
        let cases = [
            (Test::Above(30.0), value(30.0, 0.0), value(30.5, 0.0)),
            (Test::Below(30.0), value(30.0, 0.0), value(29.5, 0.0)),
            (Test::AboveBaseline(1.5), value(30.0, 0.0), value(30.5, 0.0)),
            (Test::BelowBaseline(1.5), value(30.0, 0.0), value(29.5, 0.0)),
            (failures, value(21.0, 21.0), value(21.5, 21.0)),
            (failures, value(22.0, 20.0), value(22.0, 20.5)),
            (Test::FailuresBelow { percent: 0.5 }, value(20.5, 0.0), value(20.25, 0.0)),
        ];
        for (test, equal, beyond) in cases {
            assert!(!passes(test, 20.0, &equal), "{test:?} {equal:?}");
            assert!(passes(test, 20.0, &beyond), "{test:?} {beyond:?}");
        }
    }

    #[test]
    fn what_is_old_is_dropped_and_what_is_young_is_not() {
        let mut recent = Recent::default();
        for millis in 0..10 {
            let at = Time::from_millis(millis);
            let value = Kept { at, covers: 1, value: 0.0, per_second: 0.0, saturated: false, full_in: None };
            recent.push(value);
        }
        let first = recent.first_but(|value| value.at < Time::from_millis(7));
        assert_eq!((first, recent.end()), (7, 10));
        recent.drop_before(first);
        let kept: Vec<_> = recent.newest_first().map(|value| value.at.as_millis()).collect();
        assert_eq!((kept, recent.end()), (vec![9, 8, 7], 10));
    }
}
