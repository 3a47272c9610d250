//! R1 and R13: what keeps the weight from rising. Nothing rises while the list is not empty, and
//! `blockedBy` shows this very list.

use std::time::Duration;

use crate::guard::{Level, Unknown};
use crate::plan::InstanceIndex;
use crate::route::Outcome;
use crate::seen::Authority;
use crate::time::Time;
use crate::turn::{Turn, same};

/// Unknown data pauses the plan after this long (R5).
pub const BLIND: Duration = Duration::from_mins(1);

/// Something that keeps the weight from rising.
#[derive(Clone, Debug, PartialEq)]
pub enum Obstacle {
    /// Not adopted, or not compared with what is found, yet.
    ReadingRoutes,
    /// This replica may not write.
    NotLeader,
    /// The newest spec was not accepted.
    Rejected,
    /// A person walked the plan back; `resume` ends it.
    RolledBackByHand,
    /// Drift; `resume` ends it.
    Halted,
    /// `spec.paused`.
    PausedBySpec,
    /// The annotation `hold`.
    Held,
    /// A guard (its place in [`crate::seen::Seen::judgements`]) is tripped.
    Tripped(usize),
    /// A guard's data is unknown.
    Unknown(usize),
    /// A retreat is under way.
    Retreating,
    /// A retreat was less than a cooldown ago.
    Cooldown(Time),
    /// `targetStage` lies below the weight or the stage.
    TargetLowered,
    /// An instance cannot be read or written, or was not read for too long.
    RouteFailing(InstanceIndex),
    /// An instance does not stand at the plan's weight.
    OutOfSync(InstanceIndex),
    /// Another plan that shares a database is raising.
    AnotherRaising,
}

/// Everything that keeps the weight from rising, the gravest first.
pub fn all(turn: &Turn) -> Vec<Obstacle> {
    let mut found = general(turn);
    found.extend(routes(turn));
    found
}

/// The obstacles that lie outside the routes; an instance that lags behind may rise without them.
pub fn general(turn: &Turn) -> Vec<Obstacle> {
    let (state, seen, plan) = (&turn.state, turn.seen, turn.plan);
    let mut found = Vec::new();
    let mut add = |is: bool, obstacle: Obstacle| {
        if is {
            found.push(obstacle);
        }
    };
    add(seen.authority != Authority::Holder, Obstacle::NotLeader);
    add(state.retreat.as_ref().is_some_and(|retreat| !retreat.arrived), Obstacle::Retreating);
    for (place, (key, judgement)) in seen.judgements.iter().enumerate() {
        let tripped = state.guards.get(key).is_some_and(|guard| guard.level != Level::Clear);
        add(tripped, Obstacle::Tripped(place));
        add(judgement.unknown.is_some() && !tripped, Obstacle::Unknown(place));
    }
    add(state.halt.is_some(), Obstacle::Halted);
    add(state.rolled_back_by_hand.is_some(), Obstacle::RolledBackByHand);
    add(seen.rejected.is_some(), Obstacle::Rejected);
    add(seen.wishes.hold.is_some(), Obstacle::Held);
    add(plan.paused, Obstacle::PausedBySpec);
    if let Some(until) = state.cooldown_until.filter(|until| *until > turn.now) {
        add(true, Obstacle::Cooldown(until));
    }
    add(!state.volatile.settled, Obstacle::ReadingRoutes);
    let furthest = plan.stages.get(plan.furthest()).map(|stage| stage.weight);
    let above = furthest.is_some_and(|furthest| turn.intended() > furthest);
    add(above || state.stage > Some(plan.furthest()), Obstacle::TargetLowered);
    add(seen.others_raising.is_some(), Obstacle::AnotherRaising);
    found
}

/// The obstacles on the routes.
pub fn routes(turn: &Turn) -> Vec<Obstacle> {
    let mut found = Vec::new();
    for (instance, key) in turn.instances() {
        if turn.reading(instance).is_none() {
            found.push(Obstacle::RouteFailing(instance));
        } else if !turn.state.joined.contains(key) || !in_sync(turn, instance, key) {
            found.push(Obstacle::OutOfSync(instance));
        }
    }
    found
}

/// Whether an instance was read as this plan last set it, at the weight that is intended.
pub fn in_sync(turn: &Turn, instance: InstanceIndex, key: &str) -> bool {
    let Some(reading) = turn.reading(instance) else { return false };
    let Some(intended) = turn.state.intended else { return false };
    let ours = turn.state.volatile.ours.get(key);
    let Some(ours) = ours.filter(|ours| ours.setting == reading.setting) else { return false };
    // Without an order it is what was found at the plan's weight; servers may have gone since.
    let asked = turn.order(instance).map_or(same(ours.weight, intended), |order| {
        order.weight == intended && matches!(order.outcome, Outcome::Done(_))
    });
    asked && turn.written(instance).is_none()
}

/// Whether an unknown is long enough, or of a kind, to pause the plan.
pub fn pauses(unknown: &Unknown, now: Time) -> bool {
    match unknown {
        Unknown::Stale { since } => now.since(*since) >= BLIND,
        Unknown::Down { .. } | Unknown::Returning { .. } => true,
        Unknown::Young { .. } | Unknown::Learning { .. } => false,
    }
}
