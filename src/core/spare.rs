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

/// How much of what a database can answer may be used by a step back.
pub const BUDGET: f64 = 0.85;

impl Spare {
    /// How far the weight may fall so that a database, which is asked for `rate` connects per second now,
    /// is not asked for too much of its `capacity`: where a request costs `receiver` connects on legacy, and
    /// `sender` on Kubernetes. `None` where legacy costs no more.
    pub fn budget(&self, capacity: f64, rate: f64, receiver: f64, sender: f64) -> Option<Weight> {
        let demand = self.demand.or(self.peak).filter(|demand| *demand > 0.0)?;
        let more = receiver - sender;
        (more > 0.0).then(|| points(((BUDGET * capacity - rate) / (demand * more)).max(0.0)))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capacity::Workload;

    fn percent(percent: u16) -> Weight {
        Weight::from_hundredths(percent * 100)
    }

    fn spare(demand: f64, legacy: f64, kubernetes: f64) -> Spare {
        let side = |ready| Side { ready: Some(ready), load: None };
        Spare { demand: Some(demand), peak: Some(demand), legacy: side(legacy), kubernetes: side(kubernetes) }
    }

    /// To a ten-thousandth, as text.
    fn told(share: Option<f64>) -> String {
        share.map_or("unknown".into(), |share| format!("{share:.4}"))
    }

    #[test]
    fn utilisation_is_the_share_of_what_can_be_carried() {
        let side = |ready, load| Side { ready, load }.utilisation();
        assert_eq!(told(side(Some(200.0), Some(50.0))), "0.2500");
        assert_eq!(told(side(Some(50.0), Some(200.0))), "4.0000");
        assert_eq!(told(side(Some(0.0), Some(200.0))), "unknown");
        assert_eq!(told(side(None, Some(200.0))), "unknown");
        assert_eq!(told(side(Some(200.0), None)), "unknown");
    }

    #[test]
    fn a_side_absorbs_what_fits_beside_its_own() {
        let known = spare(1000.0, 600.0, 600.0);
        let legacy = |weight| told(known.absorbed_by_legacy(percent(weight)));
        // 570 less 500 of 500; less 800 of 200; 570 of 1,000.
        assert_eq!(
            (legacy(50), legacy(20), legacy(100)),
            ("0.1400".into(), "0.0000".into(), "0.5700".into())
        );
        assert_eq!(legacy(0), "1.0000", "there is nothing to absorb");
        assert_eq!(told(spare(100.0, 600.0, 0.0).absorbed_by_legacy(percent(50))), "1.0000");
        let kubernetes = |weight| told(known.absorbed_by_kubernetes(percent(weight)));
        assert_eq!((kubernetes(20), kubernetes(100)), ("0.4625".into(), "1.0000".into()));
        let unknown = Spare { legacy: Side::default(), ..known };
        assert_eq!(told(unknown.absorbed_by_legacy(percent(50))), "unknown");
    }

    #[test]
    fn room_is_what_legacy_may_be_given_rounded_down_to_a_hundredth_of_a_point() {
        let room = |known: Spare, weight| known.room(percent(weight)).map(Weight::hundredths);
        assert_eq!(room(spare(1000.0, 600.0, 0.0), 50), Some(700));
        assert_eq!(room(spare(3000.0, 2000.0, 0.0), 50), Some(1_333));
        assert_eq!(room(spare(1000.0, 500.0, 0.0), 50), Some(0));
        assert_eq!(room(spare(0.0, 500.0, 0.0), 50), Some(10_000), "nobody asks");
        let known = spare(1000.0, 600.0, 0.0);
        let measured = Spare { legacy: Side { load: Some(540.0), ..known.legacy }, ..known };
        assert_eq!(room(measured, 50), Some(300));
        assert_eq!(room(Spare { demand: None, peak: Some(2000.0), ..known }, 80), Some(850));
        assert_eq!(room(Spare { demand: None, peak: None, ..known }, 80), None);
        assert_eq!(room(Spare { legacy: Side::default(), ..known }, 80), None);
    }

    #[test]
    fn pools_may_take_a_fifth_of_a_database_s_rate_for_five_seconds() {
        let burst = |known: Spare, capacity, each| known.burst(capacity, each).map(Weight::hundredths);
        assert_eq!(burst(spare(10_000.0, 0.0, 0.0), 2_600.0, 2.0), Some(1_300));
        assert_eq!(burst(spare(10_000.0, 0.0, 0.0), 2_600.0, 4.0), Some(650));
        assert_eq!(burst(spare(100.0, 0.0, 0.0), 2.0, 1.0), Some(200));
        assert_eq!(burst(spare(10_000.0, 0.0, 0.0), 2_600.0, 0.0), None);
        assert_eq!(burst(spare(0.0, 0.0, 0.0), 2_600.0, 2.0), None);
        let peak = Spare { demand: None, ..spare(10_000.0, 0.0, 0.0) };
        assert_eq!(burst(peak, 2_600.0, 2.0), Some(1_300));
    }

    #[test]
    fn what_costs_more_on_legacy_may_use_what_is_left_of_a_database_s_rate() {
        let known = spare(10_000.0, 0.0, 0.0);
        let budget =
            |rate, receiver, sender| known.budget(2_600.0, rate, receiver, sender).map(Weight::hundredths);
        // 2,210 less 1,710, by 1,000 for each 10 points.
        assert_eq!(budget(1_710.0, 0.2, 0.1), Some(5_000));
        assert_eq!(budget(2_300.0, 0.2, 0.1), Some(0), "never below nothing");
        assert_eq!(budget(2_300.0, 0.1, 0.1), None);
        assert_eq!(budget(2_300.0, 0.1, 0.2), None);
        assert_eq!(spare(0.0, 0.0, 0.0).budget(2_600.0, 100.0, 0.2, 0.1), None, "nobody asks");
    }

    #[test]
    fn what_must_be_ready_grows_with_the_weight_and_the_promise() {
        let takeover = |legacy, kubernetes| Takeover { legacy, kubernetes };
        let whole = |needs: f64| format!("{needs:.0}");
        let legacy = |weight, promise| whole(legacy_needs(percent(weight), 950.0, takeover(promise, 0.0)));
        assert_eq!((legacy(0, 1.0), legacy(50, 1.0)), ("1000".into(), "1000".into()));
        assert_eq!((legacy(50, 0.5), legacy(100, 0.0)), ("750".into(), "0".into()));
        let side = |headroom| Kubernetes { workloads: Vec::<Workload>::new(), headroom };
        let kubernetes = |weight: Weight, headroom, surge, promise| {
            whole(kubernetes_needs(weight, 950.0, &side(headroom), surge, takeover(1.0, promise)))
        };
        assert_eq!(kubernetes(percent(20), 0.5, 1.0, 1.0), "380", "headroom");
        assert_eq!(kubernetes(percent(20), 0.2, 1.5, 1.0), "285", "surge");
        assert_eq!(kubernetes(percent(50), 0.2, 1.5, 0.5), "750", "promise");
        assert_eq!(kubernetes(Weight::from_hundredths(4_999), 0.2, 1.5, 0.5), "712", "none below 50 %");
    }

    #[test]
    fn there_is_one_pod_more_than_needed_and_never_more_than_allowed() {
        assert_eq!(pods(250.0, 100.0, 50), 4);
        assert_eq!(pods(300.0, 100.0, 50), 4);
        assert_eq!(pods(300.0, 100.0, 3), 3);
        assert_eq!((pods(0.0, 100.0, 50), pods(300.0, 0.0, 50)), (0, 0));
        assert_eq!(pods(f64::MAX, 1e-9, u32::MAX), u32::MAX);
    }
}
