//! The sources, the routes and the report, each against the real program.

#[path = "../stage/mod.rs"]
mod stage;

mod haproxy;
mod mysql;
mod page;
