//! R13: always a reason.

use crossfade_core::report::Phase;

use super::Case;

pub fn says_why(case: &Case<'_>) -> Option<String> {
    let (decided, state) = (case.decided, case.decided.after.state());
    // What is told first changes with what is done; the whole of it is looked at then, and now and then.
    let told = state.volatile.told;
    let changed = decided.before.is_some_and(|before| before.volatile.told != told);
    if !(changed || decided.now.as_millis().is_multiple_of(NOW_AND_THEN)) {
        return None;
    }
    let report = decided.minds.get(decided.service)?.engine.report(decided.clock);
    let moves = case.writes().next().is_some() || state.raise.is_some();
    if report.blocked_by.is_empty() && report.phase != Phase::Completed && !moves {
        return Some(format!("{} without a reason", report.phase.name()));
    }
    if report.blocked_by.iter().any(|blocker| blocker.message.is_empty()) {
        return Some("a reason without words".into());
    }
    let is = |kind| report.conditions.iter().any(|condition| condition.kind == kind && condition.status);
    if is("Reconciling") && is("Stalled") {
        return Some("both Reconciling and Stalled".into());
    }
    if is("Ready") == (is("Reconciling") || is("Stalled")) {
        return Some("Ready with Reconciling or Stalled, or without any".into());
    }
    None
}

/// Every so many milliseconds.
const NOW_AND_THEN: u64 = 30_000;
