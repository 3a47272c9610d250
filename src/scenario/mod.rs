//! Scenario files: an incident in YAML, played by the simulator with the very engine, and what is expected
//! of it. The reference for those who write one is `tests/scenarios/README.md`.
//!
//! Text becomes a [`file::File`] ([`read`]), that a [`Loaded`] scenario ([`load`]), that is played ([`run`])
//! and checked ([`judge`]). Nothing here reads a clock or a file.

pub mod course;
mod curves;
pub mod event;
pub mod expectation;
pub mod expected;
pub mod file;
mod happening;
pub mod judge;
mod load;
mod names;
mod page;
mod plan;
mod read;
mod render;
mod retell;
mod run;
mod spec;
mod telling;
pub mod words;

pub use file::File;
pub use judge::Outcome;
pub use load::{Loaded, load};
pub use page::page;
pub use read::{read, schema};
pub use render::render;
pub use run::{Played, run, run_without, without};

#[cfg(test)]
mod tests;
