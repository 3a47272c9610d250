//! The whole system: real traffic through real load balancers to two pools with a real database
//! behind.

#[path = "../stage/mod.rs"]
mod stage;

mod operator;
mod surge;
mod traffic;
