//! The sources and the routes, each against the real program.

#[path = "../stage/mod.rs"]
mod stage;

mod haproxy;
mod mysql;
