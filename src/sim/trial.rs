//! One run under the laws.

use crate::broken::Broken;
use crate::laws::{Laws, Violation};
use crate::scenario::Scenario;
use crate::witness::Witness;
use crate::world::World;

/// What came of a run.
#[derive(Clone, Debug, Default)]
pub struct Trial {
    /// The first violation, at which it ended.
    pub violation: Option<Violation>,
    /// Decisions that were taken.
    pub decisions: u64,
}

/// Runs a scenario to its end or to the first violation, with somebody else looking on. One run in
/// [`THOROUGH`] is looked at thoroughly, by its seed.
pub fn run<W: Witness>(scenario: &Scenario, broken: Option<Broken>, witness: &mut W) -> Trial {
    let mut laws = Laws::new(scenario, scenario.seed.is_multiple_of(THOROUGH));
    let mut world = World::new(scenario).breaking(broken);
    while world.go_on(&mut (&mut laws, &mut *witness)) && laws.violations.is_empty() {}
    Trial { violation: laws.violations.into_iter().next(), decisions: laws.decisions }
}

/// One seed in so many is looked at thoroughly, which takes several times as long.
pub const THOROUGH: u64 = 32;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seeds;

    /// How many seeds a fast test takes.
    const SEEDS: u64 = 200;

    #[test]
    fn no_rule_is_broken_in_a_few_hundred_random_worlds() {
        // Some of them are looked at thoroughly.
        for seed in (0..SEEDS).chain((1..SEEDS / 8).map(|place| place * THOROUGH)) {
            assert_eq!(run(&seeds::scenario(seed), None, &mut ()).violation, None, "seed {seed}");
        }
    }

    #[test]
    #[allow(clippy::disallowed_macros)] // how soon is worth knowing
    fn each_rule_that_is_broken_on_purpose_is_caught_by_a_law_of_that_very_rule() {
        for broken in Broken::ALL {
            let caught = (0..SEEDS * 5).find(|seed| {
                let trial = run(&seeds::scenario(*seed), Some(broken), &mut ());
                trial.violation.is_some_and(|violation| violation.rule == broken.rule())
            });
            println!("{} is caught by seed {caught:?}", broken.name());
            assert!(caught.is_some(), "{} is broken, and nobody sees it", broken.name());
        }
    }
}
