//! Who may write: the last holder of the lease brakes while the API server gives no answer, and
//! does nothing else. Another may be braking at the same time.

use crate::reason::Reason;
use crate::rules::drift;
use crate::seen::Authority;
use crate::turn::{Turn, below};

/// Whether this replica may lower a weight now: the last holder only as a part of a guard's retreat.
pub fn may_lower(turn: &Turn) -> bool {
    turn.seen.authority == Authority::Holder || turn.state.retreat.is_some()
}

/// Any fall that is read back counts as a step of its own.
pub fn notice_falls(turn: &mut Turn) {
    if turn.seen.authority != Authority::LastHolder || !turn.state.volatile.settled {
        return;
    }
    for (instance, key) in turn.instances() {
        drift::remember(turn, instance, key);
        if turn.pending(instance).is_some() || !turn.is_joined(instance) {
            continue;
        }
        let Some(reading) = turn.reading(instance) else { continue };
        let Some(ours) = turn.ours(instance) else { continue };
        let fell = reading.setting != ours.setting && below(reading.weight, ours.weight);
        if fell && reading.weight < turn.intended() {
            turn.move_to(reading.weight, Reason::Adopted);
            turn.fall_back_to_stage();
            if let Some(retreat) = turn.state.retreat.as_mut() {
                retreat.arrived = reading.weight <= retreat.target;
            }
        }
        if fell {
            turn.set_ours(instance, reading.clone());
        }
    }
}
