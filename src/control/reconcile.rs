//! The reconciler: keeps what runs equal to the plans that there are. Level-triggered: it looks at
//! the newest object only, and at everything again after any doubt. Objects are raw, so that one
//! that cannot be read hides no other.

mod again;
mod leaving;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use futures::stream::{FuturesUnordered, StreamExt as _};
use kube::Client;
use kube::api::{Api, DynamicObject};
use tokio::sync::Semaphore;
use tokio::sync::mpsc::Receiver;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::fleet::{DatabaseId, Links, Start};
use super::hands::Hands;
use super::key::PlanKey;
use super::known::{Known, Running};
use super::operator::{self, Operator};
use super::recorder::Recorder;
use super::resolve::{Candidate, Rejection, Resolution, resolve};
use super::teller::Telling;
use super::warm;
use super::watch::{self, Change};
use super::wire::Wiring;
use crate::api::{commands, restore};
use crate::core::reason::Reason;
use crate::core::seen::Wishes;
use crate::core::share::{self, Claim};
use leaving::Leaving;

/// When a look-up that failed is made again.
const RETRY: Duration = Duration::from_secs(10);
/// So many are under way at once: more would only wait for the API server, and be given up.
const LOOKUPS: usize = 32;

/// A login was refused: the Secret may have changed.
#[derive(Clone, Debug)]
pub enum Refused {
    /// By a database.
    Database(DatabaseId),
    /// By a load balancer of this plan.
    Route(PlanKey),
    /// The pods of this namespace cannot be counted.
    Workloads(String),
    /// By a Prometheus of this plan.
    Figure(PlanKey),
}

type Lookup = BoxFuture<'static, (PlanKey, u64, Resolution)>;

/// Keeps what runs equal to the plans that there are.
pub struct Reconciler {
    operator: Arc<Operator>,
    client: Client,
    hands: Hands,
    /// All recorders, to be waited for at the end.
    recorders: TaskTracker,
    plans: BTreeMap<PlanKey, Known>,
    lookups: FuturesUnordered<Lookup>,
    tickets: u64,
    gate: Arc<Semaphore>,
    leaving: Leaving,
}

/// The lanes and recorders that still run when the reconciler has ended.
pub struct Remaining {
    /// The lanes, which do what they were ordered.
    pub lanes: TaskTracker,
    /// The recorders, which record once more.
    pub recorders: TaskTracker,
    plans: BTreeMap<PlanKey, Known>,
    hands: Hands,
}

impl Remaining {
    /// Asks the lanes to do what they were ordered and end.
    pub fn end_lanes(&mut self) {
        for known in self.plans.values_mut() {
            if let Some(running) = known.running.take() {
                self.hands.end(running.lanes);
            }
        }
        self.lanes.close();
    }

    /// Asks the recorders to record once more and end.
    pub fn end_recorders(&self) {
        for known in self.plans.values() {
            known.stop.cancel();
        }
        self.recorders.close();
    }
}

impl Reconciler {
    /// Knows of no plan yet.
    pub fn new(operator: Arc<Operator>, client: Client) -> Self {
        Self {
            hands: Hands::new(operator.clone(), client.clone()),
            operator,
            client,
            recorders: TaskTracker::new(),
            plans: BTreeMap::new(),
            lookups: FuturesUnordered::new(),
            tickets: 0,
            gate: Arc::new(Semaphore::new(LOOKUPS)),
            leaving: Leaving::default(),
        }
    }

    /// Reconciles until `stop`, and returns what still runs.
    pub async fn run(
        mut self,
        namespace: Option<String>,
        mut refused: Receiver<Refused>,
        stop: CancellationToken,
    ) -> Remaining {
        let mut changes =
            std::pin::pin!(watch::plans(&self.client, namespace.as_deref(), &self.operator.health));
        loop {
            let retry = self.plans.values().filter_map(|known| known.retry).min();
            tokio::select! {
                () = stop.cancelled() => break,
                change = changes.next() => match change {
                    Some(change) => self.change(change),
                    None => break,
                },
                Some((key, ticket, resolution)) = self.lookups.next() => self.apply(&key, ticket, resolution),
                Some(refused) = refused.recv() => self.reread(&refused),
                () = operator::at(retry) => self.retry(),
            }
        }
        let Self { hands, recorders, plans, .. } = self;
        Remaining { lanes: hands.lanes.clone(), recorders, plans, hands }
    }

    fn change(&mut self, change: Change) {
        match change {
            Change::Is(object) => self.is(&object),
            Change::Gone(key) => {
                self.leaving.forget(&key);
                self.gone(&key);
            }
            Change::All(keys) => {
                let gone: Vec<PlanKey> =
                    self.plans.keys().filter(|key| !keys.contains(key)).cloned().collect();
                for key in &gone {
                    self.gone(key);
                }
                self.look_for_orphans(&keys);
            }
        }
    }

    fn is(&mut self, object: &DynamicObject) {
        let Some(key) = watch::key(object) else { return };
        let uid = object.metadata.uid.clone().unwrap_or_default();
        if object.metadata.deletion_timestamp.is_some() {
            self.leave(&key, &uid, object);
            return;
        }
        if self.plans.get(&key).is_some_and(|known| known.uid != uid) {
            // Made anew under the same name: another plan.
            self.gone(&key);
        }
        if !self.plans.contains_key(&key) {
            let known = self.begin(&key, uid, object);
            self.plans.insert(key.clone(), known);
        }
        let Some(known) = self.plans.get_mut(&key) else { return };
        let respecified = known.look_at(object);
        self.wish(&key);
        if respecified {
            self.consider(&key);
            self.follow_owners();
        }
    }

    /// A plan that was not known: its recorder begins.
    fn begin(&self, key: &PlanKey, uid: String, object: &DynamicObject) -> Known {
        let known = Known::new(uid.clone(), object);
        let resource = watch::resource();
        let recorder = Recorder {
            plan: key.clone(),
            uid: uid.clone(),
            api: Api::namespaced_with(self.client.clone(), key.namespace(), &resource),
            desk: known.desk.clone(),
            operator: self.operator.clone(),
        };
        self.operator.teller.is(key.clone(), Some(uid));
        let record = self.recorders.track_future(recorder.record(known.stop.clone()));
        self.operator.crew.start(format!("recorder {key}"), &known.stop, record);
        known
    }

    /// A plan is gone: everything of it ends, and its weights stay (R12).
    fn gone(&mut self, key: &PlanKey) {
        let Some(known) = self.plans.remove(key) else { return };
        tracing::info!(plan = %key, "the plan is gone; its weights stay");
        self.operator.teller.is(key.clone(), None);
        known.stop.cancel();
        let floors = known.running.as_ref().is_some_and(|running| !running.wiring.floors.is_empty());
        self.end(key, known.running);
        self.follow_owners();
        if floors {
            self.give_back_orphans(key.namespace());
        }
    }

    fn end(&mut self, key: &PlanKey, running: Option<Running>) {
        let Some(running) = running else { return };
        self.operator.fleet(|fleet, now| fleet.remove(key, now));
        self.hands.end(running.lanes);
        if let Err(why) = self.supply() {
            tracing::error!(%why, "a database cannot be sampled");
        }
    }

    /// Who owns each route now (R8).
    fn owners(&self) -> BTreeMap<String, String> {
        let claims: Vec<Claim> = self
            .plans
            .iter()
            .filter_map(|(key, known)| {
                let routes = known.newest.as_ref().ok().or(known.accepted.as_ref())?.routes();
                Some(Claim { plan: key.as_str().into(), created: known.created, routes })
            })
            .collect();
        share::owners(&claims)
    }

    /// Looks again at the plans for which the owner of a route changed.
    fn follow_owners(&mut self) {
        let owners = self.owners();
        let changed: Vec<PlanKey> = self
            .plans
            .iter()
            .filter(|(key, known)| {
                let taken = known.newest.clone().ok().and_then(|newest| newest.free(key, &owners).err());
                taken != known.taken
            })
            .map(|(key, _)| key.clone())
            .collect();
        for key in &changed {
            self.consider(key);
        }
    }

    /// Begins to look up what a plan needs; an earlier look-up of it no longer counts.
    fn consider(&mut self, key: &PlanKey) {
        let owners = self.owners();
        self.tickets += 1;
        let Some(known) = self.plans.get_mut(key) else { return };
        known.ticket = self.tickets;
        known.retry = None;
        let newest = known.newest.clone().and_then(|newest| newest.free(key, &owners));
        known.taken =
            newest.as_ref().err().filter(|rejection| rejection.reason == Reason::RouteTaken).cloned();
        let accepted = known.accepted.as_ref().map(|accepted| &accepted.raw);
        let accepted = newest.as_ref().is_ok_and(|newest| Some(&newest.raw) == accepted);
        let usable = |candidate: &Candidate| candidate.clone().free(key, &owners).is_ok();
        let stays = known.running.as_ref().is_some_and(|running| usable(&running.candidate));
        let fallback = known.accepted.clone().filter(|accepted| !stays && usable(accepted));
        let ended = if stays { None } else { known.running.take() };
        let (client, namespace) = (self.client.clone(), key.namespace().to_owned());
        let (key, ticket, gate) = (key.clone(), self.tickets, self.gate.clone());
        self.end(&key, ended);
        self.lookups.push(Box::pin(async move {
            let _place = gate.acquire().await;
            (key, ticket, resolve(client, namespace, newest, accepted, fallback).await)
        }));
    }

    fn apply(&mut self, key: &PlanKey, ticket: u64, resolution: Resolution) {
        let Resolution { mut rejection, run, retry } = resolution;
        let Some(known) = self.plans.get_mut(key).filter(|known| known.ticket == ticket) else { return };
        known.retry = retry.then(|| Instant::now() + RETRY);
        if let Some((candidate, wiring)) = run
            && let Err(why) = self.start(key, candidate, &wiring)
        {
            self.operator.fleet(|fleet, now| fleet.remove(key, now));
            rejection.get_or_insert(Rejection { reason: Reason::InvalidSpec, message: why });
        }
        let Some(known) = self.plans.get_mut(key) else { return };
        if known.rejection != rejection {
            // Told by an event too: where the object is not valid any more, the API server may
            // refuse the status that says so.
            let (reason, message) = match &rejection {
                Some(Rejection { reason, message }) => (*reason, format!("not accepted: {message}")),
                None => (Reason::Accepted, "accepted".to_owned()),
            };
            self.operator.teller.tell(Telling { plan: key.clone(), reason, message });
        }
        known.rejection = rejection;
        known.desk.leave(known.verdict());
        self.wish(key);
    }

    /// Lets a plan run so; what it has already is kept.
    fn start(&mut self, key: &PlanKey, candidate: Candidate, wiring: &Wiring) -> Result<(), String> {
        let Some(known) = self.plans.get_mut(key) else { return Ok(()) };
        let before = known.running.take();
        if let Some(running) = before.as_ref()
            && running.wiring == *wiring
            && running.candidate.raw == candidate.raw
        {
            known.running = before.map(|running| Running { candidate: candidate.clone(), ..running });
            known.accepted = Some(candidate);
            return Ok(());
        }
        let status = known.status.take().unwrap_or_default();
        known.accepted = Some(candidate.clone());
        let (lanes, mut polled) = before.map(|running| (running.lanes, running.polled)).unwrap_or_default();
        let lanes = self.hands.lanes(key, lanes, &wiring.instances)?;
        let links_of_lanes = lanes.iter().map(super::hands::Running::handle).collect();
        // Before the engine takes the plan over, so that no answer to another question comes after.
        polled.retain(|polled| polled.is_among(&wiring.figures));
        known.running = Some(Running {
            candidate: candidate.clone(),
            wiring: wiring.clone(),
            lanes,
            polled,
            floors: None,
        });
        let recorder = known.desk.wake.clone();
        self.supply()?;
        let databases = wiring
            .databases
            .iter()
            .filter_map(|(name, _, wire)| Some((name.clone(), self.hands.id(wire)?)))
            .collect();
        let workloads = wiring.workloads.iter().filter_map(|wire| self.hands.counters.id(wire)).collect();
        let floors = Arc::default();
        let links = Links {
            lanes: links_of_lanes,
            databases,
            paces: wiring.paces(),
            workloads,
            floors: Arc::clone(&floors),
            endpoints: wiring.endpoints(),
        };
        let plan = candidate.parsed.plan.clone();
        let (state, problems) = restore::state(&status, &plan, self.operator.clock.offset());
        for problem in problems {
            tracing::warn!(plan = %key, %problem, "a part of the status cannot be read");
        }
        let normals = warm::normals(&status, jiff::Timestamp::now(), self.operator.clock.offset());
        let start = Start { plan, state, normals, links, recorder };
        self.operator.fleet(|fleet, now| fleet.put(key, start, now));
        self.relink();
        self.keep_floors(key, floors);
        // After it, as the first answer is to be heard.
        match self.plans.get_mut(key).and_then(|known| known.running.as_mut()) {
            Some(running) => self.hands.poll(key, &mut running.polled, &wiring.figures),
            None => Ok(()),
        }
    }

    /// Samples and counts what the running plans ask for, and nothing else.
    fn supply(&mut self) -> Result<(), String> {
        let wirings =
            self.plans.values().filter_map(|known| known.running.as_ref()).map(|running| &running.wiring);
        let workloads: Vec<_> = wirings.clone().flat_map(|wiring| wiring.workloads.clone()).collect();
        let databases = wirings
            .flat_map(|wiring| wiring.databases.iter().map(|(_, pace, wire)| (wire.clone(), pace.clone())));
        let databases: Vec<_> = databases.collect();
        self.hands.counters.follow(&workloads);
        self.hands.sample(&databases)
    }

    /// Tells the engine what people ask for and what became of the newest spec.
    fn wish(&self, key: &PlanKey) {
        let Some(known) = self.plans.get(key) else { return };
        let commands::Commands { hold, given } = commands::read(&known.annotations);
        let wishes = Wishes { hold, commands: given };
        let rejected = known.rejection.clone().map(|Rejection { reason, message }| (reason, message));
        self.operator.fleet(|fleet, now| fleet.wish(key, wishes, rejected, now));
    }
}
