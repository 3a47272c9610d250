//! What the engine asks the shell to do, in the order in which it must be done.

use crate::plan::InstanceIndex;
use crate::reason::Reason;
use crate::route::Purpose;
use crate::weight::Weight;

/// Something to do. The shell carries actions out and decides nothing.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Write a weight to one instance; its outcome comes back under `number`.
    Write {
        /// Which instance.
        instance: InstanceIndex,
        /// The order's number.
        number: u64,
        /// The weight.
        weight: Weight,
        /// Why, which says what may drop it and who may write it.
        purpose: Purpose,
    },
    /// Store the state in the plan's status; a recorded raise goes on when that is confirmed.
    Record {
        /// Revisions are numbered; `recorded` names the one that was stored.
        revision: u64,
    },
    /// Tell people: an event on the plan and a log line.
    Tell {
        /// Why, the event's reason.
        reason: Reason,
        /// What happened, in words.
        message: String,
    },
}
