//! Brings every joined instance to the plan's weight: the one place that turns an intention into
//! writes.
//!
//! Down at once, whatever else happens; up only as a part of a recorded raise.

use std::time::Duration;

use crate::plan::InstanceIndex;
use crate::route::{Outcome, Purpose};
use crate::rules::obstacles;
use crate::turn::{Turn, same};
use crate::weight::Weight;

/// How long after a failed write the next is tried.
const RETRY: Duration = Duration::from_secs(1);

/// Orders what is missing.
pub fn write(turn: &mut Turn) {
    if !turn.state.volatile.settled {
        return;
    }
    let intended = turn.intended();
    for (instance, key) in turn.instances() {
        if turn.has_written(instance)
            || !turn.state.joined.contains(key)
            || !is_missing(turn, instance, intended)
        {
            continue;
        }
        let stands = turn.seen.instances.get(instance).and_then(|seen| seen.reading.as_ref());
        let rises = stands.is_some_and(|(_, reading)| reading.weight < intended)
            && turn.pending(instance).is_none_or(|order| order.weight < intended);
        if !rises {
            turn.write(instance, intended, Purpose::Retreat);
        } else if turn.state.raise.is_some_and(|raise| raise.to == intended)
            && obstacles::general(turn).is_empty()
        {
            turn.write(instance, intended, Purpose::Raise);
        }
    }
}

/// Whether the newest order does not ask for `intended`, or failed a while ago.
fn is_missing(turn: &mut Turn, instance: InstanceIndex, intended: Weight) -> bool {
    let Some(order) = turn.order(instance) else {
        return turn.reading(instance).is_some_and(|reading| !same(reading.weight, intended));
    };
    match order.outcome {
        Outcome::Failed { at } => turn.is_due(Some(at), RETRY),
        // A write upwards waits until the one before it is answered; one downwards does not.
        Outcome::Pending => order.weight > intended,
        Outcome::Done(_) => order.weight != intended,
    }
}
