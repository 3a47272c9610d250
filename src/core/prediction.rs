//! The connection rate after a step, by what each side's requests cost, or by what earlier steps have taught:
//! arithmetic only (DESIGN section 5).

use std::collections::BTreeMap;

use crate::baseline::FLOOR;
use crate::connects::{Connects, Cost};
use crate::lessons::{Mean, Slope};
use crate::time::Time;
use crate::weight::Weight;

/// Attempts per second that are predicted.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Rates {
    /// At what is asked for now: where that is counted, at the highest 10 s mean of the last 5 minutes.
    pub now: f64,
    /// At the highest of the window.
    pub peak: f64,
}

/// What is predicted of one database after the next step.
#[derive(Clone, Debug, PartialEq)]
pub struct Prediction {
    /// The weight after the step.
    pub weight: Weight,
    /// The rates, or what is not known for them.
    pub rates: Result<Rates, Missing>,
    /// From how many steps they were learned; `None` where the sides are told apart.
    pub steps: Option<usize>,
}

/// Why nothing is predicted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    /// It is not known how much is asked for.
    Demand,
    /// It is not known how many requests reach each side, or for too short a time.
    Requests,
    /// A side has made too few connects.
    Legacy,
    /// Likewise.
    Kubernetes,
    /// Fewer than two steps have taught what a step does.
    Steps,
    /// What they have taught is not certain enough for a step of this size.
    Noise,
}

/// What was predicted of a raise, until it is compared with what came.
#[derive(Clone, Debug, PartialEq)]
pub struct Foreseen {
    /// When it was decided; from then on when it was read back.
    pub at: Time,
    /// Where it goes.
    pub to: Weight,
    /// By the database's name.
    pub by: BTreeMap<String, Expected>,
}

/// What is predicted of a database at one weight, however much is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Expected {
    /// Attempts per request.
    pub each: f64,
    /// How far chance moves that: one standard deviation.
    pub noise: f64,
    /// Attempts per second of others, which do not follow what is asked for.
    pub others: f64,
    /// Where steps have taught it.
    pub taught: Option<Taught>,
}

/// What steps have taught something by.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Taught {
    /// How many there were.
    pub steps: u32,
    /// Requests per second, where the weight stood before.
    pub demand: f64,
}

impl Expected {
    /// Attempts per second if so much is asked for, and what chance makes of them (a standard deviation). What
    /// was taught counts if chance moves it by less than what would be wrong.
    pub fn rate(&self, demand: f64) -> Result<(f64, f64), Missing> {
        let (rate, noise) = (self.others + self.each * demand, self.noise * demand);
        if self.taught.is_some() && CHANCE * noise > WRONG * rate.max(FLOOR) {
            return Err(Missing::Noise);
        }
        Ok((rate, noise))
    }
}

/// What is predicted by.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Basis {
    /// The sides are told apart.
    Users(Costs),
    /// Earlier steps.
    Steps(Learned),
}

impl Basis {
    /// What is predicted at `weight`.
    pub fn at(&self, weight: Weight) -> Result<Expected, Missing> {
        match self {
            Self::Users(costs) => costs.at(weight),
            Self::Steps(learned) => Ok(learned.at(weight)),
        }
    }

    /// From how many steps it was learned; `None` where the sides are told apart.
    pub fn steps(&self) -> Option<usize> {
        match self {
            Self::Users(_) => None,
            Self::Steps(learned) => Some(learned.slope.steps),
        }
    }
}

/// An outcome that differs from what was predicted by more than this share is wrong.
pub const WRONG: f64 = 0.25;
/// What chance makes is less than this, in standard deviations.
pub const CHANCE: f64 = 3.0;

/// What earlier steps have taught.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Learned {
    /// What came where the weight stood.
    pub level: Mean,
    /// What a step makes of it.
    pub slope: Slope,
}

impl Learned {
    /// What others connect cannot be told apart: it counts as if it followed what is asked for.
    fn at(&self, weight: Weight) -> Expected {
        let by = weight.percent() / 100.0 - self.level.share;
        Expected {
            each: (self.level.each + by * self.slope.more).max(0.0),
            noise: self.level.noise.hypot(by * self.slope.noise),
            others: 0.0,
            taught: Some(Taught {
                steps: u32::try_from(self.slope.steps).unwrap_or(u32::MAX),
                demand: self.level.demand,
            }),
        }
    }
}

/// What each side costs a database.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Costs {
    /// Legacy, if it is known.
    pub legacy: Option<Cost>,
    /// Kubernetes, if it is known.
    pub kubernetes: Option<Cost>,
    /// Attempts per second of nobody's users, which do not follow what is asked for.
    pub others: f64,
}

impl Costs {
    /// By what is known of its connects; `None` while that is too little.
    pub fn of(known: &Connects) -> Option<Self> {
        let (legacy, kubernetes) = (known.per_request.legacy, known.per_request.kubernetes);
        Some(Self { legacy, kubernetes, others: known.others? })
    }

    /// What is predicted at `weight`, where every side that it gives traffic is known.
    fn at(&self, weight: Weight) -> Result<Expected, Missing> {
        let share = weight.percent() / 100.0;
        let (mut each, mut variance) = (0.0, 0.0);
        let sides =
            [(1.0 - share, self.legacy, Missing::Legacy), (share, self.kubernetes, Missing::Kubernetes)];
        for (share, cost, missing) in sides {
            if share > 0.0 {
                let cost = cost.ok_or(missing)?;
                let part = share * cost.each;
                each += part;
                variance += part * part / cost.counted;
            }
        }
        Ok(Expected { each, noise: variance.sqrt(), others: self.others, taught: None })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn costs(legacy: Option<f64>, kubernetes: Option<f64>) -> Basis {
        let cost = |counted| move |each| Cost { each, counted };
        Basis::Users(Costs {
            legacy: legacy.map(cost(900.0)),
            kubernetes: kubernetes.map(cost(400.0)),
            others: 20.0,
        })
    }

    #[test]
    fn chance_moves_a_prediction_by_how_many_connects_each_side_was_counted_by() {
        // Of 0.15 a thirtieth, and of 0.25 a twentieth.
        let expected = costs(Some(0.3), Some(0.5)).at(Weight::from_percent(50.0)).unwrap();
        let noise = (0.005_f64 * 0.005 + 0.0125 * 0.0125).sqrt();
        assert!((expected.noise - noise).abs() < 1e-12, "{} {noise}", expected.noise);
        assert_eq!(expected, Expected { each: 0.4, noise: expected.noise, others: 20.0, taught: None });
    }

    #[test]
    fn a_side_that_gets_no_traffic_need_not_be_known() {
        let at = |basis: Basis, percent| basis.at(Weight::from_percent(percent)).map(|it| it.each);
        assert_eq!(at(costs(None, Some(0.5)), 100.0), Ok(0.5));
        assert_eq!(at(costs(None, Some(0.5)), 99.99), Err(Missing::Legacy));
        assert_eq!(at(costs(Some(0.3), None), 0.0), Ok(0.3));
        assert_eq!(at(costs(Some(0.3), None), 0.01), Err(Missing::Kubernetes));
    }

    #[test]
    fn what_was_taught_counts_while_chance_moves_it_by_a_quarter_at_most() {
        let rate = |noise, taught| Expected { each: 0.12, noise, others: 0.0, taught }.rate(1_000.0);
        let taught = Some(Taught { steps: 2, demand: 1_000.0 });
        assert_eq!(rate(0.01, taught), Ok((120.0, 10.0)));
        assert_eq!(rate(0.010_1, taught), Err(Missing::Noise));
        assert_eq!(rate(0.5, None), Ok((120.0, 500.0)));
    }
}
