//! R7: no oscillation.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use crossfade_core::guard::{Level, Signal, Test};
use crossfade_core::reason::Reason;
use crossfade_core::state::State;
use crossfade_core::time::Time;

use super::truth::Truth;
use super::{Case, Found, Rule};
use crate::world::World;

const DAY: Duration = Duration::from_hours(24);

/// A retreat's step is at most `maxStep` within `every`, and its cooldown runs from it.
pub fn walks(case: &Case<'_>) -> Option<String> {
    let state = case.decided.after.state();
    let clock = case.decided.clock;
    let newest =
        state.history.back().filter(|step| step.at == clock && step.reason == Reason::GuardRollback)?;
    if case.decided.before.is_none_or(|before| before.history.back() == Some(newest)) {
        return None;
    }
    let rollback = case.plan().rollback;
    let ours = |reason: Reason| matches!(reason, Reason::GuardRollback | Reason::TargetStageLowered);
    let within =
        state.history.iter().filter(|step| clock.since(step.at) < rollback.every && ours(step.reason));
    let fallen: u32 = within.map(|step| u32::from(step.from.minus(step.to).hundredths())).sum();
    if newest.to < newest.from && fallen > u32::from(rollback.max_step.hundredths()) {
        return Some(format!("fell by {} points within {:?}", f64::from(fallen) / 100.0, rollback.every));
    }
    let retreats = state.retreats.iter().filter(|at| clock.since(**at) < DAY).count();
    let cooldown = (Duration::from_mins(30)
        * 2_u32.pow(u32::try_from(retreats.max(1) - 1).unwrap_or(10).min(10)))
    .min(DAY);
    if state.cooldown_until.is_none_or(|until| until < clock + cooldown) {
        return Some(format!(
            "a cooldown of {cooldown:?} is due after {retreats} retreats, and it ends at {:?}",
            state.cooldown_until
        ));
    }
    None
}

/// No guard clears while the true value is over its pause threshold.
pub fn clears_only_what_is_over(case: &Case<'_>) -> Option<String> {
    let decided = case.decided;
    let before = decided.before?;
    let after = decided.after.state();
    if before.guards == after.guards {
        return None;
    }
    let service = case.truth.services.get(decided.service)?;
    let newest = service.asked.last().filter(|object| object.generation == case.object.generation)?;
    let mut guards = service.guards.iter();
    for database in &newest.plan.databases {
        for guard in &database.guards {
            let known = guards.next()?;
            let spare = guard.resume.within.saturating_sub(guard.resume.lasting);
            let bound = spare + guard.resume.lasting / 8 + database.every * 2 + case.truth.step * 2;
            if !matches!(guard.resume.test, Test::Below(_))
                || known.pause.lasts(Time::default(), decided.now).is_none_or(|over| over <= bound)
            {
                continue;
            }
            let clears = after.guards.iter().any(|(key, tripped)| {
                key.database == database.name
                    && key.signal == guard.signal
                    && tripped.level == Level::Clear
                    && before.guards.get(key).is_some_and(|before| before.level != Level::Clear)
            });
            if clears {
                return Some(format!(
                    "{} of {} clears, and is truly over its pause threshold",
                    guard.signal, database.name
                ));
            }
        }
    }
    None
}

/// A guard whose true value has long been under its resume threshold is clear.
pub fn clears_in_time(truth: &Truth, world: &World, found: &mut Found<'_>) {
    let now = world.now;
    for (index, (service, known)) in world.services.iter().zip(&truth.services).enumerate() {
        let Some(object) = known.asked.last() else { continue };
        let mut guards = known.guards.iter();
        for (database, place) in object.plan.databases.iter().zip(&service.databases) {
            for guard in &database.guards {
                let Some(of_guard) = guards.next() else { continue };
                if guard.signal == Signal::FailedConnections {
                    continue;
                }
                let bound =
                    guard.resume.within + database.every * 4 + truth.step * 4 + Duration::from_secs(3);
                if of_guard.resume.lasts(Time::default(), now).is_none_or(|under| under <= bound) {
                    continue;
                }
                for (number, (replica, process)) in truth.replicas.iter().zip(&world.processes).enumerate() {
                    let (Some(awake), Some(charge)) = (
                        replica.awake.since(),
                        replica.charge.get(index).and_then(super::truth::Since::since),
                    ) else {
                        continue;
                    };
                    let since = awake.max(charge).max(truth.counts(*place, number)).max(known.asked_at);
                    if of_guard.resume.lasts(since, now).is_none_or(|under| under <= bound) {
                        continue;
                    }
                    // A replica whose watch says nothing new goes by the plan that it knows.
                    let mind = process.minds.get(index).filter(|mind| mind.asked == object.asked);
                    let Some(mind) = mind else { continue };
                    let tripped = mind.engine.state().guards.iter().find(|(key, tripped)| {
                        key.database == database.name
                            && key.signal == guard.signal
                            && tripped.level != Level::Clear
                    });
                    // Other tests of the same guard (a slope, a trend) may keep it tripped.
                    let absolute = guard
                        .pause
                        .iter()
                        .chain(&guard.rollback)
                        .all(|condition| matches!(condition.test, Test::Above(_)));
                    if let Some((key, tripped)) = tripped.filter(|_| absolute) {
                        found(
                            Rule::R7,
                            index,
                            Some(number),
                            format!(
                                "{key:?} has been under its resume threshold for longer than {bound:?}, and is {:?}",
                                tripped.level
                            ),
                        );
                        return;
                    }
                }
            }
        }
    }
}

/// What is said of capacity does not change with each sample: a status is written for each of them.
#[derive(Clone, Debug, Default)]
pub struct Flutter {
    /// When it changed, of each replica's plans, in the last minute.
    changes: BTreeMap<(usize, usize), VecDeque<Time>>,
}

impl Flutter {
    /// So many changes within a minute are too many: two for each step of a retreat that finds room anew.
    const MOST: usize = 24;

    pub fn decided(&mut self, case: &Case<'_>) -> Option<String> {
        let decided = case.decided;
        let told = |state: &State| state.volatile.told.and_then(|(_, reason)| reason);
        let (before, after) = (told(decided.before?), told(decided.after.state()));
        let of_capacity = |reason| matches!(reason, Some(Reason::CapacityShort | Reason::LegacyFull));
        // Another plan's ramp is seen step by step.
        let others = [before, after].contains(&Some(Reason::AnotherPlanRaising));
        // Load balancers that answer now and then say another thing each time.
        let well = case.truth.services.get(decided.service)?.known.is_well(decided.now);
        if before == after || others || !well || !(of_capacity(before) || of_capacity(after)) {
            return None;
        }
        let changes = self.changes.entry((decided.replica, decided.service)).or_default();
        changes.push_back(decided.now);
        changes.retain(|at| decided.now.since(*at) < Duration::from_mins(1));
        (changes.len() > Self::MOST).then(|| {
            let count = changes.len();
            format!(
                "what is said of capacity changed {count} times within a minute, from {before:?} to {after:?}"
            )
        })
    }
}
