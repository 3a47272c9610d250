//! The operator against a real API server, with RBAC on and under its own service account.

#[path = "../stage/mod.rs"]
mod stage;

mod lease;
