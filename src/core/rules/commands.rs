//! Commands given as annotations: each acts once per value, and is answered in status.
//! Approvals, by annotation or in Git, are spent by one entry into their stage.

use crate::reason::Reason;
use crate::rules::retreat;
use crate::state::{Answered, ByHand, Command};
use crate::token;
use crate::turn::Turn;

/// From so many retreats within a day on, an approval must carry the token (R7).
const RETREATS_FOR_TOKEN: usize = 2;

/// Acts on every command whose value is new.
pub fn answer(turn: &mut Turn) {
    prune_spent(turn);
    if !turn.state.volatile.settled {
        return;
    }
    for command in Command::ALL {
        let Some(value) = turn.seen.wishes.commands.get(&command) else { continue };
        if turn.state.commands.get(&command).is_some_and(|answered| &answered.value == value) {
            continue;
        }
        let answer = match command {
            Command::Approve => approve(turn, value),
            Command::Rollback => rollback(turn, value),
            Command::Resume => resume(turn),
            Command::AcceptBaseline => accept_baseline(turn, value),
        };
        turn.tell(Reason::CommandAnswered, format!("{}: {answer}", command.name()));
        let at = turn.now;
        turn.state.commands.insert(command, Answered { value: value.clone(), at, answer });
        turn.record();
    }
}

fn approve(turn: &mut Turn, value: &str) -> String {
    let (name, given) = split(value);
    let Some(stage) = turn.plan.stages.iter().position(|stage| stage.name == name) else {
        return format!("there is no stage {name}");
    };
    if turn.state.stage.is_some_and(|present| stage <= present) {
        return format!("stage {name} has begun already");
    }
    if !carries_token(turn, given) {
        return format!("refused: write {name}/{}, which stands for what you approve now", expected(turn));
    }
    turn.state.approved = Some(name.to_owned());
    format!("stage {name} is approved")
}

fn rollback(turn: &mut Turn, value: &str) -> String {
    let target = retreat::target_below(turn.plan, turn.state, turn.intended());
    turn.state.rolled_back_by_hand =
        Some(ByHand { target, since: turn.now, reason: after_time(value).to_owned() });
    turn.state.raise = None;
    format!("walking back to {target} %, and nothing rises until resume")
}

fn resume(turn: &mut Turn) -> String {
    let halted = turn.state.halt.take().is_some();
    let back = turn.state.rolled_back_by_hand.take().is_some();
    if halted {
        // What stands on the routes now is brought to the plan's weight step by step.
        turn.leave_all_but(None);
        turn.state.put_backs.clear();
    }
    if halted || back { "the plan goes on once all is clear".into() } else { "nothing was stopped".into() }
}

fn accept_baseline(turn: &mut Turn, value: &str) -> String {
    let name = after_time(value);
    if !turn.plan.databases.iter().any(|database| database.name == name) {
        return format!("there is no database {name}: write \"<time> <database>\"");
    }
    for (key, guard) in &mut turn.state.guards {
        if key.database == name {
            guard.baseline = None;
        }
    }
    format!("the baseline of {name} is learned anew")
}

/// `<stage>/<token>` apart.
fn split(value: &str) -> (&str, Option<&str>) {
    value.split_once('/').map_or((value, None), |(name, token)| (name, Some(token)))
}

/// What follows the time in `<time> <reason>`.
fn after_time(value: &str) -> &str {
    value.split_once(' ').map_or("", |(_, rest)| rest)
}

/// The token that an approval must carry now.
pub fn expected(turn: &Turn) -> String {
    token::token(turn.plan, turn.state.retreats_ever)
}

/// Whether approvals must carry the token now.
pub fn token_needed(turn: &Turn) -> bool {
    let recent = turn.state.retreats.iter().filter(|began| turn.now.since(**began) < retreat::DAY);
    recent.count() >= RETREATS_FOR_TOKEN
}

fn carries_token(turn: &Turn, given: Option<&str>) -> bool {
    match given {
        Some(given) => given == expected(turn),
        None => !token_needed(turn),
    }
}

/// Whether the stage may be entered as far as people are concerned.
pub fn is_approved(turn: &Turn, stage: usize) -> bool {
    let Some(stage) = turn.plan.stages.get(stage) else { return false };
    !stage.approval
        || turn.state.approved.as_ref() == Some(&stage.name)
        || in_git(turn, &stage.name).is_some()
}

/// The approval of `stage` in `spec.approvals` that counts now.
fn in_git<'a>(turn: &Turn<'a>, stage: &str) -> Option<&'a String> {
    turn.plan.approvals.iter().find(|approval| {
        let (name, given) = split(approval);
        name == stage && carries_token(turn, given) && !turn.state.spent.contains(*approval)
    })
}

/// Entering a stage spends its approval.
pub fn spend_approval(turn: &mut Turn, stage: usize) {
    let Some(stage) = turn.plan.stages.get(stage).filter(|stage| stage.approval) else { return };
    if turn.state.approved.as_ref() == Some(&stage.name) {
        turn.state.approved = None;
    }
    let spent = turn.plan.approvals.iter().filter(|approval| split(approval).0 == stage.name);
    turn.state.spent.extend(spent.cloned());
    turn.record();
}

/// An approval that was taken out of Git may be given again; one given before the second retreat
/// by annotation is void.
fn prune_spent(turn: &mut Turn) {
    let before = turn.state.spent.len();
    let approvals = &turn.plan.approvals;
    turn.state.spent.retain(|approval| approvals.contains(approval));
    if turn.state.spent.len() != before {
        turn.record();
    }
}
