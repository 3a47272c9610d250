//! What is normal, as it was first written: each window is sorted anew for every mean.

use std::collections::VecDeque;
use std::time::Duration;

use crossfade_core::time::Time;

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
    means: Window,
    /// The values themselves (1 s means, or single values that cover more), for their spread.
    values: Window,
    sum: f64,
    covered: Duration,
    learned: Duration,
    seed: Option<f64>,
    median: Option<f64>,
    deviation: f64,
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
        if self.frozen != Frozen::No {
            return;
        }
        self.values.push(covers, value);
        self.learned = self.learned.saturating_add(covers);
        self.sum += value * covers.as_secs_f64();
        self.covered += covers;
        // Half a sample short still counts: ten samples of 0.999 s are ten seconds.
        if self.covered + covers / 2 < MEAN {
            return;
        }
        self.means.push(self.covered, self.sum / self.covered.as_secs_f64());
        self.sum = 0.0;
        self.covered = Duration::ZERO;
        self.median = median(&mut self.means.old());
        let mut values = self.values.old();
        if let Some(middle) = median(&mut values) {
            for value in &mut values {
                *value = (*value - middle).abs();
            }
            self.deviation = median(&mut values).unwrap_or(0.0) * MAD_TO_SIGMA;
        }
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

    /// The spread of the values around their median, as a standard deviation.
    pub fn deviation(&self) -> f64 {
        self.deviation
    }
}

/// Values with the time that each covers, over the last 15 minutes of it.
#[derive(Clone, Debug, Default, PartialEq)]
struct Window {
    values: VecDeque<(Duration, f64)>,
    covered: Duration,
}

impl Window {
    fn push(&mut self, covers: Duration, value: f64) {
        self.values.push_back((covers, value));
        self.covered += covers;
        while let Some((oldest, _)) = self.values.front() {
            let without = self.covered.saturating_sub(*oldest);
            if without < WINDOW {
                break;
            }
            self.covered = without;
            self.values.pop_front();
        }
    }

    /// The values that are not too young.
    fn old(&self) -> Vec<f64> {
        let mut age = Duration::ZERO;
        let newest_first = self.values.iter().rev().skip_while(|(covers, _)| {
            let young = age < YOUNG;
            age += *covers;
            young
        });
        newest_first.map(|(_, value)| *value).collect()
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
