//! What is written to bring each instance to the plan's weight, and what is left alone.

use crossfade_core::guard::{Judgement, Level};
use crossfade_core::reason::Reason;
use crossfade_core::route::{Outcome, Purpose};
use crossfade_core::seen::Authority;
use crossfade_core::state::{Halt, Retreat};
use crossfade_core::time::Time;
use crossfade_core::weight::Weight;

use crate::build::{Case, NOW, ago, minutes, percent, quiet, rate, reading, seconds, standing_at};

/// Standing at 25 of which nobody told the instances yet: they stand at 50.
fn fallen() -> Case {
    standing_at(50).but(|case| {
        case.state.intended = Some(percent(25));
        case.state.stage = Some(1);
    })
}

const BOTH_TO_25: [(usize, Weight, Purpose); 2] = [
    (0, Weight::from_hundredths(2500), Purpose::Retreat),
    (1, Weight::from_hundredths(2500), Purpose::Retreat),
];

/// The last order to an instance, and where it stands since.
fn ordered(case: Case, instance: usize, order: u16, stands: u16, outcome: Outcome) -> Case {
    case.but(|case| {
        case.order(instance, order, Purpose::Retreat, outcome);
        let number = case.state.volatile.orders;
        let key = case.seen.instances[instance].key.clone();
        case.state.volatile.ours.insert(key.clone(), reading(percent(order)));
        case.state.volatile.remembered.insert(key, number);
        case.seen.instances[instance].reading = Some((NOW, reading(percent(stands))));
    })
}

fn failed(at: Time) -> Outcome {
    Outcome::Failed { at }
}

fn done(weight: u16) -> Outcome {
    Outcome::Done(reading(percent(weight)))
}

fn halted(case: Case) -> Case {
    case.but(|case| {
        case.state.halt = Some(Halt { reason: Reason::Drift, message: "a writer".into(), since: NOW });
    })
}

#[test]
fn what_stands_higher_is_lowered_but_not_before_the_routes_were_compared_nor_by_a_stranger() {
    assert_eq!(fallen().writes(), BOTH_TO_25);
    let unread = fallen().but(|case| {
        case.state.volatile.settled = false;
        case.seen.instances[1].reading = None;
    });
    assert_eq!(unread.writes(), []);
    let last_holder = fallen().but(|case| case.seen.authority = Authority::LastHolder);
    assert_eq!(last_holder.writes(), []);
    let still = Judgement { resume: false, ..quiet() };
    let braking = last_holder.at_level(&rate(), Level::Rollback).judged(&rate(), still).but(|case| {
        let since = ago(seconds(9));
        case.state.retreat = Some(Retreat { target: percent(25), since, guard: Some(rate()), arrived: true });
    });
    assert_eq!(braking.writes(), BOTH_TO_25);
}

#[test]
fn a_write_that_failed_is_made_again_after_a_second_and_one_of_something_higher_at_once() {
    let same = |at| ordered(standing_at(50), 0, 50, 50, failed(at)).writes();
    assert_eq!(same(ago(seconds(1))), [(0, percent(50), Purpose::Retreat)]);
    assert_eq!(same(ago(seconds(0))), []);
    let higher = ordered(ordered(fallen(), 0, 50, 50, failed(NOW)), 1, 50, 50, failed(NOW));
    assert_eq!(higher.writes(), BOTH_TO_25);
}

#[test]
fn what_stands_lower_rises_only_as_a_part_of_a_recorded_raise_that_nothing_stands_against() {
    let lower = ordered(standing_at(50), 0, 50, 10, failed(ago(seconds(2)))).but(|case| {
        case.state.volatile.ours.insert("edge/a".into(), reading(percent(10)));
    });
    assert_eq!(lower.writes(), [], "without a raise");
    let raising = lower.but(|case| {
        let (from, to) = (percent(10), percent(50));
        case.state.raise = Some(crossfade_core::state::Raise { from, to, at: ago(seconds(5)) });
    });
    assert_eq!(raising.writes(), [(0, percent(50), Purpose::Raise)]);
    assert_eq!(raising.clone().but(|case| case.plan.paused = true).writes(), []);
    let elsewhere = raising.but(|case| {
        if let Some(raise) = case.state.raise.as_mut() {
            raise.to = percent(60);
        }
    });
    assert!(elsewhere.writes().iter().all(|(_, weight, _)| *weight != percent(50)));
}

#[test]
fn a_raise_on_its_way_is_taken_back_without_raising_what_has_not_risen() {
    let on_its_way = standing_at(10).but(|case| {
        for instance in 0..2 {
            case.order(instance, 50, Purpose::Raise, Outcome::Pending);
        }
        case.seen.instances[1].reading = Some((NOW, reading(percent(9))));
    });
    assert_eq!(on_its_way.writes(), [(0, percent(10), Purpose::Retreat), (1, percent(9), Purpose::Retreat)]);
    let answered = standing_at(10).but(|case| case.order(0, 10, Purpose::Retreat, Outcome::Pending));
    assert_eq!(answered.writes(), [], "nothing higher is on its way");
}

#[test]
fn a_put_back_of_the_same_turn_gives_way_to_a_walk_back_below_it() {
    let lowered = standing_at(50).found(0, 60).but(|case| case.plan.target_stage = Some("tenth".into()));
    assert_eq!(lowered.writes(), BOTH_TO_25);
}

#[test]
fn a_step_of_a_retreat_is_for_those_too_that_others_have_raised_since() {
    // The last holder: nobody else puts back what others set.
    let steps = |stands: u16| {
        let case = ordered(standing_at(50), 1, 25, stands, done(25)).breaching(&rate());
        case.but(|case| case.seen.authority = Authority::LastHolder).writes()
    };
    assert_eq!(steps(60), BOTH_TO_25);
    assert_eq!(steps(25), [BOTH_TO_25[0]], "what stands there is left alone");
}

#[test]
fn between_the_steps_of_a_retreat_what_others_raise_is_for_the_drift_rules() {
    let raised = || halted(ordered(standing_at(50), 0, 50, 60, done(50)));
    assert_eq!(raised().writes(), []);
    let retreated = raised().at_level(&rate(), Level::Rollback).but(|case| {
        let since = ago(minutes(9));
        case.state.retreat = Some(Retreat { target: percent(50), since, guard: Some(rate()), arrived: true });
    });
    assert_eq!(retreated.writes(), []);
    let moved_now = raised().but(|case| case.state.last_step = Some(NOW));
    assert_eq!(moved_now.writes(), []);
}
