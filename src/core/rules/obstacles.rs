//! R1 and R13: what keeps the weight from rising. Nothing rises while the list is not empty, and
//! `blockedBy` shows this very list.

use std::time::Duration;

use crate::guard::Unknown;
use crate::plan::InstanceIndex;
use crate::route::Outcome;
use crate::rules::capacity::{self, Shortage};
use crate::rules::outright::{self, Failing};
use crate::rules::{join, whose};
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
    /// The surge of a database (its place in the plan) is not Kubernetes', or that is being found out.
    Surge(usize),
    /// A retreat was less than a cooldown ago.
    Cooldown(Time),
    /// `targetStage` lies below the weight or the stage.
    TargetLowered,
    /// An instance cannot be read or written, or was not read for too long.
    RouteFailing(InstanceIndex),
    /// An instance does not stand at the plan's weight.
    OutOfSync(InstanceIndex),
    /// An instance stands above the plan's weight, and legacy can take nothing more.
    TooHigh(InstanceIndex),
    /// Another plan that shares a database is raising.
    AnotherRaising,
    /// Capacity is short of what the present weight asks for, or of what the next would.
    Short(Shortage),
    /// Kubernetes fails outright.
    Failing(Failing),
    /// A retreat is under way, and legacy can take nothing more.
    Full,
}

/// Everything that keeps the weight from rising, the gravest first.
pub fn all(turn: &Turn) -> impl Iterator<Item = Obstacle> {
    general(turn).chain(join::stays_too_high(turn).map(Obstacle::TooHigh)).chain(routes(turn))
}

/// The obstacles that lie outside the routes; an instance that lags behind may rise without them.
pub fn general(turn: &Turn) -> impl Iterator<Item = Obstacle> {
    let (state, seen) = (&*turn.state, turn.seen);
    let surges = turn.plan.databases.iter().enumerate().filter_map(move |(place, database)| {
        state.surges.get(&database.name).filter(|surge| !surge.whose.permits())?;
        Some(Obstacle::Surge(place))
    });
    let guards = seen.judgements.iter().enumerate().filter_map(move |(place, (key, judgement))| {
        if state.is_tripped(key) {
            Some(Obstacle::Tripped(place))
        } else {
            judgement.unknown.is_some().then_some(Obstacle::Unknown(place))
        }
    });
    let ask = |question: &Question| question(turn);
    FIRST.iter().filter_map(ask).chain(surges).chain(guards).chain(OTHERS.iter().filter_map(ask))
}

/// Whether something stands in the way. Asked when its turn comes: mostly one only wants to know whether there
/// is anything at all.
type Question = fn(&Turn) -> Option<Obstacle>;

/// Before the databases.
const FIRST: [Question; 3] = [
    |turn| when(turn.seen.authority != Authority::Holder, Obstacle::NotLeader),
    retreating,
    |turn| outright::failing(turn).map(Obstacle::Failing),
];

/// After them.
const OTHERS: [Question; 10] = [
    |turn| when(turn.state.halt.is_some(), Obstacle::Halted),
    |turn| when(turn.state.rolled_back_by_hand.is_some(), Obstacle::RolledBackByHand),
    |turn| when(turn.seen.rejected.is_some(), Obstacle::Rejected),
    |turn| when(turn.seen.wishes.hold.is_some(), Obstacle::Held),
    |turn| when(turn.plan.paused, Obstacle::PausedBySpec),
    |turn| turn.state.cooldown_until.filter(|until| *until > turn.now).map(Obstacle::Cooldown),
    |turn| when(!turn.state.volatile.settled, Obstacle::ReadingRoutes),
    |turn| when(is_above_target(turn), Obstacle::TargetLowered),
    |turn| when(turn.seen.others_raising.is_some(), Obstacle::AnotherRaising),
    |turn| capacity::against_staying(turn, turn.intended()).map(Obstacle::Short),
];

fn when(is: bool, obstacle: Obstacle) -> Option<Obstacle> {
    is.then_some(obstacle)
}

fn is_above_target(turn: &Turn) -> bool {
    turn.limit().is_some_and(|weight| turn.intended() > weight)
        || turn.state.stage > Some(turn.plan.furthest())
}

fn retreating(turn: &Turn) -> Option<Obstacle> {
    let retreat = turn.state.retreat.as_ref().filter(|retreat| !retreat.arrived)?;
    if retreat.guard.as_ref().is_some_and(|guard| !whose::permits(turn, guard)) {
        return None;
    }
    Some(if capacity::is_full(turn) { Obstacle::Full } else { Obstacle::Retreating })
}

/// The obstacles on the routes.
pub fn routes(turn: &Turn) -> impl Iterator<Item = Obstacle> {
    (0..turn.seen.instances.len()).filter_map(|instance| {
        if turn.reading(instance).is_none() {
            Some(Obstacle::RouteFailing(instance))
        } else if !turn.is_joined(instance) || !in_sync(turn, instance) {
            Some(Obstacle::OutOfSync(instance))
        } else {
            None
        }
    })
}

/// Whether an instance was read as this plan last set it, at the weight that is intended.
pub fn in_sync(turn: &Turn, instance: InstanceIndex) -> bool {
    let Some(reading) = turn.reading(instance) else { return false };
    let Some(intended) = turn.state.intended else { return false };
    let ours = turn.ours(instance).filter(|ours| ours.setting == reading.setting);
    let Some(ours) = ours else { return false };
    // Without an order it is what was found at the plan's weight; servers may have gone since.
    let asked = turn.order(instance).map_or(same(ours.weight, intended), |order| {
        // One that is too high is written again, however little.
        let asked = order.weight <= intended && same(order.weight, intended);
        asked && matches!(order.outcome, Outcome::Done(_))
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
