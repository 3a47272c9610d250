//! What a restarted operator makes of what it finds, by where the load balancers stand (R8).

use std::collections::BTreeMap;

use crossfade_core::action::Action;
use crossfade_core::guard::{Level, Unknown};
use crossfade_core::prediction::Foreseen;
use crossfade_core::reason::Reason;
use crossfade_core::seen::Authority;
use crossfade_core::state::{State, Volatile};
use crossfade_core::weight::Weight;

use crate::build::{Case, NOW, minutes, moved, percent, rate, reading, standing_at, told, writes};

/// Restarted at `weight`: what was remembered is there, and the instances were read at `found`, in
/// hundredths of a percent.
fn restarted(weight: u16, found: [u16; 2]) -> Case {
    standing_at(weight).but(|case| {
        case.state.volatile = Volatile::default();
        for (seen, found) in case.seen.instances.iter_mut().zip(found) {
            seen.reading = Some((NOW, reading(Weight::from_hundredths(found))));
        }
    })
}

#[test]
fn a_clock_that_was_put_back_by_an_hour_holds_up_no_retreat() {
    let hour = minutes(60);
    let foreseen = |at| Some(Foreseen { at, to: percent(60), by: BTreeMap::new() });
    let state = State {
        foreseen: foreseen(NOW + hour),
        last_step: Some(NOW + hour),
        history: [moved(NOW + hour, 60, 30, Reason::GuardRollback)].into(),
        retreats: [NOW + hour].into(),
        cooldown_until: Some(NOW + hour * 30),
        ..State::default()
    };
    let expected = State {
        foreseen: foreseen(NOW),
        last_step: Some(NOW),
        history: [moved(NOW, 60, 30, Reason::GuardRollback)].into(),
        retreats: [NOW].into(),
        cooldown_until: Some(NOW + hour * 24),
        ..State::default()
    };
    assert_eq!(state.by_the_clock_of(NOW), expected);
    assert_eq!(expected.clone().by_the_clock_of(NOW + hour), expected);
}

/// The same in the middle of a raise from 10 to 50 %: whether it goes on, and where it is intended.
fn raise_from_ten(found: [u16; 2]) -> (bool, Weight) {
    let state = restarted(10, found).with_a_recorded_raise_to(50).decide().state;
    // One that was never begun is begun anew: as a new record, not as a weight.
    (state.volatile.raise_in_doubt || state.intended == Some(percent(50)), state.intended.unwrap())
}

#[test]
fn a_raise_has_begun_if_something_stands_above_where_it_began_and_nothing_below() {
    assert_eq!(raise_from_ten([5000, 1000]), (true, percent(50)));
    assert_eq!(raise_from_ten([5000, 5000]), (true, percent(50)));
    assert_eq!(raise_from_ten([1026, 1000]), (true, percent(50)), "a step of it");
    assert_eq!(raise_from_ten([5000, 980]), (true, percent(50)), "a rounding is not below");
    assert_eq!(raise_from_ten([1000, 1000]), (false, percent(10)));
    assert_eq!(raise_from_ten([1025, 1000]), (false, percent(10)), "a rounding is not above");
    assert_eq!(raise_from_ten([975, 1000]), (false, percent(10)));
    assert_eq!(raise_from_ten([5000, 974]), (false, Weight::from_hundredths(974)), "somebody lowered it");
}

#[test]
fn a_raise_that_goes_on_remembers_where_each_stands_and_lets_those_join_that_did_not_answer() {
    let mut case = restarted(10, [5000, 1000]).with_a_recorded_raise_to(50);
    case.seen.instances[1].reading = None;
    case.seen.instances[1].failing = Some((NOW, "refused".into()));
    let state = case.decide().state;
    assert_eq!(state.joined, ["edge/a".to_owned()].into());
    assert_eq!(state.volatile.ours["edge/a"].weight, percent(50));
    assert!(!state.volatile.ours.contains_key("edge/b"));
}

#[test]
fn a_restart_waits_until_every_joined_instance_has_said_something() {
    let mut case = restarted(50, [5000, 5000]);
    case.seen.instances[1].reading = None;
    assert!(!case.decide().state.volatile.settled);
    let failing = case.clone().but(|case| {
        case.seen.instances[1].failing = Some((NOW, "refused".into()));
    });
    let state = failing.decide().state;
    assert!(state.volatile.settled);
    assert_eq!(state.joined, ["edge/a".to_owned()].into());
    // One that never joined is not waited for.
    let stranger = case.but(|case| {
        case.state.joined.remove("edge/b");
    });
    assert!(stranger.decide().state.volatile.settled);
}

#[test]
fn what_is_found_a_rounding_below_is_where_it_should_be() {
    let decision = restarted(50, [4975, 5000]).decide();
    assert_eq!((decision.state.intended, decision.state.history.len()), (Some(percent(50)), 0));
    assert_eq!(decision.state.volatile.ours["edge/a"].weight, Weight::from_hundredths(4975));
    let below = restarted(50, [4974, 5000]).decide();
    assert_eq!(below.state.intended, Some(Weight::from_hundredths(4974)));
    assert_eq!(told(&below.actions)[0], Reason::Adopted);
}

#[test]
fn what_is_found_elsewhere_has_to_join_again_and_that_is_recorded() {
    let decision = restarted(10, [1000, 1026]).decide();
    assert_eq!(decision.state.joined, ["edge/a".to_owned()].into());
    assert!(decision.actions.iter().any(|action| matches!(action, Action::Record { .. })));
}

#[test]
fn the_last_holder_compares_too_but_adopts_nothing() {
    let brakes =
        restarted(50, [2500, 5000]).at_level(&rate(), Level::Rollback).breaching(&rate()).but(|case| {
            case.seen.authority = Authority::LastHolder;
        });
    assert!(brakes.decide().state.volatile.settled);
    let adopts = standing_at(50).but(|case| {
        case.state = State::default();
        case.seen.authority = Authority::LastHolder;
    });
    assert_eq!(adopts.decide().state.intended, None);
}

#[test]
fn only_stages_below_the_weight_that_was_found_are_proven_by_it() {
    let found = |weight: u16| {
        standing_at(50).but(|case| {
            case.state = State::default();
            for seen in &mut case.seen.instances {
                seen.reading = Some((NOW, reading(Weight::from_hundredths(weight))));
            }
        })
    };
    let proven = |weight: u16| found(weight).decide().state.proven.into_iter().collect::<Vec<_>>();
    assert_eq!(proven(5000), ["canary", "tenth"]);
    assert_eq!(proven(5001), ["canary", "half", "tenth"]);
    assert_eq!(proven(0), [""; 0]);
    let state = found(5000).decide().state;
    assert!(state.volatile.adopting && !state.volatile.settled);
    assert_eq!((state.stage_since, state.soaked), (NOW, minutes(0)));
}

#[test]
fn a_fall_that_is_found_makes_the_stage_that_it_stands_for_the_present_one() {
    let decision = restarted(50, [1000, 1000]).soaked().decide();
    assert_eq!(decision.state.history, [moved(NOW, 50, 10, Reason::Adopted)]);
    assert_eq!((decision.state.stage, decision.state.soaked), (Some(1), minutes(0)));
    assert_eq!(writes(&decision.actions), []);
}

#[test]
fn of_two_plans_on_one_database_whose_raises_are_both_in_doubt_the_first_goes_back() {
    let doubtful = restarted(10, [5000, 1000]).with_a_recorded_raise_to(50);
    let unknown = Unknown::Stale { since: NOW };
    let looks_on = doubtful.clone().unknown(&rate(), unknown).decide().state;
    assert!(looks_on.volatile.raise_in_doubt && looks_on.raise.is_some());
    let back = doubtful.but(|case| case.seen.others_raising = Some("mail/other".into())).decide().state;
    assert_eq!((back.raise, back.intended), (None, Some(percent(10))));
}
