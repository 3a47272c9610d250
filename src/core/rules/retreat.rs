//! R2, R7: the brake. A guard at its rollback level walks the weight back, step by step.
//!
//! Until the rule that asks what the receiver can carry (R3) exists, a step is `maxStep` every
//! `every`.

use std::time::Duration;

use crate::guard::Level;
use crate::plan::{Plan, RollbackTo};
use crate::reason::Reason;
use crate::state::{GuardKey, Retreat, State};
use crate::turn::Turn;
use crate::weight::Weight;

/// How long a retreat counts for the next one's cooldown, and the longest cooldown.
const DAY: Duration = Duration::from_hours(24);
/// The first cooldown; each further retreat within a day doubles it.
const FIRST_COOLDOWN: Duration = Duration::from_mins(30);

/// Begins, continues or ends a retreat.
pub fn brake(turn: &mut Turn) {
    if !turn.state.volatile.settled {
        return;
    }
    match turn.state.retreat.clone() {
        None => begin(turn),
        Some(retreat) => go_on(turn, retreat),
    }
}

fn begin(turn: &mut Turn) {
    let Some(guard) = breached(turn) else { return };
    let weight = turn.intended();
    if weight == Weight::ZERO {
        return;
    }
    let target = target_below(turn.plan, &turn.state, weight);
    turn.state.retreats.push_back(turn.now);
    turn.state.retreats_ever += 1;
    turn.state.approved = None;
    turn.tell(
        Reason::GuardRollback,
        format!(
            "retreat from {weight} % towards {target} %: {} of database {}",
            guard.signal, guard.database
        ),
    );
    turn.state.retreat = Some(Retreat { target, since: turn.now, guard, arrived: false });
    step(turn, target);
}

fn go_on(turn: &mut Turn, retreat: Retreat) {
    let tripped =
        |key: &GuardKey| turn.state.guards.get(key).is_some_and(|guard| guard.level != Level::Clear);
    if !tripped(&retreat.guard) {
        if let Some(guard) = breached(turn) {
            // Another guard carries the same retreat on.
            turn.state.retreat = Some(Retreat { guard, ..retreat });
        } else {
            turn.state.retreat = None;
            let weight = turn.intended();
            turn.tell(Reason::RolledBack, format!("the retreat ended at {weight} %, its guard is clear"));
        }
        turn.record();
        return;
    }
    let seen = turn.seen;
    let Some((_, judgement)) = seen.judgements.iter().find(|(key, _)| *key == retreat.guard) else { return };
    if judgement.unknown.is_some() {
        return;
    }
    if !retreat.arrived {
        if turn.is_due(turn.state.last_step, turn.plan.rollback.every) {
            step(turn, retreat.target);
        }
        return;
    }
    // At the target. Only a breach measured wholly there asks for the next below.
    let fresh = turn.plan.rollback.every.max(longest_rollback(turn.plan, &retreat.guard));
    let weight = turn.intended();
    if judgement.rollback && weight > Weight::ZERO && turn.is_due(turn.state.last_step, fresh) {
        let target = target_below(turn.plan, &turn.state, weight);
        turn.tell(
            Reason::GuardRollback,
            format!("still over the threshold at {weight} %: on towards {target} %"),
        );
        turn.state.retreat = Some(Retreat { target, arrived: false, ..retreat });
        step(turn, target);
    }
}

/// The first guard at its rollback level whose data is fresh.
fn breached(turn: &Turn) -> Option<GuardKey> {
    let at_rollback =
        |key: &GuardKey| turn.state.guards.get(key).is_some_and(|guard| guard.level == Level::Rollback);
    let fresh = turn.seen.judgements.iter().filter(|(_, judgement)| judgement.unknown.is_none());
    fresh.map(|(key, _)| key).find(|key| at_rollback(key)).cloned()
}

/// One step of the retreat, with the cooldown that runs from it.
fn step(turn: &mut Turn, target: Weight) {
    let to = turn.intended().minus(turn.plan.rollback.max_step).max(target);
    turn.move_to(to, Reason::GuardRollback);
    turn.fall_back_to_stage();
    let now = turn.now;
    turn.state.retreats.retain(|began| now.since(*began) < DAY);
    turn.state.cooldown_until = Some(now + cooldown(turn.state.retreats.len()));
    if let Some(retreat) = turn.state.retreat.as_mut() {
        retreat.arrived = to == target;
    }
    turn.wake(now + turn.plan.rollback.every);
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
    let proven =
        plan.stages.iter().filter(|stage| stage.weight < weight && state.proven.contains(&stage.name));
    proven.map(|stage| stage.weight).max().unwrap_or_default()
}

fn longest_rollback(plan: &Plan, key: &GuardKey) -> Duration {
    let guards = plan.databases.iter().filter(|database| database.name == key.database);
    let guard = guards.flat_map(|database| &database.guards).find(|guard| guard.signal == key.signal);
    let within = guard.into_iter().flat_map(|guard| &guard.rollback).map(|condition| condition.within);
    within.max().unwrap_or_default()
}

/// Takes the weight back to where a raise began: at once, without cooldown.
pub fn step_back_to(turn: &mut Turn, weight: Weight, reason: Reason) {
    let from = turn.intended();
    turn.move_to(weight, reason);
    turn.fall_back_to_stage();
    turn.tell(reason, format!("an unfinished raise to {from} % is taken back to {weight} %"));
}
