//! The soak clock: only seconds in which all guards are clear, their data is fresh and the routes
//! stand at the weight. A pause stops it; a retreat resets it; time that nobody watched does not
//! count.

use std::time::Duration;

use crate::plan::Stage;
use crate::reason::Reason;
use crate::rules::obstacles::{self, Obstacle};
use crate::rules::peaks;
use crate::state::State;
use crate::time::Time;
use crate::turn::{ROUTE_STALE, Turn};

/// Status gets the clock at each of so many parts of the soak ...
const PARTS: u32 = 20;
/// ... but not more often than this.
const PART_AT_LEAST: Duration = Duration::from_secs(5);

/// Advances the clock.
pub fn count(turn: &mut Turn) {
    let Some(stage) = turn.state.stage.and_then(|index| turn.plan.stages.get(index)) else { return };
    if is_done(turn.state, stage) && turn.state.proven.contains(&stage.name) {
        return;
    }
    let counted_to = turn.state.volatile.soak_counted_to;
    if !runs(turn) {
        if counted_to.is_some() {
            turn.state.volatile.soak_counted_to = None;
            turn.record();
        }
        return;
    }
    let now = turn.now;
    let span = counted_to.map_or(Duration::ZERO, |to| now.since(to)).min(longest_gap(turn));
    let before = turn.state.soaked;
    let after = (before + span).min(stage.soak);
    turn.state.soaked = after;
    turn.state.volatile.soak_counted_to = Some(now);
    peaks::count(turn, stage, span);
    if is_done(turn.state, stage) {
        turn.state.proven.insert(stage.name.clone());
        turn.record();
        let peaks = peaks::words(turn.state, stage).map(|peaks| format!(", {peaks}")).unwrap_or_default();
        turn.tell(Reason::StageProven, format!("stage {} has soaked{peaks}", stage.name));
        return;
    }
    let part = (stage.soak / PARTS).max(PART_AT_LEAST).as_millis();
    if before.as_millis() / part != after.as_millis() / part {
        turn.record();
    }
}

/// Whether a stage has soaked, and seen its peaks.
pub fn is_done(state: &State, of: &Stage) -> bool {
    state.soaked >= of.soak && state.periods.seen() >= of.peaks
}

/// When it is done at the earliest, while its clock runs.
pub fn ends(turn: &Turn) -> Option<Time> {
    let stage = turn.plan.stages.get(turn.state.stage?)?;
    if is_done(turn.state, stage) || !runs(turn) {
        return None;
    }
    let soaked = turn.now + stage.soak.saturating_sub(turn.state.soaked);
    Some(peaks::ends(turn, stage).map_or(soaked, |peaks| peaks.max(soaked)))
}

/// Whether the clock runs now.
pub fn runs(turn: &Turn) -> bool {
    is_at_weight(turn) && !obstacles::all(turn).any(|obstacle| stops(&obstacle))
}

/// Whether the clock would run if nothing stopped it.
pub fn is_at_weight(turn: &Turn) -> bool {
    let stage = turn.state.stage.and_then(|index| turn.plan.stages.get(index));
    stage.is_some_and(|stage| turn.intended() >= stage.weight) && turn.state.raise.is_none()
}

/// Whether an obstacle stops the clock.
pub fn stops(obstacle: &Obstacle) -> bool {
    !matches!(obstacle, Obstacle::Cooldown(_) | Obstacle::AnotherRaising | Obstacle::Rejected)
}

/// The longest time between two looks that still counts as watched.
fn longest_gap(turn: &Turn) -> Duration {
    let slowest = turn.plan.databases.iter().map(|database| database.every).max().unwrap_or_default();
    (slowest * 3).max(ROUTE_STALE)
}
