//! The simulator: the very engine of the operator in a simulated world.
//!
//! Pure and deterministic: a [`scenario::Scenario`] with its seed is a whole run, told step by step to
//! a [`witness::Witness`]. The world has users, two sides that serve them, databases behind, load
//! balancers in front, an API server, and replicas of the operator that act as the real shell does.
//! Nothing here reads a clock, a file or the environment.

pub mod api;
pub mod autoscaler;
pub mod balancer;
mod beat;
pub mod broken;
mod chance;
pub mod coverage;
pub mod database;
pub mod demand;
pub mod evidence;
mod floors;
mod happen;
pub mod lane;
pub mod laws;
pub mod mind;
pub mod process;
mod recorder;
pub mod recording;
pub mod scenario;
pub mod seeds;
pub mod service;
pub mod shrink;
pub mod side;
pub mod trace;
pub mod traffic;
pub mod trial;
pub mod witness;
pub mod world;
