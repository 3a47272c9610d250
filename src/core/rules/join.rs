//! An instance that does not stand at the plan's weight (new, found elsewhere, or reloaded) joins:
//! raised under R1, or lowered as in a retreat, at most `maxStep` every `every`.

use crate::plan::InstanceIndex;
use crate::reason::Reason;
use crate::route::{Outcome, Purpose};
use crate::rules::{capacity, last_holder, obstacles};
use crate::turn::{Turn, above, below, same};
use crate::weight::Weight;

/// Brings every joining instance a step nearer.
pub fn step(turn: &mut Turn) {
    if !turn.state.volatile.settled {
        return;
    }
    for (instance, key) in turn.instances() {
        if !turn.is_joined(instance) || leaves_if_below(turn, instance) {
            join(turn, instance, key);
        }
    }
    turn.forget_strangers();
}

/// One that was away while the others moved, or was given up in a raise, is brought along again.
fn leaves_if_below(turn: &mut Turn, instance: InstanceIndex) -> bool {
    let below = turn.reading(instance).is_some_and(|reading| {
        let ours = turn.ours(instance);
        below(reading.weight, turn.intended())
            && ours.is_none_or(|ours| ours.setting == reading.setting && same(ours.weight, reading.weight))
    });
    let ordered = turn.order(instance).is_some_and(|order| {
        order.weight == turn.intended() && !matches!(order.outcome, Outcome::Failed { .. })
    });
    let leaves = below && !ordered && turn.state.raise.is_none() && turn.pending(instance).is_none();
    if leaves {
        turn.leave(instance);
        turn.record();
    }
    leaves
}

fn join(turn: &mut Turn, instance: InstanceIndex, key: &str) {
    let Some(reading) = turn.reading(instance) else { return };
    let intended = turn.intended();
    // A raise that has become one too high is not waited for.
    if turn.pending(instance).is_some_and(|order| order.purpose != Purpose::Raise || order.weight <= intended)
    {
        return;
    }
    let arrived = match turn.order(instance) {
        Some(order) if order.weight == intended => {
            matches!(&order.outcome, Outcome::Done(done) if done.setting == reading.setting)
        }
        _ => same(reading.weight, intended),
    };
    if arrived {
        turn.join(instance, reading);
        turn.record();
        return;
    }
    let last = turn.order(instance).map(|order| order.at);
    let lowers = reading.weight > intended || turn.pending(instance).is_some();
    let follows_a_raise = turn.order(instance).is_some_and(|order| order.purpose == Purpose::Raise);
    if !(turn.is_due(last, turn.plan.rollback.every) || lowers && follows_a_raise) {
        return;
    }
    let step = if lowers { fits(turn) } else { turn.plan.rollback.max_step };
    if lowers && last_holder::may_lower(turn) {
        capacity::look(turn, step);
        let to = reading.weight.minus(step).max(intended).min(reading.weight);
        if same(to, reading.weight) && to > intended {
            return;
        }
        turn.write(instance, to, Purpose::Retreat);
    } else if !lowers && may_rise(turn) {
        turn.write(instance, reading.weight.plus(step).min(intended), Purpose::Raise);
    } else {
        return;
    }
    if last.is_none() {
        let found = reading.weight;
        turn.tell(Reason::Joining, format!("{key} stands at {found} % and is brought to {intended} %"));
    }
}

/// How far each instance that stands too high may fall now.
fn fits(turn: &Turn) -> Weight {
    let falling = (0..turn.seen.instances.len()).filter(|instance| stands_too_high(turn, *instance));
    capacity::fits_each(turn, falling.count())
}

fn stands_too_high(turn: &Turn, instance: InstanceIndex) -> bool {
    let stands = turn.reading(instance).map(|reading| reading.weight);
    !turn.is_joined(instance) && stands.is_some_and(|stands| above(stands, turn.intended()))
}

/// The first instance that stands too high and does not come down, since legacy can take nothing more.
pub fn stays_too_high(turn: &Turn) -> Option<InstanceIndex> {
    let mut high = (0..turn.seen.instances.len()).filter(|instance| stands_too_high(turn, *instance));
    let first = high.next()?;
    let last = turn.order(first).map(|order| order.at);
    capacity::is_short(turn, fits(turn), last).then_some(first)
}

/// Whether an instance may be raised to where the others stand: the record says where that is.
fn may_rise(turn: &Turn) -> bool {
    turn.is_recorded() && obstacles::general(turn).next().is_none()
}
