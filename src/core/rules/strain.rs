//! R3's last word has legacy itself: a retreat that makes it fail its requests stands, as one that no longer
//! fits. Where nobody measures what legacy can carry, it is asked gently: nobody can take a step back.

use std::time::Duration;

use crate::capacity::Source;
use crate::plan::When;
use crate::spare::BLIND_STEP;
use crate::state::Strain;
use crate::turn::{ROUTE_STALE, Turn};
use crate::weight::Weight;

/// Legacy fails by the retreat if it fails this share of its requests more than before.
const FAILS: f64 = 0.01;
/// The largest first step towards a legacy that nobody measures.
const FIRST: Weight = Weight::from_hundredths(2_500);
/// So long it takes a legacy that nobody measures to show whether it carries a step: requests queue, caches fill.
pub const SHOWS: Duration = Duration::from_secs(30);

/// The share of its requests that legacy fails, where that is its own: what fails for both alike is the
/// database's.
fn own_failures(turn: &Turn) -> Option<f64> {
    let (_, load) = turn.seen.figures.split.filter(|(at, _)| turn.now.since(*at) <= ROUTE_STALE)?;
    Some(if load.legacy.fails_alone(&load.kubernetes) { load.legacy.failing() } else { 0.0 })
}

/// Sees whether legacy fails by the retreat under way.
pub fn look(turn: &mut Turn) {
    let Some(strain) = turn.state.strain else { return };
    if own_failures(turn).is_some_and(|share| share > strain.before + FAILS) {
        turn.state.volatile.strained = Some(turn.now);
        if strain.seen.is_none() {
            turn.state.strain = Some(Strain { seen: Some(turn.now), ..strain });
            turn.record();
        }
    }
    if let Some(at) = turn.state.volatile.strained {
        turn.wake(at + SHOWS);
    }
}

/// A step of a guard's retreat is taken.
pub fn stepped(turn: &mut Turn) {
    let before = own_failures(turn).filter(|_| turn.plan.rollback.when == When::Attributed);
    turn.state.strain = before.map(|before| Strain { before, seen: None }).or(turn.state.strain);
}

/// Whether the retreat under way stands, because legacy failed by it: while it does and for a while after
/// (what it fails comes and goes), or until its end where nobody measures what legacy can carry.
pub fn stands(turn: &Turn) -> bool {
    let Some(strain) = turn.state.strain.filter(|strain| strain.seen.is_some()) else { return false };
    let a_while_ago = turn.state.volatile.strained.is_none_or(|at| turn.now.since(at) >= SHOWS);
    let over = || own_failures(turn).is_some_and(|share| share <= strain.before + FAILS / 2.0);
    turn.state.retreat.is_some() && !(is_measured(turn) && a_while_ago && over())
}

/// Whether it is measured, and not only said, what legacy can carry.
fn is_measured(turn: &Turn) -> bool {
    let source = turn.plan.capacity.legacy.map(|legacy| legacy.capacity);
    matches!(source, Some(Source::Route(_) | Source::Measured))
}

/// How long after a step of the retreat the next may follow.
pub fn every(turn: &Turn) -> Duration {
    let every = turn.plan.rollback.every;
    let gently = turn.plan.rollback.when == When::Attributed && !is_measured(turn);
    if gently && has_stepped(turn) { every.max(SHOWS) } else { every }
}

/// The most that a step of the retreat may be.
pub fn most(turn: &Turn) -> Weight {
    if stands(turn) {
        Weight::ZERO
    } else if turn.plan.rollback.when == When::Always || is_measured(turn) {
        Weight::FULL
    } else if has_stepped(turn) {
        BLIND_STEP
    } else {
        FIRST
    }
}

/// Whether the retreat under way has taken its first step.
fn has_stepped(turn: &Turn) -> bool {
    let since = turn.state.retreat.as_ref().map(|retreat| retreat.since);
    let step = turn.state.history.iter().rfind(|step| step.to < step.from);
    since.zip(step).is_some_and(|(since, step)| step.at >= since)
}
