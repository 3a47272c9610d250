//! The deciding engine of Crossfade.
//!
//! Pure: no clock, no I/O, no threads, no randomness, std only. The shell tells it what was seen
//! and what time it is; it answers with the next state and an ordered list of actions.

pub mod action;
pub mod band;
pub mod baseline;
pub mod capacity;
pub mod check;
pub mod connects;
pub mod decide;
pub mod defaults;
pub mod engine;
pub mod fence;
pub mod floor;
pub mod guard;
mod held;
mod lean;
pub mod lease;
pub mod lessons;
pub mod load;
pub mod meter;
pub mod peaks;
pub mod periods;
pub mod plan;
pub mod prediction;
pub mod ready;
pub mod reason;
pub mod report;
mod reporting;
pub mod route;
mod rules;
pub mod seen;
pub mod series;
pub mod share;
pub mod side;
pub mod sides;
mod slope;
pub mod spare;
pub mod state;
pub mod surge;
pub mod time;
pub mod token;
mod turn;
pub mod watch;
pub mod weight;
mod wording;
