//! Raises of which something is predicted: by users, to a side whose pods are cold, so that it comes out
//! otherwise; or by what the steps of a ramp have shown of a side that costs more, or less.

use std::time::Duration;

use crossfade_core::capacity::{Capacity, Demand, Source};
use crossfade_core::guard::{Condition, Guard, Signal, Test};
use crossfade_core::plan::{Ramp, Stage};
use crossfade_core::weight::Weight;
use fastrand::Rng;

use super::{between, one_in, pick};
use crate::scenario::{Event, Scenario, ServiceSetup, What};

/// One world in so many is made of such raises.
const ONE_IN: u32 = 8;

/// Makes some worlds of one service so. By a chance of its own, so that the rest of the seeds are as they were.
pub fn set(scenario: &mut Scenario) {
    let random = &mut Rng::with_seed(scenario.seed ^ 0x666f_7265_746f_6c64);
    let alone = scenario.services.len() == 1 && scenario.services[0].plan.routes.len() == 1;
    if !alone || !one_in(random, ONE_IN) {
        return;
    }
    scenario.events.clear();
    // Chance says little of many.
    let setup = &mut scenario.services[0];
    setup.demand.requests_per_second = setup.demand.requests_per_second.max(1_000.0);
    setup.demand.noise = setup.demand.noise.min(0.02);
    for side in [&mut setup.legacy, &mut setup.kubernetes] {
        side.connects_per_request = side.connects_per_request.max(0.3);
        side.requests_per_second_per_server = 10.0 * setup.demand.requests_per_second;
    }
    setup.standing = true;
    let from = Source::Route(0);
    let demand = Demand { from, surge_factor: 1.0, peak_window: Duration::from_hours(1) };
    setup.plan.capacity = Capacity { demand: Some(demand), ..Capacity::default() };
    let told = random.bool();
    setup.plan.databases.iter_mut().for_each(|database| database.by_side = told);
    if told {
        cold(random, scenario);
    } else {
        ramped(random, scenario);
    }
    for database in &mut scenario.databases {
        (database.connects_per_second, database.max_connections) = (1e6, 1_000_000);
    }
}

/// A person holds it until costs are known; then it rises at once, to pods of which some are cold.
fn cold(random: &mut Rng, scenario: &mut Scenario) {
    let after = Duration::from_secs(random.u64(80..100));
    for (after, reason) in [(Duration::from_secs(1), Some("wait".to_owned())), (after, None)] {
        scenario.events.push(Event { after, every: None, what: What::Hold { service: 0, reason } });
    }
    let setup = &mut scenario.services[0];
    setup.kubernetes.cold = *pick(random, &[0.0, 6.0, 6.0]);
    stand(setup, 5, vec![stage("most", 75, None)]);
    guard(setup, 1e6);
    scenario.lasts = after + Duration::from_mins(2);
}

/// It rises step by step, until what steps have shown, or its end, stops it.
fn ramped(random: &mut Rng, scenario: &mut Scenario) {
    let setup = &mut scenario.services[0];
    let every = Duration::from_secs(random.u64(42..60));
    let step = Weight::from_hundredths(*pick(random, &[500, 1_000, 1_500]));
    setup.kubernetes.connects_per_request *= *pick(random, &[0.5, 1.0, 2.0, 3.0, 3.0]);
    stand(setup, 10, vec![stage("most", 80, Some(Ramp { step, every }))]);
    let comes = |share: f64| {
        let [legacy, kubernetes] = [setup.legacy, setup.kubernetes].map(|side| side.connects_per_request);
        setup.demand.requests_per_second * ((1.0 - share) * legacy + share * kubernetes)
    };
    if one_in(random, 2) {
        let most = between(random, 0.5, 4.0) * comes(0.1);
        scenario.databases.iter_mut().for_each(|database| database.others = most.round());
    }
    let others = scenario.databases.iter().map(|database| database.others).fold(0.0, f64::max);
    let clears = comes(between(random, 0.3, 0.8)) + others;
    guard(setup, clears);
    let steps = 7_000_u32.div_ceil(u32::from(step.hundredths()));
    scenario.lasts = every * (steps + 2);
    // Others do not follow what is asked for.
    for _ in 0..*pick(random, &[0, 0, 1, 2]) {
        let after = Duration::from_secs(random.u64(60..scenario.lasts.as_secs()));
        let times = between(random, 0.6, 1.6);
        let over = Duration::from_secs(*pick(random, &[0, 20, 60, 120]));
        scenario.events.push(Event { after, every: None, what: What::Demand { service: 0, times, over } });
    }
}

/// It has long stood at so many percent, with these stages before it.
fn stand(setup: &mut ServiceSetup, percent: u16, ahead: Vec<Stage>) {
    let here = stage("here", percent, None);
    setup.weight = here.weight;
    setup.plan.stages = std::iter::once(here).chain(ahead).collect();
    // Of the stages that were.
    setup.plan.approvals.clear();
    setup.plan.target_stage = None;
}

fn stage(name: &str, percent: u16, ramp: Option<Ramp>) -> Stage {
    let soak = Duration::from_secs(90);
    Stage {
        name: name.into(),
        weight: Weight::from_hundredths(percent * 100),
        ramp,
        soak,
        peaks: 0,
        approval: false,
    }
}

/// Each database is guarded by its connection rate alone, which clears below so many.
fn guard(setup: &mut ServiceSetup, clears: f64) {
    let lasts = |test, seconds: u64| Condition {
        test,
        lasting: Duration::from_secs(seconds),
        within: Duration::from_secs(seconds),
    };
    for database in &mut setup.plan.databases {
        database.connection_rate_capacity = None;
        database.guards = vec![Guard {
            signal: Signal::ConnectionRate,
            pause: vec![lasts(Test::Above((clears * 2.0).round()), 3)],
            rollback: vec![lasts(Test::Above((clears * 3.0).round()), 5)],
            resume: lasts(Test::Below(clears.round()), 10),
        }];
    }
}
