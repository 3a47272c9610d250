//! R5: a fact has an age.

use std::time::Duration;

use crossfade_core::guard::Level;
use crossfade_core::report::Phase;
use crossfade_core::state::State;
use crossfade_core::time::Time;

use super::truth::Truth;
use super::{Case, Found, Rule};
use crate::world::World;

/// Unknown data pauses a plan after this long.
const BLIND: Duration = Duration::from_mins(1);

/// No guard changes its level while its database truly says nothing.
pub fn takes_the_unknown_for_nothing(case: &Case<'_>) -> Option<String> {
    let decided = case.decided;
    let before = decided.before?;
    let after = decided.after.state();
    if before.guards == after.guards {
        return None;
    }
    let behind = &decided.services.get(decided.service)?.databases;
    for (database, place) in case.plan().databases.iter().zip(behind) {
        let stale = (database.every * 3).max(Duration::from_secs(1)) + database.every + case.truth.step * 2;
        let silent = case.truth.databases.get(*place)?.silent.lasts(Time::default(), decided.now);
        let unheard = decided.databases.get(*place)?.is_silent(decided.now);
        if !unheard || silent.is_none_or(|silent| silent <= stale) {
            continue;
        }
        for guard in &database.guards {
            let level = |state: &State| {
                let known = state
                    .guards
                    .iter()
                    .find(|(key, _)| key.database == database.name && key.signal == guard.signal);
                known.map_or(Level::Clear, |(_, guard)| guard.level)
            };
            if level(before) != level(after) {
                return Some(format!(
                    "{} of the silent {} went from {:?} to {:?}",
                    guard.signal,
                    database.name,
                    level(before),
                    level(after)
                ));
            }
        }
    }
    None
}

/// Nothing rises while a database has truly said nothing for too long.
pub fn raises_nothing_unknown(case: &Case<'_>) -> Option<String> {
    if !case.begins_a_raise() && case.raises().next().is_none() {
        return None;
    }
    let truth = case.truth;
    let now = case.decided.now;
    let behind = &case.decided.services.get(case.decided.service)?.databases;
    for (database, place) in case.plan().databases.iter().zip(behind) {
        let stale = (database.every * 3).max(Duration::from_secs(1)) + database.every + truth.step * 2;
        let silent = truth.databases.get(*place)?.silent.lasts(Time::default(), now);
        let still = case.decided.databases.get(*place)?.is_silent(now);
        if still && silent.is_some_and(|silent| silent > stale) {
            return Some(format!(
                "raises although database {} has said nothing for {silent:?}",
                database.name
            ));
        }
    }
    None
}

/// After a minute without data the plan is paused, and says so.
pub fn pauses_after_a_minute(truth: &Truth, world: &World, found: &mut Found<'_>) {
    let now = world.now;
    for (index, service) in world.services.iter().enumerate() {
        let Some(object) = truth.services.get(index).and_then(|service| service.asked.last()) else {
            continue;
        };
        for (database, place) in object.plan.databases.iter().zip(&service.databases) {
            let bound = BLIND + database.every * 4 + truth.step * 4 + Duration::from_secs(2);
            let silent =
                truth.databases.get(*place).and_then(|database| database.silent.lasts(Time::default(), now));
            if silent.is_none_or(|silent| silent <= bound) || database.guards.is_empty() {
                continue;
            }
            for (number, (replica, process)) in truth.replicas.iter().zip(&world.processes).enumerate() {
                let charge = replica.charge.get(index).and_then(|charge| charge.lasts(Time::default(), now));
                let Some(mind) =
                    process.minds.get(index).filter(|_| charge.is_some_and(|charge| charge > bound))
                else {
                    continue;
                };
                let told = mind.engine.state().volatile.told.map(|(phase, _)| phase);
                let stands = matches!(
                    told,
                    Some(Phase::Paused | Phase::RollingBack | Phase::RolledBack | Phase::Pending)
                );
                if !stands {
                    found(
                        Rule::R5,
                        index,
                        Some(number),
                        format!(
                            "{} has been silent for {silent:?}, and the phase is {told:?}",
                            database.name
                        ),
                    );
                    return;
                }
            }
        }
    }
}
