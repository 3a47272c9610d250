//! Brings every joined instance to the plan's weight: the one place that turns an intention into
//! writes.
//!
//! Down at once, whatever else happens; up only as a part of a recorded raise.

use std::time::Duration;

use crate::plan::InstanceIndex;
use crate::route::{Outcome, Purpose};
use crate::rules::{last_holder, obstacles};
use crate::turn::{Turn, above, same};
use crate::weight::Weight;

/// How long after a failed write the same is tried again.
const RETRY: Duration = Duration::from_secs(1);

/// Orders what is missing.
pub fn write(turn: &mut Turn) {
    if !turn.state.volatile.settled || !last_holder::may_lower(turn) {
        return;
    }
    let intended = turn.intended();
    for instance in 0..turn.seen.instances.len() {
        if !turn.is_joined(instance) || !is_missing(turn, instance, intended) {
            continue;
        }
        let stands = last_read(turn, instance).unwrap_or(intended);
        let rises = stands < intended;
        // Something is on its way: it is for more than is wanted, or nothing would be missing.
        if !rises || turn.pending(instance).is_some() {
            // A retreat raises nobody: what stands lower stays there.
            turn.write(instance, intended.min(stands), Purpose::Retreat);
        } else if turn.state.raise.is_some_and(|raise| raise.to == intended)
            && obstacles::general(turn).next().is_none()
        {
            turn.write(instance, intended, Purpose::Raise);
        }
    }
}

/// Whether the newest order asks for something else than `intended`, or failed a while ago.
fn is_missing(turn: &mut Turn, instance: InstanceIndex, intended: Weight) -> bool {
    if let Some(weight) = turn.written(instance) {
        return weight > intended;
    }
    let Some(order) = turn.order(instance) else {
        // What others did to it since is for the drift rules to answer.
        return turn.ours(instance).is_some_and(|ours| !same(ours.weight, intended));
    };
    match order.outcome {
        Outcome::Failed { at } => order.weight > intended || turn.is_due(Some(at), RETRY),
        // A write upwards waits until the one before it is answered; one downwards does not.
        Outcome::Pending => order.weight > intended,
        // A step of a retreat is for those too that others have raised since.
        Outcome::Done(_) => order.weight != intended || (steps_back(turn) && stands_above(turn, instance)),
    }
}

/// Where an instance stood when it was last read, however long ago.
fn last_read(turn: &Turn, instance: InstanceIndex) -> Option<Weight> {
    let (_, reading) = turn.seen.instances.get(instance)?.reading.as_ref()?;
    Some(reading.weight)
}

/// Whether a guard's retreat took a step in this turn.
fn steps_back(turn: &Turn) -> bool {
    turn.state.retreat.is_some() && turn.state.last_step == Some(turn.now)
}

fn stands_above(turn: &Turn, instance: InstanceIndex) -> bool {
    let intended = turn.intended();
    last_read(turn, instance).is_some_and(|stands| above(stands, intended))
}
