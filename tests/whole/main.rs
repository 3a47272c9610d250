//! The whole system: real traffic through real load balancers to two pools with a real database
//! behind.

#[path = "../stage/mod.rs"]
mod stage;

mod alone;
mod api_server;
mod crashes;
mod ground;
mod main_job;
mod place;
mod pods;
mod replicas;
mod rights;
mod room;
mod routes;
mod shared;
mod surge;
mod traffic;
mod witness;

use stage::mail;
