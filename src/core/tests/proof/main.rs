//! The proof of the core: a table per rule, and the incidents that it must master.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod balancer;
mod build;
mod commands;
mod converging;
mod demand;
mod drifting;
mod engine;
mod expiring;
mod incidents;
mod joining;
mod normal;
mod peaks;
mod r12_r13_absent_and_silent;
mod r1_raise_only_in_the_clear;
mod r2_the_brake_comes_first;
mod r3_a_retreat_fits;
mod r3_failing_outright;
mod r5_r6_unknown_and_full;
mod r7_no_oscillation;
mod r8_record_then_raise_retreat_then_record;
mod r9_capacity_before_traffic;
mod r9_floors;
mod reference;
mod restart;
mod retreating;
mod same;
mod sampled;
mod samples;
mod soaking;
mod status;
mod turns;
mod walking_back;
mod world;
