//! What the engines are told of pods.

use std::collections::BTreeMap;

use tokio::time::Instant;

use super::{Entry, Fleet};
use crate::capacity::Count;
use crate::control::counter::CountId;
use crate::control::key::PlanKey;
use crate::core::capacity::{Figure, MEASURED_STALE};
use crate::core::floor::Found;
use crate::core::time::Time;

impl Fleet {
    /// The pods of workloads were counted. `alive` is when that was known to be so.
    pub fn counted(&mut self, counts: &[(CountId, Count)], alive: Time, now: Time) {
        self.counts.extend(counts.iter().map(|(id, count)| (*id, (alive, *count))));
        let told = |id| counts.binary_search_by_key(&id, |(id, _)| *id).is_ok();
        let mut touched = Vec::new();
        for (key, entry) in &mut self.plans {
            if tell(entry, &self.counts, told) {
                touched.push(key.clone());
            }
        }
        self.settle(touched, now, Instant::now());
    }

    /// The floor of a plan's workload was looked at, and brought to where it should be.
    pub fn floor(&mut self, key: &PlanKey, place: usize, found: Found, now: Time) {
        let Some(entry) = self.plans.get_mut(key) else { return };
        entry.engine.floor(place, found, now);
        self.settle([key.clone()], now, Instant::now());
    }

    /// These are counted no more.
    pub fn uncounted(&mut self, gone: &[CountId]) {
        for id in gone {
            self.counts.remove(id);
        }
    }

    /// The pods of a plan's workloads, in its order, where that is known now.
    pub fn pods(&self, entry: &Entry, now: Time) -> Vec<Option<Count>> {
        let known = |id| self.counts.get(id).filter(|(alive, _)| now.since(*alive) <= MEASURED_STALE);
        entry.links.workloads.iter().map(|id| known(id).map(|(_, count)| *count)).collect()
    }
}

/// Tells an engine its pods that `concerned` names; whether there are such.
pub(super) fn tell(
    entry: &mut Entry,
    counts: &BTreeMap<CountId, (Time, Count)>,
    concerned: impl Fn(CountId) -> bool,
) -> bool {
    let mut told = false;
    for (place, id) in entry.links.workloads.iter().enumerate().filter(|(_, id)| concerned(**id)) {
        if let Some((alive, count)) = counts.get(id) {
            entry.engine.measured(Figure::Pods(place), f64::from(count.warm), *alive);
            entry.engine.measured(Figure::Ready(place), f64::from(count.ready), *alive);
            told = true;
        }
    }
    told
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;
    use crate::api::parse::parse;
    use crate::control::fleet::{Links, Start};
    use crate::control::teller::Teller;
    use crate::control::warm::Normals;
    use crate::core::plan::Plan;
    use crate::core::state::State;
    use crate::serve::metrics::Metrics;

    fn plan(each: f64) -> Plan {
        let spec = json!({
            "stages": [{"name": "full", "weight": 100}],
            "routes": [{"name": "edge", "haproxy": {
                "instances": ["unix:///run/haproxy/admin.sock"], "backend": "mail",
                "legacyServers": ["vm-*"], "kubernetesServers": ["ingress-*"],
            }}],
            "databases": [{"name": "accounts", "mysql": {"host": "db", "credentialsSecret": "db"}}],
            "demand": {"requestsPerSecond": 100},
            "kubernetes": {"workloads": [{
                "target": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "mail"},
                "requestsPerSecondPerPod": each, "maxReplicas": 9,
            }]},
        });
        parse(&spec).unwrap().plan
    }

    fn start(each: f64) -> Start {
        let links = Links { workloads: vec![7], ..Links::default() };
        Start {
            plan: plan(each),
            state: State::default(),
            normals: Normals::default(),
            links,
            recorder: Arc::default(),
        }
    }

    #[test]
    fn a_plan_knows_the_pods_that_were_counted_before_it_came_or_changed() {
        let metrics = Arc::new(Metrics::new());
        let (teller, _queue) = Teller::new(metrics.clone());
        let mut fleet = Fleet::new(teller, metrics);
        let key = PlanKey::new("mail", "mail");
        let second = |second: u64| Time::from_millis(1_767_225_600_000 + second * 1000);
        let known = |fleet: &Fleet, at: u64| {
            let entry = fleet.get(&key).unwrap();
            let ready = entry.engine.report(second(at)).capacity.spare.kubernetes.ready;
            (ready, fleet.pods(entry, second(at)))
        };
        let five = Count { ready: 6, warm: 5 };
        fleet.counted(&[(3, Count::default()), (7, five)], second(10), second(10));
        fleet.put(&key, start(50.0), second(20));
        assert_eq!(known(&fleet, 20), (Some(250.0), vec![Some(five)]));
        fleet.put(&key, start(80.0), second(30));
        assert_eq!(known(&fleet, 30), (Some(400.0), vec![Some(five)]));
        // As old as the watch that it came from.
        assert_eq!(known(&fleet, 55), (Some(400.0), vec![Some(five)]));
        assert_eq!(known(&fleet, 56), (None, vec![None]));
        let four = Count { ready: 4, warm: 4 };
        fleet.counted(&[(7, four)], second(60), second(61));
        assert_eq!(known(&fleet, 61), (Some(320.0), vec![Some(four)]));
        // Others' pods are none of its business.
        fleet.counted(&[(3, five)], second(62), second(62));
        assert_eq!(known(&fleet, 62), (Some(320.0), vec![Some(four)]));
        fleet.uncounted(&[7]);
        assert_eq!(known(&fleet, 62).1, [None]);
    }
}
