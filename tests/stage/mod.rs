//! The stage: real programs that the tests, the demo and the benchmarks stand on.
#![allow(dead_code)] // each target uses its own part
// What cannot be set up fails the run.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

pub mod cluster;
pub mod haproxy;
pub mod load;
pub mod mail;
pub mod mariadb;
pub mod operator;
pub mod pods;
pub mod pool;
pub mod prometheus;
pub mod surge;
pub mod world;
