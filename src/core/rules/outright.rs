//! R3's fast path: a Kubernetes side that fails outright is left at once, as far as legacy has room. That
//! is a breach by itself, whatever guards, cooldown and `maxStep` say.

use std::time::Duration;

use crate::ready::Now;
use crate::reason::Reason;
use crate::rules::{capacity, retreat};
use crate::turn::{ROUTE_STALE, SAME, Turn};
use crate::weight::Weight;

/// For so long over half of its requests must fail.
pub const LASTS: Duration = Duration::from_secs(5);
/// For so long its pods must be too few: a rolling update may leave a gap.
pub const FEW_LAST: Duration = Duration::from_secs(3);

/// How Kubernetes fails.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Failing {
    /// None of its servers is up: no load balancer sends it anything.
    NoServer,
    /// Of its ready pods so many are gone that the rest can carry less than half of what they are asked for.
    Pods(Now),
    /// Over half of its requests fail, and less than half of legacy's.
    Requests,
}

/// Whether, and how, Kubernetes fails outright by fresh data.
pub fn failing(turn: &Turn) -> Option<Failing> {
    if is_without_servers(turn) {
        return Some(Failing::NoServer);
    }
    let figures = &turn.seen.figures;
    if let Some(pods) = too_few_pods(turn) {
        return Some(Failing::Pods(pods));
    }
    let fresh = figures.load.is_some_and(|(at, _)| turn.now.since(at) <= ROUTE_STALE);
    let lasts = figures.failing_since.is_some_and(|since| turn.now.since(since) >= LASTS);
    (fresh && lasts).then_some(Failing::Requests)
}

/// The ready pods, where they are too few for long enough; once Kubernetes is left, until they are enough again.
/// While legacy fails over half of its requests too, moving does not help.
fn too_few_pods(turn: &Turn) -> Option<Now> {
    let figures = &turn.seen.figures;
    if figures.load.is_some_and(|(_, load)| load.legacy.mostly_fails()) {
        return None;
    }
    let few = figures.ready.few_since.is_some_and(|since| turn.now.since(since) >= FEW_LAST);
    if !few && !is_left(turn) {
        return None;
    }
    let now = figures.ready_now(&turn.plan.capacity, turn.now);
    now.filter(|now| few || figures.ready.is_still_few(now))
}

/// Whether the retreat under way is one from a Kubernetes that fails.
fn is_left(turn: &Turn) -> bool {
    turn.state.retreat.as_ref().is_some_and(|retreat| retreat.guard.is_none())
}

/// Every load balancer that has stood at the plan's weight sees no Kubernetes server up, and a legacy one.
fn is_without_servers(turn: &Turn) -> bool {
    let mut joined = (0..turn.seen.instances.len()).filter(|instance| turn.is_joined(*instance)).peekable();
    let without = |instance: usize| {
        let reading = turn.reading(instance);
        reading.is_some_and(|reading| reading.kubernetes_up == 0 && reading.legacy_up > 0)
    };
    joined.peek().is_some() && joined.all(without)
}

/// Leaves Kubernetes; whether it fails.
pub fn leave(turn: &mut Turn) -> bool {
    let Some(failing) = failing(turn) else { return false };
    if turn.intended() == Weight::ZERO {
        // It is left, and stays so until it no longer fails.
        return is_left(turn);
    }
    let why = match failing {
        Failing::NoServer => "no Kubernetes server is up".into(),
        Failing::Pods(now) => now.to_string(),
        Failing::Requests => "over half of the requests to Kubernetes fail".into(),
    };
    retreat::begin_outright(turn, &why);
    let fits = match failing {
        // Nothing moves by it: legacy has it all.
        Failing::NoServer => Weight::FULL,
        Failing::Pods(_) | Failing::Requests => capacity::fits_at_once(turn),
    };
    if fits > SAME {
        retreat::fall(turn, turn.intended().minus(fits), Reason::KubernetesFailing);
    }
    // Where nothing is known of legacy, what has fallen counts for a while.
    let every = turn.plan.rollback.every;
    let counts = turn.state.history.iter().map(|step| step.at + every).filter(|until| *until > turn.now);
    if let Some(until) = counts.min() {
        turn.wake(until);
    }
    true
}
