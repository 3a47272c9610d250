//! Which absolute thresholds are truly crossed.

use crossfade_core::guard::{Condition, Signal, Test};
use crossfade_core::time::Time;

use super::truth::{Database, Service};
use crate::world::World;

/// What a database shows: counted connects per second, and connections in percent of the maximum.
pub fn values(database: &crate::database::Database) -> [f64; 2] {
    [database.flow().counted, 100.0 * database.connected() / f64::from(database.maximum.max(1))]
}

/// That of them by which a guard goes; `None` if it goes by something else.
pub fn value_of(signal: Signal, values: [f64; 2]) -> Option<f64> {
    match signal {
        Signal::ConnectionRate => Some(values[0]),
        Signal::ConnectionsOfMax => Some(values[1]),
        Signal::FailedConnections => None,
    }
}

/// Takes in which thresholds of a service's guards are crossed now.
pub fn see(truth: &mut Service, behind: &[usize], databases: &[Database], now: Time, world: &World) {
    let Some(object) = truth.asked.last() else { return };
    let mut guards = truth.guards.iter_mut();
    for (database, place) in object.plan.databases.iter().zip(behind) {
        let known = databases.get(*place);
        for guard in &database.guards {
            let Some(truth) = guards.next() else { return };
            let Some(known) = known else { continue };
            let Some(value) = value_of(guard.signal, known.values) else { continue };
            // Counters are whole numbers: a sample may be off by one.
            let off = match guard.signal {
                Signal::ConnectionRate => 2.0 / database.every.as_secs_f64() + 0.01 * value,
                _ => 1.0 + 100.0 / f64::from(world.databases.get(*place).map_or(1, |it| it.maximum.max(1))),
            };
            let heard = known.heard.since().is_some();
            let over = |conditions: &[Condition]| {
                heard
                    && conditions
                        .iter()
                        .any(|condition| matches!(condition.test, Test::Above(limit) if value - off > limit))
            };
            truth.pause.is(over(&guard.pause), now);
            truth.rollback.is(over(&guard.rollback), now);
            let under = matches!(guard.resume.test, Test::Below(limit) if value + off < limit);
            truth.resume.is(heard && under && known.full.since().is_none() && known.values[1] < 88.0, now);
        }
    }
}
