//! D*: the highest demand of the last days, in means of five minutes. A retry storm is no peak: what comes
//! while a guard is tripped, or while requests fail, does not count.

use std::time::Duration;

use crate::capacity::{Figure, MEASURED_STALE, Source};
use crate::guard::Level;
use crate::peaks::{MEAN, Peak};
use crate::rules::capacity;
use crate::turn::{ROUTE_STALE, Turn};

/// The share of failed requests from which on demand is not what users want (DESIGN section 5), nor what comes to
/// a database a measure of it.
pub const FAILING: f64 = 0.01;

/// Takes in the demand that was measured since.
pub fn count(turn: &mut Turn) {
    let Some(demand) = turn.plan.capacity.demand else { return };
    let figures = &turn.seen.figures;
    let (measured, stale) = match demand.from {
        Source::Route(_) => (figures.load.map(|(at, _)| at), ROUTE_STALE),
        Source::Measured => (figures.measured.get(&Figure::Demand).map(|(at, _)| *at), MEASURED_STALE),
        Source::Declared { .. } => return,
    };
    let Some(at) = measured else { return };
    let mean = turn.state.volatile.mean;
    if mean.counted_to == Some(at) {
        return;
    }
    turn.state.volatile.mean.counted_to = Some(at);
    let span = mean.counted_to.map_or(Duration::ZERO, |to| at.since(to));
    let tripped = turn.state.guards.values().any(|guard| guard.level != Level::Clear);
    let failing = figures.load.is_some_and(|(_, load)| load.failing() > FAILING);
    let Some(now) = capacity::spare(turn).demand else { return };
    if span > stale || tripped || failing {
        return;
    }
    let mean = &mut turn.state.volatile.mean;
    mean.sum += now * span.as_secs_f64();
    mean.covered += span;
    if mean.covered < MEAN {
        return;
    }
    let requests_per_second = mean.sum / mean.covered.as_secs_f64();
    let covered = mean.covered;
    (mean.sum, mean.covered) = (0.0, Duration::ZERO);
    // A stage has seen what its soak clock was there for.
    if turn.state.volatile.soak_counted_to.is_some() {
        turn.state.periods.take(at, covered, requests_per_second);
    }
    turn.spare.take();
    if turn.state.peaks.push(Peak { at, requests_per_second }, demand.peak_window) {
        turn.record();
    }
}
