//! The sources, the routes and the report, each against the real program, and the commands that stand
//! on them.

#[path = "../stage/mod.rs"]
mod stage;

mod backtest;
mod haproxy;
mod mysql;
mod page;
mod prometheus;
mod simulate;
