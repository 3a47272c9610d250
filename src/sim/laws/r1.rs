//! R1: raise only in the clear.

use std::time::Duration;

use crossfade_core::action::Action;
use crossfade_core::guard::{Level, Test};
use crossfade_core::lease::Standing;
use crossfade_core::reason::Reason;
use crossfade_core::state::Command;

use super::crossed::{value_of, values};
use super::{Case, SAME, peaks};

pub fn raises_only_in_the_clear(case: &Case<'_>) -> Option<String> {
    let entered = entered_unapproved(case);
    if entered.is_some() {
        return entered;
    }
    let begins = case.begins_a_raise();
    let highest = case.raises().max();
    if !begins && highest.is_none() {
        return None;
    }
    let what = against(case)?;
    Some(format!("{} although {what}", if begins { "begins a raise" } else { "raises" }))
}

/// What stands against a raise.
fn against(case: &Case<'_>) -> Option<String> {
    let (object, decided) = (case.object, case.decided);
    let state = decided.after.state();
    if let Some((reason, _)) = &object.rejected {
        return Some(format!("the newest spec was not accepted: {reason}"));
    }
    if object.wishes.hold.is_some() {
        return Some("the plan is held".into());
    }
    if object.plan.paused {
        return Some("the plan is paused".into());
    }
    if !matches!(decided.standing, Standing::Holder { .. }) {
        return Some(format!("the lease is not held: {:?}", decided.standing));
    }
    let furthest = object.plan.stages.get(object.plan.furthest()).map(|stage| stage.weight);
    let to = state.raise.map(|raise| raise.to).into_iter().chain(case.raises()).max().unwrap_or_default();
    let shift = object.plan.capacity.balance.map(|balance| balance.max_shift).unwrap_or_default();
    if furthest.is_some_and(|furthest| to > furthest.plus(SAME).plus(shift)) {
        return Some(format!("{to} % lies beyond targetStage"));
    }
    if state.guards.values().any(|guard| guard.level != Level::Clear) || state.retreat.is_some() {
        return Some(format!("guards are tripped: {:?}, {:?}", state.guards, state.retreat));
    }
    if state.halt.is_some() {
        return Some("it is halted".into());
    }
    if let Some(until) = state.cooldown_until.filter(|until| *until > decided.clock) {
        return Some(format!("a cooldown runs until {until:?}"));
    }
    walked_back_by_hand(case).or_else(|| cooling(case)).or_else(|| surging(case))
}

/// A person's `rollback` that no later `resume` has ended.
fn walked_back_by_hand(case: &Case<'_>) -> Option<String> {
    if case.truth.clock_stepped {
        return None;
    }
    let commands = &case.decided.after.state().commands;
    let back = commands.get(&Command::Rollback)?;
    let resumed = commands.get(&Command::Resume).is_some_and(|resume| resume.at >= back.at);
    (!resumed).then(|| "a person walked it back".into())
}

/// A cooldown that was ever stored, whoever stored it.
fn cooling(case: &Case<'_>) -> Option<String> {
    if case.truth.clock_stepped {
        return None;
    }
    let until = case.truth.services.get(case.decided.service)?.cooldown?;
    (until > case.decided.now).then(|| format!("a cooldown until {until:?} was stored"))
}

/// A guard whose pause threshold has long been crossed by the true values.
fn surging(case: &Case<'_>) -> Option<String> {
    let truth = case.truth;
    let service = truth.services.get(case.decided.service)?;
    let newest = service.asked.last().filter(|object| object.generation == case.object.generation)?;
    let awake = truth.replicas.get(case.decided.replica)?.awake.since()?;
    let behind = &case.decided.services.get(case.decided.service)?.databases;
    let mut guards = service.guards.iter();
    for (database, place) in newest.plan.databases.iter().zip(behind) {
        for guard in &database.guards {
            let known = guards.next()?;
            let conditions = guard.pause.iter().filter(|condition| matches!(condition.test, Test::Above(_)));
            let longest = conditions.map(|condition| condition.within.max(condition.lasting)).max();
            let bound = longest.unwrap_or_default() + database.every * 3 + truth.step * 2 + SLACK;
            let not_before = awake.max(truth.databases.get(*place)?.anew);
            let lasts = known.pause.lasts(not_before, case.decided.now).is_some_and(|lasts| lasts > bound);
            // A sample may be of this very moment, in which it is over.
            let over = |value: f64| {
                guard.pause.iter().any(|it| matches!(it.test, Test::Above(limit) if value > limit))
            };
            let shows = case.decided.databases.get(*place).map(values);
            if lasts && shows.and_then(|shows| value_of(guard.signal, shows)).is_some_and(over) {
                return Some(format!(
                    "{} of {} is truly over its pause threshold",
                    guard.signal, database.name
                ));
            }
        }
    }
    None
}

/// A stage that was entered here although nobody has ever approved it, or the one before has not seen its peaks.
fn entered_unapproved(case: &Case<'_>) -> Option<String> {
    let entered = case
        .decided
        .actions
        .iter()
        .any(|action| matches!(action, Action::Tell { reason: Reason::StageEntered, .. }));
    if !entered {
        return None;
    }
    let unseen = peaks::left_unseen(case);
    if unseen.is_some() {
        return unseen;
    }
    let stage = case.plan().stages.get(case.decided.after.state().stage?).filter(|stage| stage.approval)?;
    let names = |approval: &str| approval.split('/').next() == Some(stage.name.as_str());
    let service = case.truth.services.get(case.decided.service)?;
    let approved = service.asked.iter().any(|object| {
        object.plan.approvals.iter().any(|approval| names(approval))
            || object.wishes.commands.get(&Command::Approve).is_some_and(|approval| names(approval))
    });
    (!approved).then(|| format!("entered stage {}, which nobody approved", stage.name))
}

/// What is left to the sampler and the world's rounding.
const SLACK: Duration = Duration::from_secs(1);
