//! The whole system: real traffic through real load balancers to two pools with a real database
//! behind.

#[path = "../stage/mod.rs"]
mod stage;

mod alone;
mod main_job;
mod operator;
mod place;
mod shared;
mod surge;
mod traffic;
