//! R13: always a reason.

use crossfade_core::report::Phase;

use super::Case;

pub fn says_why(case: &Case<'_>) -> Option<String> {
    let (decided, state) = (case.decided, case.decided.after.state());
    // What a status says changes with what is done; between, now and then is enough.
    if decided.actions.is_empty() && !decided.now.as_millis().is_multiple_of(NOW_AND_THEN) {
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
const NOW_AND_THEN: u64 = 5_000;
