//! R1, R8: the way up. Stage by stage, step by step; recorded first, then written, then read back.

use crate::plan::Stage;
use crate::reason::Reason;
use crate::rules::obstacles::{self, Obstacle};
use crate::rules::retreat::step_back_to;
use crate::rules::{capacity, commands, predict, soak};
use crate::state::Raise;
use crate::turn::Turn;
use crate::weight::Weight;

/// Advances a raise under way, or begins the next.
pub fn step(turn: &mut Turn) {
    if !turn.state.volatile.settled {
        return;
    }
    let Some(raise) = turn.state.raise else { return begin(turn) };
    if turn.intended() != raise.to {
        start(turn, raise);
    }
    // One that is less than a load balancer can tell has nothing to wait for.
    if turn.state.raise == Some(raise) && turn.intended() == raise.to {
        confirm(turn, raise);
    }
}

/// A recorded raise is written once its record is stored, if R1 still holds then.
fn start(turn: &mut Turn, raise: Raise) {
    // The plan may have changed while it was recorded.
    let furthest = turn.state.stage.and_then(|stage| turn.weight_of(stage));
    let beyond = furthest.is_none_or(|furthest| raise.to > furthest);
    if beyond || obstacles::all(turn).next().is_some() || is_too_much(turn, raise.to) {
        turn.state.raise = None;
        turn.record();
        return;
    }
    if turn.seen.recorded {
        turn.state.intended = Some(raise.to);
    }
}

/// A written raise is done when every instance was read back at its weight.
fn confirm(turn: &mut Turn, raise: Raise) {
    if !turn.state.volatile.raise_in_doubt && obstacles::routes(turn).next().is_none() {
        turn.state.raise = None;
        turn.state.intended = Some(raise.from);
        let reason = if turn.state.shift == 0 { Reason::Raising } else { Reason::Balancing };
        turn.move_to(raise.to, reason);
        predict::reached(turn);
        turn.tell(Reason::Raising, format!("raised from {} % to {} %", raise.from, raise.to));
    }
}

/// A raise found begun after a restart: completed if R1 holds, taken back if something stands
/// against it that will not clear by looking longer.
pub fn settle_doubt(turn: &mut Turn) {
    let Some(raise) = turn.state.raise.filter(|_| turn.state.volatile.raise_in_doubt) else { return };
    // Of two plans in doubt on one database each would wait for the other: the first goes back.
    let only_looking =
        |obstacle: Obstacle| matches!(obstacle, Obstacle::Unknown(_) | Obstacle::ReadingRoutes);
    if obstacles::general(turn).next().is_none() {
        turn.state.volatile.raise_in_doubt = false;
    } else if !obstacles::general(turn).all(only_looking) {
        step_back_to(turn, raise.from, Reason::Raising);
    }
}

fn begin(turn: &mut Turn) {
    if let Some(next) = next_stage(turn) {
        if next > turn.plan.furthest()
            || !commands::is_approved(turn, next)
            || obstacles::all(turn).next().is_some()
            || step_to(turn, next).is_some_and(|to| is_too_much(turn, to))
        {
            return;
        }
        enter(turn, next);
    }
    let Some(to) = turn.state.stage.and_then(|stage| step_to(turn, stage)) else { return };
    if obstacles::all(turn).next().is_some() {
        return;
    }
    if let Some(ramp) = present(turn).and_then(|stage| stage.ramp)
        && !turn.is_due(turn.state.last_step, ramp.every)
    {
        return;
    }
    if is_too_much(turn, to) {
        return;
    }
    let from = turn.intended();
    turn.state.raise = Some(Raise { from, to, at: turn.now });
    predict::foresee(turn, to);
    turn.record();
}

/// Whether a side, or a database, could not bear a raise to `weight`.
pub fn is_too_much(turn: &Turn, weight: Weight) -> bool {
    capacity::against_raising(turn, weight).is_some() || predict::against_raising(turn, weight).is_some()
}

/// The first step from the present weight on the way to a stage's; `None` if it stands there.
pub fn step_to(turn: &Turn, stage: usize) -> Option<Weight> {
    let (end, stage) = (turn.weight_of(stage)?, turn.plan.stages.get(stage)?);
    let from = turn.intended();
    let to = stage.ramp.map_or(end, |ramp| from.plus(ramp.step).min(end));
    (to > from).then_some(to)
}

/// Where the next step leads, if nothing but capacity, or a ramp that waits, stands against it.
pub fn ahead(turn: &Turn) -> Option<Weight> {
    let stage = match next_stage(turn) {
        Some(next) if next > turn.plan.furthest() || !commands::is_approved(turn, next) => return None,
        Some(next) => next,
        None => turn.state.stage?,
    };
    step_to(turn, stage).filter(|_| turn.state.volatile.settled && obstacles::all(turn).next().is_none())
}

fn present<'a>(turn: &Turn<'a>) -> Option<&'a Stage> {
    turn.plan.stages.get(turn.state.stage?)
}

/// The stage after the present one, once that one is at its weight, has soaked and seen
/// its peaks.
pub fn next_stage(turn: &Turn) -> Option<usize> {
    let next = match turn.state.stage {
        None => 0,
        Some(index) => {
            let stage = turn.plan.stages.get(index)?;
            let done = turn.intended() >= stage.weight && soak::is_done(turn.state, stage);
            if !done {
                return None;
            }
            index + 1
        }
    };
    (next < turn.plan.stages.len()).then_some(next)
}

fn enter(turn: &mut Turn, next: usize) {
    commands::spend_approval(turn, next);
    turn.state.stage = Some(next);
    turn.state.stage_since = turn.now;
    // Balance may have gone further than this stage would.
    let further = turn.state.shift > 0 && present(turn).is_some_and(|stage| turn.intended() > stage.weight);
    turn.set_shift(if further { Some(turn.intended()) } else { None });
    turn.soak_anew();
    turn.record();
    if let Some(stage) = present(turn) {
        turn.tell(Reason::StageEntered, format!("stage {} at {} % begins", stage.name, stage.weight));
    }
}
