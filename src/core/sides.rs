//! What each side's connects cost a database: its connects per second by its share of the traffic, so that
//! our own steps do not look like surges (R4).
//!
//! Measures, and judges nothing. What is normal is learned as any baseline is; while a guard of the
//! database is tripped, or it is full, nothing is.

use std::collections::VecDeque;
use std::time::Duration;

use crate::baseline::{Baseline, FLOOR};
use crate::side::BySide;

/// Costs are means of so long.
pub const MEAN: Duration = Duration::from_secs(5);
/// What one part of a mean covers at least.
const PART: Duration = Duration::from_secs(1);
/// A side with a smaller share of the traffic than this says nothing: idle servers connect too.
const LEAST: f64 = 0.005;
/// So many times the normal is a rise,
const ROSE: f64 = 1.2;
/// ... if chance does not make it, in standard deviations of a count.
const CHANCE: f64 = 3.0;

/// What one side's connects cost a database, as a mean of the last seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Cost {
    /// Connects that were counted.
    pub counted: f64,
    /// The seconds over which they were, times the side's share of the traffic.
    pub share_seconds: f64,
    /// What is normal for [`Self::now`]; `None` while it is not learned.
    pub normal: Option<f64>,
}

impl Cost {
    /// Connects per second that all of the traffic would bring by this side.
    pub fn now(&self) -> f64 {
        self.counted / self.share_seconds
    }

    /// How many times the normal (at least 20/s) that is, if a normal is known.
    pub fn times(&self) -> Option<f64> {
        self.normal.map(|normal| self.now() / normal.max(FLOOR))
    }

    /// Whether it rose: by over a fifth, and by more than chance makes.
    pub fn rose(&self) -> bool {
        let Some(normal) = self.normal else { return false };
        let usual = normal.max(FLOOR) * self.share_seconds;
        self.counted > ROSE * usual && self.counted - usual > CHANCE * usual.sqrt()
    }
}

/// The connects of both sides to one database.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sides {
    /// What is normal.
    normals: BySide<Baseline>,
    /// The part that is being made.
    open: Part,
    /// The parts of the mean, oldest first.
    parts: VecDeque<Part>,
    /// Their sum.
    sum: Part,
    /// The shares at the sample before.
    shares: Option<BySide<f64>>,
}

/// What was counted in some time.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Part {
    covers: Duration,
    counted: BySide<f64>,
    share_seconds: BySide<f64>,
}

impl Part {
    fn plus(mut self, other: &Self) -> Self {
        self.covers += other.covers;
        self.counted.legacy += other.counted.legacy;
        self.counted.kubernetes += other.counted.kubernetes;
        self.share_seconds.legacy += other.share_seconds.legacy;
        self.share_seconds.kubernetes += other.share_seconds.kubernetes;
        self
    }
}

impl Sides {
    /// Takes in the connects per second of a time that `covers`, at whose end the sides have these `shares`.
    /// Of a `saturated` database nothing is learned.
    pub fn push(&mut self, covers: Duration, connects: BySide<f64>, shares: BySide<f64>, saturated: bool) {
        let seconds = covers.as_secs_f64();
        // When in that time the traffic moved is not known: neither side is said to have risen by it.
        let before = self.shares.replace(shares).unwrap_or(shares);
        let part = Part {
            covers,
            counted: BySide { legacy: connects.legacy * seconds, kubernetes: connects.kubernetes * seconds },
            share_seconds: BySide {
                legacy: shares.legacy.max(before.legacy) * seconds,
                kubernetes: shares.kubernetes.max(before.kubernetes) * seconds,
            },
        };
        self.open = self.open.plus(&part);
        // Half a sample short still counts.
        if self.open.covers + covers / 2 < PART {
            return;
        }
        let part = std::mem::take(&mut self.open);
        if !saturated {
            let BySide { legacy, kubernetes } = &mut self.normals;
            learn(legacy, part.covers, part.counted.legacy, part.share_seconds.legacy);
            learn(kubernetes, part.covers, part.counted.kubernetes, part.share_seconds.kubernetes);
        }
        self.parts.push_back(part);
        let mut covered: Duration = self.parts.iter().map(|part| part.covers).sum();
        while let Some(oldest) = self.parts.front().map(|part| part.covers)
            && covered.saturating_sub(oldest) + part.covers / 2 >= MEAN
        {
            covered -= oldest;
            self.parts.pop_front();
        }
        self.sum = self.parts.iter().fold(Part::default(), Part::plus);
    }

    /// The connects that follow are not those that follow the ones before: the mean begins anew.
    pub fn interrupt(&mut self) {
        if self.shares.take().is_some() {
            self.parts.clear();
            (self.open, self.sum) = (Part::default(), Part::default());
        }
    }

    /// What the sides cost now; `None` until a whole mean is known, and while a side has next to no traffic.
    pub fn costs(&self) -> Option<BySide<Cost>> {
        let Part { covers, counted, share_seconds } = self.sum;
        let newest = self.parts.back()?.covers;
        let least = LEAST * covers.as_secs_f64();
        let whole = covers + newest / 2 >= MEAN;
        let known = whole && share_seconds.legacy >= least && share_seconds.kubernetes >= least;
        known.then(|| BySide {
            legacy: Cost {
                counted: counted.legacy,
                share_seconds: share_seconds.legacy,
                normal: self.normals.legacy.value(),
            },
            kubernetes: Cost {
                counted: counted.kubernetes,
                share_seconds: share_seconds.kubernetes,
                normal: self.normals.kubernetes.value(),
            },
        })
    }

    /// What is normal, where it is known for both.
    pub fn normal(&self) -> Option<BySide<f64>> {
        let (legacy, kubernetes) = self.normals.legacy.value().zip(self.normals.kubernetes.value())?;
        Some(BySide { legacy, kubernetes })
    }

    /// Goes on from what was normal before a restart, until an own normal is learned.
    pub fn seed(&mut self, normal: BySide<f64>) {
        self.normals.legacy.seed(normal.legacy);
        self.normals.kubernetes.seed(normal.kubernetes);
    }

    /// Holds what is normal while a guard of the database is tripped: at `normal`, else where it stands. What
    /// is not known is learned on.
    pub fn freeze(&mut self, normal: Option<BySide<f64>>) {
        let each = [
            (&mut self.normals.legacy, normal.map(|normal| normal.legacy)),
            (&mut self.normals.kubernetes, normal.map(|normal| normal.kubernetes)),
        ];
        for (baseline, normal) in each {
            match normal.or_else(|| baseline.value()) {
                Some(value) => baseline.freeze(Some(value)),
                None => baseline.thaw(),
            }
        }
    }

    /// Lets what is normal move again.
    pub fn thaw(&mut self) {
        self.normals.legacy.thaw();
        self.normals.kubernetes.thaw();
    }

    /// Forgets what is normal.
    pub fn relearn(&mut self) {
        self.normals = BySide::default();
    }
}

fn learn(normal: &mut Baseline, covers: Duration, counted: f64, share_seconds: f64) {
    if share_seconds >= LEAST * covers.as_secs_f64() {
        normal.push_without_spread(covers, counted / share_seconds);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// So many samples of so many milliseconds, of 100 and 50 connects per second.
    fn after(samples: usize, millis: u64, shares: (f64, f64)) -> Sides {
        let mut sides = Sides::default();
        let connects = BySide { legacy: 100.0, kubernetes: 50.0 };
        let shares = BySide { legacy: shares.0, kubernetes: shares.1 };
        for _ in 0..samples {
            sides.push(Duration::from_millis(millis), connects, shares, false);
        }
        sides
    }

    fn known(sides: &Sides) -> Option<String> {
        let side = |cost: Cost| format!("{:.1} in {:.2}", cost.counted, cost.share_seconds);
        sides.costs().map(|costs| format!("{}, {}", side(costs.legacy), side(costs.kubernetes)))
    }

    #[test]
    fn a_mean_is_of_five_seconds_however_long_a_sample_is() {
        let mean = Some("500.0 in 3.75, 250.0 in 1.25".to_owned());
        for (samples, millis) in [(25, 200), (10, 500), (5, 1_000)] {
            assert_eq!(known(&after(samples, millis, (0.75, 0.25))), mean, "{millis}");
            assert_eq!(known(&after(samples - 1, millis, (0.75, 0.25))), None, "{millis}");
            let sides = after(100 * samples, millis, (0.75, 0.25));
            assert_eq!((known(&sides), sides.parts.len()), (mean.clone(), 5), "{millis}");
        }
        // Half a sample short of a second, or of five, still counts.
        assert_eq!(known(&after(12, 400, (0.75, 0.25))), Some("480.0 in 3.60, 240.0 in 1.20".into()));
        assert_eq!(after(2, 400, (0.75, 0.25)).parts.len(), 1);
    }

    #[test]
    fn what_is_normal_is_learned_of_half_a_percent_of_the_traffic_or_more() {
        let normal = |millis: u64, share: f64| {
            let samples = usize::try_from(1_000_000 / millis).unwrap();
            after(samples, millis, (1.0 - share, share)).normals.kubernetes.value().map(f64::round)
        };
        assert_eq!((normal(2_000, 0.005), normal(2_000, 0.004)), (Some(10_000.0), None));
        assert_eq!((normal(500, 0.005), normal(500, 0.004)), (Some(10_000.0), None));
    }

    #[test]
    fn what_is_normal_stands_still_while_it_is_held_then_moves_again_and_can_be_forgotten() {
        let shown = |sides: &Sides| sides.normal().map(|it| (it.legacy.round(), it.kubernetes.round()));
        let learn = |sides: &mut Sides, times: f64| {
            let connects = BySide { legacy: 100.0 * times, kubernetes: 50.0 * times };
            let shares = BySide { legacy: 0.5, kubernetes: 0.5 };
            for _ in 0..1_000 {
                sides.push(Duration::from_secs(1), connects, shares, false);
            }
        };
        let mut sides = after(1_000, 1_000, (0.5, 0.5));
        assert_eq!(shown(&sides), Some((200.0, 100.0)));
        sides.freeze(None);
        learn(&mut sides, 2.0);
        assert_eq!(shown(&sides), Some((200.0, 100.0)));
        sides.thaw();
        learn(&mut sides, 2.0);
        assert_eq!(shown(&sides), Some((400.0, 200.0)));
        sides.relearn();
        assert_eq!(shown(&sides), None);
    }
}
