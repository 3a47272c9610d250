//! R13: people are told when the phase, or what it waits for, changes.

use std::time::Duration;

use crate::capacity::{MEASURED_STALE, Source};
use crate::reason::Reason;
use crate::reporting::{self, Cause};
use crate::rules::outright;
use crate::turn::{ROUTE_STALE, Turn};

/// Tells and records a change of phase or of the first blocker.
pub fn changes(turn: &mut Turn) {
    let causes = reporting::causes(turn);
    let phase = reporting::phase(turn, &causes);
    wake(turn, &causes);
    let first = causes.first();
    let now = (phase, first.map(Cause::reason));
    let before = turn.state.volatile.told.replace(now);
    if before == Some(now) {
        return;
    }
    turn.record();
    let Some((was, _)) = before.filter(|(was, _)| *was != phase) else { return };
    let why = first.map(|cause| format!(": {}", reporting::words(turn, cause).message)).unwrap_or_default();
    turn.tell(now.1.unwrap_or(Reason::Accepted), format!("{} after {}{why}", phase.name(), was.name()));
}

/// What is waited for, and what was read, ends at a known time: then the question is asked again.
fn wake(turn: &mut Turn, causes: &[Cause]) {
    for cause in causes {
        if let Some(at) = cause.until(turn) {
            turn.wake(at);
        }
    }
    let capacity = &turn.plan.capacity;
    let sources = [capacity.demand.map(|demand| demand.from), capacity.legacy.map(|legacy| legacy.capacity)];
    for source in sources.into_iter().flatten() {
        if let Source::Declared { until: Some(until), .. } = source {
            turn.wake(until);
        }
    }
    let just_after = ROUTE_STALE + Duration::from_millis(1);
    let figures = &turn.seen.figures;
    if let Some((at, _)) = figures.load {
        turn.wake(at + just_after);
    }
    if let Some(since) = figures.failing_since {
        turn.wake(since + outright::LASTS);
    }
    if let Some(since) = figures.ready.few_since {
        turn.wake(since + outright::FEW_LAST);
    }
    for (at, _) in figures.measured.values() {
        turn.wake(*at + MEASURED_STALE + Duration::from_millis(1));
    }
    for (at, _) in figures.floors.values() {
        turn.wake(*at + MEASURED_STALE + Duration::from_millis(1));
    }
    for (at, _) in turn.seen.instances.iter().filter_map(|seen| seen.reading.as_ref()) {
        turn.wake(*at + just_after);
    }
}
