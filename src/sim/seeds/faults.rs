//! A random thing that happens.

use std::time::Duration;

use crossfade_core::plan::When;
use crossfade_core::weight::Weight;
use fastrand::Rng;

use super::{between, connects, one_in, pick, plans, spare};
use crate::scenario::{Hands, Mode, Scenario, What, Which};

/// Something that happens to a world that begins as `scenario` does.
pub fn what(random: &mut Rng, scenario: &Scenario) -> What {
    match random.u8(0..16) {
        0..3 => load(random, scenario),
        3..5 => database(random, scenario),
        5..8 => balancer(random, scenario),
        8..10 => api(random),
        10..13 => replica(random, scenario),
        _ => person(random, scenario),
    }
}

fn span(random: &mut Rng) -> Duration {
    Duration::from_millis(match random.u8(0..4) {
        0 => random.u64(100..3_000),
        1 | 2 => random.u64(2_000..15_000),
        _ => random.u64(10_000..80_000),
    })
}

fn service(random: &mut Rng, scenario: &Scenario) -> usize {
    random.usize(0..scenario.services.len())
}

fn side(random: &mut Rng) -> Which {
    if one_in(random, 4) { Which::Legacy } else { Which::Kubernetes }
}

fn load(random: &mut Rng, scenario: &Scenario) -> What {
    let (service, side) = (service(random, scenario), side(random));
    let over = Duration::from_secs(*pick(random, &[0, 0, 10, 30]));
    let Some(setup) = scenario.services.get(service) else { return What::Touch { service } };
    match random.u8(0..8) {
        0..4 => {
            What::Connects { service, side, times: *pick(random, &[1.0, 1.0, 2.0, 3.0, 5.0, 10.0]), over }
        }
        4 => What::Demand { service, times: between(random, 0.3, 3.0), over },
        5 => What::PerServer { service, side, requests_per_second: between(random, 10.0, 300.0) },
        _ => {
            let servers = if side == Which::Legacy { setup.legacy.servers } else { setup.kubernetes.servers };
            What::Servers {
                service,
                side,
                up: *pick(random, &[0, servers / 2, servers - 1, servers, servers + 2]),
            }
        }
    }
}

fn database(random: &mut Rng, scenario: &Scenario) -> What {
    let database = random.usize(0..scenario.databases.len());
    let usual: f64 = scenario.services.iter().map(connects).sum::<f64>().max(20.0);
    let Some(setup) = scenario.databases.get(database) else { return What::FlushStatus { database } };
    match random.u8(0..12) {
        0..3 => What::Burst {
            database,
            connects_per_second: usual * between(random, 0.5, 6.0),
            span: span(random),
        },
        3 => What::ConnectCost { database, times: *pick(random, &[1.0, 2.0, 10.0, 40.0]) },
        4 | 5 => What::MaxConnections {
            database,
            maximum: *pick(
                random,
                &[setup.max_connections / 4 + 5, setup.max_connections / 2 + 5, setup.max_connections],
            ),
        },
        6 | 7 => What::Restart { database, span: span(random), failover: random.bool() },
        8 => What::FlushStatus { database },
        9 if random.bool() => What::MonitorRefused { database, span: span(random) },
        9 => What::MonitorCrowdedOut { database, span: span(random) },
        _ => What::Blind { database, span: span(random) },
    }
}

fn balancer(random: &mut Rng, scenario: &Scenario) -> What {
    let service = service(random, scenario);
    let instances = scenario.services.get(service).map_or(1, |setup| setup.plan.instances().count());
    let instance = random.usize(0..instances.max(1));
    let weight = Weight::from_hundredths(random.u16(0..=20) * 500);
    match random.u8(0..8) {
        0 => What::Reload { service, instance, configured: weight },
        1 => What::Set { service, instance, weight },
        _ => {
            let hands = [
                Hands::Refuse,
                Hands::Lost,
                Hands::Late,
                Hands::Slow,
                Hands::Dropped,
                Hands::Any,
                Hands::Any,
            ];
            What::Hands { service, instance, hands: *pick(random, &hands), span: span(random) }
        }
    }
}

fn api(random: &mut Rng) -> What {
    let modes = [
        Mode::Slow,
        Mode::Slow,
        Mode::Lost,
        Mode::Away,
        Mode::Away,
        Mode::Late,
        Mode::Conflict,
        Mode::Any,
        Mode::Any,
    ];
    What::Api { mode: *pick(random, &modes), span: span(random) }
}

fn replica(random: &mut Rng, scenario: &Scenario) -> What {
    let replica = random.usize(0..scenario.replicas.max(1));
    let span = span(random);
    match random.u8(0..16) {
        0..2 => What::Crash { replica, span },
        2..6 => What::CrashAfter { actions: random.u32(0..6), span },
        6..8 => What::Freeze { replica, span },
        8..10 => What::Stop { replica, span },
        10..12 => What::Cut { replica, span },
        12 | 13 => What::Unwatched { replica, span },
        14 => What::ClockStep { replica, seconds: *pick(random, &[-3600, -5, 5, 60, 7200]) },
        _ => What::LeaseLost { stolen: random.bool() },
    }
}

fn person(random: &mut Rng, scenario: &Scenario) -> What {
    let service = service(random, scenario);
    let Some(setup) = scenario.services.get(service) else { return What::Touch { service } };
    let stage = |random: &mut Rng| pick(random, &setup.plan.stages).name.clone();
    match random.u8(0..16) {
        0 => What::Touch { service },
        1 => What::Pause { service, paused: random.bool() },
        2 | 3 => {
            let stage = (!one_in(random, 3)).then(|| stage(random));
            What::TargetStage { service, stage }
        }
        4 | 5 => What::Hold { service, reason: random.bool().then(|| "by hand".to_owned()) },
        6..9 => What::Approve { service, stage: stage(random) },
        9 => What::Rollback { service },
        10 | 11 => What::Resume { service },
        12 => {
            let databases = &setup.plan.databases;
            What::AcceptBaseline { service, database: pick(random, databases).name.clone() }
        }
        13 => What::Reject { service, rejected: random.bool() },
        _ => What::Plan { service, plan: Box::new(changed(random, scenario, service)) },
    }
}

/// The plan with something changed.
fn changed(random: &mut Rng, scenario: &Scenario, service: usize) -> crossfade_core::plan::Plan {
    let setup = &scenario.services[service];
    let mut plan = setup.plan.clone();
    match random.u8(0..8) {
        0 => plan.rollback.max_step = Weight::from_hundredths(*pick(random, &[500, 1000, 10_000])),
        1 => plan.rollback.every = Duration::from_secs(random.u64(1..10)),
        2 => {
            for stage in &mut plan.stages {
                stage.soak = Duration::from_secs(random.u64(0..20));
                stage.approval = one_in(random, 4);
            }
        }
        3 if plan.stages.len() > 1 => {
            let place = random.usize(0..plan.stages.len());
            let gone = plan.stages.remove(place).name;
            plan.approvals.retain(|approval| approval.split('/').next() != Some(gone.as_str()));
        }
        4 => {
            for (database, place) in plan.databases.iter_mut().zip(&setup.databases) {
                database.guards = plans::guards(random, super::usual(&scenario.services, *place), false);
            }
        }
        5 => {
            let always = plan.rollback.when == When::Always;
            plan.rollback.when = if always { When::Attributed } else { When::Always };
        }
        6 => {
            plan.capacity = spare::capacity(random, setup, scenario.begins);
            if !spare::is_watched(&plan.capacity) {
                plan.stages.iter_mut().for_each(|stage| stage.peaks = 0);
            }
        }
        _ => {
            for database in &mut plan.databases {
                database.every = Duration::from_millis(*pick(random, &[500, 1000, 2000])).max(scenario.step);
            }
        }
    }
    plan
}
