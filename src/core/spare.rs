//! What each side carries, can carry, and must keep free (DESIGN section 5): arithmetic only.
//!
//! Requests per second throughout; shares from 0 to 1. D is demand now, D* the highest of the window.

use crate::capacity::{Kubernetes, Takeover};
use crate::weight::Weight;

/// A side that is predicted above this share of its capacity is full.
pub const FULL: f64 = 0.95;
/// The largest step back while it is not known what legacy can carry (R5).
pub const BLIND_STEP: Weight = Weight::from_hundredths(500);
/// From this weight on Kubernetes must be able to take over too.
pub const SHARED: Weight = Weight::from_hundredths(5_000);
/// What a burst of new connections may take of a database's proven rate, and for how long: pools that are
/// filled at once.
const BURST: f64 = 5.0 * 0.2;

/// One side.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Side {
    /// What it can carry now.
    pub ready: Option<f64>,
    /// What it is asked for now.
    pub load: Option<f64>,
}

/// What is known of a plan's capacity now; `None` is unknown, or not asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Spare {
    /// D.
    pub demand: Option<f64>,
    /// D*, at least D; it may be known where D is not.
    pub peak: Option<f64>,
    /// Legacy.
    pub legacy: Side,
    /// Kubernetes.
    pub kubernetes: Side,
}

impl Side {
    /// The share of its capacity that is used; above 1 it is overloaded.
    pub fn utilisation(&self) -> Option<f64> {
        self.ready.filter(|ready| *ready > 0.0).zip(self.load).map(|(ready, load)| load / ready)
    }
}

impl Spare {
    /// The share of Kubernetes' traffic that legacy could absorb at the peak, at `weight`.
    pub fn absorbed_by_legacy(&self, weight: Weight) -> Option<f64> {
        let of_kubernetes = share(weight) * self.peak?;
        Some(absorbable(self.legacy.ready?, self.peak? - of_kubernetes, of_kubernetes))
    }

    /// The share of legacy's traffic that Kubernetes could absorb at the peak, at `weight`.
    pub fn absorbed_by_kubernetes(&self, weight: Weight) -> Option<f64> {
        let own = share(weight) * self.peak?;
        Some(absorbable(self.kubernetes.ready?, own, self.peak? - own))
    }

    /// How far the weight may fall so that legacy is not full by it, if that is known: at the peak, while
    /// it is not known how much is asked for now.
    pub fn room(&self, weight: Weight) -> Option<Weight> {
        let (demand, ready) = (self.demand.or(self.peak)?, self.legacy.ready?);
        if demand <= 0.0 {
            return Some(Weight::FULL);
        }
        // What was moved a moment ago may not show in what was measured yet.
        let load = self.legacy.load.unwrap_or_default().max((1.0 - share(weight)) * demand);
        Some(points((FULL * ready - load) / demand))
    }

    /// How far the weight may fall so that filling legacy's pools does not take too much of what a
    /// database can answer: `capacity` connects per second, `each` connections per request/s.
    pub fn burst(&self, capacity: f64, each: f64) -> Option<Weight> {
        let demand = self.demand.or(self.peak).filter(|demand| *demand > 0.0)?;
        (each > 0.0).then(|| points(BURST * capacity / (demand * each)))
    }
}

/// What legacy must be able to carry at `weight` to keep its promise.
pub fn legacy_needs(weight: Weight, peak: f64, takeover: Takeover) -> f64 {
    let of_kubernetes = share(weight) * peak;
    (peak - of_kubernetes + takeover.legacy * of_kubernetes) / FULL
}

/// What Kubernetes must be able to carry at `weight`: its headroom, a surge, and its promise.
pub fn kubernetes_needs(
    weight: Weight,
    peak: f64,
    side: &Kubernetes,
    surge_factor: f64,
    takeover: Takeover,
) -> f64 {
    let own = share(weight) * peak;
    let headroom = own / (1.0 - side.headroom).max(f64::MIN_POSITIVE);
    let promise = if weight >= SHARED { (own + takeover.kubernetes * (peak - own)) / FULL } else { 0.0 };
    headroom.max(surge_factor * own).max(promise)
}

/// Pods that a workload needs to carry `needs`, and one more.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // saturates, and is bounded next
pub fn pods(needs: f64, per_pod: f64, most: u32) -> u32 {
    if needs <= 0.0 || per_pod <= 0.0 {
        return 0;
    }
    ((needs / per_pod).ceil() as u32).saturating_add(1).min(most)
}

/// The share of `theirs` that fits beside `own`; 1 where there is nothing to absorb.
fn absorbable(ready: f64, own: f64, theirs: f64) -> f64 {
    if theirs <= 0.0 { 1.0 } else { ((FULL * ready - own) / theirs).clamp(0.0, 1.0) }
}

fn share(weight: Weight) -> f64 {
    weight.percent() / 100.0
}

/// A share as a step of the weight, rounded down.
fn points(share: f64) -> Weight {
    Weight::from_percent((share * 10_000.0).floor() / 100.0)
}
