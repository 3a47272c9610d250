//! What a run leaves behind for expectations to be checked against: every change at its very time, where
//! [`crate::recording`] keeps curves for people.

use std::collections::BTreeMap;
use std::time::Duration;

use crossfade_core::guard::Level;
use crossfade_core::reason::Reason;
use crossfade_core::seen::Authority;
use crossfade_core::state::GuardKey;
use crossfade_core::time::Time;
use crossfade_core::weight::Weight;

use crate::recording::Recording;
use crate::scenario::Scenario;
use crate::witness::{Decided, Witness};
use crate::world::World;

/// What is asked for beyond what every run keeps, because it costs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Asks {
    /// Times in which requests are counted: whose, from, until (after the begin).
    pub tallies: Vec<(usize, Duration, Duration)>,
    /// Whether `blockedBy` is looked at after each step.
    pub blockers: bool,
}

/// A move of the weight that the engine intends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// When.
    pub at: Time,
    /// Whose plan.
    pub service: usize,
    /// From where.
    pub from: Weight,
    /// To where.
    pub to: Weight,
    /// Why.
    pub reason: Reason,
}

/// From a time on, one load balancer stands so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stand {
    /// Since when.
    pub at: Time,
    /// Whose.
    pub service: usize,
    /// Which of its load balancers.
    pub instance: usize,
    /// Kubernetes' share of its traffic.
    pub weight: Weight,
}

/// From a time on, something has this value.
#[derive(Clone, Debug, PartialEq)]
pub struct Since<T> {
    /// Since when.
    pub at: Time,
    /// Whose plan.
    pub service: usize,
    /// The value.
    pub value: T,
}

/// Why nothing rises: reason and message of each blocker.
pub type Blockers = Vec<(Reason, String)>;

/// Requests that were counted.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Tally {
    /// All that reached a side, retries and all.
    pub requests: f64,
    /// Those that were answered by an error.
    pub errors: f64,
}

/// What a run leaves behind.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Evidence {
    /// When the run began.
    pub began: Time,
    /// The moves, in order.
    pub steps: Vec<Step>,
    /// How the load balancers stood, in order.
    pub stands: Vec<Stand>,
    /// The guards' levels, in order.
    pub levels: Vec<Since<(GuardKey, Level)>>,
    /// The stages' indices, in order.
    pub stages: Vec<Since<Option<usize>>>,
    /// The blockers, in order, if they were asked for. Texts that differ by figures alone are one.
    pub blockers: Vec<Since<Blockers>>,
    /// What was counted, for each of [`Asks::tallies`].
    pub tallies: Vec<Tally>,
    asks: Asks,
    known: BTreeMap<(usize, GuardKey), Level>,
    stood: Vec<Vec<Option<Weight>>>,
    said: Vec<Option<Vec<(Reason, String)>>>,
    moved: Vec<Time>,
}

/// Plays a scenario to its end.
pub fn play(scenario: &Scenario, asks: &Asks) -> (Recording, Evidence) {
    let mut recording = Recording::new(scenario);
    let mut evidence = Evidence::new(scenario, asks.clone());
    World::new(scenario).run(&mut (&mut recording, &mut evidence));
    (recording, evidence)
}

impl Evidence {
    /// No evidence yet of a run of `scenario`.
    pub fn new(scenario: &Scenario, asks: Asks) -> Self {
        let services = scenario.services.len();
        Self {
            began: scenario.begins,
            tallies: vec![Tally::default(); asks.tallies.len()],
            asks,
            stood: scenario.services.iter().map(|setup| vec![None; setup.plan.instances().count()]).collect(),
            said: vec![None; services],
            moved: vec![Time::default(); services],
            ..Self::default()
        }
    }

    fn count(&mut self, world: &World) {
        let gone = world.now.since(self.began);
        let seconds = world.step().as_secs_f64();
        for ((service, from, until), tally) in self.asks.tallies.iter().zip(&mut self.tallies) {
            if *from < gone
                && gone <= *until
                && let Some(service) = world.services.get(*service)
            {
                tally.requests += (service.flow.load[0] + service.flow.load[1]) * seconds;
                tally.errors += service.flow.errors * seconds;
            }
        }
    }

    fn look_at_blockers(&mut self, world: &World) {
        let Some(holder) = world.holder() else { return };
        for (mind, said) in holder.minds.iter().zip(&mut self.said) {
            let report = mind.engine.report(holder.clock(world.now));
            let blockers = || report.blocked_by.iter().map(|blocker| (blocker.reason, &blocker.message));
            let now: Vec<_> = blockers().map(|(reason, text)| (reason, without_figures(text))).collect();
            if said.as_ref() != Some(&now) {
                *said = Some(now);
                let value = blockers().map(|(reason, text)| (reason, text.clone())).collect();
                self.blockers.push(Since { at: world.now, service: mind.service, value });
            }
        }
    }
}

impl Witness for Evidence {
    fn decided(&mut self, decided: &Decided<'_>) {
        // What changes is recorded by an action, and only by who may write.
        if decided.actions.is_empty() || decided.after.seen().authority == Authority::None {
            return;
        }
        let (at, service, state) = (decided.now, decided.service, decided.after.state());
        if let Some(moved) = self.moved.get_mut(service) {
            let fresh = state.history.iter().filter(|step| step.at > *moved);
            self.steps.extend(fresh.map(|step| Step {
                at,
                service,
                from: step.from,
                to: step.to,
                reason: step.reason,
            }));
            *moved = state.history.back().map_or(*moved, |step| step.at.max(*moved));
        }
        for (key, tripped) in &state.guards {
            let known = self.known.entry((service, key.clone())).or_default();
            if *known != tripped.level {
                *known = tripped.level;
                self.levels.push(Since { at, service, value: (key.clone(), tripped.level) });
            }
        }
        let known = self.stages.iter().rev().find(|since| since.service == service);
        if known.is_none_or(|known| known.value != state.stage) {
            self.stages.push(Since { at, service, value: state.stage });
        }
    }

    fn stepped(&mut self, world: &World) {
        for (place, (service, stood)) in world.services.iter().zip(&mut self.stood).enumerate() {
            for (instance, (balancer, stood)) in service.balancers.iter().zip(stood).enumerate() {
                let weight = balancer.weight();
                if *stood != Some(weight) {
                    *stood = Some(weight);
                    self.stands.push(Stand { at: world.now, service: place, instance, weight });
                }
            }
        }
        self.count(world);
        if self.asks.blockers {
            self.look_at_blockers(world);
        }
    }
}

fn without_figures(text: &str) -> String {
    text.chars().filter(|c| !c.is_ascii_digit() && *c != '.').collect()
}
