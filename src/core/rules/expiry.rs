//! What somebody wrote down of legacy counts for a while only; then nothing rises. People are told before.

use std::time::Duration;

use crate::capacity::Source;
use crate::reason::Reason;
use crate::time::Time;
use crate::turn::Turn;

/// So long before its end.
pub const WARNING: Duration = Duration::from_hours(3 * 24);

/// When what is written down of legacy counts no more.
fn end(turn: &Turn) -> Option<Time> {
    match turn.plan.capacity.legacy?.capacity {
        Source::Declared { until, .. } => until,
        Source::Route(_) | Source::Measured => None,
    }
}

/// The same, in the time of the warning.
fn near(turn: &Turn) -> Option<Time> {
    end(turn).filter(|end| turn.now < *end && turn.now + WARNING >= *end)
}

/// What the condition says besides.
pub fn words(turn: &Turn) -> Option<&'static str> {
    near(turn)?;
    Some(
        "what spec.legacy.capacity.requestsPerSecond says counts for less than 3 days more: measure it again, \
         and write that moment into asOf",
    )
}

/// Tells it, once in a process.
pub fn warn(turn: &mut Turn) {
    let Some(end) = near(turn) else {
        if let Some(end) = self::end(turn) {
            turn.wake(end - WARNING);
        }
        return;
    };
    if turn.state.volatile.warned.replace(end) == Some(end) {
        return;
    }
    let hours = end.since(turn.now).as_secs().div_ceil(3600);
    turn.record();
    turn.tell(
        Reason::CapacityExpiring,
        format!(
            "what spec.legacy.capacity.requestsPerSecond says counts for another {hours} h, and then nothing \
             rises: measure it again, and write that moment into asOf"
        ),
    );
}
