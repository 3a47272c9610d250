//! What became of requests: counts per side, failures by kind, and a histogram of latencies.

use std::time::Duration;

use super::super::pool::Side;
use super::Outcome;

/// Counts of requests that came to an end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Answered below 500 by legacy.
    pub legacy: u64,
    /// Answered below 500 by Kubernetes.
    pub kubernetes: u64,
    /// Answered below 500 by nobody that said which side it is.
    pub unnamed: u64,
    /// Answered with 500 or above by legacy.
    pub legacy_failed: u64,
    /// Answered with 500 or above by Kubernetes.
    pub kubernetes_failed: u64,
    /// Answered with 500 or above by nobody that said its side: the load balancer.
    pub unnamed_failed: u64,
    /// The connection was refused or broke.
    pub refused: u64,
    /// No answer in time.
    pub timed_out: u64,
    /// Not sent, because too many were under way.
    pub crowded: u64,
    /// From the moment on the schedule to the end of the answer, or to the failure.
    pub latency: Histogram,
}

impl Tally {
    pub(super) fn count(&mut self, outcome: Outcome, latency: Duration) {
        *match outcome {
            Outcome::Fine(Some(Side::Legacy)) => &mut self.legacy,
            Outcome::Fine(Some(Side::Kubernetes)) => &mut self.kubernetes,
            Outcome::Fine(None) => &mut self.unnamed,
            Outcome::Failed(Some(Side::Legacy)) => &mut self.legacy_failed,
            Outcome::Failed(Some(Side::Kubernetes)) => &mut self.kubernetes_failed,
            Outcome::Failed(None) => &mut self.unnamed_failed,
            Outcome::Refused => &mut self.refused,
            Outcome::TimedOut => &mut self.timed_out,
            Outcome::Crowded => &mut self.crowded,
        } += 1;
        self.latency.record(latency);
    }

    /// Adds up.
    pub fn sum<'a>(tallies: impl Iterator<Item = &'a Self>) -> Self {
        let mut sum = Self::default();
        for tally in tallies {
            sum.legacy += tally.legacy;
            sum.kubernetes += tally.kubernetes;
            sum.unnamed += tally.unnamed;
            sum.legacy_failed += tally.legacy_failed;
            sum.kubernetes_failed += tally.kubernetes_failed;
            sum.unnamed_failed += tally.unnamed_failed;
            sum.refused += tally.refused;
            sum.timed_out += tally.timed_out;
            sum.crowded += tally.crowded;
            sum.latency.add(&tally.latency);
        }
        sum
    }

    /// All requests.
    pub fn requests(&self) -> u64 {
        self.legacy + self.kubernetes + self.unnamed + self.failed()
    }

    /// Those that failed, in whatever way.
    pub fn failed(&self) -> u64 {
        self.legacy_failed
            + self.kubernetes_failed
            + self.unnamed_failed
            + self.refused
            + self.timed_out
            + self.crowded
    }

    /// Failed requests in percent of all; 0 of none.
    pub fn failed_percent(&self) -> f64 {
        percent(self.failed(), self.requests()).unwrap_or(0.0)
    }

    /// Kubernetes' share of what either side answered, failures included, in percent; `None` of
    /// nothing.
    pub fn share(&self) -> Option<f64> {
        let kubernetes = self.kubernetes + self.kubernetes_failed;
        percent(kubernetes, kubernetes + self.legacy + self.legacy_failed)
    }
}

fn percent(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| 100.0 * part as f64 / whole as f64)
}

/// Latencies in buckets that are an eighth of their power of two wide: at most 12.5 % off.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Histogram {
    buckets: Vec<u64>,
}

/// Bits of a value that a bucket tells apart, below its highest.
const BITS: u32 = 3;

impl Histogram {
    /// Counts one.
    pub fn record(&mut self, latency: Duration) {
        let bucket = Self::bucket(u64::try_from(latency.as_micros()).unwrap_or(u64::MAX));
        if self.buckets.len() <= bucket {
            self.buckets.resize(bucket + 1, 0);
        }
        self.buckets[bucket] += 1;
    }

    /// The upper end of the bucket below which this part (0 to 1) of all lies; zero if empty.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // a part of a count
    pub fn quantile(&self, part: f64) -> Duration {
        let all: u64 = self.buckets.iter().sum();
        let wanted = ((all as f64 * part).ceil() as u64).max(1);
        let mut seen = 0;
        for (bucket, count) in self.buckets.iter().enumerate() {
            seen += count;
            if seen >= wanted {
                return Duration::from_micros(Self::end(bucket));
            }
        }
        Duration::ZERO
    }

    fn add(&mut self, other: &Self) {
        if self.buckets.len() < other.buckets.len() {
            self.buckets.resize(other.buckets.len(), 0);
        }
        for (mine, theirs) in self.buckets.iter_mut().zip(&other.buckets) {
            *mine += theirs;
        }
    }

    #[allow(clippy::cast_possible_truncation)] // after the shift below 2^(BITS + 1)
    fn bucket(micros: u64) -> usize {
        let value = micros.max(1 << BITS);
        let shift = value.ilog2() - BITS;
        ((shift << BITS) as usize) + (value >> shift) as usize
    }

    fn end(bucket: usize) -> u64 {
        let low = 1 << BITS;
        let shift = (bucket / low).saturating_sub(1);
        ((bucket - shift * low + 1) as u64) << shift
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_is_at_most_an_eighth_above_the_true_value() {
        for micros in [8, 9, 15, 16, 17, 1_000, 2_047, 2_048, 65_535, 3_000_000] {
            let mut histogram = Histogram::default();
            histogram.record(Duration::from_micros(micros));
            let found = u64::try_from(histogram.quantile(0.5).as_micros()).unwrap();
            assert!(found > micros && found <= micros + micros / 8 + 1, "{micros} became {found}");
        }
    }

    #[test]
    fn quantiles_of_a_sum_are_those_of_all_values() {
        let mut fast = Tally::default();
        let mut slow = Tally::default();
        (0..90).for_each(|_| fast.count(Outcome::Fine(Some(Side::Legacy)), Duration::from_millis(1)));
        (0..10).for_each(|_| slow.count(Outcome::TimedOut, Duration::from_secs(2)));
        let sum = Tally::sum([&fast, &slow].into_iter());
        assert!(sum.latency.quantile(0.9) < Duration::from_micros(1_200));
        assert!(sum.latency.quantile(0.91) > Duration::from_secs(2));
        assert_eq!((sum.requests(), sum.failed(), sum.share()), (100, 10, Some(0.0)));
    }
}
