//! R3, where pods are missing: Kubernetes is left when those that are ready are too few, and only then.

use std::time::Duration;

use crossfade_core::capacity::{Figure, Source};
use crossfade_core::plan::Plan;
use crossfade_core::reason::Reason;
use crossfade_core::time::Time;

use super::known;
use super::truth::{Since, Truth};
use super::{Case, Found, Rule, SAME};
use crate::service::Service;
use crate::world::World;

/// So long it must last (DESIGN, R3).
const LASTS: Duration = Duration::from_secs(3);
/// What is known of loads is a reading old, and the one before it.
const READS: Duration = Duration::from_secs(2);
/// How long things must have been so for every operator to know, and to have forgotten what was before.
const KNOWN: Duration = Duration::from_secs(15);
/// How long it may take until all that fits has moved.
const MOVES: Duration = Duration::from_secs(8);
/// Half, and what counters and the noise of demand may be off by.
const FEW: f64 = 0.42;
const NOT_FEW: f64 = 0.7;
/// So many times its load certainly is enough for a side.
const ENOUGH: f64 = 1.2;
/// Fewer requests per second than this may be none to speak of.
const SOME: f64 = 3.0;

/// What is true of a service's ready pods, by what each is declared to carry.
#[derive(Clone, Debug, Default)]
pub struct Few {
    /// They have been enough.
    enough: Since,
    /// What they could carry when they last certainly were, and when that was.
    was: Option<(f64, Time)>,
    /// They are too few, for certain.
    short: Since,
    /// They are certainly not too few, and most requests are answered.
    well: Since,
}

/// What ready pods can carry, if a plan says so, and where demand is counted.
fn carries(service: &Service, plan: &Plan) -> Option<f64> {
    let counts = matches!(plan.capacity.demand?.from, Source::Route(_));
    let first = plan.capacity.kubernetes.as_ref()?.workloads.first().filter(|_| counts)?;
    Some(f64::from(service.sides[1].ready()) * first.requests_per_second_per_pod)
}

impl Few {
    /// Takes in the step that is over.
    pub fn step(&mut self, service: &Service, plan: &Plan, now: Time) {
        let Some(carries) = carries(service, plan) else {
            *self = Self::default();
            return;
        };
        let [_, load] = service.flow.load;
        self.enough.is(carries >= ENOUGH * load, now);
        if self.enough.lasts(Time::default(), now).is_some_and(|lasts| lasts >= READS * 2) {
            self.was = Some((carries, now));
        }
        let half = self.was.is_some_and(|(was, _)| carries < FEW * was);
        let [legacy_failing, failing] = service.flow.failing;
        // What both fail is no reason to move.
        let legacy_fails = legacy_failing > FEW * service.flow.load[0];
        self.short.is(load >= SOME && half && carries < FEW * load && !legacy_fails, now);
        self.well.is(carries > NOT_FEW * load && failing < FEW * load, now);
    }
}

/// Whoever could see that the pods are too few has left Kubernetes, as far as legacy has room.
pub fn are_left(truth: &Truth, world: &World, found: &mut Found<'_>) {
    let now = world.now;
    let bound = LASTS + READS + truth.step * 3;
    for (index, (known, service)) in truth.services.iter().zip(&world.services).enumerate() {
        let lasts = known.few.short.lasts(Time::default(), now).filter(|lasts| *lasts > bound);
        let (Some(lasts), Some((_, was))) = (lasts, known.few.was) else { continue };
        let from = was - KNOWN;
        let Some(object) = known.asked.last().filter(|_| known.asked_at < from) else { continue };
        let as_set = service.balancers.iter().all(crate::balancer::Balancer::is_as_set);
        if !as_set || !known.known.was_well(from) {
            continue;
        }
        for (number, (replica, process)) in truth.replicas.iter().zip(&world.processes).enumerate() {
            let before = |since: &Since| since.since().is_some_and(|since| since < from);
            let knows = [&replica.awake, &replica.looks].into_iter().all(before)
                && replica.charge.get(index).is_some_and(before)
                && process.unwatched_until < from;
            let mind = process.minds.get(index).filter(|mind| knows && mind.asked == object.asked);
            let Some(state) = mind.map(|mind| mind.engine.state()) else { continue };
            let weight = state.intended.unwrap_or_default();
            if weight <= SAME {
                continue;
            }
            let leaves = state.retreat.as_ref().is_some_and(|retreat| retreat.guard.is_none());
            let room = known.known.room().lasts(was, now).is_some_and(|room| room > MOVES);
            let stays = room && !known::is_blind(&object.plan) && lasts > bound + MOVES;
            if !leaves || stays {
                let carries = carries(service, &object.plan);
                found(
                    Rule::R3,
                    index,
                    Some(number),
                    format!(
                        "for {lasts:?} ready pods carry {carries:?} of {:?} requests/s, and it stands at {weight} %, \
                         retreat {:?}",
                        service.flow.load, state.retreat
                    ),
                );
                return;
            }
        }
    }
}

/// Nobody leaves a Kubernetes that has pods enough, and answers.
pub fn are_missing(case: &Case<'_>) -> Option<String> {
    let decided = case.decided;
    let state = decided.after.state();
    let step = state.history.back().filter(|step| step.at == decided.clock)?;
    if step.reason != Reason::KubernetesFailing || decided.before?.history.back() == Some(step) {
        return None;
    }
    let seen = decided.after.seen();
    // Without a server in some load balancer it fails in another way.
    if seen.instances.iter().any(|seen| seen.reading.as_ref().is_none_or(|(_, it)| it.kubernetes_up == 0)) {
        return None;
    }
    // What is known a moment ago.
    let told = seen.figures.measured.get(&Figure::Ready(0));
    if told.is_some_and(|(at, _)| decided.clock.since(*at) > case.truth.step) {
        return None;
    }
    let known = case.truth.services.get(decided.service)?;
    let from = decided.now - KNOWN;
    let well = known.few.well.since().filter(|since| *since < from && known.asked_at < from)?;
    known.known.was_well(from).then(|| {
        let lasts = decided.now.since(well);
        format!("leaves Kubernetes, whose pods have been enough, and have answered, for {lasts:?}")
    })
}
