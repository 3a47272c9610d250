//! The stage: real programs that the tests, the demo and the benchmarks stand on.
#![allow(dead_code)] // each target uses its own part

pub mod cluster;
pub mod haproxy;
pub mod load;
pub mod mariadb;
pub mod pool;
