//! Servers that stand for pods: one of a pool's is there while a pod is.
//!
//! KWOK plays the pods' life, and nothing runs in them. What their nodes would do is done here: a
//! pod that is ready has a server that answers; one that is asked to end says so to its load
//! balancer and goes on; one that is gone has none. It may not hasten or delay any of it.

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use futures::StreamExt as _;
use k8s_openapi::api::core::v1;
use kube::runtime::WatchStreamExt as _;
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Api, Client, ResourceExt as _};
use tokio_util::task::AbortOnDropHandle;

use super::pool::Pool;

/// The line of `HAProxy`'s backend by which it asks its servers how they are, instead of only
/// connecting: a pod that ends still accepts.
pub const CHECK: &str = "option httpchk GET /healthz";

/// The pods of a namespace, with their servers. Dropping the last of its clones ends those.
#[derive(Clone, Debug)]
pub struct Pods {
    known: Shared,
    task: Arc<AbortOnDropHandle<Result<()>>>,
}

type Shared = Arc<Mutex<BTreeMap<String, Pod>>>;

/// What is known of a pod that is not gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pod {
    /// The value of its label `app`.
    pub app: String,
    /// Its node; empty while it has none.
    pub node: String,
    /// When it was first seen ready; `None` while it is not, and once it was asked to end.
    pub ready: Option<Instant>,
    /// When it was first seen asked to end.
    pub ending: Option<Instant>,
}

impl Pods {
    /// Kills every server of the pool, and gives them to the namespace's pods from now on.
    pub async fn follow(client: Client, namespace: &str, pool: Pool) -> Result<Self> {
        let mut seats = Seats { pool, taken: BTreeMap::new() };
        for seat in 0..seats.pool.addresses().len() {
            seats.pool.kill(seat).await;
        }
        let (pods, known) = (Api::namespaced(client, namespace), Shared::default());
        let task = AbortOnDropHandle::new(tokio::spawn(serve(pods, seats, Arc::clone(&known))));
        Ok(Self { known, task: Arc::new(task) })
    }

    /// Those that are not gone.
    pub fn all(&self) -> Result<Vec<Pod>> {
        ensure!(!self.task.is_finished(), "nobody follows the pods any more: are there more than servers?");
        Ok(lock(&self.known).values().cloned().collect())
    }

    /// When those that are ready were first seen so.
    pub fn ready(&self) -> Result<Vec<Instant>> {
        Ok(self.all()?.iter().filter_map(|pod| pod.ready).collect())
    }
}

fn lock(known: &Mutex<BTreeMap<String, Pod>>) -> MutexGuard<'_, BTreeMap<String, Pod>> {
    known.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The servers, and whose they are by now.
struct Seats {
    pool: Pool,
    taken: BTreeMap<String, usize>,
}

/// Follows the pods for as long as a server can be had for each.
async fn serve(pods: Api<v1::Pod>, mut seats: Seats, known: Shared) -> Result<()> {
    // Without a pause a watch whose client is gone would be begun anew without end.
    let mut events = pin!(watcher(pods, watcher::Config::default()).default_backoff());
    while let Some(event) = events.next().await {
        match event {
            Ok(Event::Apply(pod) | Event::InitApply(pod)) => {
                let name = pod.name_any();
                let before = lock(&known).get(&name).cloned();
                let now = read(&pod, before.as_ref(), Instant::now());
                seats.bring(&name, now.ready.is_some()).await?;
                lock(&known).insert(name, now);
            }
            Ok(Event::Delete(pod)) => {
                seats.leave(&pod.name_any()).await;
                lock(&known).remove(&pod.name_any());
            }
            // A watch that broke is begun anew by itself.
            Ok(Event::Init | Event::InitDone) | Err(_) => {}
        }
    }
    Ok(())
}

fn read(pod: &v1::Pod, before: Option<&Pod>, now: Instant) -> Pod {
    let ends = pod.metadata.deletion_timestamp.is_some();
    let conditions = pod.status.as_ref().and_then(|status| status.conditions.as_ref());
    let is_true = |condition: &v1::PodCondition| condition.type_ == "Ready" && condition.status == "True";
    let ready = !ends && conditions.into_iter().flatten().any(is_true);
    let since = |is: bool, before: Option<Instant>| is.then(|| before.unwrap_or(now));
    Pod {
        app: pod.labels().get("app").cloned().unwrap_or_default(),
        node: pod.spec.as_ref().and_then(|spec| spec.node_name.clone()).unwrap_or_default(),
        ready: since(ready, before.and_then(|before| before.ready)),
        ending: since(ends, before.and_then(|before| before.ending)),
    }
}

impl Seats {
    /// A pod is ready, or is not (any more): its server says so. Before it first was it has none.
    async fn bring(&mut self, pod: &str, ready: bool) -> Result<()> {
        if ready && !self.taken.contains_key(pod) {
            let mut free = (0..self.pool.addresses().len()).filter(|seat| !self.is_taken(*seat));
            let seat = free.next().context("there are more pods than servers")?;
            self.pool.revive(seat).await?;
            self.taken.insert(pod.to_owned(), seat);
        }
        if let Some(seat) = self.taken.get(pod) {
            self.pool.change_one(*seat, |behaviour| behaviour.healthy = ready);
        }
        Ok(())
    }

    fn is_taken(&self, seat: usize) -> bool {
        self.taken.values().any(|taken| *taken == seat)
    }

    /// A pod is gone.
    async fn leave(&mut self, pod: &str) {
        if let Some(seat) = self.taken.remove(pod) {
            self.pool.kill(seat).await;
        }
    }
}
