//! One load balancer: the weights of two pools, of which it sends traffic to the servers that are up.

use crossfade_core::route::{Counted, Reading, Requests};
use crossfade_core::time::Time;
use crossfade_core::weight::Weight;

use crate::chance::Chance;
use crate::scenario::Hands;

/// One instance of a route.
#[derive(Clone, Debug)]
pub struct Balancer {
    /// What becomes of reads and writes, and until when.
    pub hands: (Hands, Time),
    /// The share of Kubernetes with every server of `up` in place.
    set: Weight,
    /// Servers that were up when it was set: legacy, Kubernetes.
    at: [u32; 2],
    /// Servers that are up.
    up: [u32; 2],
    setting: u64,
    boot: u64,
    /// Requests since it was started, and those that failed: legacy, Kubernetes.
    counted: [[f64; 2]; 2],
    pub(crate) chance: Chance,
}

impl Balancer {
    /// One that stands at `weight` with so many servers up.
    pub fn new(weight: Weight, up: [u32; 2]) -> Self {
        Self {
            hands: (Hands::Well, Time::default()),
            set: weight,
            at: up,
            up,
            setting: 1,
            boot: 1,
            counted: [[0.0; 2]; 2],
            chance: Chance::default(),
        }
    }

    /// What becomes of a read or a write now.
    pub fn hands(&self, now: Time) -> Hands {
        if now < self.hands.1 { self.hands.0 } else { Hands::Well }
    }

    /// What becomes of the next read or write.
    pub(crate) fn meet(&mut self, now: Time) -> Hands {
        match self.hands(now) {
            Hands::Any => match self.chance.below(10) {
                0 => Hands::Refuse,
                1 => Hands::Lost,
                2 => Hands::Late,
                3 => Hands::Slow,
                4 => Hands::Dropped,
                _ => Hands::Well,
            },
            hands => hands,
        }
    }

    /// What it says when it is read.
    pub fn read(&self) -> Reading {
        Reading {
            weight: self.weight(),
            setting: self.setting,
            boot: self.boot,
            legacy_up: self.up[0],
            kubernetes_up: self.up[1],
            counted: Some(Counted {
                legacy: requests(self.counted[0]),
                kubernetes: requests(self.counted[1]),
            }),
        }
    }

    /// Kubernetes' share of the traffic now: each pool's weight counts by its servers that are up.
    pub fn weight(&self) -> Weight {
        if self.up == self.at && !self.up.contains(&0) {
            return self.set;
        }
        let part = |weight: f64, place: usize| {
            let at = f64::from(self.at[place].max(1));
            weight * f64::from(self.up[place]) / at
        };
        let (legacy, kubernetes) = (part(100.0 - self.set.percent(), 0), part(self.set.percent(), 1));
        if legacy + kubernetes > 0.0 {
            Weight::from_percent(100.0 * kubernetes / (legacy + kubernetes))
        } else {
            self.set
        }
    }

    /// Whether it can stand as it was set: the same servers are up, in both pools. If not, its share is
    /// its own (R8).
    pub fn is_as_set(&self) -> bool {
        self.at == self.up && !self.up.contains(&0)
    }

    /// Sets the weight, given the servers that are up.
    pub fn set(&mut self, weight: Weight) {
        if self.weight() != weight || self.at != self.up {
            self.setting += u64::from(self.set != weight || self.at != self.up);
            (self.set, self.at) = (weight, self.up);
        }
    }

    /// Its configuration is read again.
    pub fn reload(&mut self, configured: Weight) {
        self.boot += 1;
        self.counted = [[0.0; 2]; 2];
        self.set(configured);
    }

    /// So many requests went to a pool (0 legacy, 1 Kubernetes), of which so many failed.
    pub fn count(&mut self, pool: usize, all: f64, failed: f64) {
        if let Some([counted, of_them]) = self.counted.get_mut(pool) {
            *counted += all;
            *of_them += failed;
        }
    }

    /// So many servers are up.
    pub fn see(&mut self, up: [u32; 2]) {
        self.up = up;
    }
}

/// As its counters say it: whole requests.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // sums of what is not negative
fn requests([all, failed]: [f64; 2]) -> Requests {
    Requests { all: all as u64, failed: failed as u64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_counts_whole_requests_of_each_pool_and_anew_after_a_reload() {
        let half = Weight::from_hundredths(5000);
        let mut balancer = Balancer::new(half, [2, 2]);
        for _ in 0..3 {
            balancer.count(0, 10.5, 0.4);
            balancer.count(1, 4.0, 4.0);
        }
        let counted = |legacy: [u64; 2], kubernetes: [u64; 2]| {
            let requests = |[all, failed]: [u64; 2]| Requests { all, failed };
            Some(Counted { legacy: requests(legacy), kubernetes: requests(kubernetes) })
        };
        assert_eq!(balancer.read().counted, counted([31, 1], [12, 12]));
        balancer.reload(half);
        assert_eq!(balancer.read().counted, counted([0, 0], [0, 0]));
    }
}
