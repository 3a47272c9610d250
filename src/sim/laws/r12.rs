//! R12: only the replica with the right writes, and only what it may.

use std::time::Duration;

use crossfade_core::lease::Standing;
use crossfade_core::route::Purpose;
use crossfade_core::seen::Authority;

use super::truth::{CLAIM, Replica, Truth};
use super::{Case, Found, Rule, SAME};
use crate::world::World;

/// How long the last holder may brake after its claim (DESIGN, section 3).
const BRAKE: Duration = Duration::from_hours(1);
/// How long a replica that can look may take to see that another holds the lease.
const LOOK: Duration = Duration::from_secs(6);

/// What is decided, by the standing that the replica truly has.
pub fn writes_only_what_it_may(case: &Case<'_>) -> Option<String> {
    let decided = case.decided;
    let mind = decided.minds.get(decided.service)?;
    let authority = match (decided.standing, mind.taken_over) {
        (Standing::Holder { epoch, .. }, Some(taken)) if taken == epoch => Authority::Holder,
        (Standing::LastHolder { .. }, Some(_)) => Authority::LastHolder,
        _ => Authority::None,
    };
    match authority {
        Authority::Holder => None,
        Authority::None if decided.actions.is_empty() => None,
        Authority::None => Some(format!("without any right: {:?}", decided.actions)),
        Authority::LastHolder => {
            let retreats = decided.after.state().retreat.is_some();
            let wrong = case.writes().find(|(_, weight, purpose, _)| {
                let read = |instance: usize| {
                    let seen = decided.after.seen().instances.get(instance)?;
                    seen.reading.as_ref().map(|(_, reading)| reading.weight)
                };
                *purpose != Purpose::Retreat
                    || !retreats
                    || case.writes().any(|(instance, to, ..)| {
                        to == *weight && read(instance).is_some_and(|read| to > read)
                    })
            })?;
            Some(format!("the last holder may brake and lower only: {wrong:?}"))
        }
    }
}

/// The lease has one holder at most, whoever deletes it or writes over it.
pub fn has_one_holder(world: &World, found: &mut Found<'_>) {
    let now = world.now;
    let mut holders = world.processes.iter().enumerate().filter(|(_, process)| process.holds(now));
    if let (Some((first, _)), Some((second, _))) = (holders.next(), holders.next()) {
        found(Rule::R12, 0, Some(second), format!("replicas {first} and {second} hold the lease"));
    }
}

/// What reaches the load balancers.
pub fn only_with_rights(truth: &Truth, world: &World, found: &mut Found<'_>) {
    let now = world.now;
    for (index, service) in world.services.iter().enumerate() {
        for landed in &service.landed {
            let Some(by) = landed.by else { continue };
            let Some(replica) = truth.replicas.get(by.replica) else { continue };
            let mut broken = |message: String| found(Rule::R12, index, Some(by.replica), message);
            let Some(renewed) = replica.renewed else {
                broken(format!("wrote {landed:?} and never held the lease"));
                continue;
            };
            let holds = |other: &Replica| other.renewed > Some(renewed) && now >= other.counts_from;
            if by.lowering {
                if now.since(renewed) > CLAIM + BRAKE {
                    broken(format!("braked {:?} after its claim", now.since(renewed)));
                }
                if by.order.purpose != Purpose::Retreat || landed.to > landed.from.plus(SAME) {
                    broken(format!("may lower only, and wrote {landed:?}"));
                }
                // While it could look, it saw who holds the lease.
                let looked = replica.looks.lasts(renewed, now).is_some_and(|looked| looked > LOOK);
                let deposed = truth
                    .replicas
                    .iter()
                    .filter_map(|other| other.took)
                    .any(|took| took > renewed && now.since(took) > LOOK);
                if looked && deposed {
                    broken("brakes although another replica has long held the lease".to_owned());
                }
            } else if now.since(renewed) > CLAIM {
                broken(format!("wrote {landed:?} {:?} after it renewed its claim", now.since(renewed)));
            } else if truth.replicas.iter().any(holds) {
                broken(format!("wrote {landed:?} while another replica holds the lease"));
            }
        }
    }
}
