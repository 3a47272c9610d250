//! A stage is proven by the peaks that it has seen, not by time alone: a quiet weekend says nothing of Monday.
//!
//! Seen is what comes while the soak clock runs, so that it counts at the stage's weight, in the clear and
//! watched; a retreat resets it with the clock.

use std::time::Duration;

use crate::periods::{self, Course};
use crate::plan::Stage;
use crate::state::State;
use crate::time::Time;
use crate::turn::Turn;

/// Status gets the period under way at each of so many parts of it: of a day, each 24 minutes.
const PARTS: u32 = 60;

/// The soak clock ran for another `span`.
pub fn count(turn: &mut Turn, stage: &Stage, span: Duration) {
    let Some(demand) = turn.plan.capacity.demand.filter(|_| stage.peaks > 0) else { return };
    let length = periods::length(&demand);
    let highest = turn.state.peaks.highest(demand.peak_window, turn.now);
    let highest = highest.map(|peak| peak.requests_per_second).unwrap_or_default();
    let watched = |state: &State| state.periods.now.map(|period| period.watched).unwrap_or_default();
    let before = watched(turn.state);
    let course = turn.state.periods.watch(span, length, highest, turn.now);
    let forgotten = turn.state.periods.forget_lower(highest);
    let part = (length / PARTS).as_millis().max(1);
    let parts = before.as_millis() / part != watched(turn.state).as_millis() / part;
    if course != Course::On || forgotten || parts {
        turn.record();
    }
}

/// When as many as are asked for can have been seen; `None` if they were.
pub fn ends(turn: &Turn, stage: &Stage) -> Option<Time> {
    let missing = stage.peaks.checked_sub(turn.state.periods.seen()).filter(|missing| *missing > 0)?;
    Some(next(turn)? + periods::length(turn.plan.capacity.demand.as_ref()?) * (missing - 1))
}

/// When the next can have been seen.
pub fn next(turn: &Turn) -> Option<Time> {
    let length = periods::length(turn.plan.capacity.demand.as_ref()?);
    Some(turn.state.periods.now.map_or(turn.now, |period| period.since) + length)
}

/// How many of how many were seen; `None` if none are asked for.
pub fn words(state: &State, of: &Stage) -> Option<String> {
    let peaks = if of.peaks == 1 { "peak" } else { "peaks" };
    (of.peaks > 0).then(|| format!("{} of {} {peaks} seen", state.periods.seen(), of.peaks))
}
