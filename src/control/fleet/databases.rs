//! What the databases of the plans answered.

use tokio::time::Instant;

use super::{DatabaseId, Fleet};
use crate::control::pace::Pace;
use crate::core::meter::Observation;
use crate::core::time::Time;

/// What one answer says to those who sample at one pace.
pub struct Sampled {
    /// What the meter made of it.
    pub observation: Observation,
    /// What keeps the sides from being told apart, if that is known: `Some(None)` is nothing.
    pub lacks: Option<Option<String>>,
}

impl Fleet {
    /// A database answered. `cause` is when.
    pub fn sample(
        &mut self,
        database: DatabaseId,
        pace: &Pace,
        sampled: &Sampled,
        now: Time,
        cause: Instant,
    ) {
        let mut touched = Vec::new();
        for (key, entry) in &mut self.plans {
            let mut concerned = false;
            for (place, (name, id)) in entry.links.databases.iter().enumerate() {
                if *id == database && entry.links.paces.get(place) == Some(pace) {
                    entry.engine.observe(name, &sampled.observation, now);
                    concerned = true;
                    match &sampled.lacks {
                        Some(Some(why)) => {
                            if entry.lacks.get(name) != Some(why) {
                                tracing::info!(plan = %key, database = name, why, "the sides are not told apart");
                                entry.lacks.insert(name.clone(), why.clone());
                            }
                        }
                        Some(None) => drop(entry.lacks.remove(name)),
                        None => {}
                    }
                }
            }
            if concerned {
                touched.push(key.clone());
            }
        }
        self.settle(touched, now, cause);
    }
}
