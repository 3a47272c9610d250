//! What a replica asks of the databases, and how often.

use std::time::Duration;

use crossfade_core::meter::Meter;
use crossfade_core::plan;
use crossfade_core::time::Time;

/// The samples of one database at one period, perhaps with one service's users told apart.
#[derive(Clone, Debug)]
pub struct Beat {
    /// What is asked.
    pub asks: Asks,
    /// What is made of the answers.
    pub meter: Meter,
    /// When it is asked next.
    pub due: Time,
}

/// What is asked of a database. Plans that ask the same share a beat.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Asks {
    /// Its place in the world.
    pub database: usize,
    /// How often.
    pub every: Duration,
    /// Of which service's users too.
    pub users: Option<usize>,
}

impl Asks {
    /// What the plan of `service` asks of its `database`, which stands at `place` in the world.
    pub fn of(database: &plan::Database, place: usize, service: usize) -> Self {
        Self { database: place, every: database.every, users: database.by_side.then_some(service) }
    }
}
