//! R4 where nothing tells the sides apart: one step back, and its effect tells.

use std::time::Duration;

use crossfade_core::guard::{Level, Signal};
use crossfade_core::reason::Reason;
use crossfade_core::report::{self, Phase};
use crossfade_core::route::{Outcome, Purpose};
use crossfade_core::state::{GuardKey, Retreat};
use crossfade_core::surge::{Look, Mean, Surge, Trial, Whose};

use crate::build::{Case, NOW, ago, percent, rate, seconds, standing_at, writes};
use crate::r4_whose_surge::{breach, look};

fn failing() -> GuardKey {
    GuardKey::new("accounts", Signal::FailedConnections)
}

/// A trial of so long ago: from 50 % to 25 %, at 3,000 connects/s of which 1,000 are normal.
fn tried(before: Duration, look: Look) -> Case {
    breach(look).at_level(&rate(), Level::Rollback).but(|case| {
        let at = NOW - before;
        case.state.intended = Some(percent(25));
        case.state.retreat =
            Some(Retreat { target: percent(10), since: at, guard: Some(rate()), arrived: false });
        case.state.last_step = Some(at);
        case.state.retreats = [at].into();
        let signal = Signal::ConnectionRate;
        let trial = Trial { at, signal, before: 3_000.0, predicted: 1_000.0, enough: 200.0 };
        let surge = Surge { whose: Whose::Judging, since: at, normal: None, trial: Some(trial) };
        case.state.surges.insert("accounts".into(), surge);
        case.seen.instances = standing_at(25).seen.instances;
        case.state.volatile.ours = standing_at(25).state.volatile.ours;
        case.state.joined = standing_at(25).state.joined;
    })
}

fn whose(case: &Case) -> Whose {
    case.decide().state.surges["accounts"].whose
}

#[test]
fn the_first_step_is_taken_at_once_and_what_it_would_take_off_is_predicted() {
    let decision = breach(look(None, 3_000.0)).decide();
    assert_eq!(decision.state.intended, Some(percent(25)));
    assert_eq!(writes(&decision.actions).len(), 2);
    // Half of the traffic of Kubernetes, half of what is above normal; a fifth of it must show.
    let signal = Signal::ConnectionRate;
    let trial = Trial { at: NOW, signal, before: 3_000.0, predicted: 1_000.0, enough: 200.0 };
    let expected = Surge { whose: Whose::Judging, since: NOW, normal: None, trial: Some(trial) };
    assert_eq!(decision.state.surges["accounts"], expected);
    assert_eq!(decision.state.volatile.told, Some((Phase::RollingBack, Some(Reason::JudgingSurge))));
}

#[test]
fn what_must_show_is_more_than_chance_makes_and_no_more_than_three_fifths() {
    let enough = |noise| {
        let case = breach(look(None, 3_000.0)).but(|case| {
            case.seen.looks[0].rate = Some(Mean { now: 3_000.0, normal: 1_000.0, noise });
        });
        case.decide().state.surges["accounts"].trial.map(|trial| trial.enough.round())
    };
    assert_eq!([0.0, 40.0, 100.0, 300.0].map(enough), [200.0, 200.0, 424.0, 600.0].map(Some));
}

#[test]
fn attempts_are_compared_unless_the_database_is_full_then_those_that_fail() {
    let compared = |saturated: bool| {
        let case = breach(look(None, 3_000.0)).but(|case| {
            case.seen.looks[0].saturated = saturated;
            case.seen.looks[0].failures = Some(Mean { now: 50.0, normal: 1.0, noise: 1.0 });
        });
        case.decide().state.surges["accounts"].trial.map(|trial| trial.signal)
    };
    assert_eq!(compared(false), Some(Signal::ConnectionRate));
    assert_eq!(compared(true), Some(Signal::FailedConnections));
}

#[test]
fn no_second_step_is_taken_before_the_effect_of_the_first_is_known() {
    for (before, rate, expected) in [(5, 3_000.0, 25), (29, 2_801.0, 25), (5, 2_800.0, 10)] {
        let decision = tried(seconds(before), look(None, rate)).decide();
        assert_eq!(decision.state.intended, Some(percent(expected)), "{before} {rate}");
    }
}

#[test]
fn a_fall_makes_it_kubernetes_and_none_within_half_a_minute_makes_it_common() {
    assert_eq!(whose(&tried(seconds(3), look(None, 2_800.0))), Whose::Kubernetes);
    assert_eq!(whose(&tried(seconds(29), look(None, 2_801.0))), Whose::Judging);
    let held = tried(seconds(30), look(None, 2_801.0)).decide();
    assert_eq!(held.state.surges["accounts"].whose, Whose::Common);
    assert_eq!((held.state.intended, held.state.retreat.is_some()), (Some(percent(25)), true));
    assert_eq!(held.state.volatile.told, Some((Phase::Paused, Some(Reason::SurgeCommon))));
    // Late, but it fell.
    assert_eq!(whose(&tried(seconds(31), look(None, 2_800.0))), Whose::Kubernetes);
}

#[test]
fn the_question_is_asked_again_when_half_a_minute_is_over() {
    let decision = tried(seconds(12), look(None, 3_000.0)).decide();
    assert_eq!(decision.again, Some(NOW + seconds(18)).min(decision.again));
    assert_eq!(decision.state.surges["accounts"].trial.unwrap().at, ago(seconds(12)));
}

#[test]
fn without_a_whole_mean_after_the_step_nothing_is_said() {
    let blind = Look { rate: None, ..look(None, 0.0) };
    assert_eq!(whose(&tried(seconds(40), blind)), Whose::Judging);
}

#[test]
fn a_rate_that_falls_while_the_database_is_full_proves_nothing() {
    let full = |rate| Look { saturated: true, ..look(None, rate) };
    assert_eq!(whose(&tried(seconds(10), full(1.0))), Whose::Judging);
    assert_eq!(whose(&tried(seconds(30), full(1.0))), Whose::Common);
}

#[test]
fn sides_that_are_known_meanwhile_go_before_what_the_step_shows() {
    assert_eq!(whose(&tried(seconds(5), look(Some((3.0, 3.0)), 1_000.0))), Whose::Common);
    assert_eq!(whose(&tried(seconds(40), look(Some((1.0, 3.0)), 3_000.0))), Whose::Kubernetes);
}

#[test]
fn of_failed_connects_the_failures_are_compared() {
    let failures = |now| Look {
        failures: Some(Mean { now, normal: 0.0, noise: 1.0 }),
        ..look(Some((1.0, 1.0)), 1_000.0)
    };
    let case = breach(failures(100.0))
        .but(|case| {
            case.seen.judgements[0].1 = crate::build::quiet();
            let judged = crossfade_core::guard::Judgement {
                pause: true,
                rollback: true,
                ..crossfade_core::guard::Judgement::default()
            };
            case.seen.judgements.push((failing(), judged));
        })
        .decide();
    let trial = case.state.surges["accounts"].trial.unwrap();
    let signal = Signal::FailedConnections;
    assert_eq!(trial, Trial { at: NOW, signal, before: 100.0, predicted: 50.0, enough: 10.0 });
    let after = |now| {
        tried(seconds(10), failures(now)).but(|case| {
            case.state.surges.get_mut("accounts").unwrap().trial = Some(trial);
        })
    };
    assert_eq!(whose(&after(90.0)), Whose::Kubernetes);
    assert_eq!(whose(&after(91.0)), Whose::Judging);
    // A full database fails what it cannot hold: what fails is compared there too.
    let full = |look: Look| Look { saturated: true, sides: None, ..look };
    let of_full = breach(full(failures(100.0))).decide().state.surges["accounts"].trial.unwrap();
    assert_eq!(of_full.signal, signal);
    let of_rate = breach(full(look(None, 3_000.0))).decide().state.surges["accounts"].trial.unwrap();
    assert_eq!(of_rate.signal, Signal::ConnectionRate);
}

#[test]
fn what_the_step_is_to_show_and_what_it_showed_is_said() {
    let said = |case: &Case| {
        let state = case.decide().state;
        let blocker = report::of(&case.plan, &state, &case.seen, NOW).blocked_by.remove(0);
        (blocker.message, blocker.until)
    };
    let judging = tried(seconds(10), look(None, 3_000.0));
    assert_eq!(
        said(&judging),
        (
            "one step back was taken; if the surge of database accounts is Kubernetes' alone, connects fall by \
             1000/s from 3000/s"
                .into(),
            Some(NOW + seconds(20))
        )
    );
    let failures = judging.but(|case| {
        case.state.surges.get_mut("accounts").unwrap().trial.as_mut().unwrap().signal =
            Signal::FailedConnections;
    });
    assert!(said(&failures).0.contains("alone, failed connects fall by"), "{:?}", said(&failures));
    let common = |look| tried(seconds(30), look);
    assert_eq!(
        said(&common(look(None, 3_000.0))),
        (
            "the surge of database accounts is both sides': one step back was to take 1000/s off the connects of \
             3000/s, and took less than 200/s; moving traffic does not help, so nothing moves: shed what is \
             optional, give the database room, and find what changed"
                .into(),
            None
        )
    );
    let known = said(&common(look(Some((3.0, 3.0)), 3_000.0))).0;
    assert!(known.contains("of what is usual: legacy 3.0 times, Kubernetes 3.0 times"), "{known}");
    let full = breach(Look { saturated: true, rate: None, ..look(None, 0.0) });
    assert!(
        said(&full).0.starts_with("database accounts is full, so that nothing tells"),
        "{:?}",
        said(&full)
    );
}

#[test]
fn where_nothing_fits_nothing_is_tried() {
    let full = breach(look(None, 3_000.0)).but(|case| {
        case.plan.capacity =
            crate::build::capacity(crate::build::declared(1_000.0), crate::build::declared(500.0));
    });
    let decision = full.decide();
    assert_eq!(decision.state.intended, Some(percent(50)));
    assert_eq!(decision.state.surges, [].into());
    assert_eq!(decision.state.volatile.told.unwrap().1, Some(Reason::LegacyFull));
}

#[test]
fn a_trial_whose_step_was_not_kept_is_judged_anew() {
    let case = tried(seconds(10), look(None, 3_000.0)).but(|case| {
        case.state.surges.get_mut("accounts").unwrap().trial = None;
    });
    let decision = case.decide();
    assert_eq!(decision.state.intended, Some(percent(10)));
    assert_eq!(decision.state.surges["accounts"].trial.map(|trial| trial.at), Some(NOW));
}

#[test]
fn what_a_step_is_to_tell_is_not_waited_for_while_another_breach_is_known_to_be_kubernetes() {
    let other = GuardKey::new("other", Signal::ConnectionRate);
    let case = breach(look(None, 3_000.0)).at_level(&other, Level::Rollback).but(|case| {
        let database = case.plan.databases[0].clone();
        case.plan.databases.push(crossfade_core::plan::Database { name: "other".into(), ..database });
        let judged = case.seen.judgements[0].1.clone();
        case.seen.judgements.push((other.clone(), judged));
        case.seen.looks.push(Look::default());
        let surge = Surge { whose: Whose::Kubernetes, since: ago(seconds(20)), normal: None, trial: None };
        case.state.surges.insert("other".into(), surge);
    });
    let decision = case.decide();
    assert_eq!(decision.state.surges["accounts"].whose, Whose::Judging);
    assert_eq!(decision.state.retreat.as_ref().unwrap().guard, Some(other));
    let again = Case { state: decision.state, ..case }.but(|case| {
        for instance in [0, 1] {
            case.order(instance, 25, Purpose::Retreat, Outcome::Pending);
        }
    });
    assert_eq!(again.decide().actions, []);
}

#[test]
fn a_fifth_above_normal_or_what_chance_makes_of_it_is_nothing_that_a_step_can_show() {
    let of = |now: f64, noise: f64| {
        whose(&breach(look(None, now)).but(|case| case.seen.looks[0].rate.as_mut().unwrap().noise = noise))
    };
    assert_eq!((of(1_200.0, 1.0), of(1_201.0, 1.0)), (Whose::Unmeasured, Whose::Judging));
    assert_eq!((of(1_300.0, 101.0), of(1_300.0, 99.0)), (Whose::Unmeasured, Whose::Judging));
}
