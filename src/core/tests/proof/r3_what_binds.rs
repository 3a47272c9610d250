//! R3 and R13: a retreat that goes no further says by which of its bounds, with figures, and what helps.

use crossfade_core::action::Action;
use crossfade_core::capacity::Source;
use crossfade_core::reason::Reason;
use crossfade_core::report::{self, Phase};

use crate::build::{Case, NOW, percent};
use crate::r1_predicted::retreating;

/// What the status says of it after it has decided.
fn said(case: &Case) -> String {
    let decision = case.decide();
    assert_eq!(decision.state.intended, Some(percent(50)), "nothing moves");
    let report = report::of(&case.plan, &decision.state, &case.seen, NOW);
    let blocker = &report.blocked_by[0];
    assert_eq!((report.phase, blocker.reason), (Phase::RolledBack, Reason::LegacyFull));
    let reserved = report.conditions.iter().find(|condition| condition.kind == "CapacityReserved").unwrap();
    assert_eq!((reserved.status, &reserved.message), (false, &blocker.message));
    blocker.message.clone()
}

/// The same of a legacy that can carry so much.
fn with_legacy(case: &Case, requests_per_second: f64) -> Case {
    case.clone().but(|case| {
        let legacy = case.plan.capacity.legacy.as_mut().unwrap();
        legacy.capacity = Source::Declared { requests_per_second, until: None };
    })
}

const BUDGET: &str = "ConnectionRate of database accounts is tripped, and a request costs 2.50 connects on legacy and \
                      1.50 on Kubernetes, so that a step back would bring database accounts more than its 2000 \
                      connects/s, of which 1700 may be used (85 % of its connectionRateCapacity, 2000): shed load, \
                      make connections cost less on legacy (pool them), or prove a higher capacity";
const ROOM: &str = "ConnectionRate of database accounts is tripped, and legacy, which can carry 520 requests/s, can \
                    take nothing more: bring legacy servers up, or shed load";

#[test]
fn a_database_that_can_answer_no_more_is_named_and_not_legacy() {
    let full = retreating(2.5, 1.5, 2_000.0);
    assert_eq!(said(&full), BUDGET);
    // Of two databases the one that binds.
    let two = full.clone().but(|case| {
        case.plan.databases.insert(0, case.plan.databases[0].clone());
        case.plan.databases[0].name = "mail".into();
        case.plan.databases[0].connection_rate_capacity = Some(9_000.0);
        case.seen.tallies.push(case.seen.tallies[0].clone());
    });
    assert_eq!(said(&two), BUDGET);
    // A step of 1.9 points would have fitted legacy, one of less than a quarter the database.
    let nearly = with_legacy(&retreating(2.5, 1.5, 2_355.0), 546.0);
    assert!(said(&nearly).contains("of which 2002 may be used"), "{}", said(&nearly));
}

#[test]
fn a_legacy_that_is_full_is_named_though_the_database_has_little_left_too() {
    assert_eq!(said(&with_legacy(&retreating(2.5, 1.5, 2_000.0), 520.0)), ROOM);
    assert_eq!(said(&with_legacy(&retreating(2.5, 1.5, 2_400.0), 520.0)), ROOM);
}

#[test]
fn pools_that_would_be_filled_faster_than_a_database_answers_are_named() {
    let full = retreating(1.5, 2.5, 20.0).but(|case| {
        let legacy = case.plan.capacity.legacy.as_mut().unwrap();
        (legacy.connections_per_server, legacy.requests_per_second_per_server) = (Some(40.0), 4.0);
    });
    assert_eq!(
        said(&full),
        "ConnectionRate of database accounts is tripped, and legacy would open 10.00 connections for each request/s \
         more, all at once, which database accounts with its connectionRateCapacity of 20 cannot answer even for \
         the smallest step: keep smaller pools (connectionsPerServer), or prove a higher capacity"
    );
}

#[test]
fn people_are_told_by_the_same_words_when_it_comes_to_stand() {
    let goes = retreating(2.5, 1.5, 10_000.0);
    let state = goes.decide().state;
    assert_eq!(state.intended, Some(percent(25)));
    let stands = Case { state, ..retreating(2.5, 1.5, 2_000.0) };
    let words = |action: Action| match action {
        Action::Tell { reason: Reason::LegacyFull, message } => Some(message),
        _ => None,
    };
    let told: Vec<String> = stands.decide().actions.into_iter().filter_map(words).collect();
    assert_eq!(told, [format!("RolledBack after RollingBack: {BUDGET}")]);
}
