//! What is normal for a signal: the median of its 10 s means over the last 15 minutes, the last
//! minute left out.

use std::collections::VecDeque;
use std::time::Duration;

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
    means: VecDeque<(Time, f64)>,
    sum: f64,
    covered: Duration,
    began: Option<Time>,
    seed: Option<f64>,
    median: Option<f64>,
    deviation: f64,
    frozen: Option<f64>,
}

impl Baseline {
    /// Goes on from a baseline known before a restart, until an own one is learned.
    pub fn seed(&mut self, value: f64) {
        self.seed = Some(value);
    }

    /// Holds the baseline while a guard is tripped; `None` lets it move again.
    pub fn freeze(&mut self, value: Option<f64>) {
        self.frozen = value;
    }

    /// Takes in a value that covers `covers` up to `at`. Nothing is learned while frozen.
    pub fn push(&mut self, at: Time, covers: Duration, value: f64) {
        if self.frozen.is_some() {
            return;
        }
        self.began.get_or_insert(at - covers);
        self.sum += value * covers.as_secs_f64();
        self.covered += covers;
        // Half a sample short still counts: ten samples of 0.999 s are ten seconds.
        if self.covered + covers / 2 < MEAN {
            return;
        }
        self.means.push_back((at, self.sum / self.covered.as_secs_f64()));
        self.sum = 0.0;
        self.covered = Duration::ZERO;
        while self.means.front().is_some_and(|(end, _)| at.since(*end) > WINDOW + YOUNG) {
            self.means.pop_front();
        }
        self.settle(at);
    }

    fn settle(&mut self, now: Time) {
        let old = |end: &Time| now.since(*end) >= YOUNG;
        let mut values: Vec<f64> =
            self.means.iter().filter(|(end, _)| old(end)).map(|(_, mean)| *mean).collect();
        self.median = median(&mut values);
        if let Some(middle) = self.median {
            let mut away: Vec<f64> = values.iter().map(|value| (value - middle).abs()).collect();
            self.deviation = median(&mut away).unwrap_or(0.0) * MAD_TO_SIGMA;
        }
    }

    /// The baseline B; `None` until 15 minutes are learned or a seed is known.
    pub fn value(&self, now: Time) -> Option<f64> {
        let learned = self.median.filter(|_| self.learned_at(now) <= now);
        self.frozen.or(learned).or(self.seed)
    }

    /// The median of what was seen so far, however little.
    pub fn so_far(&self) -> Option<f64> {
        self.frozen.or(self.median).or(self.seed)
    }

    /// When a baseline is or was learned, seeds aside.
    pub fn learned_at(&self, now: Time) -> Time {
        self.began.unwrap_or(now) + WINDOW
    }

    /// The spread of the means around their median, as a standard deviation.
    pub fn deviation(&self) -> f64 {
        self.deviation
    }
}

/// The median; sorts `values`. The lower middle of an even number.
fn median(values: &mut [f64]) -> Option<f64> {
    if values.is_empty() {
        return None;
    }
    let middle = (values.len() - 1) / 2;
    values.sort_by(f64::total_cmp);
    values.get(middle).copied()
}
