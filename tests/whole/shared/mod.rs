//! What goes wrong with plans and databases. Each test has a place of its own on the ground that
//! they share, and mostly waits: run many at once.

mod approvals;
mod away;
mod databases;
mod full;
mod measured;
mod midway;
mod plans;
mod secrets;
mod sides;
