//! A person's wish to go back: the command `rollback`, or a lowered `targetStage`.
//!
//! Walks as a retreat does, as far as legacy can carry it (R3), without its cooldown. `paused` and
//! `hold` stop the latter, not the former; so does a surge that is not Kubernetes' (R4).

use crate::reason::Reason;
use crate::rules::{capacity, whose};
use crate::turn::{SAME, Turn};
use crate::weight::Weight;

/// Where a person wants the weight to go back to, and why; `None` if nowhere lower.
pub fn target(turn: &Turn) -> Option<(Weight, Reason)> {
    let by_hand = turn.state.rolled_back_by_hand.as_ref().map(|back| back.target);
    let held = is_held(turn);
    let furthest = turn.limit().filter(|_| !held);
    let (target, reason) = match (by_hand, furthest) {
        (Some(hand), Some(stage)) if stage < hand => (stage, Reason::TargetStageLowered),
        (Some(hand), _) => (hand, Reason::RollbackByHand),
        (None, Some(stage)) => (stage, Reason::TargetStageLowered),
        (None, None) => return None,
    };
    (turn.intended() > target).then_some((target, reason))
}

/// Whether a lowered `targetStage` waits.
fn is_held(turn: &Turn) -> bool {
    turn.plan.paused || turn.seen.wishes.hold.is_some() || whose::is_held(turn)
}

/// The next step back, if one is due. A guard's retreat goes before it.
pub fn step(turn: &mut Turn) {
    let retreating = turn.state.retreat.as_ref().is_some_and(|retreat| !retreat.arrived);
    if !turn.state.volatile.settled || retreating {
        return;
    }
    let Some((target, reason)) = target(turn) else {
        leave_stage(turn);
        return;
    };
    if !turn.is_due(turn.state.last_step, turn.plan.rollback.every) {
        return;
    }
    let step = capacity::fits(turn, Weight::ZERO);
    let from = turn.intended();
    let to = from.minus(step).max(target);
    if from.minus(to) <= SAME && to > target {
        return;
    }
    turn.move_to(to, reason);
    turn.fall_back_to_stage();
    turn.tell(reason, format!("walking back from {from} % to {to} %, towards {target} %"));
    turn.wake(turn.now + turn.plan.rollback.every);
}

/// A stage beyond `targetStage` that has not risen above its weight is left without a write.
fn leave_stage(turn: &mut Turn) {
    if is_held(turn) || turn.state.stage <= Some(turn.plan.furthest()) {
        return;
    }
    turn.fall_back_to_stage();
    turn.state.stage = turn.state.stage.min(Some(turn.plan.furthest()));
}
