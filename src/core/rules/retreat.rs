//! R2, R3, R7: the brake. A guard at its rollback level walks the weight back, step by step, as far as
//! legacy can carry it, while the surge is Kubernetes' (R4).

use std::time::Duration;

use crate::guard::Level;
use crate::plan::{Plan, RollbackTo};
use crate::reason::Reason;
use crate::rules::{capacity, commands, outright, strain, whose};
use crate::state::{GuardKey, Retreat, State};
use crate::time::Time;
use crate::turn::{SAME, Turn, above};
use crate::weight::Weight;

/// How long a retreat counts for the next one's cooldown, and the longest cooldown.
pub const DAY: Duration = Duration::from_hours(24);
/// The first cooldown; each further retreat within a day doubles it.
const FIRST_COOLDOWN: Duration = Duration::from_mins(30);

/// Begins, continues or ends a retreat.
pub fn brake(turn: &mut Turn) {
    if !turn.state.volatile.settled {
        return;
    }
    if outright::leave(turn) {
        return;
    }
    strain::look(turn);
    match turn.state.retreat.clone() {
        None => begin(turn),
        Some(retreat) => go_on(turn, retreat),
    }
}

fn begin(turn: &mut Turn) {
    let Some(guard) = breached(turn) else { return };
    forget_unseen_raise(turn);
    let weight = turn.intended();
    if weight == Weight::ZERO {
        return;
    }
    let target = target_below(turn.plan, turn.state, weight);
    let why = format!("{} of database {}", guard.signal, guard.database);
    open(turn, target, Some(guard), Reason::GuardRollback, &why);
    step(turn, target);
}

/// Begins a retreat from a Kubernetes that fails, or makes one under way of it.
pub fn begin_outright(turn: &mut Turn, why: &str) {
    let going = turn.state.retreat.as_ref().map(|retreat| (retreat.guard.is_none(), retreat.target));
    match going {
        None => {
            forget_unseen_raise(turn);
            open(turn, Weight::ZERO, None, Reason::KubernetesFailing, why);
        }
        Some((true, Weight::ZERO)) => {}
        Some(_) => {
            if let Some(retreat) = turn.state.retreat.as_mut() {
                (retreat.guard, retreat.target, retreat.arrived) = (None, Weight::ZERO, false);
            }
            turn.record();
            turn.tell(Reason::KubernetesFailing, format!("the retreat goes on to 0 %: {why}"));
        }
    }
}

/// A retreat is counted, and told, when it begins.
fn open(turn: &mut Turn, target: Weight, guard: Option<GuardKey>, reason: Reason, why: &str) {
    let (weight, now) = (turn.intended(), turn.now);
    turn.state.retreats.retain(|began| now.since(*began) < DAY);
    turn.state.retreats.push_back(now);
    turn.state.retreats_ever += 1;
    if commands::token_needed(turn) {
        turn.state.approved = None;
    }
    turn.tell(reason, format!("retreat from {weight} % towards {target} %: {why}"));
    turn.state.retreat = Some(Retreat { target, since: now, guard, arrived: false });
    turn.record();
}

/// A raise that was read back nowhere has not happened: what goes down goes from where it began.
fn forget_unseen_raise(turn: &mut Turn) {
    let Some(raise) = turn.state.raise.filter(|raise| raise.to == turn.intended()) else { return };
    let seen_higher = turn.seen.instances.iter().enumerate().any(|(instance, seen)| {
        let stands = seen.reading.as_ref().map(|(_, reading)| reading.weight);
        turn.is_joined(instance) && stands.is_some_and(|stands| above(stands, raise.from))
    });
    if !seen_higher {
        turn.state.intended = Some(raise.from);
        turn.fall_back_to_stage();
    }
}

fn go_on(turn: &mut Turn, mut retreat: Retreat) {
    let tripped = retreat.guard.as_ref().is_some_and(|guard| turn.state.is_tripped(guard));
    let goes_on = |guard: &GuardKey| is_known(turn, guard) && whose::permits(turn, guard);
    if !tripped || !retreat.guard.as_ref().is_some_and(goes_on) {
        if let Some(guard) = breached(turn) {
            // Another guard carries the same retreat on.
            retreat.guard = Some(guard);
            turn.state.retreat = Some(retreat.clone());
            turn.record();
        } else if tripped {
            return;
        } else if let Some(guard) = at_rollback(turn.state) {
            // So does one that nothing is known of: when it is, that is no new retreat.
            turn.state.retreat = Some(Retreat { guard: Some(guard), ..retreat });
            turn.record();
            return;
        } else {
            (turn.state.retreat, turn.state.strain) = (None, None);
            turn.record();
            let weight = turn.intended();
            let over = match retreat.guard {
                Some(_) => "its guard is clear",
                None if weight == Weight::ZERO => "Kubernetes is left",
                None => "Kubernetes no longer fails",
            };
            turn.tell(Reason::RolledBack, format!("the retreat ended at {weight} %, {over}"));
            return;
        }
    }
    if !retreat.arrived {
        capacity::look(turn, capacity::fits(turn, Weight::ZERO));
        if turn.is_due(turn.state.last_step, strain::every(turn)) {
            step(turn, retreat.target);
        }
        return;
    }
    let weight = turn.intended();
    if weight > Weight::ZERO
        && let Some(guard) = breached_anew(turn)
    {
        let target = target_below(turn.plan, turn.state, weight);
        turn.tell(
            Reason::GuardRollback,
            format!("still over the threshold at {weight} %: on towards {target} %"),
        );
        // It may be that nothing fits now: it is under way all the same, and tries again.
        turn.state.retreat = Some(Retreat { target, guard: Some(guard), arrived: false, ..retreat });
        turn.record();
        step(turn, target);
    }
}

fn is_known(turn: &Turn, key: &GuardKey) -> bool {
    let judged = turn.seen.judgements.iter().find(|(known, _)| known == key);
    judged.is_some_and(|(_, judgement)| !judgement.is_blind())
}

/// Whether a guard is at its rollback level by fresh data.
pub fn is_breached(turn: &Turn) -> bool {
    first_breached(turn, |_| true).is_some()
}

/// The first guard at its rollback level whose data is fresh, and whose surge is Kubernetes', or may be.
fn breached(turn: &Turn) -> Option<GuardKey> {
    first_breached(turn, |key| whose::permits(turn, key))
}

fn first_breached(turn: &Turn, counts: impl Fn(&GuardKey) -> bool) -> Option<GuardKey> {
    if turn.state.guards.values().all(|guard| guard.level != Level::Rollback) {
        return None;
    }
    let at_rollback =
        |key: &GuardKey| turn.state.guards.get(key).is_some_and(|guard| guard.level == Level::Rollback);
    let fresh = turn.seen.judgements.iter().filter(|(_, judgement)| !judgement.is_blind());
    fresh.map(|(key, _)| key).find(|key| at_rollback(key) && counts(key)).cloned()
}

/// The first guard at its rollback level, whatever is known of it now.
fn at_rollback(state: &State) -> Option<GuardKey> {
    let mut guards = state.guards.iter();
    guards.find(|(_, guard)| guard.level == Level::Rollback).map(|(key, _)| key.clone())
}

/// At a retreat's target: the first guard whose breach was measured wholly there.
fn breached_anew(turn: &mut Turn) -> Option<GuardKey> {
    let seen = turn.seen;
    let gently = strain::every(turn);
    let over = seen.judgements.iter().filter(|(_, judged)| !judged.is_blind() && judged.rollback);
    over.map(|(key, _)| key)
        .find(|key| {
            whose::permits(turn, key)
                && turn.is_due(turn.state.last_step, measured_in(turn.plan, key).max(gently))
        })
        .cloned()
}

/// The time in which a breach of a guard is measured, at least that of one step.
fn measured_in(plan: &Plan, key: &GuardKey) -> Duration {
    let Some(database) = plan.databases.iter().find(|database| database.name == key.database) else {
        return plan.rollback.every;
    };
    let guard = database.guards.iter().find(|guard| guard.signal == key.signal);
    let within = guard.into_iter().flat_map(|guard| &guard.rollback).map(|condition| condition.within);
    plan.rollback.every.max(within.max().unwrap_or_default() + database.every)
}

/// One step of the retreat as far as it fits, with the cooldown that runs from it.
fn step(turn: &mut Turn, target: Weight) {
    let every = turn.plan.rollback.every;
    let fits = capacity::fits(turn, fallen(turn, every)).min(strain::most(turn));
    // A person may have lowered the weight below the target meanwhile.
    if fits > SAME || turn.intended() <= target {
        let from = turn.intended();
        strain::stepped(turn);
        fall(turn, from.minus(fits).max(target), Reason::GuardRollback);
        whose::tried(turn, from, turn.intended());
        carry_on(turn);
    }
    turn.is_due(turn.state.last_step, every);
}

/// What a step is to tell of one guard is not waited for while another, whose surge is known, is breached too.
fn carry_on(turn: &mut Turn) {
    let guard = turn.state.retreat.as_ref().and_then(|retreat| retreat.guard.as_ref());
    if guard.is_none_or(|guard| whose::permits(turn, guard)) {
        return;
    }
    let other = breached(turn);
    if let Some(retreat) = turn.state.retreat.as_mut().filter(|_| other.is_some()) {
        retreat.guard = other;
        turn.record();
    }
}

/// Lowers the weight, if it is not there yet, as a step of the retreat.
pub fn fall(turn: &mut Turn, to: Weight, reason: Reason) {
    let to = to.min(turn.intended());
    turn.move_to(to, reason);
    turn.fall_back_to_stage();
    if let Some(retreat) = turn.state.retreat.as_mut() {
        retreat.arrived = to <= retreat.target;
    }
    turn.state.cooldown_until = Some(turn.now + cooldown(turn.state.retreats.len()));
}

/// How far the weight has fallen within the last `every`, by whatever: it counts as a part of the
/// step (a new holder may find what the one before it has just done).
pub fn fallen(turn: &Turn, every: Duration) -> Weight {
    falls(turn, |at| turn.now.since(at) < every)
}

/// How far the weight has fallen at `since` or later.
pub fn fallen_since(turn: &Turn, since: Time) -> Weight {
    falls(turn, |at| at >= since)
}

/// The falls of the moves whose time counts, together.
fn falls(turn: &Turn, counts: impl Fn(Time) -> bool) -> Weight {
    let moves = turn.state.history.iter().filter(|step| counts(step.at));
    moves.fold(Weight::ZERO, |sum, step| sum.plus(step.from.minus(step.to)))
}

/// The cooldown after the `retreats`-th retreat within a day.
pub fn cooldown(retreats: usize) -> Duration {
    let doublings = u32::try_from(retreats.saturating_sub(1)).unwrap_or(u32::MAX).min(10);
    (FIRST_COOLDOWN * 2_u32.pow(doublings)).min(DAY)
}

/// Where a retreat from `weight` goes: by the plan's wish 0, or the next stage below that
/// completed its soak, else 0.
pub fn target_below(plan: &Plan, state: &State, weight: Weight) -> Weight {
    if plan.rollback.to == RollbackTo::Zero {
        return Weight::ZERO;
    }
    // That balance went further than its stage is no stage to go back to.
    let present = state.stage.and_then(|stage| plan.stages.get(stage)).filter(|_| state.shift > 0);
    let weight = present.map_or(weight, |stage| weight.min(stage.weight));
    let proven =
        plan.stages.iter().filter(|stage| stage.weight < weight && state.proven.contains(&stage.name));
    proven.map(|stage| stage.weight).max().unwrap_or_default()
}

/// Takes the weight back to where a raise began: at once, without cooldown.
pub fn step_back_to(turn: &mut Turn, weight: Weight, reason: Reason) {
    let from = turn.intended();
    turn.move_to(weight, reason);
    turn.fall_back_to_stage();
    turn.tell(reason, format!("an unfinished raise to {from} % is taken back to {weight} %"));
}
