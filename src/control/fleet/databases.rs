//! What the databases of the plans answered.

use tokio::time::Instant;

use super::{DatabaseId, Fleet};
use crate::control::pace::Pace;
use crate::control::teller::Telling;
use crate::core::capacity::{OF_MAXIMUM, Source};
use crate::core::engine::Engine;
use crate::core::meter::Observation;
use crate::core::reason::Reason;
use crate::core::time::Time;

/// What one answer says to those who sample at one pace.
pub struct Sampled {
    /// What the meter made of it.
    pub observation: Observation,
    /// The connections that the database may hold, if it answered.
    pub maximum: Option<u64>,
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
                    if let Some(maximum) = sampled.maximum {
                        let why = too_few(name, maximum, &entry.engine);
                        if entry.rooms.get(name) != why.as_ref() {
                            match why {
                                Some(why) => {
                                    let (plan, message) = (key.clone(), why.clone());
                                    entry.rooms.insert(name.clone(), why);
                                    self.teller.tell(Telling {
                                        plan,
                                        reason: Reason::CapacityShort,
                                        message,
                                    });
                                }
                                None => drop(entry.rooms.remove(name)),
                            }
                        }
                    }
                    match &sampled.lacks {
                        Some(Some(why)) if entry.lacks.get(name) != Some(why) => {
                            tracing::info!(plan = %key, database = name, why, "the sides are not told apart");
                            entry.lacks.insert(name.clone(), why.clone());
                        }
                        Some(None) => drop(entry.lacks.remove(name)),
                        Some(Some(_)) | None => {}
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

/// What is to be done where a database could not hold the full pools of the legacy servers that are up and of
/// the pods that the plan allows (DESIGN section 5, d).
fn too_few(database: &str, maximum: u64, engine: &Engine) -> Option<String> {
    let plan = engine.plan();
    let Source::Route(route) = plan.capacity.legacy?.capacity else { return None };
    let seen = &engine.seen().instances;
    let up = plan
        .instances_of(route)
        .filter_map(|instance| seen.get(instance)?.reading.as_ref().map(|(_, reading)| reading.legacy_up));
    let held = plan.capacity.connections(f64::from(up.max()?))?;
    let needed = (held / OF_MAXIMUM).ceil();
    (needed > maximum as f64).then(|| {
        format!(
            "database {database} may hold {maximum} connections; with the pools of the legacy servers that are up and of \
             the pods that are allowed it may come to hold {held:.0}, for which max_connections must be {needed:.0}: \
             raise it, or allow fewer pods or smaller pools"
        )
    })
}
