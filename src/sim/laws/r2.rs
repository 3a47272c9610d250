//! R2: the brake comes first, and walks to the end.

use std::time::Duration;

use crossfade_core::action::Action;
use crossfade_core::guard::{Level, Test};
use crossfade_core::route::Outcome;
use crossfade_core::seen::Authority;
use crossfade_core::state::State;
use crossfade_core::weight::Weight;

use super::sided::LATELY;
use super::truth::Truth;
use super::{Case, Found, Rule, SAME, bounds, r3, r4};
use crate::world::World;

/// How long after a failed write the same is tried again.
const RETRY: Duration = Duration::from_secs(1);

/// From the decision that sees a breach to the writes nothing is waited for.
pub fn brakes_first(case: &Case<'_>) -> Option<String> {
    let decided = case.decided;
    let after = decided.after.state();
    if decided.after.seen().authority == Authority::None || !after.volatile.settled {
        return None;
    }
    let first_record = decided.actions.iter().position(|action| matches!(action, Action::Record { .. }));
    let last_write = decided.actions.iter().rposition(|action| matches!(action, Action::Write { .. }));
    if let (Some(record), Some(write)) = (first_record, last_write)
        && write > record
    {
        return Some("a write waits behind a record".into());
    }
    breached(case, decided.before?)
}

fn breached(case: &Case<'_>, before: &State) -> Option<String> {
    let decided = case.decided;
    let after = decided.after.state();
    let newly = after.guards.iter().find(|(key, guard)| {
        guard.level == Level::Rollback
            && before.guards.get(key).is_none_or(|guard| guard.level != Level::Rollback)
    });
    let (key, _) = newly?;
    if before.retreat.is_some() || before.intended.unwrap_or_default() == Weight::ZERO {
        return None;
    }
    if r4::may_hold(case, key) {
        return None;
    }
    let intended = after.intended.unwrap_or_default();
    let every = case.plan().rollback.every;
    let fell = after.history.iter().any(|step| step.to < step.from && decided.clock.since(step.at) < every);
    if intended != Weight::ZERO && !(fell && after.retreat.is_some()) && r3::must_move(case, intended) {
        return Some(format!("{key:?} is breached, and no step is taken"));
    }
    for (instance, seen) in decided.after.seen().instances.iter().enumerate() {
        let read = seen.reading.as_ref().map(|(_, reading)| reading.weight);
        if !after.joined.contains(&seen.key) || read.is_none_or(|read| read <= intended.plus(SAME)) {
            continue;
        }
        let ordered = case.writes().any(|(place, weight, ..)| place == instance && weight <= intended);
        let under_way = seen.order.as_ref().is_some_and(|order| {
            let lately = match order.outcome {
                Outcome::Pending => order.at < decided.clock,
                // It is tried again a second after it failed.
                Outcome::Failed { at } => decided.clock.since(at) < RETRY,
                Outcome::Done(_) => false,
            };
            order.weight <= intended && lately
        });
        // A pool without servers takes no weight, whatever is written; and legacy takes what it can carry.
        let service = decided.services.get(decided.service)?;
        let takes = service.balancers.get(instance)?.is_as_set() && r3::must_move(case, service.weight());
        if takes && !(ordered || under_way || seen.failing.is_some()) {
            return Some(format!("{key:?} is breached at {read:?}, and {} is not braked", seen.key));
        }
    }
    None
}

/// A breach that lasts walks every load balancer that obeys down to 0, or as far as legacy can carry it.
pub fn walks_to_the_end(truth: &Truth, world: &World, found: &mut Found<'_>) {
    let now = world.now;
    for (index, (service, known)) in world.services.iter().zip(&truth.services).enumerate() {
        let Some(object) = known.asked.last() else { continue };
        let mut guards = known.guards.iter();
        for (database, place) in object.plan.databases.iter().zip(&service.databases) {
            for guard in &database.guards {
                let Some(guard_truth) = guards.next() else { continue };
                let Some(over) = guard_truth.rollback.since() else { continue };
                let absolute =
                    guard.rollback.iter().filter(|condition| matches!(condition.test, Test::Above(_)));
                let measured = absolute
                    .map(|condition| condition.within.max(condition.lasting))
                    .max()
                    .unwrap_or_default();
                let bound = bounds::retreat(&object.plan, measured, database.every) + truth.step * 4;
                if now.since(over) <= bound {
                    continue;
                }
                if known.known.room().lasts(over, now).is_none_or(|room| room <= bound) {
                    continue;
                }
                let charge = truth.replicas.iter().enumerate().find_map(|(number, replica)| {
                    let since = replica.charge.get(index)?.since()?.max(replica.awake.since()?);
                    (now.since(since.max(truth.counts(*place, number)).max(over)) > bound).then_some(number)
                });
                let Some(replica) = charge else { continue };
                if known.sided.may_bind(&object.plan, now, bound + LATELY)
                    || r4::may_hold_for_long(known, &object.plan, world, (index, replica), bound)
                {
                    continue;
                }
                let asked = now.since(known.asked_at);
                for (instance, balancer) in service.balancers.iter().enumerate() {
                    let well = known.disturbed.get(instance).is_some_and(|at| now.since(*at) > bound)
                        && asked > bound;
                    // Without a legacy server all traffic is Kubernetes', whatever is written.
                    if well && balancer.is_as_set() && balancer.weight() > SAME {
                        let message = format!(
                            "{} of {} has been over its rollback threshold for {:?}, and instance {instance} stands at {} %",
                            guard.signal,
                            database.name,
                            now.since(over),
                            balancer.weight()
                        );
                        found(Rule::R2, index, Some(replica), message);
                        return;
                    }
                }
            }
        }
    }
}
