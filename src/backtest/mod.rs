//! Replays a record of a database's connections through a plan's guards: when it would have paused
//! or retreated, how often for nothing, and which thresholds would have kept still.
//!
//! The guards are those of the operator: [`crate::core::engine`] is shown the record sample by
//! sample. Nothing here judges by a rule of its own, reads a clock or a file.

mod findings;
mod incident;
mod moment;
pub mod page;
pub mod prometheus;
pub mod record;
pub mod replay;
pub mod suggest;
pub mod table;
pub mod text;
pub mod weeks;

#[cfg(test)]
mod tests;

pub use findings::{Findings, Source};
pub use incident::{Incident, caught};
pub use moment::{Moment, show};
