//! The whole system: real traffic through real load balancers to two pools with a real database
//! behind.

#[path = "../stage/mod.rs"]
mod stage;

mod api_server;
mod crashes;
mod ground;
mod operator;
mod replicas;
mod rights;
mod routes;
mod surge;
mod traffic;
