//! Tests of scenario files, and the scenario files themselves.

mod files;
mod problems;
mod roundtrip;
