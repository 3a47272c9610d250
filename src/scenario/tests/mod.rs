//! Tests of scenario files, and the scenario files themselves.

mod files;
mod judging;
mod physics;
mod problems;
mod roundtrip;
