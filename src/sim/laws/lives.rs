//! Liveness: what can go on goes on. After the last fault a plan completes within a bound, or what it
//! waits for is something that lasts: a person, a guard, a cooldown.

use std::time::Duration;

use crossfade_core::guard::Level;
use crossfade_core::reason::Reason;
use crossfade_core::report::Phase;

use super::truth::Truth;
use super::{Found, Rule, SAME, bounds};
use crate::balancer::Balancer;
use crate::scenario::Scenario;
use crate::world::World;

/// What is known of a run beforehand.
#[derive(Clone, Debug)]
pub struct Lives {
    replicas: usize,
}

impl Lives {
    pub fn new(scenario: &Scenario) -> Self {
        Self { replicas: scenario.replicas }
    }

    /// At the end of the run.
    pub fn step(&self, truth: &Truth, world: &World, found: &mut Found<'_>) {
        if !world.is_over() || self.replicas == 0 {
            return;
        }
        let Some(quiet) = truth.quiet.map(|quiet| world.now.since(quiet)) else { return };
        // One that dies after its next actions may take its time.
        let awake = truth.replicas.iter().map(|replica| replica.awake.since());
        let awake = awake.map(|since| since.map_or(Duration::ZERO, |since| world.now.since(since)));
        let quiet = quiet.min(awake.min().unwrap_or_default());
        let objects = || world.api.objects.iter();
        let settled = objects().map(|object| bounds::settle(&object.plan)).max().unwrap_or_default();
        // Plans that share a database go one after the other.
        let completed: Duration = objects().map(|object| bounds::completion(&object.plan)).sum();
        let completed = completed + HELD;
        if quiet <= settled {
            return;
        }
        let Some(holder) = world.holder() else {
            found(Rule::Lives, 0, None, format!("{quiet:?} after the last fault no replica holds the lease"));
            return;
        };
        let clock = holder.clock(world.now);
        for (index, mind) in holder.minds.iter().enumerate() {
            let report = mind.engine.report(clock);
            let reasons: Vec<Reason> = report.blocked_by.iter().map(|blocker| blocker.reason).collect();
            let lasts = reasons.iter().any(|reason| is_lasting(*reason)) || tripped(mind);
            // A pool without servers, or with others than it was set with, has a share of its own.
            let as_set = world
                .services
                .get(index)
                .is_none_or(|service| service.balancers.iter().all(Balancer::is_as_set));
            let lasts = lasts || (!as_set && reasons.contains(&Reason::OutOfSync));
            // One that stands too low rises when there is room, which the highest demand may have taken until now.
            let intended = mind.engine.state().intended.unwrap_or_default();
            let too_high = |balancer: &Balancer| balancer.weight() > intended.plus(SAME);
            let any_too_high =
                world.services.get(index).is_none_or(|service| service.balancers.iter().any(too_high));
            let held = |reason: Reason| {
                let promises = mind.engine.plan().capacity.legacy.is_some();
                reason == Reason::OutOfSync && promises && quiet <= settled + HELD && !any_too_high
            };
            let lasts = lasts || reasons.iter().any(|reason| held(*reason));
            let stuck = reasons.iter().find(|reason| ends_soon(**reason));
            if !lasts && let Some(stuck) = stuck {
                found(
                    Rule::Lives,
                    index,
                    Some(holder.number()),
                    format!("{quiet:?} after the last fault it waits for {stuck}: {:?}", report.blocked_by),
                );
                return;
            }
            if !lasts && reasons.is_empty() && report.phase != Phase::Completed && quiet > completed {
                found(
                    Rule::Lives,
                    index,
                    Some(holder.number()),
                    format!("{quiet:?} after the last fault it is {}", report.phase.name()),
                );
                return;
            }
            if !lasts
                && quiet > completed
                && report.phase != Phase::Completed
                && !reasons.contains(&Reason::BaselineLearning)
            {
                found(
                    Rule::Lives,
                    index,
                    Some(holder.number()),
                    format!(
                        "{quiet:?} after the last fault it is still {}: {reasons:?}",
                        report.phase.name()
                    ),
                );
                return;
            }
            let Some(service) = world.services.get(index).filter(|_| !lasts) else { continue };
            let moving = mind.engine.state().raise.is_some();
            if let Some(off) = service.balancers.iter().find(|balancer| {
                balancer.is_as_set() && balancer.weight().distance(intended) > SAME && !moving
            }) {
                found(
                    Rule::Lives,
                    index,
                    Some(holder.number()),
                    format!(
                        "{quiet:?} after the last fault a load balancer stands at {} % instead of {intended} %",
                        off.weight()
                    ),
                );
                return;
            }
        }
    }
}

/// How long the highest demand of the last minutes may keep a plan from going on.
const HELD: Duration = Duration::from_mins(6);

/// What a person must end, or what lasts longer than most runs.
fn is_lasting(reason: Reason) -> bool {
    matches!(
        reason,
        Reason::InvalidSpec
            | Reason::AwaitingApproval
            | Reason::TargetStageReached
            | Reason::AwaitingPeak
            | Reason::Balancing
            | Reason::PausedBySpec
            | Reason::Held
            | Reason::GuardPaused
            | Reason::GuardRollback
            | Reason::Cooldown
            | Reason::BaselineLearning
            | Reason::RollbackByHand
            | Reason::LoweredByHand
            | Reason::Drift
            | Reason::PredictionWrong
            | Reason::TargetStageLowered
            | Reason::CapacityShort
            | Reason::LegacyFull
    )
}

/// What ends by itself soon after the last fault.
fn ends_soon(reason: Reason) -> bool {
    matches!(
        reason,
        Reason::ReadingRoutes
            | Reason::DataUnknown
            | Reason::DatabaseDown
            | Reason::RouteFailing
            | Reason::OutOfSync
            | Reason::NotLeader
            | Reason::Recording
    )
}

fn tripped(mind: &crate::mind::Mind) -> bool {
    mind.engine.state().guards.values().any(|guard| guard.level != Level::Clear)
}
