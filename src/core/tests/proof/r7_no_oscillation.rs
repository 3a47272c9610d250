//! R7: one retreat is all its steps until the guard clears; then a cooldown that doubles.

use crossfade_core::guard::{Judgement, Level};
use crossfade_core::plan::RollbackTo;
use crossfade_core::report::Phase;
use crossfade_core::seen::Wishes;
use crossfade_core::state::{Command, Retreat};
use crossfade_core::token::token;

use crate::build::{Case, NOW, ago, minutes, percent, rate, seconds, standing_at};

#[test]
fn the_cooldown_starts_at_half_an_hour_and_doubles_with_each_retreat_of_the_day_up_to_a_day() {
    for (before, cooldown) in
        [(0, 30), (1, 60), (2, 120), (3, 240), (4, 480), (5, 960), (6, 1440), (40, 1440)]
    {
        let case = standing_at(50).breaching(&rate()).but(|case| {
            case.state.retreats = (0..before).map(|place| ago(minutes(60 + place))).collect();
        });
        assert_eq!(case.decide().state.cooldown_until, Some(NOW + minutes(cooldown)), "{before}");
    }
    let yesterday = standing_at(50).breaching(&rate()).but(|case| {
        case.state.retreats = [ago(minutes(1440)), ago(minutes(1441))].into();
    });
    assert_eq!(yesterday.decide().state.cooldown_until, Some(NOW + minutes(30)));
}

fn retreating() -> Case {
    standing_at(50).at_level(&rate(), Level::Rollback).but(|case| {
        case.state.last_step = Some(ago(seconds(5)));
        case.state.retreats = [ago(seconds(5))].into();
        case.state.retreats_ever = 1;
        case.state.retreat = Some(Retreat {
            target: percent(10),
            since: ago(seconds(5)),
            guard: Some(rate()),
            arrived: false,
        });
    })
}

#[test]
fn all_steps_are_one_retreat_and_the_cooldown_runs_from_the_last() {
    let decision = retreating().breaching(&rate()).decide();
    assert_eq!(decision.state.retreats, [ago(seconds(5))]);
    assert_eq!(decision.state.retreats_ever, 1);
    assert_eq!(decision.state.cooldown_until, Some(NOW + minutes(30)));
}

#[test]
fn a_retreat_ends_when_its_guard_clears_and_only_by_its_resume_threshold() {
    let below_every_threshold = Judgement { value: Some(100.0), ..Judgement::default() };
    let still = retreating().judged(&rate(), below_every_threshold).decide();
    assert!(still.state.retreat.is_some());
    let over = retreating().decide();
    assert_eq!(over.state.retreat, None);
    assert_eq!(over.state.guards[&rate()].level, Level::Clear);
    assert_eq!(over.state.intended, Some(percent(50)));
}

#[test]
fn a_guard_does_not_clear_while_a_threshold_is_crossed() {
    let both = Judgement { pause: true, resume: true, ..Judgement::default() };
    let case = standing_at(10).at_level(&rate(), Level::Pause).judged(&rate(), both);
    assert_eq!(case.decide().state.guards[&rate()].level, Level::Pause);
}

#[test]
fn a_rollback_level_does_not_fall_to_pause() {
    let paused = Judgement { pause: true, ..Judgement::default() };
    let case = standing_at(0).at_level(&rate(), Level::Rollback).judged(&rate(), paused);
    assert_eq!(case.decide().state.guards[&rate()].level, Level::Rollback);
}

#[test]
fn previous_is_the_next_stage_below_that_soaked() {
    let target = |change: fn(&mut Case)| {
        standing_at(50).breaching(&rate()).but(change).decide().state.retreat.unwrap().target
    };
    assert_eq!(target(|_| {}), percent(10));
    assert_eq!(
        target(|case| {
            case.state.proven.remove("tenth");
        }),
        percent(1)
    );
    assert_eq!(target(|case| case.state.proven.clear()), percent(0));
    assert_eq!(target(|case| case.plan.rollback.to = RollbackTo::Zero), percent(0));
}

#[test]
fn at_its_end_the_phase_is_rolled_back_and_the_guard_is_named() {
    let case = standing_at(10).breaching(&rate()).at_level(&rate(), Level::Rollback).but(|case| {
        case.state.last_step = Some(ago(seconds(1)));
        case.state.retreat = Some(Retreat {
            target: percent(10),
            since: ago(seconds(20)),
            guard: Some(rate()),
            arrived: true,
        });
    });
    let told = case.decide().state.volatile.told.unwrap();
    assert_eq!(told, (Phase::RolledBack, Some(crossfade_core::reason::Reason::GuardRollback)));
}

#[test]
fn a_fall_leaves_the_stage_and_unproves_what_lies_above() {
    let decision = standing_at(50).soaked().breaching(&rate()).decide();
    assert_eq!(decision.state.stage, Some(1));
    assert_eq!(decision.state.soaked, seconds(0));
    assert_eq!(decision.state.proven, ["canary", "tenth"].map(str::to_owned).into());
}

/// At `tenth`, soaked, before `half` which needs an approval, after so many retreats today.
fn before_half(retreats: u32) -> Case {
    standing_at(10).soaked().but(|case| {
        case.plan.stages[2].approval = true;
        case.state.retreats_ever = retreats;
        case.state.retreats = (0..retreats).map(|_| ago(minutes(120))).collect();
    })
}

fn approved_by(case: Case, value: &str) -> bool {
    let commands = [(Command::Approve, value.to_owned())].into();
    let annotated = case.clone().but(|case| case.seen.wishes = Wishes { hold: None, commands });
    let in_git = case.but(|case| case.plan.approvals = [value.to_owned()].into());
    let entered = [annotated.decide(), in_git.decide()].map(|decision| decision.state.stage == Some(2));
    assert_eq!(entered[0], entered[1], "annotation and Git differ");
    entered[0]
}

#[test]
fn from_the_second_retreat_on_an_approval_must_carry_the_token_of_now() {
    for retreats in [0, 1] {
        assert!(approved_by(before_half(retreats), "half"));
    }
    let token_now = token(&before_half(2).plan, 2);
    let token_before = token(&before_half(2).plan, 1);
    assert!(!approved_by(before_half(2), "half"));
    assert!(!approved_by(before_half(2), &format!("half/{token_before}")));
    assert!(approved_by(before_half(2), &format!("half/{token_now}")));
}

#[test]
fn an_approval_given_before_the_second_retreat_is_void() {
    let breach = |retreats: u32| {
        let case = standing_at(50).breaching(&rate()).but(|case| {
            case.state.retreats = (0..retreats).map(|_| ago(minutes(120))).collect();
            case.state.approved = Some("full".into());
        });
        case.decide().state.approved
    };
    assert_eq!(breach(0), Some("full".into()));
    assert_eq!(breach(1), None);
}

#[test]
fn an_approval_is_spent_by_one_entry() {
    let case = before_half(0).but(|case| case.plan.approvals = ["half".to_owned()].into());
    let entered = case.decide().state;
    assert_eq!(entered.spent, ["half".to_owned()].into());
    let again = case.but(|case| case.state.spent = entered.spent);
    assert!(again.is_still());
    // Taken out of Git and given again, it counts again.
    let taken_out = again.clone().but(|case| case.plan.approvals.clear());
    let given_again = again.but(|case| case.state = taken_out.decide().state);
    assert_eq!(given_again.decide().state.stage, Some(2));
}

#[test]
fn a_walk_back_by_hand_voids_the_token_so_that_its_stage_can_be_approved_again() {
    let asked = standing_at(50).but(|case| {
        case.seen.wishes.commands.insert(Command::Rollback, "2026-11-22T03:00:00Z it is slow".into());
    });
    let decision = asked.decide();
    assert_eq!(decision.state.intended, Some(percent(25)));
    assert_eq!((decision.state.retreats_ever, decision.state.retreats.len()), (1, 0));
}
