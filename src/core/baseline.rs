//! What is normal for a signal: the median of its 10 s means over the last 15 minutes, the last
//! minute left out.
//!
//! Only time that was watched counts: while its guard is tripped, the database is down or full, or
//! samples are missing, a baseline neither moves nor ages.

use std::collections::VecDeque;
use std::time::Duration;

use crate::lean;
use crate::time::Time;

/// Length of one mean.
const MEAN: Duration = Duration::from_secs(10);
/// How far back the median looks, and how long relative tests take to learn.
pub const WINDOW: Duration = Duration::from_mins(15);
/// What is too young to be called normal.
const YOUNG: Duration = Duration::from_mins(1);
/// A rate below this proves nothing: B' = max(B, 20/s).
pub const FLOOR: f64 = 20.0;
/// Scales a median absolute deviation to a standard deviation of normal noise.
const MAD_TO_SIGMA: f64 = 1.4826;

/// The baseline of one signal.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Baseline {
    /// The 10 s means, for the median.
    means: Means,
    /// The values themselves (1 s means, or single values that cover more), for their spread.
    values: Values,
    sum: f64,
    covered: Duration,
    learned: Duration,
    seed: Option<f64>,
    median: Option<f64>,
    /// The spread as of the newest 10 s mean; `None` until somebody asked for it.
    deviation: Option<f64>,
    frozen: Frozen,
}

/// Whether a baseline moves.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum Frozen {
    #[default]
    No,
    At(Option<f64>),
}

impl Baseline {
    /// Goes on from a baseline known before a restart, until an own one is learned.
    pub fn seed(&mut self, value: f64) {
        self.seed = Some(value);
    }

    /// Holds the baseline at `value` while a guard is tripped, or at nothing if none was known.
    pub fn freeze(&mut self, value: Option<f64>) {
        self.frozen = Frozen::At(value);
    }

    /// Lets the baseline move again.
    pub fn thaw(&mut self) {
        self.frozen = Frozen::No;
    }

    /// Takes in a value that covers `covers`. Nothing is learned while frozen.
    pub fn push(&mut self, covers: Duration, value: f64) {
        if self.frozen == Frozen::No {
            self.values.push(covers, value);
            self.push_without_spread(covers, value);
        }
    }

    /// The same where nobody asks how far values spread, which takes most of the room.
    pub fn push_without_spread(&mut self, covers: Duration, value: f64) {
        if self.frozen != Frozen::No {
            return;
        }
        self.learned = self.learned.saturating_add(covers);
        self.sum += value * covers.as_secs_f64();
        self.covered += covers;
        // Half a sample short still counts: ten samples of 0.999 s are ten seconds.
        if self.covered + covers / 2 < MEAN {
            return;
        }
        self.means.push(self.covered, self.sum / self.covered.as_secs_f64());
        self.median = self.means.median();
        self.sum = 0.0;
        self.covered = Duration::ZERO;
        self.values.settle();
        self.deviation = None;
    }

    /// The baseline B; `None` until 15 minutes are learned or a seed is known.
    pub fn value(&self) -> Option<f64> {
        let learned = self.median.filter(|_| self.learned >= WINDOW);
        match self.frozen {
            Frozen::At(value) => value,
            Frozen::No => learned.or(self.seed),
        }
    }

    /// The median of what was seen so far, however little.
    pub fn so_far(&self) -> Option<f64> {
        match self.frozen {
            Frozen::At(value) => value,
            Frozen::No => self.value().or(self.median),
        }
    }

    /// When a baseline is learned at the soonest, seeds aside.
    pub fn learned_at(&self, now: Time) -> Time {
        now + WINDOW.saturating_sub(self.learned)
    }

    /// The spread of the values around their median, as a standard deviation, as of the newest 10 s
    /// mean.
    pub fn deviation(&self) -> f64 {
        self.deviation.unwrap_or_else(|| self.values.deviation())
    }

    /// The same, remembered until the next 10 s mean.
    pub fn remember_deviation(&mut self) -> f64 {
        let deviation = self.deviation();
        self.deviation = Some(deviation);
        deviation
    }
}

/// Values with the time that each covers, oldest first.
type Covering = VecDeque<(Duration, f64)>;

/// The 10 s means of the last 15 minutes. Those that are not too young lie sorted too, so that their
/// median is read off: with each new mean about one grows old enough, and one leaves.
#[derive(Clone, Debug, Default, PartialEq)]
struct Means {
    all: Covering,
    covered: Duration,
    /// How many of `all`, the newest, are too young, and the time that these cover.
    young: (usize, Duration),
    /// The others, ascending.
    old: Vec<f64>,
}

impl Means {
    fn push(&mut self, covers: Duration, value: f64) {
        lean::push(&mut self.all, (covers, value));
        self.covered += covers;
        self.young = (self.young.0 + 1, self.young.1 + covers);
        self.age();
        self.forget();
    }

    /// A mean is old when those after it cover a minute. Once old, it stays so.
    fn age(&mut self) {
        let (mut count, mut covered) = self.young;
        while let Some((covers, value)) = self.all.get(self.all.len() - count)
            && covered.saturating_sub(*covers) >= YOUNG
        {
            let place = self.old.partition_point(|old| old.total_cmp(value).is_lt());
            self.old.insert(place, *value);
            covered = covered.saturating_sub(*covers);
            count -= 1;
        }
        self.young = (count, covered);
    }

    fn forget(&mut self) {
        let old = &mut self.old;
        forget(&mut self.all, &mut self.covered, |value| {
            let place = old.partition_point(|old| old.total_cmp(&value).is_lt());
            old.remove(place);
        });
    }

    /// The lower middle of an even number.
    fn median(&self) -> Option<f64> {
        self.old.get(self.old.len().saturating_sub(1) / 2).copied()
    }
}

/// The values of the last 15 minutes, as of the newest 10 s mean. Their spread is asked for seldom,
/// so that nothing is sorted meanwhile.
#[derive(Clone, Debug, Default, PartialEq)]
struct Values {
    all: Covering,
    covered: Duration,
    /// How many came after the newest 10 s mean: they do not count yet.
    since: usize,
}

impl Values {
    fn push(&mut self, covers: Duration, value: f64) {
        lean::push(&mut self.all, (covers, value));
        self.covered += covers;
        self.since += 1;
    }

    /// A 10 s mean is complete: what it was made of counts from now on.
    fn settle(&mut self) {
        self.since = 0;
        forget(&mut self.all, &mut self.covered, |_| {});
    }

    /// The median absolute deviation, as a standard deviation.
    fn deviation(&self) -> f64 {
        let mut age = Duration::ZERO;
        let newest_first = self.all.iter().rev().skip(self.since).skip_while(|(covers, _)| {
            let young = age < YOUNG;
            age += *covers;
            young
        });
        let mut values: Vec<f64> = newest_first.map(|(_, value)| *value).collect();
        let Some(middle) = select_median(&mut values) else { return 0.0 };
        for value in &mut values {
            *value = (*value - middle).abs();
        }
        select_median(&mut values).unwrap_or(0.0) * MAD_TO_SIGMA
    }
}

/// Drops the oldest while the others cover 15 minutes, and tells what went.
fn forget(all: &mut Covering, covered: &mut Duration, mut gone: impl FnMut(f64)) {
    while let Some((oldest, value)) = all.front() {
        let without = covered.saturating_sub(*oldest);
        if without < WINDOW {
            return;
        }
        *covered = without;
        gone(*value);
        all.pop_front();
    }
}

/// The median, in linear time; reorders `values`. The lower middle of an even number.
fn select_median(values: &mut [f64]) -> Option<f64> {
    let middle = values.len().checked_sub(1)? / 2;
    let (_, median, _) = values.select_nth_unstable_by(middle, f64::total_cmp);
    Some(*median)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mean_is_of_ten_seconds_or_half_a_value_short_of_it() {
        // Two values of 4 s make a mean: of each pair it is 3, of each three it would be 2 or 4.
        let mut baseline = Baseline::default();
        for _ in 0..20 {
            baseline.push(Duration::from_secs(4), 0.0);
            baseline.push(Duration::from_secs(4), 6.0);
        }
        assert_eq!(baseline.so_far(), Some(3.0));
    }
}
