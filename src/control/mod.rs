//! The shell around the core: watches, samples, writes, records. It decides nothing.
//!
//! Every event (a sample, a reading, an outcome, a stored record, a changed object, a changed lease,
//! a deadline) is fed to the [`fleet`] under its one lock; what the engines ask for is handed to the
//! lanes, recorders and the teller, none of which waits for another.

pub mod args;
pub mod client;
pub mod clock;
pub mod counter;
mod counters;
pub mod crew;
pub mod fleet;
pub mod floors;
pub mod hands;
pub mod key;
pub mod known;
pub mod lane;
pub mod lease;
pub mod log;
pub mod lookout;
pub mod mailbox;
pub mod operator;
mod pace;
pub mod poller;
pub mod reconcile;
pub mod recorder;
pub mod resolve;
mod run;
pub mod sampler;
pub mod seat;
pub mod secrets;
pub mod teller;
pub mod warm;
pub mod watch;
pub mod wire;
pub mod workloads;

pub use args::Args;
pub use run::{Error, run};
