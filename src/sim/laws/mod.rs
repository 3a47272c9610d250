//! The rules of the design as laws of the world: checked at every decision and at every step, against
//! what is true in the world wherever that is possible, not against what an engine believes.
//!
//! A law that is broken says so in [`Laws::violations`]; nothing panics, so that a failing run can be
//! told and shrunk. "Weights are never all zero" (R12) cannot be broken here: the world's load balancers
//! know shares, not weights of servers; the adapters' tests prove it.

mod asked_again;
mod balance;
pub(crate) mod bounds;
mod crossed;
mod few;
mod foretold;
mod known;
mod lives;
mod peaks;
mod r1;
mod r11;
mod r12;
mod r13;
mod r2;
mod r3;
mod r4;
mod r5;
mod r6;
mod r7;
mod r8;
mod r9;
mod rule;
mod sided;
mod truth;

use crossfade_core::action::Action;
use crossfade_core::plan::Plan;
use crossfade_core::route::Purpose;
use crossfade_core::time::Time;
use crossfade_core::weight::Weight;

use crate::api::Object;
use crate::scenario::Scenario;
use crate::witness::{Decided, Witness};
use crate::world::World;

pub use rule::{Rule, Violation};
use truth::Truth;

/// Weights this near are the same, as for the engine.
const SAME: Weight = Weight::from_hundredths(25);

/// The laws, looking on.
#[derive(Clone, Debug)]
pub struct Laws {
    /// What was broken, in order.
    pub violations: Vec<Violation>,
    /// Decisions that were looked at.
    pub decisions: u64,
    truth: Truth,
    /// Look at everything, however long it takes.
    thorough: bool,
    /// The claim under which each replica's mind of each service decided last.
    claims: Vec<Vec<Option<u64>>>,
    lives: lives::Lives,
    flutter: r7::Flutter,
}

/// One decision, with what is true of it.
pub(crate) struct Case<'a> {
    pub truth: &'a Truth,
    pub decided: &'a Decided<'a>,
    /// The object as the replica was last told of it.
    pub object: &'a Object,
}

impl Case<'_> {
    pub fn plan(&self) -> &Plan {
        &self.object.plan
    }

    /// What is written, and what it is written over.
    pub fn writes(&self) -> impl Iterator<Item = (usize, Weight, Purpose, Weight)> {
        let service = self.decided.services.get(self.decided.service);
        self.decided.actions.iter().filter_map(move |action| match action {
            Action::Write { instance, weight, purpose, .. } => {
                let balancer = service?.balancers.get(*instance)?;
                Some((*instance, *weight, *purpose, balancer.weight()))
            }
            _ => None,
        })
    }

    /// The writes that raise.
    pub fn raises(&self) -> impl Iterator<Item = Weight> {
        self.writes()
            .filter(|(instance, weight, purpose, stands)| match purpose {
                Purpose::Raise => true,
                // Servers may have gone since it was read.
                Purpose::PutBack => *weight > self.read(*instance).max(*stands).plus(SAME),
                Purpose::Retreat => false,
            })
            .map(|(_, weight, ..)| weight)
    }

    /// Where an instance stood when the replica last read it.
    pub fn read(&self, instance: usize) -> Weight {
        let seen = self.decided.after.seen().instances.get(instance);
        seen.and_then(|seen| seen.reading.as_ref()).map(|(_, reading)| reading.weight).unwrap_or_default()
    }

    /// Whether a raise is begun here.
    pub fn begins_a_raise(&self) -> bool {
        let raise = self.decided.after.state().raise;
        raise.is_some_and(|raise| {
            raise.at == self.decided.clock
                && raise.to != self.decided.after.state().intended.unwrap_or_default()
        })
    }
}

impl Laws {
    /// The laws of a run of `scenario`. `thorough` looks at everything, which takes several times as long.
    pub fn new(scenario: &Scenario, thorough: bool) -> Self {
        Self {
            violations: Vec::new(),
            decisions: 0,
            truth: Truth::new(scenario),
            thorough,
            claims: vec![vec![None; scenario.services.len()]; scenario.replicas],
            lives: lives::Lives::new(scenario),
            flutter: r7::Flutter::default(),
        }
    }

    fn violate(&mut self, rule: Rule, at: Time, service: usize, replica: Option<usize>, message: String) {
        if self.violations.len() < MOST {
            self.violations.push(Violation { rule, at, service, replica, message });
        }
    }
}

/// So many violations are kept.
const MOST: usize = 16;

type Law = (Rule, fn(&Case<'_>) -> Option<String>);

/// The laws of a single decision.
const OF_DECISIONS: &[Law] = &[
    (Rule::R12, r12::writes_only_what_it_may),
    (Rule::R1, r1::raises_only_in_the_clear),
    (Rule::R1, foretold::heeds_what_steps_have_shown),
    (Rule::R1, foretold::stops_only_what_came_otherwise),
    (Rule::R1, foretold::stops_what_came_otherwise),
    (Rule::R2, r2::brakes_first),
    (Rule::R3, r3::fits),
    (Rule::R3, r3::joins_as_it_fits),
    (Rule::R3, few::are_missing),
    (Rule::R4, r4::holds_what_is_common),
    (Rule::R5, r5::takes_the_unknown_for_nothing),
    (Rule::R5, r5::raises_nothing_unknown),
    (Rule::R6, r6::clears_nothing_while_full),
    (Rule::R7, r7::walks),
    (Rule::R7, balance::keeps_its_bounds),
    (Rule::R7, r7::clears_only_what_is_over),
    (Rule::R8, r8::raises_what_is_stored),
    (Rule::R8, r8::records_what_it_changes),
    (Rule::R9, r9::raises_what_legacy_can_take_back),
    (Rule::R9, r9::raises_above_a_floor),
    (Rule::R9, r9::gives_no_floor_back_early),
    (Rule::R11, r11::raises_alone),
    (Rule::R13, r13::says_why),
];

impl Witness for Laws {
    const LOOKS_BACK: bool = true;

    fn decided(&mut self, decided: &Decided<'_>) {
        self.decisions += 1;
        let Some(object) = decided.api.objects.get(decided.service) else { return };
        self.truth.see_object(decided.service, object);
        let Some(mind) = decided.minds.get(decided.service) else { return };
        let Some(object) = self.truth.asked(decided.service, mind.asked) else { return };
        let case = Case { truth: &self.truth, decided, object };
        let mut broken = Vec::new();
        for (rule, law) in OF_DECISIONS {
            broken.extend(law(&case).map(|message| (*rule, message)));
        }
        let claim = self.claims.get_mut(decided.replica).and_then(|claims| claims.get_mut(decided.service));
        if let Some(claim) = claim
            && *claim != mind.taken_over
        {
            *claim = mind.taken_over;
            broken.extend(r8::goes_on_from_what_is_stored(&case, mind).map(|message| (Rule::R8, message)));
        }
        broken.extend(self.flutter.decided(&case).map(|message| (Rule::R7, message)));
        if self.thorough {
            broken.extend(asked_again::does_nothing(&case).map(|message| (Rule::Still, message)));
        }
        for (rule, message) in broken {
            self.violate(rule, decided.now, decided.service, Some(decided.replica), message);
        }
    }

    fn stepped(&mut self, world: &World) {
        self.truth.step(world);
        let mut broken = Vec::new();
        let mut found = |rule, service, replica, message| broken.push((rule, service, replica, message));
        r12::has_one_holder(world, &mut found);
        r12::only_with_rights(&self.truth, world, &mut found);
        r5::pauses_after_a_minute(&self.truth, world, &mut found);
        r2::walks_to_the_end(&self.truth, world, &mut found);
        r3::says_that_it_is_full(&self.truth, world, &mut found);
        few::are_left(&self.truth, world, &mut found);
        r7::clears_in_time(&self.truth, world, &mut found);
        if self.thorough {
            asked_again::misses_nothing(world, &mut found);
        }
        self.lives.step(&self.truth, world, &mut found);
        for (rule, service, replica, message) in broken {
            self.violate(rule, world.now, service, replica, message);
        }
    }
}

/// Where the laws of a step leave what they found: rule, service, replica, in words.
pub(crate) type Found<'a> = dyn FnMut(Rule, usize, Option<usize>, String) + 'a;
