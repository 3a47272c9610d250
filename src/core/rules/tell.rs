//! R13: people are told when the phase, or what it waits for, changes.

use crate::reason::Reason;
use crate::reporting;
use crate::turn::Turn;

/// Tells and records a change of phase or of the first blocker.
pub fn changes(turn: &mut Turn) {
    let causes = reporting::causes(turn);
    let phase = reporting::phase(turn, &causes);
    let first = causes.first();
    let now = (phase, first.map(reporting::Cause::reason));
    let before = turn.state.volatile.told.replace(now);
    if before == Some(now) {
        return;
    }
    turn.record();
    let Some((was, _)) = before.filter(|(was, _)| *was != phase) else { return };
    let why = first.map(|cause| format!(": {}", reporting::words(turn, cause).message)).unwrap_or_default();
    turn.tell(now.1.unwrap_or(Reason::Accepted), format!("{} after {}{why}", phase.name(), was.name()));
}
