//! How long things may take: computed from the plan, with room for samples, readings and calls.

use std::time::Duration;

use crossfade_core::capacity::Source;
use crossfade_core::plan::{Plan, When};
use crossfade_core::weight::Weight;

use super::known;

/// What a step may take besides its own waits: a reading that fails after 2 s, a write that fails after
/// 2 s and is tried again after 1 s, and as much again.
const CALLS: Duration = Duration::from_secs(10);

/// The steps from weight 100 to 0, if legacy has room for all: small ones while nobody says so, or where
/// its pools must fill gently.
fn steps(plan: &Plan) -> u32 {
    let gently = plan.capacity.legacy.is_some_and(|legacy| legacy.connections_per_server.is_some());
    let most = if gently || known::is_blind(plan) || asks_gently(plan) { SMALL } else { Weight::FULL };
    10_000_u32.div_ceil(u32::from(plan.rollback.max_step.min(most).hundredths().max(1)))
}

/// The step where nothing is known of capacity (DESIGN, R5), which random plans' pools allow too.
const SMALL: Weight = Weight::from_hundredths(500);

/// Whether a guard's retreat asks legacy gently: by effects, and nobody measures what legacy can carry.
fn asks_gently(plan: &Plan) -> bool {
    let measured =
        plan.capacity.legacy.is_some_and(|legacy| !matches!(legacy.capacity, Source::Declared { .. }));
    plan.rollback.when == When::Attributed && !measured
}

/// The time from one step to the next: such a legacy shows only after 30 s what it carries; so does a trial.
fn every_step(plan: &Plan) -> Duration {
    let shows = if asks_gently(plan) { Duration::from_secs(30) } else { Duration::ZERO };
    plan.rollback.every.max(shows)
}

/// From the first value over the threshold to weight 0, however many stops there are on the way.
pub fn retreat(plan: &Plan, measured: Duration, every: Duration) -> Duration {
    let steps = steps(plan);
    let halts = u32::try_from(plan.stages.len()).unwrap_or(u32::MAX) + 1;
    let longest = plan
        .databases
        .iter()
        .flat_map(|database| {
            database
                .guards
                .iter()
                .flat_map(|guard| &guard.rollback)
                .map(|condition| condition.within + database.every)
        })
        .max()
        .unwrap_or_default();
    let pause = every_step(plan);
    let walk = (pause + Duration::from_secs(2)) * (steps + halts);
    let wait = (pause.max(longest) + every * 3 + CALLS) * halts;
    // One step may be judged by its effect first.
    let judged =
        if plan.rollback.when == When::Attributed { Duration::from_secs(32) } else { Duration::ZERO };
    measured + every * 3 + CALLS + walk + wait + judged
}

/// From wherever it stands to its end, nothing standing against it.
pub fn completion(plan: &Plan) -> Duration {
    let stage = |stage: &crossfade_core::plan::Stage| {
        let ramp = stage.ramp.map_or(Duration::ZERO, |ramp| {
            (ramp.every + CALLS) * 10_000_u32.div_ceil(u32::from(ramp.step.hundredths().max(1)))
        });
        stage.soak + ramp + CALLS * 2
    };
    let stages: Duration = plan.stages.iter().map(stage).sum();
    stages + settle(plan)
}

/// From the end of all faults to everything in sync, or a reason that a person must see to.
pub fn settle(plan: &Plan) -> Duration {
    let steps = steps(plan);
    let longest = plan
        .databases
        .iter()
        .flat_map(|database| database.guards.iter().map(|guard| guard.longest() + database.every * 4))
        .max()
        .unwrap_or_default();
    // A new holder after the longest claim, its status, its readings; a guard that clears; the others'
    // weights brought along step by step.
    Duration::from_secs(30) + longest + (plan.rollback.every + CALLS) * (steps + 1)
}
