//! The controller's parts against a real control plane.

// What cannot be set up fails the run.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../stage/mod.rs"]
mod stage;

mod api;
mod floors;
mod lease;
mod pods;
