//! Commands by annotation: what each answers, and what it touches.

use crossfade_core::guard::{Level, Tripped};
use crossfade_core::plan::Plan;
use crossfade_core::reason::Reason;
use crossfade_core::state::{ByHand, Command, GuardKey, Halt};

use crate::build::{Case, NOW, ago, minutes, percent, rate, seconds, standing_at};

fn answer(case: &Case, command: Command, value: &str) -> String {
    let case = case.clone().but(|case| {
        case.seen.wishes.commands.insert(command, value.to_owned());
    });
    let state = case.decide().state;
    let answered = &state.commands[&command];
    assert_eq!((answered.value.as_str(), answered.at), (value, NOW));
    answered.answer.clone()
}

fn halted(case: &Case) -> Case {
    case.clone().but(|case| {
        case.state.halt = Some(Halt { reason: Reason::Drift, message: "a writer".into(), since: NOW });
    })
}

fn walked_back(case: &Case) -> Case {
    case.clone().but(|case| {
        let (target, since) = (percent(10), ago(minutes(5)));
        case.state.rolled_back_by_hand = Some(ByHand { target, since, reason: "enough".into() });
    })
}

#[test]
fn resume_says_whether_anything_was_stopped() {
    let calm = standing_at(10);
    let resume = |case: &Case| answer(case, Command::Resume, "now go on");
    assert_eq!(resume(&calm), "nothing was stopped");
    for stopped in [halted(&calm), walked_back(&calm), halted(&walked_back(&calm))] {
        assert_eq!(resume(&stopped), "the plan goes on once all is clear");
    }
}

#[test]
fn after_a_halt_every_instance_joins_anew_and_after_a_walk_back_none_has_to() {
    let resumed = |case: Case| {
        case.but(|case| {
            case.seen.instances.iter_mut().for_each(|seen| seen.reading = None);
            case.seen.wishes.commands.insert(Command::Resume, "now go on".into());
        })
        .decide()
        .state
    };
    let calm = standing_at(10);
    assert_eq!(resumed(halted(&calm)).joined.len(), 0);
    assert_eq!(resumed(walked_back(&calm)).joined.len(), 2);
}

#[test]
fn accept_baseline_forgets_what_was_normal_of_that_database_only() {
    let other = GuardKey::new("other", rate().signal);
    let case = standing_at(50).but(|case| {
        let mut database = case.plan.databases[0].clone();
        database.name = "other".into();
        case.plan.databases.push(database);
        case.seen.judgements.push((other.clone(), crate::build::quiet()));
        for key in [rate(), other.clone()] {
            let tripped = Tripped { level: Level::Pause, since: ago(minutes(20)), baseline: Some(60.0) };
            case.state.guards.insert(key, tripped);
        }
        for judged in &mut case.seen.judgements {
            judged.1.resume = false;
        }
    });
    let accepted = case.clone().but(|case| {
        case.seen.wishes.commands.insert(Command::AcceptBaseline, "now accounts".into());
    });
    let state = accepted.decide().state;
    assert_eq!((state.guards[&rate()].baseline, state.guards[&other].baseline), (None, Some(60.0)));
    let accept = |value| answer(&case, Command::AcceptBaseline, value);
    assert_eq!(accept("now accounts"), "the baseline of accounts is learned anew");
    assert_eq!(accept("now nothing"), "there is no database nothing: write \"<time> <database>\"");
    assert_eq!(accept("accounts"), "there is no database : write \"<time> <database>\"");
}

#[test]
fn a_retreat_counts_for_the_token_for_a_day() {
    let needed = |began: u64| {
        let case = standing_at(10).soaked().but(|case| {
            case.plan.stages[2].approval = true;
            case.state.retreats = [ago(seconds(began)), ago(minutes(5))].into();
        });
        answer(&case, Command::Approve, "half").starts_with("refused")
    };
    assert!(needed(24 * 3600 - 1));
    assert!(!needed(24 * 3600));
}

#[test]
fn approve_says_what_it_approved_or_why_not() {
    let case = standing_at(10).but(|case| case.plan.stages[2].approval = true);
    let approve = |value| answer(&case, Command::Approve, value);
    assert_eq!(approve("half"), "stage half is approved");
    assert_eq!(approve("haf"), "there is no stage haf");
    assert_eq!(approve("tenth"), "stage tenth has begun already");
    assert!(approve("half/0123").starts_with("refused: write half/"));
}

#[test]
fn an_entry_spends_the_approval_of_its_own_stage() {
    let approved = |stage: &str| {
        let needs = |plan: &mut Plan| plan.stages.iter_mut().for_each(|stage| stage.approval = true);
        standing_at(10).soaked().but(|case| {
            needs(&mut case.plan);
            case.plan.approvals = ["half".to_owned()].into();
            case.state.approved = Some(stage.to_owned());
        })
    };
    assert_eq!(approved("half").decide().state.approved, None);
    let other = approved("full").decide().state;
    assert_eq!((other.stage, other.approved), (Some(2), Some("full".into())));
}
