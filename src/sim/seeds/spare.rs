//! What random plans say of capacity: some nothing, some what is true, some what somebody once wrote down.

use std::time::Duration;

use crossfade_core::capacity::{Balance, Capacity, Demand, Kubernetes, Legacy, Source, Takeover, Workload};
use crossfade_core::time::Time;
use crossfade_core::weight::Weight;
use fastrand::Rng;

use super::{between, one_in, pick};
use crate::scenario::ServiceSetup;

/// Says it in the plan of `setup`, whose run begins at `begins`.
pub fn set(random: &mut Rng, setup: &mut ServiceSetup, begins: Time) {
    if one_in(random, 4) {
        return;
    }
    setup.plan.capacity = capacity(random, setup, begins);
    if is_watched(&setup.plan.capacity) && one_in(random, 12) {
        pick_mut(random, &mut setup.plan.stages).peaks = random.u32(1..=2);
    }
    if setup.standing && one_in(random, 3) {
        setup.peak = Some((setup.demand.requests_per_second * between(random, 0.7, 1.4)).round());
    }
}

/// Whether peaks are seen.
pub fn is_watched(capacity: &Capacity) -> bool {
    capacity.demand.is_some_and(|demand| matches!(demand.from, Source::Route(_)))
}

fn pick_mut<'a, T>(random: &mut Rng, choice: &'a mut [T]) -> &'a mut T {
    let place = random.usize(0..choice.len());
    &mut choice[place]
}

/// What a plan in the world of `setup` says of it.
pub fn capacity(random: &mut Rng, setup: &ServiceSetup, begins: Time) -> Capacity {
    let demand = setup.demand.requests_per_second;
    // Load balancers of two routes have a part of the traffic each.
    let counts = setup.plan.routes.len() == 1 && !one_in(random, 4);
    let from =
        if counts { Source::Route(0) } else { Source::Declared { requests_per_second: demand, until: None } };
    let demand = Demand {
        from,
        surge_factor: *pick(random, &[1.0, 1.5]),
        peak_window: Duration::from_hours(*pick(random, &[1, 168, 168])),
    };
    // Without it nothing is known of what would fit.
    let legacy = (!one_in(random, 12)).then(|| legacy(random, setup, begins));
    let both = legacy.is_some() && one_in(random, 6);
    let balance = (both && !one_in(random, 4)).then(|| Balance {
        max_shift: Weight::from_hundredths(random.u16(1..40) * 50),
        every: Duration::from_secs(*pick(random, &[60, 60, 90])),
    });
    Capacity {
        demand: Some(demand),
        legacy,
        kubernetes: both.then(|| kubernetes(setup)),
        takeover: Takeover { legacy: *pick(random, &[0.0, 0.0, 0.5, 1.0]), kubernetes: 0.5 },
        balance,
    }
}

fn kubernetes(setup: &ServiceSetup) -> Kubernetes {
    let pods = Workload {
        name: "pods".into(),
        requests_per_second_per_pod: setup.kubernetes.requests_per_second_per_server,
        connections_per_pod: None,
        warm_up: Duration::ZERO,
        max_replicas: 100,
        floor: false,
    };
    Kubernetes { workloads: vec![pods], headroom: 0.2 }
}

fn legacy(random: &mut Rng, setup: &ServiceSetup, begins: Time) -> Legacy {
    let each = setup.legacy.requests_per_second_per_server;
    let counts = !one_in(random, 4);
    let all = f64::from(setup.legacy.servers) * each;
    Legacy {
        capacity: if counts {
            Source::Route(0)
        } else {
            Source::Declared { requests_per_second: all.round(), until: expiry(random, begins) }
        },
        requests_per_second_per_server: if counts { each } else { 0.0 },
        connections_per_server: pools(random, setup),
        headroom: 0.2,
    }
}

/// When what somebody wrote down is too old to count.
fn expiry(random: &mut Rng, begins: Time) -> Option<Time> {
    one_in(random, 3).then(|| begins + Duration::from_secs(random.u64(1..200)))
}

/// Connections that each server's pool holds: so many that 20 to 200 % of the demand may move at once, less if
/// demand has risen.
fn pools(random: &mut Rng, setup: &ServiceSetup) -> Option<f64> {
    let proven = setup.plan.databases.iter().filter_map(|database| database.connection_rate_capacity);
    let proven = proven.reduce(f64::min).filter(|_| one_in(random, 2))?;
    let each = proven / (setup.demand.requests_per_second * between(random, 0.2, 2.0));
    Some((each * setup.legacy.requests_per_second_per_server).max(1.0))
}
