//! R8: record, then raise; retreat, then record; and a restart goes on from what is stored.

use std::time::Duration;

use crossfade_core::action::Action;
use crossfade_core::guard::Unknown;

use crossfade_core::state::{Command, GuardKey, PutBack, Raise, State, Volatile};
use crossfade_core::time::Time;

use super::{Case, SAME};
use crate::api::Object;
use crate::mind::Mind;

/// What is raised was stored before.
pub fn raises_what_is_stored(case: &Case<'_>) -> Option<String> {
    let highest = case.raises().max()?;
    let stored = case.decided.api.objects.get(case.decided.service)?.status.as_ref();
    let allowed = stored.and_then(|stored| stored.raise.map(|raise| raise.to).max(stored.intended));
    let never = allowed.is_none_or(|allowed| highest > allowed.plus(SAME));
    never.then(|| format!("{highest} % is written, and {allowed:?} is stored"))
}

/// What changed of what is remembered is recorded.
pub fn records_what_it_changes(case: &Case<'_>) -> Option<String> {
    let records =
        case.decided.actions.iter().filter(|action| matches!(action, Action::Record { .. })).count();
    if records > 1 {
        return Some(format!("{records} records at once"));
    }
    let before = case.decided.before.filter(|_| records == 0)?;
    let after = case.decided.after.state();
    (!is_remembered_alike(before, after, case.decided.clock))
        .then(|| format!("changed without a record: {before:?} became {after:?}"))
}

/// The first decision under a claim goes on from what is stored.
pub fn goes_on_from_what_is_stored(case: &Case<'_>, mind: &Mind) -> Option<String> {
    let before = case.decided.before?;
    let object = case.decided.api.objects.get(case.decided.service)?;
    mind.taken_over?;
    // Times that lie ahead of its clock become its own.
    if mind.read_version() != Some(object.version) || case.truth.clock_stepped {
        return None;
    }
    let default = State::default();
    let stored = object.status.as_ref().unwrap_or(&default);
    if let Some(key) = forgotten_baseline(case, object) {
        return Some(format!("the status has a young baseline of {key:?}, and it is learned anew"));
    }
    let same = State { stage: stored.stage, volatile: Volatile::default(), ..before.clone() } == *stored;
    (!same).then(|| format!("took over {before:?}, and {stored:?} is stored"))
}

/// A guard whose baseline stands in the status, younger than an hour, and is not gone on from.
fn forgotten_baseline<'a>(case: &Case<'_>, object: &'a Object) -> Option<&'a GuardKey> {
    let (measured, baselines) = &object.baselines;
    if case.decided.clock.since(*measured) >= Duration::from_hours(1) {
        return None;
    }
    let forgotten = |key: &GuardKey| {
        let judged = case.decided.after.seen().judgements.iter().find(|(known, _)| known == key);
        judged.is_some_and(|(_, judged)| {
            matches!(judged.unknown, Some(Unknown::Learning { .. })) && judged.baseline.is_none()
        })
    };
    let answered = case.decided.after.state().commands.contains_key(&Command::AcceptBaseline);
    baselines.rates.iter().map(|(key, _)| key).find(|key| !answered && forgotten(key))
}

/// Whether two states are the same, but for what is recorded in parts (the soak clock, the highest
/// demand), what ends by time alone, and the weight of a raise, which the raise itself says.
pub fn is_remembered_alike(before: &State, after: &State, now: Time) -> bool {
    let State {
        intended,
        raise,
        stage,
        shift,
        stage_since,
        soaked: _,
        periods: _,
        proven,
        spent,
        approved,
        guards,
        surges,
        strain,
        retreat,
        rolled_back_by_hand,
        last_step,
        cooldown_until,
        retreats,
        retreats_ever,
        put_backs,
        halt,
        joined,
        commands,
        history,
        peaks: _,
        floors,
        foreseen,
        volatile: _,
    } = before;
    let from = |intended, raise: &Option<Raise>| raise.map(|raise| raise.from).or(intended);
    let young = |put_back: &&PutBack| now.since(put_back.at) < Duration::from_mins(10);
    from(*intended, raise) == from(after.intended, &after.raise)
        && *raise == after.raise
        && *stage == after.stage
        && *shift == after.shift
        && *stage_since == after.stage_since
        && *approved == after.approved
        && *guards == after.guards
        && *surges == after.surges
        && *strain == after.strain
        && *retreat == after.retreat
        && *rolled_back_by_hand == after.rolled_back_by_hand
        && *last_step == after.last_step
        && *cooldown_until == after.cooldown_until
        && *retreats == after.retreats
        && *retreats_ever == after.retreats_ever
        && put_backs.iter().filter(young).eq(after.put_backs.iter().filter(young))
        && *halt == after.halt
        && *joined == after.joined
        && *proven == after.proven
        && *spent == after.spent
        && *commands == after.commands
        && *history == after.history
        && *floors == after.floors
        && *foreseen == after.foreseen
}
