//! What happens in a random run, and for how long it goes on.

use std::time::Duration;

use fastrand::Rng;

use super::{Kind, between, faults, one_in, pick};
use crate::laws::bounds;
use crate::scenario::{Event, Scenario, What, Which};

/// Fills in events and the length of the run.
pub fn fill(random: &mut Rng, scenario: &mut Scenario, kind: Kind) {
    let plans = || scenario.services.iter().map(|setup| &setup.plan);
    let completed: Duration = plans().map(bounds::completion).sum();
    let settled = plans().map(bounds::settle).max().unwrap_or_default();
    let quiet = settled.max(completed.min(LONGEST_QUIET)) + Duration::from_secs(30);
    match kind {
        // A new plan learns what is normal for a quarter of an hour.
        Kind::Calm => scenario.lasts = completed + Duration::from_secs(30),
        Kind::Incident => {
            let events = random.usize(1..4);
            match random.u8(0..8) {
                0 | 1 => overrun(random, scenario),
                2 | 3 => common(random, scenario),
                4 => surge(random, scenario),
                _ => {}
            }
            let end = one(random, scenario, events, 60);
            scenario.lasts = end + if random.bool() { quiet } else { Duration::from_secs(20) };
        }
        Kind::Wild => {
            let events = random.usize(3..16);
            let spread = random.u64(20..150);
            let mut end = one(random, scenario, events, spread);
            if one_in(random, 3) {
                end = heal(random, scenario, end);
                scenario.lasts = end + quiet;
            } else {
                scenario.lasts = end + Duration::from_secs(random.u64(5..40));
            }
        }
        Kind::Long => {
            surge(random, scenario);
            let end = one(random, scenario, 2, 120);
            let end = heal(random, scenario, end);
            scenario.lasts = end + Duration::from_mins(32) + quiet;
        }
    }
}

/// Some wait for longer than anybody wants to look on.
const LONGEST_QUIET: Duration = Duration::from_mins(4);

/// So many things within so many seconds; when the last has begun.
fn one(random: &mut Rng, scenario: &mut Scenario, count: usize, within: u64) -> Duration {
    if one_in(random, 6) {
        let (service, times) = (random.usize(0..scenario.services.len()), random.u32(1..8));
        let cooldown = 30_u64 * 60 * (1 << (times - 1)).min(48);
        let ago = Duration::from_secs(cooldown - random.u64(0..90));
        push(scenario, Duration::ZERO, What::Retreated { service, times, ago });
    }
    let mut last = Duration::ZERO;
    for _ in 0..count {
        let after = Duration::from_millis(random.u64(500..within * 1000));
        let what = faults::what(random, scenario);
        last = last.max(after);
        if one_in(random, 20) {
            let every = Duration::from_secs(random.u64(5..20));
            let until = after + every * random.u32(1..4);
            last = last.max(until);
            scenario.events.push(Event { after, every: Some((every, until)), what });
        } else {
            push(scenario, after, what);
        }
    }
    last
}

fn push(scenario: &mut Scenario, after: Duration, what: What) {
    scenario.events.push(Event { after, every: None, what });
}

fn surge(random: &mut Rng, scenario: &mut Scenario) {
    let after = Duration::from_secs(random.u64(5..40));
    let service = random.usize(0..scenario.services.len());
    let (side, times) = (Which::Kubernetes, between(random, 2.0, 8.0));
    push(scenario, after, What::Connects { service, side, times, over: Duration::ZERO });
}

/// A surge of both sides, about alike.
fn common(random: &mut Rng, scenario: &mut Scenario) {
    let after = Duration::from_secs(random.u64(5..40));
    let service = random.usize(0..scenario.services.len());
    let times = between(random, 2.0, 6.0);
    let over = Duration::from_secs(*pick(random, &[0, 0, 10, 30]));
    for side in [Which::Legacy, Which::Kubernetes] {
        push(scenario, after, What::Connects { service, side, times, over });
    }
}

/// A surge that fills a database up: it answers no faster, and refuses what it cannot hold.
fn overrun(random: &mut Rng, scenario: &mut Scenario) {
    surge(random, scenario);
    for (database, setup) in scenario.databases.clone().iter().enumerate() {
        let after = Duration::from_secs(random.u64(20..60));
        let maximum = setup.max_connections / 4 + 5;
        push(scenario, after, What::MaxConnections { database, maximum });
    }
}

/// Everything is put right, and people say that it may go on; when that is done.
fn heal(random: &mut Rng, scenario: &mut Scenario, end: Duration) -> Duration {
    let end = end + Duration::from_secs(random.u64(5..30));
    let begin = scenario.clone();
    for (service, setup) in begin.services.iter().enumerate() {
        for (side, servers) in [(Which::Legacy, setup.legacy), (Which::Kubernetes, setup.kubernetes)] {
            push(scenario, end, What::Connects { service, side, times: 1.0, over: Duration::ZERO });
            push(scenario, end, What::Servers { service, side, up: servers.servers });
            let requests_per_second = servers.requests_per_second_per_server;
            push(scenario, end, What::PerServer { service, side, requests_per_second });
        }
        push(scenario, end, What::Demand { service, times: 1.0, over: Duration::ZERO });
        let plan = Box::new(setup.plan.clone());
        push(scenario, end, What::Plan { service, plan });
        push(scenario, end, What::Hold { service, reason: None });
        push(scenario, end, What::Reject { service, rejected: false });
        // A holder has read everything by then.
        let later = end + Duration::from_secs(30);
        push(scenario, later, What::Resume { service });
        if let Some(stage) = setup.plan.stages.iter().rfind(|stage| stage.approval) {
            push(
                scenario,
                later + Duration::from_secs(5),
                What::Approve { service, stage: stage.name.clone() },
            );
        }
    }
    for (database, setup) in begin.databases.iter().enumerate() {
        push(scenario, end, What::ConnectCost { database, times: 1.0 });
        push(scenario, end, What::MaxConnections { database, maximum: setup.max_connections });
    }
    end + Duration::from_secs(*pick(random, &[35, 36, 40]))
}
