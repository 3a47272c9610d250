//! Floors that are higher than needed for longer than they are kept, while a guard is tripped.

use std::time::Duration;

use crossfade_core::weight::Weight;
use fastrand::Rng;

use super::one_in;
use crate::scenario::{Event, Scenario, What};

/// Of the worlds with a floor under some pods one in so many.
const ONE_IN: u32 = 12;
/// A floor is given back ten minutes after the weight has fallen (R9); by then it is nearly over.
const LASTS: Duration = Duration::from_mins(13);

/// Makes some worlds so: a person walks the plan back, and others connect to its database all the while. By a
/// chance of its own, so that the rest of the seeds are as they were.
pub fn set(scenario: &mut Scenario) {
    let random = &mut Rng::with_seed(scenario.seed ^ 0x006b_6570_7400_0001);
    let keeps = |setup: &crate::scenario::ServiceSetup| {
        let side = setup.plan.capacity.kubernetes.as_ref();
        let floor = side.is_some_and(|side| side.workloads.iter().any(|workload| workload.floor));
        floor && setup.standing && setup.weight > Weight::ZERO
    };
    let Some(service) = scenario.services.iter().position(keeps).filter(|_| one_in(random, ONE_IN)) else {
        return;
    };
    let database = scenario.services[service].databases[0];
    let connects_per_second = scenario.databases[database].connects_per_second * 0.5;
    let span = if one_in(random, 4) { LASTS / 2 } else { LASTS };
    let back = Duration::from_secs(random.u64(20..40));
    let burst = Duration::from_secs(random.u64(20..60));
    let event = |after, what| Event { after, every: None, what };
    scenario.events = vec![
        event(back, What::Rollback { service }),
        event(burst, What::Burst { database, connects_per_second, span }),
    ];
    scenario.lasts = LASTS;
}
