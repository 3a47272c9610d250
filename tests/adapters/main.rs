//! The adapters against the real programs.

#[path = "../stage/mod.rs"]
mod stage;

mod haproxy;
