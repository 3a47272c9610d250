//! A capacity that somebody wrote down: people are told before it counts no more.

use std::time::Duration;

use crossfade_core::action::Action;
use crossfade_core::capacity::Source;
use crossfade_core::reason::Reason;
use crossfade_core::report;

use crate::build::{Case, NOW, capacity, declared, standing_at, told};

/// What legacy carries counts for so many more seconds.
fn counts_for(seconds: u64) -> Case {
    let until = Some(NOW + Duration::from_secs(seconds));
    let source = Source::Declared { requests_per_second: 2_000.0, until };
    standing_at(50).but(|case| case.plan.capacity = capacity(declared(1_000.0), source))
}

/// Whether the promise is kept, why, and in which words.
fn reserved(case: &Case) -> (bool, Reason, String) {
    let report = report::of(&case.plan, &case.state, &case.seen, case.now);
    let found = report.conditions.into_iter().find(|condition| condition.kind == "CapacityReserved");
    found.map(|condition| (condition.status, condition.reason, condition.message)).unwrap()
}

const DAYS: u64 = 3 * 24 * 3600;

#[test]
fn three_days_before_it_is_told_once_and_what_is_kept_stays_kept() {
    let warned = counts_for(DAYS).decide();
    let words = warned.actions.iter().find_map(|action| match action {
        Action::Tell { reason: Reason::CapacityExpiring, message } => Some(message.as_str()),
        _ => None,
    });
    assert_eq!(
        words,
        Some(
            "what spec.legacy.capacity.requestsPerSecond says counts for another 72 h, and then nothing rises: \
             measure it again, and write that moment into asOf"
        )
    );
    let after = Case { state: warned.state, ..counts_for(DAYS) };
    assert_eq!(after.decide().actions, []);
    assert_eq!(
        reserved(&counts_for(DAYS)),
        (
            true,
            Reason::CapacityReserved,
            "both sides keep what was asked for; what spec.legacy.capacity.requestsPerSecond says counts for less \
             than 3 days more: measure it again, and write that moment into asOf"
                .into()
        )
    );
    // Measured again, and old again a month later.
    let anew = after.but(|case| case.plan = counts_for(60).plan).decide().actions;
    assert_eq!(told(&anew), [Reason::CapacityExpiring]);
    assert!(anew.contains(&Action::Record { revision: 0 }), "so that the status says it too");
}

#[test]
fn before_that_and_afterwards_nobody_is_warned() {
    let before = counts_for(DAYS + 1);
    assert!(!told(&before.decide().actions).contains(&Reason::CapacityExpiring));
    assert_eq!(reserved(&before).2, "both sides keep what was asked for");
    let quiet = before.soaked().but(|case| {
        case.plan.stages.truncate(3);
        case.seen.instances.clear();
        case.seen.judgements.clear();
    });
    assert_eq!(quiet.decide().again, Some(NOW + Duration::from_secs(1)));
    assert_eq!(reserved(&counts_for(0)).1, Reason::CapacityShort);
    assert!(!told(&counts_for(0).decide().actions).contains(&Reason::CapacityExpiring));
    assert_eq!(reserved(&standing_at(50)).2, "both sides keep what was asked for");
}
