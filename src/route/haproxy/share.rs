//! Which server weights bring two pools nearest to a share. Pure: no I/O, no clock.
//!
//! HAProxy gives each server traffic in proportion to a whole number from 0 to 256
//! ([`HIGHEST`]), so not every share can be had: with one server on each side the smallest
//! share above 0 is 1/257, or 0.39 %. The nearest possible is taken, which for a very small or
//! very large share can be 0 % or 100 %; the reading says which it became.

use crossfade_core::weight::Weight;

/// The highest weight of a server (HAProxy's management guide, `set server ... weight`).
pub const HIGHEST: u16 = 256;

/// The weights of two pools: each server of a pool gets the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Weights {
    /// Of each legacy server, 0 to 256.
    pub legacy: u16,
    /// Of each Kubernetes server, 0 to 256.
    pub kubernetes: u16,
}

/// The weights whose shares lie nearest to `asked` for so many legacy and Kubernetes servers.
///
/// Of two shares equally near the lower is taken, of two pairs with the same share the one with
/// the larger numbers. Never both zero. A count of 0 is taken as 1.
pub fn choose(asked: Weight, legacy: u32, kubernetes: u32) -> Weights {
    let (legacy, kubernetes) = (u128::from(legacy.max(1)), u128::from(kubernetes.max(1)));
    let asked = u128::from(asked.hundredths());
    let mut best = Candidate::new(asked, legacy, kubernetes, Weights { legacy: HIGHEST, kubernetes: 0 });
    for of_kubernetes in 1..=HIGHEST {
        // The share falls as the legacy weight rises, so the nearest two lie around the exact one.
        let exact = (kubernetes * u128::from(of_kubernetes) * (FULL - asked)).checked_div(legacy * asked);
        let below = exact.and_then(|exact| u16::try_from(exact).ok()).unwrap_or(HIGHEST).min(HIGHEST);
        for of_legacy in [below, (below + 1).min(HIGHEST)] {
            let weights = Weights { legacy: of_legacy, kubernetes: of_kubernetes };
            let candidate = Candidate::new(asked, legacy, kubernetes, weights);
            if candidate.is_better_than(&best) {
                best = candidate;
            }
        }
    }
    best.weights
}

/// The share that two sums of server weights make, or nothing where both are zero.
///
/// It is 0 or 100 % only if one of the pools really has nothing.
pub fn achieved(legacy: u64, kubernetes: u64) -> Option<Weight> {
    let total = u128::from(legacy) + u128::from(kubernetes);
    let doubled = (u128::from(kubernetes) * FULL * 2 + total).checked_div(total * 2)?;
    let hundredths = match (legacy, kubernetes) {
        (0, _) => FULL,
        (_, 0) => 0,
        _ => doubled.clamp(1, FULL - 1),
    };
    u16::try_from(hundredths).ok().map(Weight::from_hundredths)
}

/// 100 % in hundredths of a percent.
const FULL: u128 = Weight::FULL.hundredths() as u128;

/// A pair of weights with its share and its distance from the asked one, both as fractions of
/// `total`, so that they are compared exactly.
struct Candidate {
    weights: Weights,
    share: u128,
    distance: u128,
    total: u128,
}

impl Candidate {
    fn new(asked: u128, legacy: u128, kubernetes: u128, weights: Weights) -> Self {
        let share = kubernetes * u128::from(weights.kubernetes);
        let total = legacy * u128::from(weights.legacy) + share;
        Self { weights, share, distance: (share * FULL).abs_diff(asked * total), total }
    }

    fn is_better_than(&self, other: &Self) -> bool {
        let size = |weights: Weights| weights.legacy + weights.kubernetes;
        (self.distance * other.total)
            .cmp(&(other.distance * self.total))
            .then((self.share * other.total).cmp(&(other.share * self.total)))
            .then(size(other.weights).cmp(&size(self.weights)))
            .is_lt()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn stands_at(weights: Weights, legacy: u32, kubernetes: u32) -> f64 {
        let legacy = f64::from(legacy) * f64::from(weights.legacy);
        let kubernetes = f64::from(kubernetes) * f64::from(weights.kubernetes);
        100.0 * kubernetes / (legacy + kubernetes)
    }

    fn pair(legacy: u16, kubernetes: u16) -> Weights {
        Weights { legacy, kubernetes }
    }

    #[test]
    fn common_shares_get_exact_and_large_weights() {
        let choose = |percent, legacy, kubernetes| choose(Weight::from_percent(percent), legacy, kubernetes);
        assert_eq!(choose(0.0, 3, 2), pair(256, 0));
        assert_eq!(choose(100.0, 3, 2), pair(0, 256));
        assert_eq!(choose(50.0, 2, 2), pair(256, 256));
        assert_eq!(choose(50.0, 4, 1), pair(64, 256));
        assert_eq!(choose(10.0, 2, 2), pair(252, 28));
        assert_eq!(choose(1.0, 1, 1), pair(198, 2));
    }

    #[test]
    fn a_share_too_small_for_the_servers_becomes_the_nearest_one_even_zero() {
        // One legacy and ten Kubernetes servers: 1 to 256 is already 3.76 %.
        assert_eq!(choose(Weight::from_percent(1.0), 1, 10), pair(256, 0));
        assert_eq!(choose(Weight::from_percent(3.0), 1, 10), pair(256, 1));
        assert_eq!(achieved(256, 10), Some(Weight::from_percent(3.76)));
    }

    #[test]
    fn a_share_is_zero_or_full_only_if_a_pool_has_nothing() {
        assert_eq!(achieved(0, 0), None);
        assert_eq!(achieved(256, 0), Some(Weight::ZERO));
        assert_eq!(achieved(0, 1), Some(Weight::FULL));
        assert_eq!(achieved(256 * 1000, 1), Some(Weight::from_hundredths(1)));
        assert_eq!(achieved(1, 256 * 1000), Some(Weight::from_hundredths(9_999)));
    }

    proptest! {
        #[test]
        fn weights_are_in_range_and_never_both_zero(asked in 0u16..=10_000, legacy in 0u32.., kubernetes in 0u32..) {
            let weights = choose(Weight::from_hundredths(asked), legacy, kubernetes);
            prop_assert!(weights.legacy <= HIGHEST && weights.kubernetes <= HIGHEST);
            prop_assert!(weights.legacy + weights.kubernetes > 0);
        }

        #[test]
        fn no_other_pair_lies_nearer(asked in 0u16..=10_000, legacy in 1u32..30, kubernetes in 1u32..30) {
            let asked = Weight::from_hundredths(asked);
            let chosen = (stands_at(choose(asked, legacy, kubernetes), legacy, kubernetes) - asked.percent()).abs();
            let nearest = (0..=HIGHEST)
                .flat_map(|a| (0..=HIGHEST).map(move |b| pair(a, b)))
                .filter(|weights| *weights != pair(0, 0))
                .map(|weights| (stands_at(weights, legacy, kubernetes) - asked.percent()).abs())
                .fold(f64::INFINITY, f64::min);
            prop_assert!(chosen <= nearest + 1e-9, "{chosen} is farther than {nearest}");
        }

        #[test]
        fn equal_pools_stand_within_a_fifth_of_a_point(asked in 0u16..=10_000, servers in 1u32..100) {
            let asked = Weight::from_hundredths(asked);
            let stands = stands_at(choose(asked, servers, servers), servers, servers);
            // Half of the widest gap: between 0 and 1/257.
            prop_assert!((stands - asked.percent()).abs() <= 50.0 / 257.0 + 1e-9);
        }

        #[test]
        fn a_higher_asked_share_never_achieves_a_lower_one(
            one in 0u16..=10_000, other in 0u16..=10_000, legacy in 1u32..100, kubernetes in 1u32..100,
        ) {
            let stands = |asked| stands_at(choose(Weight::from_hundredths(asked), legacy, kubernetes), legacy, kubernetes);
            prop_assert!(stands(one.min(other)) <= stands(one.max(other)) + 1e-9);
        }

        #[test]
        fn a_share_and_its_complement_sum_to_all(legacy in 0u64..1 << 40, kubernetes in 1u64..1 << 40) {
            let hundredths = |a, b| achieved(a, b).map(Weight::hundredths).unwrap_or_default();
            let sum = hundredths(legacy, kubernetes) + hundredths(kubernetes, legacy);
            prop_assert!((10_000..=10_001).contains(&sum), "{sum}"); // two halves both round up
        }
    }
}
