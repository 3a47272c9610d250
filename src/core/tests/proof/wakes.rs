//! R13: what ends at a known time is asked for again then, and no later.

use std::time::Duration;

use crossfade_core::floor::Found;
use crossfade_core::reason::Reason;

use crate::build::{NOW, ago, moved, percent, seconds, standing_at};
use crate::r3_failing_outright::failing;
use crate::r3_what_legacy_shows::{fails, measured, retreating, strained};
use crate::sampled::millis;

/// How long after now it is asked again at the latest.
fn after(decision: &crossfade_core::decide::Decision) -> Option<Duration> {
    decision.again.map(|at| at.since(NOW))
}

#[test]
fn when_what_fell_towards_an_unknown_legacy_no_longer_counts() {
    let fell = |before: &[u64]| {
        let case = failing(1.0, 5).but(|case| {
            case.plan.capacity.legacy = None;
            let moves =
                before.iter().map(|before| moved(ago(seconds(*before)), 53, 50, Reason::KubernetesFailing));
            case.state.history = moves.collect();
        });
        after(&case.decide())
    };
    assert_eq!(fell(&[4]), Some(seconds(1)));
    assert_eq!(fell(&[5, 2]), Some(seconds(3)));
}

#[test]
fn when_legacy_has_not_failed_by_the_retreat_for_a_while() {
    let strained = |before: u64| {
        let case = strained(fails(measured(retreating(seconds(40))), 3.0, 0.0), 0.03, true);
        case.but(|case| case.state.volatile.strained = Some(ago(seconds(before))))
    };
    assert_eq!(after(&strained(28).decide()), Some(seconds(2)));
    // Then it goes on.
    let weights = [29, 30].map(|before| strained(before).decide().state.intended.unwrap());
    assert_eq!(weights, [percent(50), percent(25)]);
}

#[test]
fn when_what_was_found_of_a_floor_is_too_old() {
    let found = standing_at(10).but(|case| {
        let found = Found { pods: Some(3), object: "Deployment mail".into(), before: None, lack: None };
        case.seen.figures.floors.insert(0, (ago(seconds(44)), found));
    });
    assert_eq!(after(&found.decide()), Some(millis(1_001)));
}
