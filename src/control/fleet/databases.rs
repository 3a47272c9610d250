//! What the databases of the plans answered.

use tokio::time::Instant;

use super::{DatabaseId, Fleet};
use crate::control::pace::Pace;
use crate::control::teller::Telling;
use crate::core::capacity::{OF_MAXIMUM, Source};
use crate::core::engine::Engine;
use crate::core::meter::Observation;
use crate::core::reason::Reason;
use crate::core::time::Time;

/// What one answer says to those who sample at one pace.
pub struct Sampled {
    /// What the meter made of it.
    pub observation: Observation,
    /// The connections that the database may hold, if it answered.
    pub maximum: Option<u64>,
    /// What keeps the sides from being told apart, if that is known: `Some(None)` is nothing.
    pub lacks: Option<Option<String>>,
}

impl Fleet {
    /// A database answered. `cause` is when.
    pub fn sample(
        &mut self,
        database: DatabaseId,
        pace: &Pace,
        sampled: &Sampled,
        now: Time,
        cause: Instant,
    ) {
        let mut touched = Vec::new();
        for (key, entry) in &mut self.plans {
            let mut concerned = false;
            for (place, (name, id)) in entry.links.databases.iter().enumerate() {
                if *id == database && entry.links.paces.get(place) == Some(pace) {
                    entry.engine.observe(name, &sampled.observation, now);
                    concerned = true;
                    if let Some(maximum) = sampled.maximum {
                        let why = too_few(name, maximum, &entry.engine);
                        if entry.rooms.get(name) != why.as_ref() {
                            match why {
                                Some(why) => {
                                    let (plan, message) = (key.clone(), why.clone());
                                    entry.rooms.insert(name.clone(), why);
                                    self.teller.tell(Telling {
                                        plan,
                                        reason: Reason::CapacityShort,
                                        message,
                                    });
                                }
                                None => drop(entry.rooms.remove(name)),
                            }
                        }
                    }
                    match &sampled.lacks {
                        Some(Some(why)) if entry.lacks.get(name) != Some(why) => {
                            tracing::info!(plan = %key, database = name, why, "the sides are not told apart");
                            entry.lacks.insert(name.clone(), why.clone());
                        }
                        Some(None) => drop(entry.lacks.remove(name)),
                        Some(Some(_)) | None => {}
                    }
                }
            }
            if concerned {
                touched.push(key.clone());
            }
        }
        self.settle(touched, now, cause);
    }
}

/// What is to be done where a database could not hold the full pools of the legacy servers that are up and of
/// the pods that the plan allows (DESIGN section 5, d).
fn too_few(database: &str, maximum: u64, engine: &Engine) -> Option<String> {
    let plan = engine.plan();
    let Source::Route(route) = plan.capacity.legacy?.capacity else { return None };
    let seen = &engine.seen().instances;
    let up = plan
        .instances_of(route)
        .filter_map(|instance| seen.get(instance)?.reading.as_ref().map(|(_, reading)| reading.legacy_up));
    let held = plan.capacity.connections(f64::from(up.max()?))?;
    let needed = (held / OF_MAXIMUM).ceil();
    (needed > maximum as f64).then(|| {
        format!(
            "database {database} may hold {maximum} connections; with the pools of the legacy servers that are up and of \
             the pods that are allowed it may come to hold {held:.0}, for which max_connections must be {needed:.0}: \
             raise it, or allow fewer pods or smaller pools"
        )
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use serde_json::json;

    use super::*;
    use crate::api::parse::parse;
    use crate::control::fleet::{LaneHandle, Links, Start};
    use crate::control::key::PlanKey;
    use crate::control::mailbox::Mailbox;
    use crate::control::teller::{Queue, Teller};
    use crate::control::warm::Normals;
    use crate::core::meter;
    use crate::core::plan::Plan;
    use crate::core::route::Reading;
    use crate::core::state::State;
    use crate::core::weight::Weight;
    use crate::serve::metrics::Metrics;

    const NOW: Time = Time::from_millis(1_767_225_600_000);

    /// A plan whose pools hold 40 connections a server and, while they are replaced, 100 in all pods.
    fn plan() -> Plan {
        let spec = json!({
            "stages": [{"name": "full", "weight": 100}],
            "routes": [{"name": "edge", "haproxy": {
                "instances": ["unix:///run/haproxy/a.sock", "unix:///run/haproxy/b.sock"], "backend": "mail",
                "legacyServers": ["vm-*"], "kubernetesServers": ["ingress-*"],
            }}],
            "databases": [{"name": "accounts", "mysql": {"host": "db", "credentialsSecret": "db"}}],
            "legacy": {"capacity": {"requestsPerSecondPerServer": 100, "connectionsPerServer": 40}},
            "demand": {"requestsPerSecond": 100},
            "kubernetes": {"workloads": [{
                "target": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "mail"},
                "requestsPerSecondPerPod": 10, "connectionsPerPod": 10, "maxReplicas": 8,
            }]},
        });
        parse(&spec).unwrap().plan
    }

    struct Case {
        fleet: Fleet,
        queue: Queue,
        key: PlanKey,
        pace: Pace,
    }

    impl Case {
        fn new() -> Self {
            let metrics = Arc::new(Metrics::new());
            let (teller, queue) = Teller::new(metrics.clone());
            let key = PlanKey::new("mail", "mail");
            let pace = Pace { every: Duration::from_secs(1), users: None };
            let mut case = Self { fleet: Fleet::new(teller, metrics), queue, key, pace };
            case.put(plan());
            case
        }

        fn put(&mut self, plan: Plan) {
            let lane = |id| LaneHandle { id, mailbox: Arc::new(Mailbox::default()) };
            let links = Links {
                lanes: vec![lane(1), lane(2)],
                databases: vec![("accounts".into(), 7)],
                paces: vec![self.pace.clone()],
                ..Links::default()
            };
            let (state, normals) = (State::default(), Normals::default());
            let start = Start { plan, state, normals, links, recorder: Arc::default() };
            self.fleet.put(&self.key, start, NOW);
        }

        /// Both load balancers see so many legacy servers up.
        fn up(&mut self, servers: [u32; 2]) {
            for (lane, legacy_up) in [1, 2].into_iter().zip(servers) {
                let weight = Weight::ZERO;
                let reading =
                    Reading { weight, setting: 1, boot: 1, legacy_up, kubernetes_up: 1, counted: None };
                self.fleet.read(&self.key, lane, Ok(reading), NOW);
            }
        }

        /// What is told, and what the status shows, once a database has answered that it may hold so many.
        fn answers(&mut self, database: DatabaseId, maximum: u64) -> (Vec<(Reason, String)>, Option<String>) {
            let reading = meter::Reading::Late;
            let sampled = Sampled {
                observation: Observation { reading, returning_until: None },
                maximum: Some(maximum),
                lacks: None,
            };
            self.fleet.sample(database, &self.pace, &sampled, NOW, Instant::now());
            let told = self.queue.take().into_iter().map(|telling| (telling.reason, telling.message));
            let short = told.filter(|(reason, _)| *reason == Reason::CapacityShort).collect();
            (short, self.fleet.get(&self.key).unwrap().rooms.get("accounts").cloned())
        }
    }

    const SHORT: &str = "database accounts may hold 276 connections; with the pools of the legacy servers that are up \
                         and of the pods that are allowed it may come to hold 180, for which max_connections must be \
                         277: raise it, or allow fewer pods or smaller pools";

    #[test]
    fn a_database_that_could_not_hold_all_pools_is_told_once_until_it_can() {
        let mut case = Case::new();
        assert_eq!(case.answers(7, 276), (vec![], None), "no load balancer has said how many servers are up");
        // Two of the three may be another load balancer's own trouble: each of its pools may be full.
        case.up([2, 1]);
        assert_eq!(case.answers(7, 277), (vec![], None));
        assert_eq!(case.answers(8, 276), (vec![], None), "another database");
        assert_eq!(case.answers(7, 276), (vec![(Reason::CapacityShort, SHORT.into())], Some(SHORT.into())));
        assert_eq!(case.answers(7, 276), (vec![], Some(SHORT.into())), "it was told");
        assert_eq!(case.answers(7, 277), (vec![], None));
        assert_eq!(case.answers(7, 276).0.len(), 1, "it is told anew");
        // Fewer servers hold less.
        case.up([1, 1]);
        assert_eq!(case.answers(7, 276), (vec![], None));
    }

    #[test]
    fn it_is_compared_anew_when_the_plan_is_another_and_not_without_its_figures() {
        let mut case = Case::new();
        case.up([2, 2]);
        assert_eq!(case.answers(7, 276).1.as_deref(), Some(SHORT));
        let mut fewer = plan();
        fewer.capacity.kubernetes.as_mut().unwrap().workloads[0].max_replicas = 7;
        case.put(fewer);
        case.up([2, 2]);
        assert_eq!(case.answers(7, 276), (vec![], None));
        let mut unknown = plan();
        unknown.capacity.legacy.as_mut().unwrap().connections_per_server = None;
        case.put(unknown);
        case.up([2, 2]);
        assert_eq!(case.answers(7, 1), (vec![], None));
        let mut declared = plan();
        declared.capacity.legacy.as_mut().unwrap().capacity =
            Source::Declared { requests_per_second: 100.0, until: None };
        case.put(declared);
        case.up([2, 2]);
        assert_eq!(case.answers(7, 1), (vec![], None), "nobody counts servers");
    }
}
