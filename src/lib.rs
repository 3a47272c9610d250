//! Crossfade moves a live service from legacy infrastructure to Kubernetes in stages.
//!
//! Data flows one way: sources and watches, observations, [`crossfade_core`] decides, actions,
//! executor. Everything here is the shell around that pure core.

pub use crossfade_core as core;
pub use crossfade_sim as sim;

pub mod api;
pub mod backtest;
pub mod capacity;
pub mod cli;
pub mod control;
pub mod probe;
pub mod report;
pub mod route;
pub mod scenario;
pub mod serve;
