//! R5: a fact has an age; unknown is never clear and never a breach. R6: full is not quiet (the
//! samples' side of it stands in `samples` and `incidents`).

use crossfade_core::guard::{Judgement, Level, Unknown};
use crossfade_core::reason::Reason;
use crossfade_core::report::Phase;
use crossfade_core::state::Retreat;

use crate::build::{Case, NOW, ago, minutes, of_max, percent, rate, seconds, standing_at};

fn kinds() -> [Unknown; 3] {
    [
        Unknown::Stale { since: ago(minutes(5)) },
        Unknown::Down { since: ago(minutes(5)), error: "refused".into() },
        Unknown::Returning { until: NOW + seconds(30) },
    ]
}

#[test]
fn no_guard_changes_its_level_while_its_data_says_nothing() {
    for unknown in kinds() {
        for level in [Level::Clear, Level::Pause, Level::Rollback] {
            let says_everything = Judgement {
                unknown: Some(unknown.clone()),
                pause: true,
                rollback: true,
                resume: true,
                ..Judgement::default()
            };
            let case = standing_at(10).at_level(&rate(), level).judged(&rate(), says_everything);
            assert_eq!(case.decide().state.guards[&rate()].level, level);
            assert_eq!(case.writes(), []);
        }
    }
}

#[test]
fn a_retreat_stands_still_while_its_guard_is_unknown_and_goes_on_afterwards() {
    let case = standing_at(50).at_level(&rate(), Level::Rollback).but(|case| {
        case.state.retreat = Some(Retreat {
            target: percent(10),
            since: ago(minutes(1)),
            guard: Some(rate()),
            arrived: false,
        });
    });
    for unknown in kinds() {
        assert_eq!(case.clone().unknown(&rate(), unknown).writes(), []);
    }
    assert_eq!(case.breaching(&rate()).writes().len(), 2);
}

#[test]
fn stale_data_blocks_at_once_and_pauses_after_a_minute_a_database_that_is_down_pauses_at_once() {
    let phase = |unknown| {
        let case = standing_at(10).unknown(&of_max(), unknown);
        let decision = case.decide();
        decision.state.volatile.told.unwrap()
    };
    let stale = |span| Unknown::Stale { since: ago(seconds(span)) };
    assert_eq!(phase(stale(59)), (Phase::Soaking, Some(Reason::DataUnknown)));
    assert_eq!(phase(stale(60)), (Phase::Paused, Some(Reason::DataUnknown)));
    let down = Unknown::Down { since: NOW, error: "refused".into() };
    assert_eq!(phase(down), (Phase::Paused, Some(Reason::DatabaseDown)));
    let back = Unknown::Returning { until: NOW + seconds(59) };
    assert_eq!(phase(back), (Phase::Paused, Some(Reason::DatabaseDown)));
    let learning = Unknown::Learning { until: NOW + minutes(9) };
    assert_eq!(phase(learning), (Phase::Soaking, Some(Reason::BaselineLearning)));
}

#[test]
fn the_minute_after_which_blindness_pauses_is_a_deadline() {
    let case = standing_at(10).unknown(&rate(), Unknown::Stale { since: ago(seconds(57)) });
    assert_eq!(case.decide().again, Some(NOW + seconds(3)));
}

#[test]
fn a_soak_counts_only_seconds_in_the_clear() {
    let soaking = |case: Case| {
        let case = case.but(|case| case.state.volatile.soak_counted_to = Some(ago(seconds(1))));
        case.decide().state.soaked
    };
    assert_eq!(soaking(standing_at(10)), seconds(1));
    assert_eq!(
        soaking(standing_at(10).unknown(&rate(), Unknown::Stale { since: ago(seconds(4)) })),
        seconds(0)
    );
    assert_eq!(soaking(standing_at(10).breaching(&rate())), seconds(0));
    assert_eq!(soaking(standing_at(10).but(|case| case.plan.paused = true)), seconds(0));
    assert_eq!(soaking(standing_at(10).failing(1)), seconds(0));
    assert_eq!(soaking(standing_at(10).found(1, 20)), seconds(0));
    assert_eq!(soaking(standing_at(10).but(|case| case.state.volatile.soak_counted_to = None)), seconds(1));
}

#[test]
fn time_that_nobody_watched_does_not_soak() {
    let case = standing_at(10).but(|case| case.state.volatile.soak_counted_to = Some(ago(minutes(5))));
    assert_eq!(case.decide().state.soaked, seconds(6));
}

#[test]
fn the_clock_is_stored_at_each_twentieth_and_whenever_it_stops() {
    let at = |soaked: u64, counted: u64| {
        standing_at(10).but(|case| {
            case.state.soaked = seconds(soaked);
            case.state.volatile.soak_counted_to = Some(ago(seconds(counted)));
            case.state.volatile.told = Some((Phase::Soaking, Some(Reason::Soaking)));
        })
    };
    let records = |case: Case| case.decide().actions.len();
    assert_eq!(records(at(10, 1)), 0);
    assert_eq!(records(at(29, 1)), 1);
}
