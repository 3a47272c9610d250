//! Pods of some random worlds behind an ingress, that warm up, go away, come back and are replaced.

use std::time::Duration;

use crossfade_core::weight::Weight;
use fastrand::Rng;

use super::{one_in, pick, spare};
use crate::scenario::{Event, Scenario, What, Which};

/// Makes some of the worlds so whose plans know demand and pods. By a chance of its own, so that the rest of a
/// seed's world is as it was.
pub fn set(scenario: &mut Scenario) {
    let random = &mut Rng::with_seed(scenario.seed ^ 0x0072_6561_6479_0001);
    for service in 0..scenario.services.len() {
        let setup = &mut scenario.services[service];
        let watched = spare::is_watched(&setup.plan.capacity);
        let Some(side) = setup.plan.capacity.kubernetes.as_mut().filter(|_| watched) else { continue };
        setup.ingress = random.bool();
        if one_in(random, 2) {
            let warm_up = Duration::from_secs(random.u64(5..60));
            side.workloads.iter_mut().for_each(|workload| workload.warm_up = warm_up);
        }
        let (all, stands) = (setup.kubernetes.servers, setup.weight > Weight::ZERO);
        if !stands || one_in(random, 2) {
            continue;
        }
        // Half of them have no other trouble.
        if one_in(random, 2) {
            scenario.events.clear();
        }
        // By then there is a holder, and it knows what there is to know.
        let begin = Duration::from_millis(random.u64(35_000..60_000));
        scenario.lasts = scenario.lasts.max(begin + SHOWS);
        let mut happens = |after, what| scenario.events.push(Event { after, every: None, what });
        if one_in(random, 3) {
            happens(begin, What::Replaced { service });
            continue;
        }
        let up = |up| What::Servers { service, side: Which::Kubernetes, up };
        happens(begin, up(*pick(random, &[0, 0, 1, all / 4, all / 3, all / 2])));
        // A gap, or so long that it has to be left.
        if one_in(random, 2) {
            let gap = Duration::from_millis(random.u64(500..12_000));
            happens(begin + gap, up(all));
        }
    }
}

/// What becomes of it shows within this time.
const SHOWS: Duration = Duration::from_secs(25);
