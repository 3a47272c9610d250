//! R12: never worse than absent. R13: always a reason. And the last paragraphs of the rules:
//! pauses, walks back by hand, who may write.

use crossfade_core::guard::Level;
use crossfade_core::reason::Reason;
use crossfade_core::report::Phase;
use crossfade_core::route::Purpose;
use crossfade_core::seen::Authority;
use crossfade_core::state::{Command, Retreat};

use crate::build::{Case, NOW, ago, minutes, percent, rate, reading, seconds, stage, standing_at, writes};

fn commanded(case: Case, command: Command, value: &str) -> Case {
    case.but(|case| drop(case.seen.wishes.commands.insert(command, value.to_owned())))
}

#[test]
fn without_the_lease_nothing_is_decided_and_nothing_remembered() {
    let case = standing_at(50).breaching(&rate()).but(|case| case.seen.authority = Authority::None);
    let decision = case.decide();
    assert_eq!(decision.actions, []);
    assert_eq!(decision.state, case.state);
}

fn last_holder(case: Case) -> Case {
    case.but(|case| case.seen.authority = Authority::LastHolder)
}

#[test]
fn the_last_holder_brakes_and_puts_nothing_back_nor_follows_a_person() {
    let down = [(0, percent(25), Purpose::Retreat), (1, percent(25), Purpose::Retreat)];
    assert_eq!(last_holder(standing_at(50).breaching(&rate())).writes(), down);
    assert_eq!(last_holder(standing_at(10).found(0, 50)).writes(), []);
    let target = standing_at(50).but(|case| case.plan.target_stage = Some("tenth".into()));
    assert_eq!(last_holder(target).writes(), []);
    assert_eq!(last_holder(commanded(standing_at(50), Command::Rollback, "now enough")).writes(), []);
}

#[test]
fn the_last_holder_counts_the_falls_that_it_reads_as_its_own_steps() {
    let fallen = last_holder(standing_at(50).found(0, 25).found(1, 25));
    let decision = fallen.decide();
    assert_eq!(writes(&decision.actions), []);
    assert_eq!(decision.state.intended, Some(percent(25)));
    assert_eq!(decision.state.last_step, Some(NOW));
    // Its own breach completes at the same moment: the step was taken already.
    assert_eq!(fallen.breaching(&rate()).writes(), []);
}

#[test]
fn the_last_holder_never_raises_what_fell() {
    let case = standing_at(50).breaching(&rate()).at_level(&rate(), Level::Rollback).but(|case| {
        case.state.retreat = Some(Retreat {
            target: percent(10),
            since: ago(minutes(1)),
            guard: Some(rate()),
            arrived: false,
        });
        case.seen.instances[0].reading = Some((NOW, reading(percent(5))));
    });
    assert!(last_holder(case).writes().iter().all(|(_, weight, _)| *weight <= percent(10)));
}

#[test]
fn a_lowered_target_stage_walks_back_by_max_step_without_cooldown() {
    let case = standing_at(50).but(|case| case.plan.target_stage = Some("tenth".into()));
    let decision = case.decide();
    assert_eq!(decision.state.intended, Some(percent(25)));
    assert_eq!(decision.state.cooldown_until, None);
    assert_eq!(decision.again, Some(NOW + seconds(5)));
    assert_eq!(case.clone().but(|case| case.plan.paused = true).writes(), []);
    assert_eq!(case.but(|case| case.seen.wishes.hold = Some(String::new())).writes(), []);
}

#[test]
fn the_last_step_of_a_walk_back_leaves_the_stage_beyond_target_stage() {
    let case = standing_at(20).but(|case| {
        case.plan.stages.insert(2, stage("again", 10));
        case.plan.target_stage = Some("tenth".into());
    });
    let decision = case.decide();
    assert_eq!((decision.state.intended, decision.state.stage), (Some(percent(10)), Some(1)));
}

#[test]
fn a_rollback_by_hand_walks_back_even_when_held_and_nothing_rises_until_resume() {
    let held = standing_at(50).but(|case| case.seen.wishes.hold = Some(String::new()));
    let case = commanded(held, Command::Rollback, "now we saw errors");
    let decision = case.decide();
    assert_eq!(decision.state.intended, Some(percent(25)));
    assert_eq!(decision.state.rolled_back_by_hand.as_ref().unwrap().target, percent(10));
    assert_eq!(decision.state.rolled_back_by_hand.as_ref().unwrap().reason, "we saw errors");
    assert_eq!(decision.state.cooldown_until, None);
    let resumed = commanded(Case { state: decision.state, ..case }, Command::Resume, "later fine").decide();
    assert_eq!(resumed.state.rolled_back_by_hand, None);
}

#[test]
fn a_command_acts_once_per_value() {
    let case = commanded(standing_at(50), Command::Rollback, "now enough");
    let answered = case.decide().state;
    let again = Case { state: answered.clone(), ..case };
    assert_eq!(again.decide().state.commands, answered.commands);
    let resumed = commanded(again, Command::Resume, "later fine");
    assert_eq!(resumed.decide().state.rolled_back_by_hand, None);
}

#[test]
fn every_state_in_which_nothing_moves_says_what_is_waited_for() {
    type Wait = fn(Case) -> Case;
    let waits: [(Wait, Phase, Reason); 9] = [
        (|case| case, Phase::Soaking, Reason::Soaking),
        (|case| case.but(|case| case.plan.paused = true), Phase::Paused, Reason::PausedBySpec),
        (|case| case.but(|case| case.seen.wishes.hold = Some(String::new())), Phase::Paused, Reason::Held),
        (
            |case| case.soaked().but(|case| case.plan.stages[2].approval = true),
            Phase::AwaitingApproval,
            Reason::AwaitingApproval,
        ),
        (
            |case| case.soaked().but(|case| case.plan.target_stage = Some("tenth".into())),
            Phase::Soaking,
            Reason::TargetStageReached,
        ),
        (
            |case| case.but(|case| case.state.cooldown_until = Some(NOW + minutes(9))),
            Phase::RolledBack,
            Reason::Cooldown,
        ),
        (
            |case| {
                case.with_a_ramp(3, 60).but(|case| {
                    case.state.stage = Some(2);
                    case.state.last_step = Some(NOW);
                })
            },
            Phase::Shifting,
            Reason::RampWaiting,
        ),
        (|case| case.failing(0), Phase::Soaking, Reason::RouteFailing),
        (
            |case| case.soaked().but(|case| case.seen.others_raising = Some("other".into())),
            Phase::Shifting,
            Reason::AnotherPlanRaising,
        ),
    ];
    for (wait, phase, reason) in waits {
        let decision = wait(standing_at(10)).decide();
        assert_eq!(decision.state.volatile.told, Some((phase, Some(reason))));
        assert_eq!(writes(&decision.actions), []);
    }
}

#[test]
fn a_plan_at_its_end_is_completed() {
    let decision = standing_at(100).soaked().decide();
    assert_eq!(decision.state.volatile.told, Some((Phase::Completed, None)));
}
