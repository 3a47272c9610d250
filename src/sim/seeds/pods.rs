//! Pods that some random plans bring before traffic, and the autoscalers that they are up against.

use std::time::Duration;

use crossfade_core::capacity::{Kubernetes, Workload};
use fastrand::Rng;

use super::{between, one_in};
use crate::autoscaler::AutoscalerSetup;
use crate::scenario::Scenario;

/// Says it in some of the plans that know the demand. By a chance of its own, so that the rest of a seed's
/// world is as it was.
pub fn set(scenario: &mut Scenario) {
    let random = &mut Rng::with_seed(scenario.seed ^ 0x0070_6f64_735f_0001);
    for setup in &mut scenario.services {
        let said = setup.plan.capacity.kubernetes.is_some();
        if setup.plan.capacity.demand.is_none() || !one_in(random, if said { 2 } else { 8 }) {
            continue;
        }
        let side = setup.kubernetes;
        let most = side.servers * random.u32(2..5);
        let workload = Workload {
            name: "pods".into(),
            requests_per_second_per_pod: side.requests_per_second_per_server,
            connections_per_pod: None,
            warm_up: Duration::ZERO,
            max_replicas: most,
            floor: !one_in(random, 4),
        };
        setup.plan.capacity.kubernetes = Some(Kubernetes { workloads: vec![workload], headroom: 0.2 });
        let least = random.u32(1..=side.servers);
        let target = between(random, 0.3, 0.9);
        setup.autoscaler = (!one_in(random, 4)).then_some(AutoscalerSetup { least, most, target });
    }
}
