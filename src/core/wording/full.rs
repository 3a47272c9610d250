//! Why a retreat goes no further, by which figures, and what helps.

use crate::plan::{Database, InstanceIndex};
use crate::rules::capacity::{self, Bound};
use crate::rules::strain;
use crate::spare::BUDGET;
use crate::time::Time;
use crate::turn::Turn;

/// In words, and since when.
pub fn words(turn: &Turn) -> (String, Option<Time>) {
    let guard = turn.state.retreat.as_ref().and_then(|retreat| retreat.guard.as_ref());
    let why = guard.map_or("Kubernetes fails".to_owned(), |guard| {
        format!("{} of database {} is tripped", guard.signal, guard.database)
    });
    let strain = turn.state.strain.filter(|_| strain::stands(turn));
    if let Some(seen) = strain.and_then(|strain| strain.seen) {
        let message = format!(
            "{why}, and legacy fails more of its requests since the last step back, so that the retreat stands: \
             bring legacy servers up, or shed load"
        );
        return (message, Some(seen));
    }
    (format!("{why}, and {}", bound(turn)), turn.state.last_step)
}

/// Of an instance that stands above the plan's weight.
pub fn of_instance(turn: &Turn, instance: InstanceIndex) -> String {
    let seen = turn.seen.instances.get(instance);
    let key = seen.map_or("", |seen| seen.key.as_str());
    let stands = turn.reading(instance).map(|reading| reading.weight).unwrap_or_default();
    let intended = turn.intended();
    format!("route {key} stands at {stands} %, above the plan's {intended} %, and {}", bound(turn))
}

/// What binds.
fn bound(turn: &Turn) -> String {
    let database = |place: usize| {
        let database = turn.plan.databases.get(place);
        let capacity = database.and_then(|database| database.connection_rate_capacity).unwrap_or_default();
        (database.map_or("", |database: &Database| database.name.as_str()), capacity)
    };
    match capacity::binding(turn) {
        Some(Bound::Budget { database: place, rate, legacy, kubernetes }) => {
            let (name, capacity) = database(place);
            let (most, percent) = (BUDGET * capacity, 100.0 * BUDGET);
            format!(
                "a request costs {legacy:.2} connects on legacy and {kubernetes:.2} on Kubernetes, so that a step \
                 back would bring database {name} more than its {rate:.0} connects/s, of which {most:.0} may be \
                 used ({percent:.0} % of its connectionRateCapacity, {capacity}): shed load, make connections cost \
                 less on legacy (pool them), or prove a higher capacity"
            )
        }
        Some(Bound::Burst { database: place, each }) => {
            let (name, capacity) = database(place);
            format!(
                "legacy would open {each:.2} connections for each request/s more, all at once, which database \
                 {name} with its connectionRateCapacity of {capacity} cannot answer even for the smallest step: \
                 keep smaller pools (connectionsPerServer), or prove a higher capacity"
            )
        }
        Some(Bound::Room { ready }) => format!(
            "legacy, which can carry {ready:.0} requests/s, can take nothing more: bring legacy servers up, or \
             shed load"
        ),
        None => "it is not known what legacy can carry: see that spec.legacy.capacity can be read".into(),
    }
}
