//! Pods of workloads, counted on a real API server: how soon a change is known, what counts, what
//! becomes of a count whose watch is dead, and what a plan says that lacks its workload.

mod accepted;
mod counted;
mod cut;
pub mod place;
