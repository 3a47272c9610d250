//! The counters that run: one per namespace, shared by all plans in it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use kube::Client;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::counter::{CountId, Counter};
use super::operator::Operator;
use super::workloads::WorkloadWire;

struct Counting {
    wanted: watch::Sender<BTreeMap<CountId, WorkloadWire>>,
    stop: CancellationToken,
}

/// Starts and ends counters.
pub struct Counters {
    operator: Arc<Operator>,
    client: Client,
    running: BTreeMap<String, Counting>,
    ids: BTreeMap<WorkloadWire, CountId>,
    names: CountId,
}

impl Counters {
    /// None yet.
    pub fn new(operator: Arc<Operator>, client: Client) -> Self {
        Self { operator, client, running: BTreeMap::new(), ids: BTreeMap::new(), names: 0 }
    }

    /// The count of a workload's pods.
    pub fn id(&self, wire: &WorkloadWire) -> Option<CountId> {
        self.ids.get(wire).copied()
    }

    /// Counts the pods of exactly these workloads.
    pub fn follow(&mut self, wanted: &[WorkloadWire]) {
        let before = std::mem::take(&mut self.ids);
        for wire in wanted {
            if !self.ids.contains_key(wire) {
                let id = before.get(wire).copied().unwrap_or_else(|| {
                    self.names += 1;
                    self.names
                });
                self.ids.insert(wire.clone(), id);
            }
        }
        let mut spaces: BTreeMap<&str, BTreeMap<CountId, WorkloadWire>> = BTreeMap::new();
        for (wire, id) in &self.ids {
            spaces.entry(&wire.namespace).or_default().insert(*id, wire.clone());
        }
        self.running.retain(|namespace, counting| {
            let stays = spaces.contains_key(namespace.as_str());
            if !stays {
                counting.stop.cancel();
            }
            stays
        });
        for (namespace, wanted) in spaces {
            if let Some(counting) = self.running.get(namespace) {
                counting.wanted.send_if_modified(|known| {
                    let changed = *known != wanted;
                    *known = wanted;
                    changed
                });
                continue;
            }
            let (sender, receiver) = watch::channel(wanted);
            let stop = CancellationToken::new();
            let counter = Counter {
                namespace: namespace.into(),
                wanted: receiver,
                client: self.client.clone(),
                operator: self.operator.clone(),
            };
            self.operator.crew.start(format!("counter {namespace}"), &stop, counter.count(stop.clone()));
            self.running.insert(namespace.into(), Counting { wanted: sender, stop });
        }
        let stay: BTreeSet<CountId> = self.ids.values().copied().collect();
        let gone: Vec<CountId> = before.into_values().filter(|id| !stay.contains(id)).collect();
        if !gone.is_empty() {
            self.operator.fleet(|fleet, _| fleet.uncounted(&gone));
        }
    }
}
