//! What a process does with what it finds (R8).
//!
//! A plan without status adopts: it writes nothing and takes the first instance's weight for its
//! own; once that is stored, it goes on as a restarted one. A restarted one compares: the weight
//! read back is the truth.

use crate::reason::Reason;
use crate::seen::Authority;
use crate::turn::{Turn, above, below, same};

/// Adopts or compares, once all that can be read has been read.
pub fn settle(turn: &mut Turn) {
    if turn.state.volatile.settled {
        return;
    }
    if turn.state.intended.is_some() {
        compare(turn);
    } else if turn.seen.authority == Authority::Holder {
        adopt(turn);
    }
}

fn adopt(turn: &mut Turn) {
    let Some(found) = turn.reading(0).map(|reading| reading.weight) else { return };
    let everything_answered = (0..turn.seen.instances.len()).all(|instance| answered(turn, instance));
    if !everything_answered {
        return;
    }
    turn.state.intended = Some(found);
    turn.state.stage = turn.plan.stage_at(found);
    turn.state.stage_since = turn.now;
    turn.soak_anew();
    // Stages below were passed by whoever set this weight: a retreat may stop there.
    let below = turn.plan.stages.iter().filter(|stage| stage.weight < found);
    turn.state.proven = below.map(|stage| stage.name.clone()).collect();
    turn.state.volatile.adopting = true;
    turn.record();
    turn.tell(Reason::Adopted, format!("took over the weight that was found: {found} %"));
}

/// Compares what was stored with what is read; only instances that had joined are evidence.
fn compare(turn: &mut Turn) {
    if turn.state.volatile.adopting && !turn.seen.recorded {
        return;
    }
    turn.state.volatile.adopting = false;
    let joined: Vec<usize> =
        (0..turn.seen.instances.len()).filter(|instance| turn.is_joined(*instance)).collect();
    if !joined.iter().all(|instance| answered(turn, *instance)) {
        return;
    }
    turn.state.volatile.settled = true;
    let weights =
        || joined.iter().filter_map(|instance| turn.reading(*instance)).map(|reading| reading.weight);
    let (lowest, highest) = (weights().min(), weights().max());
    if let Some(raise) = turn.state.raise {
        // Something that stands below where it began was lowered by somebody: there is no raise.
        let begun = highest.is_some_and(|highest| above(highest, raise.from))
            && !lowest.is_some_and(|lowest| below(lowest, raise.from));
        // Begun: it is completed if R1 holds, else what stands higher is taken back step by step.
        turn.state.intended = Some(if begun { raise.to } else { raise.from });
        if !begun {
            turn.state.raise = None;
        }
        turn.record();
        if begun {
            turn.state.volatile.raise_in_doubt = true;
            for instance in joined {
                if let Some(reading) = turn.reading(instance) {
                    turn.set_ours(instance, reading.clone());
                } else {
                    turn.leave(instance);
                }
            }
            return;
        }
    }
    let intended = turn.intended();
    if let Some(lowest) = lowest.filter(|lowest| below(*lowest, intended)) {
        turn.move_to(lowest, Reason::Adopted);
        turn.fall_back_to_stage();
        turn.tell(
            Reason::Adopted,
            format!("a route was found at {lowest} %, below the stored {intended} %: taken over"),
        );
    }
    for instance in joined {
        let off = turn.reading(instance).is_none_or(|reading| !same(reading.weight, turn.intended()));
        if off {
            turn.leave(instance);
            turn.record();
        } else if let Some(reading) = turn.reading(instance) {
            turn.set_ours(instance, reading.clone());
        }
    }
}

/// Whether an instance has said something since this replica may write, be it an error.
fn answered(turn: &Turn, instance: usize) -> bool {
    turn.seen.instances.get(instance).is_some_and(|seen| seen.reading.is_some() || seen.failing.is_some())
}
