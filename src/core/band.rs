//! The weights at which both sides keep their headroom: arithmetic only.

use crate::weight::Weight;

/// Where both sides keep their headroom.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Band {
    /// Below it legacy does not.
    pub least: f64,
    /// Above it Kubernetes does not.
    pub most: f64,
}

impl Band {
    /// Of sides that can carry so much, asked for `demand` together; shares from 0 to 1, and beyond.
    pub fn of(demand: f64, legacy: f64, kubernetes: f64) -> Self {
        let demand = demand.max(f64::MIN_POSITIVE);
        Self { least: 1.0 - legacy / demand, most: kubernetes / demand }
    }

    /// Where the weight goes from `now`; `None` if it stays.
    pub fn asks(&self, now: Weight) -> Option<Weight> {
        let share = now.percent() / 100.0;
        if share < self.least {
            let to = up(self.least).min(down(self.most));
            (to > now).then_some(to)
        } else if share > self.most {
            let to = down(self.most).max(up(self.least));
            (to < now).then_some(to)
        } else {
            None
        }
    }

    /// Whether both do at `weight`.
    pub fn holds(&self, weight: Weight) -> bool {
        (self.least..=self.most).contains(&(weight.percent() / 100.0))
    }
}

/// To the next hundredth of a point that is enough; what is but a rounding above one is that one.
fn up(share: f64) -> Weight {
    Weight::from_percent((share * 10_000.0 - 1e-6).ceil() / 100.0)
}

fn down(share: f64) -> Weight {
    Weight::from_percent((share * 10_000.0 + 1e-6).floor() / 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_band_is_where_both_keep_their_headroom() {
        let asks = |legacy, kubernetes, now: f64| {
            Band::of(1_000.0, legacy, kubernetes).asks(Weight::from_percent(now)).map(Weight::percent)
        };
        assert_eq!(asks(500.0, 500.0, 50.0), None);
        assert_eq!(asks(499.99, 900.0, 50.0), Some(50.01), "up to what is enough");
        assert_eq!(asks(900.0, 499.99, 50.0), Some(49.99));
        assert_eq!(asks(900.0, 0.0, 50.0), Some(10.0), "as far as the other keeps its own");
        assert_eq!(asks(100.0, 700.0, 50.0), Some(70.0));
        assert_eq!(asks(100.0, 400.0, 50.0), None, "both are short");
        assert_eq!(asks(100.0, 500.0, 50.0), None, "the other has nothing to spare");
        assert_eq!(asks(500.0, 100.0, 50.0), None);
        assert_eq!(Band::of(0.0, 1.0, 1.0).asks(Weight::from_percent(50.0)), None, "nobody asks");
    }
}
