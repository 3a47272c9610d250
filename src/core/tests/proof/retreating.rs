//! How a retreat goes on: by whose breach, where to, how far, and when it waits.

use crossfade_core::guard::{Judgement, Level};
use crossfade_core::reason::Reason;
use crossfade_core::state::Retreat;
use crossfade_core::weight::Weight;

use crate::build::{
    Case, NOW, ago, condition, minutes, moved, of_max, percent, quiet, rate, seconds, standing_at, told,
};

/// In a retreat to `target` by the rate guard, which is still tripped.
fn retreating(weight: u16, target: u16, arrived: bool) -> Case {
    let still = Judgement { resume: false, ..quiet() };
    standing_at(weight).at_level(&rate(), Level::Rollback).judged(&rate(), still).but(|case| {
        let since = ago(minutes(2));
        case.state.retreat = Some(Retreat { target: percent(target), since, guard: Some(rate()), arrived });
        case.state.retreats = [since].into();
    })
}

fn last_step(case: Case, ago_seconds: u64) -> Case {
    case.but(|case| case.state.last_step = Some(ago(seconds(ago_seconds))))
}

#[test]
fn a_breach_measured_at_the_target_leads_on_to_the_next_stage_below() {
    let breached = retreating(50, 50, true).breaching(&of_max());
    let decision = breached.decide();
    let since = ago(minutes(2));
    let onward = Retreat { target: percent(10), since, guard: Some(of_max()), arrived: false };
    assert_eq!(decision.state.retreat, Some(onward));
    assert_eq!(decision.state.history, [moved(NOW, 50, 25, Reason::GuardRollback)]);
    assert_eq!(decision.state.retreats.len(), 1, "it is the same retreat");
}

#[test]
fn at_nothing_there_is_nowhere_to_go() {
    let bottom = retreating(1, 0, true).breaching(&rate()).but(|case| {
        case.state.intended = Some(Weight::ZERO);
        case.state.stage = None;
    });
    let decision = bottom.decide();
    assert_eq!((decision.state.history.len(), &decision.state.retreat), (0, &bottom.state.retreat));
    assert!(!told(&decision.actions).contains(&Reason::GuardRollback));
}

#[test]
fn the_breach_counts_when_the_guard_s_own_time_has_passed_since_the_last_step() {
    let slow_neighbour = |ago_seconds| {
        let case = last_step(retreating(50, 50, true).breaching(&rate()), ago_seconds);
        case.but(|case| {
            let test = case.plan.databases[0].guards[1].rollback[0].test;
            case.plan.databases[0].guards[1].rollback = vec![condition(test, 30, 30)];
        })
    };
    // 8 of 10 s, and one sample.
    assert_eq!(slow_neighbour(11).decide().state.history.len(), 1);
    assert_eq!(slow_neighbour(10).decide().state.history.len(), 0);
}

#[test]
fn between_two_steps_it_waits_and_records_nothing() {
    let waiting = last_step(retreating(25, 10, false).breaching(&rate()), 3).but(|case| {
        case.state.history = [moved(ago(seconds(3)), 50, 25, Reason::GuardRollback)].into();
        case.state.volatile.told =
            Some((crossfade_core::report::Phase::RollingBack, Some(Reason::GuardRollback)));
    });
    let decision = waiting.decide();
    assert_eq!(decision.actions, []);
    assert_eq!(decision.again, Some(NOW + seconds(2)));
}

#[test]
fn a_step_is_as_far_as_max_step_allows_within_every() {
    let fell = |ago_seconds: u64| {
        last_step(retreating(45, 10, false), ago_seconds).but(|case| {
            case.state.history = [moved(ago(seconds(ago_seconds)), 50, 45, Reason::LoweredByHand)].into();
        })
    };
    let next = |case: &Case| case.decide().state.intended.unwrap();
    assert_eq!(next(&fell(5)), percent(20), "a step an `every` ago is another step");
    assert_eq!(next(&fell(4)), percent(45));
    // A fall found by a new holder is a part of the step: what is left of it may still be made.
    let found = fell(4).but(|case| case.state.last_step = Some(ago(seconds(5))));
    assert_eq!(next(&found), percent(25));
}

#[test]
fn a_retreat_waits_while_its_guard_is_unknown_and_another_guard_carries_it_on() {
    let stale = || crossfade_core::guard::Unknown::Stale { since: ago(seconds(9)) };
    let blind = retreating(25, 10, false).unknown(&rate(), stale());
    assert_eq!(blind.decide().state.intended, Some(percent(25)));
    assert!(blind.decide().state.retreat.is_some());
    let other = blind.at_level(&of_max(), Level::Rollback).breaching(&of_max());
    let decision = other.decide();
    assert_eq!(decision.state.retreat.unwrap().guard, Some(of_max()));
    assert_eq!(decision.state.intended, Some(percent(10)));
}

#[test]
fn a_retreat_is_over_only_when_no_guard_stands_at_rollback_even_one_of_which_nothing_is_known() {
    let stale = || crossfade_core::guard::Unknown::Stale { since: ago(seconds(9)) };
    let cleared = retreating(25, 10, false).at_level(&rate(), Level::Clear).judged(&rate(), quiet());
    assert_eq!(cleared.decide().state.retreat, None);
    let blind = cleared.clone().at_level(&of_max(), Level::Rollback).unknown(&of_max(), stale());
    let decision = blind.decide();
    let kept = Retreat { target: percent(10), since: ago(minutes(2)), guard: Some(of_max()), arrived: false };
    assert_eq!((decision.state.retreat, decision.state.intended), (Some(kept), Some(percent(25))));
    // When something is known again, it is the same retreat.
    let back = blind.judged(&of_max(), Judgement { resume: false, ..quiet() });
    assert_eq!(back.decide().state.retreats.len(), 1);
    assert_eq!(back.decide().state.intended, Some(percent(10)));
    let paused = cleared.at_level(&of_max(), Level::Pause).unknown(&of_max(), stale());
    assert_eq!(paused.decide().state.retreat, None);
}
