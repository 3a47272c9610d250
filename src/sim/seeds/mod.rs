//! Random runs: a number is a whole scenario. Some are calm, so that plans must complete; some meet one
//! incident; most meet everything at once, and then quiet.

mod events;
mod faults;
mod foretold;
mod kept;
mod plans;
mod pods;
mod ready;
mod spare;

use std::time::Duration;

use crossfade_core::weight::Weight;
use fastrand::Rng;

use crate::scenario::{DatabaseSetup, DemandSetup, MONDAY, Scenario, ServiceSetup, SideSetup};

/// What kind of run a seed is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Nothing happens.
    Calm,
    /// One thing or two.
    Incident,
    /// Everything.
    Wild,
    /// An incident, and time enough for a cooldown to end.
    Long,
}

/// The scenario of `seed`.
pub fn scenario(seed: u64) -> Scenario {
    let mut random = Rng::with_seed(seed ^ 0x05ee_d0fc_4055_fade);
    let kind = match random.u32(0..64) {
        0..8 => Kind::Calm,
        8..24 => Kind::Incident,
        24 => Kind::Long,
        _ => Kind::Wild,
    };
    let step = Duration::from_millis(match kind {
        Kind::Long => 500,
        _ => *pick(&mut random, &[100, 200, 250, 250, 500, 500]),
    });
    let databases: usize = if random.u8(0..4) == 0 { 2 } else { 1 };
    let services = *pick(&mut random, &[1, 1, 1, 2, 2, 3]);
    let begins = MONDAY + Duration::from_hours(random.u64(6..20));
    let mut setups: Vec<ServiceSetup> = Vec::new();
    for number in 0..services {
        setups.push(service(&mut random, number, databases, step, kind));
    }
    plans::set_guards(&mut random, &mut setups, databases);
    for setup in &mut setups {
        spare::set(&mut random, setup, begins);
    }
    let databases = (0..databases).map(|place| database(&mut random, place, &setups)).collect();
    let mut scenario = Scenario {
        seed,
        begins,
        lasts: Duration::ZERO,
        step,
        replicas: *pick(&mut random, &[1, 1, 2, 2, 3]),
        databases,
        services: setups,
        events: Vec::new(),
    };
    events::fill(&mut random, &mut scenario, kind);
    pods::set(&mut scenario);
    ready::set(&mut scenario);
    foretold::set(&mut scenario);
    kept::set(&mut scenario);
    scenario
}

fn pick<'a, T>(random: &mut Rng, choice: &'a [T]) -> &'a T {
    &choice[random.usize(0..choice.len())]
}

/// One of so many times.
fn one_in(random: &mut Rng, count: u32) -> bool {
    random.u32(0..count) == 0
}

fn between(random: &mut Rng, least: f64, most: f64) -> f64 {
    least + random.f64() * (most - least)
}

fn service(random: &mut Rng, number: usize, databases: usize, step: Duration, kind: Kind) -> ServiceSetup {
    let (plan, behind) = plans::plan(random, databases, step, kind == Kind::Calm);
    let demand = between(random, 200.0, 2000.0).round();
    let connects = *pick(random, &[0.1, 0.3, 1.0]);
    let servers = random.u32(3..12);
    let cold = *pick(random, &[0.0, 0.0, 0.0, 0.5]);
    let mut side = |short: u32| {
        // Enough for all of it, but for some.
        let times = if one_in(random, short) { between(random, 0.6, 1.3) } else { between(random, 1.3, 2.5) };
        SideSetup {
            servers,
            requests_per_second_per_server: demand * times / f64::from(servers),
            connects_per_request: connects,
            warm_up: Duration::from_secs(random.u64(0..20)),
            cold,
            patience: Duration::from_secs(2),
        }
    };
    // In the middle of a migration it is legacy that has been made smaller.
    let sides = [side(if kind == Kind::Calm { 8 } else { 3 }), side(8)];
    let stages = plan.stages.iter().map(|stage| stage.weight.hundredths());
    let weights: Vec<u16> = [0, 0].into_iter().chain(stages).collect();
    let mut weight = Weight::from_hundredths(*pick(random, &weights));
    let standing = !one_in(random, 4);
    if !standing && one_in(random, 2) {
        weight = Weight::from_hundredths(random.u16(0..=100) * 100);
    }
    ServiceSetup {
        name: format!("seed/service-{number}"),
        plan,
        databases: behind,
        weight,
        standing,
        peak: None,
        demand: DemandSetup {
            requests_per_second: demand,
            trough: *pick(random, &[1.0, 1.0, 0.5]),
            weekend: 1.0,
            noise: *pick(random, &[0.0, 0.02, 0.05]),
            retries: random.u32(0..3),
        },
        legacy: sides[0],
        kubernetes: sides[1],
        autoscaler: None,
        ingress: false,
    }
}

/// Connects per second that a service brings to each of its databases.
fn connects(setup: &ServiceSetup) -> f64 {
    let share = setup.weight.percent() / 100.0;
    let each =
        (1.0 - share) * setup.legacy.connects_per_request + share * setup.kubernetes.connects_per_request;
    setup.demand.requests_per_second * each
}

/// Connects per second on a database.
fn usual(setups: &[ServiceSetup], place: usize) -> f64 {
    setups.iter().filter(|setup| setup.databases.contains(&place)).map(connects).sum::<f64>().max(20.0)
}

fn database(random: &mut Rng, place: usize, setups: &[ServiceSetup]) -> DatabaseSetup {
    let usual = usual(setups, place);
    let held = *pick(random, &[0.5, 1.0, 3.0]);
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // a few thousand
    let max_connections = (usual * held * between(random, 2.2, 8.0)) as u32 + 20;
    DatabaseSetup {
        name: format!("database-{place}"),
        connects_per_second: usual * between(random, 3.0, 20.0) + 50.0,
        max_connections,
        held: Duration::from_secs_f64(held),
        others: if one_in(random, 4) { usual * 0.2 } else { 0.0 },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crossfade_core::check;

    #[test]
    fn a_seed_is_always_the_same_scenario_and_its_plans_are_valid() {
        for seed in 0..500 {
            let scenario = scenario(seed);
            assert_eq!(scenario, super::scenario(seed));
            for setup in &scenario.services {
                assert_eq!(check::check(&setup.plan), Vec::new(), "seed {seed}: {:#?}", setup.plan);
            }
        }
    }
}
