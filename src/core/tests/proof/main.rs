//! The proof of the core: a table and a property per rule, and the incidents that it must master.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod build;
mod laws;
mod properties;
mod r1_raise_only_in_the_clear;
mod r2_the_brake_comes_first;
mod samples;
mod world;
