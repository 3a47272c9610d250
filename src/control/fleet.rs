//! All plans with their engines, in one place under one lock.
//!
//! Every event is fed to the engines that it concerns, they decide, and what they ask for is handed
//! out, all without waiting for anything: a post into a mailbox, a note to a recorder. One lock for
//! all makes "no other plan that shares a database is raising" free of races, and lets a hundred
//! plans that trip at once decide one after the other before any of their writes is made.

mod agenda;
mod databases;
mod pods;

pub use databases::Sampled;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use tokio::sync::Notify;
use tokio::time::Instant;

use agenda::Agenda;

use super::counter::CountId;
use super::key::PlanKey;
use super::mailbox::{Mailbox, Order};
use super::pace::Pace;
use super::teller::{Teller, Telling};
use super::warm::Normals;
use crate::capacity::Count;
use crate::core::action::Action;
use crate::core::capacity::Figure;
use crate::core::engine::Engine;
use crate::core::lease::Standing;
use crate::core::plan::Plan;
use crate::core::reason::Reason;
use crate::core::route::Reading;
use crate::core::seen::{Authority, Wishes};
use crate::core::share::{self, Neighbour};
use crate::core::state::State;
use crate::core::time::Time;
use crate::serve::metrics::Metrics;

/// Names one lane for the life of the process.
pub type LaneId = u64;
/// Names one sampled database for the life of the process.
pub type DatabaseId = u64;

/// One lane of a plan, in the order of the plan's instances.
#[derive(Clone, Debug)]
pub struct LaneHandle {
    /// Its name.
    pub id: LaneId,
    /// Where it takes orders.
    pub mailbox: Arc<Mailbox>,
}

/// What connects a plan to the world.
#[derive(Clone, Debug, Default)]
pub struct Links {
    /// The lanes, in the order of the plan's instances.
    pub lanes: Vec<LaneHandle>,
    /// The databases by their name in the plan.
    pub databases: Vec<(String, DatabaseId)>,
    /// How each of them is sampled.
    pub paces: Vec<Pace>,
    /// The counts of the pods, in the order of the plan's workloads.
    pub workloads: Vec<CountId>,
    /// Wakes the keeper of its floors.
    pub floors: Arc<Notify>,
    /// The databases by what they are in the world: host and port.
    pub endpoints: BTreeSet<String>,
}

/// What a plan starts with. Only plan and links count for one that runs already.
pub struct Start {
    /// The plan.
    pub plan: Plan,
    /// What its status remembers.
    pub state: State,
    /// What its status remembers of its databases.
    pub normals: Normals,
    /// What connects it to the world.
    pub links: Links,
    /// Wakes its recorder.
    pub recorder: Arc<Notify>,
}

/// A plan that runs.
pub struct Entry {
    /// The engine.
    pub engine: Engine,
    /// What connects it to the world.
    pub links: Links,
    /// Wakes the plan's recorder.
    pub recorder: Arc<Notify>,
    /// The newest revision that is to be recorded.
    pub wanted: Option<u64>,
    /// The epoch of the claim under which its status was read afresh.
    pub taken_over: Option<u64>,
    /// What keeps the sides from being told apart, by the database's name in the plan.
    pub lacks: BTreeMap<String, String>,
    /// What does not fit into a database's `max_connections`, by its name in the plan.
    pub rooms: BTreeMap<String, String>,
}

/// All plans that run.
pub struct Fleet {
    plans: BTreeMap<PlanKey, Entry>,
    agenda: Agenda,
    /// The pods of each workload, and when that was known to be so.
    counts: BTreeMap<CountId, (Time, Count)>,
    standing: Standing,
    stopped: bool,
    teller: Teller,
    metrics: Arc<Metrics>,
}

impl Fleet {
    /// No plan yet.
    pub fn new(teller: Teller, metrics: Arc<Metrics>) -> Self {
        Self {
            plans: BTreeMap::new(),
            agenda: Agenda::default(),
            counts: BTreeMap::new(),
            standing: Standing::None,
            stopped: false,
            teller,
            metrics,
        }
    }

    /// The plans with their keys.
    pub fn plans(&self) -> impl Iterator<Item = (&PlanKey, &Entry)> {
        self.plans.iter()
    }

    /// One plan.
    pub fn get(&self, key: &PlanKey) -> Option<&Entry> {
        self.plans.get(key)
    }

    /// What this replica may do.
    pub fn standing(&self) -> Standing {
        self.standing
    }

    /// When the next plan wants to decide again by itself.
    pub fn deadline(&self) -> Option<Time> {
        self.agenda.next().filter(|_| !self.stopped)
    }

    /// Starts or changes a plan.
    pub fn put(&mut self, key: &PlanKey, start: Start, now: Time) {
        let Start { plan, state, normals, links, recorder } = start;
        if let Some(entry) = self.plans.get_mut(key) {
            entry.engine.set_plan(plan, now);
            entry.links = links;
            let links = &entry.links;
            let told_apart = |name: &String| {
                let databases = links.databases.iter().zip(&links.paces);
                databases.into_iter().any(|((other, _), pace)| other == name && pace.users.is_some())
            };
            entry.lacks.retain(|name, _| told_apart(name));
            entry.rooms.clear();
        } else {
            let mut engine = Engine::new(plan, state, now);
            normals.seed(&mut engine);
            let entry = Entry {
                engine,
                links,
                recorder,
                wanted: None,
                taken_over: None,
                lacks: BTreeMap::new(),
                rooms: BTreeMap::new(),
            };
            self.plans.insert(key.clone(), entry);
        }
        // A changed plan has forgotten what it measures otherwise.
        if let Some(entry) = self.plans.get_mut(key) {
            pods::tell(entry, &self.counts, |_| true);
        }
        self.settle([key.clone()], now, Instant::now());
    }

    /// Tells a plan which samplers are its own.
    pub fn relink(&mut self, key: &PlanKey, databases: Vec<(String, DatabaseId)>) {
        if let Some(entry) = self.plans.get_mut(key) {
            entry.links.databases = databases;
        }
    }

    /// Stops a plan. Its weights stay (R12).
    pub fn remove(&mut self, key: &PlanKey, now: Time) -> Option<Entry> {
        let entry = self.plans.remove(key)?;
        self.agenda.forget(key);
        self.metrics.forget_plan(&key.labels());
        let sharing = self.sharing(key, &entry.links.endpoints);
        self.settle(sharing, now, Instant::now());
        Some(entry)
    }

    /// Nothing is decided any more.
    pub fn stop(&mut self) {
        self.stopped = true;
    }

    /// Takes what people ask for, and why the newest spec was not accepted, if it was not.
    pub fn wish(&mut self, key: &PlanKey, wishes: Wishes, rejected: Option<(Reason, String)>, now: Time) {
        if let Some(entry) = self.plans.get_mut(key) {
            entry.engine.set_wishes(wishes);
            entry.engine.set_rejected(rejected);
            self.settle([key.clone()], now, Instant::now());
        }
    }

    /// Takes what this replica may do. Each plan waits for its fresh status under a new claim.
    ///
    /// A claim that was in doubt and comes back under its epoch is no new one: nobody else held the
    /// lease in between, and what this replica did meanwhile (a retreat that could not be stored)
    /// stands nowhere but in its memory.
    pub fn stand(&mut self, standing: Standing, now: Time) {
        self.standing = standing;
        for entry in self.plans.values_mut() {
            let keeps = match standing {
                Standing::Holder { epoch, .. } => entry.taken_over == Some(epoch),
                Standing::LastHolder { .. } | Standing::None => true,
            };
            if !keeps {
                entry.taken_over = None;
            }
            entry.engine.set_authority(authority(standing, entry.taken_over));
            if !keeps {
                entry.recorder.notify_one();
            }
        }
        self.settle_all(now);
    }

    /// A plan's status was read afresh under the claim of `epoch`: it is this replica's now.
    pub fn take_over(&mut self, key: &PlanKey, epoch: u64, state: State, now: Time) {
        let Some(entry) = self.plans.get_mut(key) else { return };
        let current = matches!(self.standing, Standing::Holder { epoch: held, .. } if held == epoch);
        if !current || entry.taken_over == Some(epoch) {
            return;
        }
        entry.taken_over = Some(epoch);
        entry.engine.take_over(state, now);
        entry.engine.set_authority(authority(self.standing, entry.taken_over));
        for lane in &entry.links.lanes {
            lane.mailbox.look();
        }
        self.settle([key.clone()], now, Instant::now());
    }

    /// A figure of a plan was measured, at `at`.
    pub fn measured(&mut self, key: &PlanKey, figure: Figure, value: f64, at: Time, now: Time) {
        let Some(entry) = self.plans.get_mut(key) else { return };
        entry.engine.measured(figure, value, at);
        self.settle([key.clone()], now, Instant::now());
    }

    /// An instance was read, or could not be.
    pub fn read(&mut self, key: &PlanKey, lane: LaneId, result: Result<Reading, String>, now: Time) {
        self.of_lane(key, lane, now, |engine, instance| engine.read(instance, result, now));
    }

    /// An order was carried out, or could not be. Orders are numbered within their claim: one of an
    /// earlier claim has nothing to say.
    pub fn written(
        &mut self,
        key: &PlanKey,
        lane: LaneId,
        order: &Order,
        result: Result<Reading, String>,
        now: Time,
    ) {
        if self.plans.get(key).is_some_and(|entry| entry.taken_over == Some(order.epoch)) {
            self.of_lane(key, lane, now, |engine, instance| {
                engine.written(instance, order.number, result, now);
            });
        }
    }

    /// A plan's state of `revision` is stored.
    pub fn recorded(&mut self, key: &PlanKey, revision: u64, now: Time) {
        let Some(entry) = self.plans.get_mut(key) else { return };
        if entry.wanted == Some(revision) {
            entry.wanted = None;
        }
        entry.engine.recorded(revision);
        self.settle([key.clone()], now, Instant::now());
    }

    /// Lets the plans decide whose deadline has come.
    pub fn tick(&mut self, now: Time) {
        self.settle(self.agenda.due(now), now, Instant::now());
    }

    fn of_lane(&mut self, key: &PlanKey, lane: LaneId, now: Time, feed: impl FnOnce(&mut Engine, usize)) {
        // A lane that is no longer the plan's has nothing to say.
        let Some(entry) = self.plans.get_mut(key) else { return };
        let Some(instance) = entry.links.lanes.iter().position(|handle| handle.id == lane) else { return };
        feed(&mut entry.engine, instance);
        self.settle([key.clone()], now, Instant::now());
    }

    fn settle_all(&mut self, now: Time) {
        let all: Vec<PlanKey> = self.plans.keys().cloned().collect();
        self.settle(all, now, Instant::now());
    }

    /// Lets plans decide, and those that wait for one of them to end its raise.
    fn settle(&mut self, touched: impl IntoIterator<Item = PlanKey>, now: Time, cause: Instant) {
        let mut queue: VecDeque<PlanKey> = touched.into_iter().collect();
        while let Some(key) = queue.pop_front() {
            if self.stopped {
                return;
            }
            let others = self.raising_elsewhere(&key);
            let Some(entry) = self.plans.get_mut(&key) else { continue };
            let raising = entry.engine.is_raising();
            entry.engine.set_others_raising(others);
            let actions = entry.engine.decide(now);
            self.agenda.note(&key, entry.engine.deadline(), entry.engine.is_raising());
            let ended = raising && !entry.engine.is_raising();
            if !actions.is_empty() {
                self.metrics.decision(&key.labels());
                let epoch = entry.taken_over.unwrap_or_default();
                carry_out(&key, entry, actions, epoch, cause, &self.teller);
            }
            if ended {
                let endpoints = self.plans.get(&key).map(|entry| entry.links.endpoints.clone());
                let sharing = self.sharing(&key, &endpoints.unwrap_or_default());
                for other in &sharing {
                    self.plans.get_mut(other).into_iter().for_each(|entry| entry.engine.disturbed());
                }
                queue.extend(sharing);
            }
        }
    }

    fn raising_elsewhere(&self, key: &PlanKey) -> Option<String> {
        let entry = self.plans.get(key)?;
        let raising = self.agenda.raising().filter_map(|key| Some((key, self.plans.get(key)?)));
        let all = raising.map(|(key, entry)| Neighbour {
            plan: key.as_str(),
            databases: &entry.links.endpoints,
            raising: entry.engine.is_raising(),
        });
        share::raising_elsewhere(key.as_str(), &entry.links.endpoints, all).map(ToOwned::to_owned)
    }

    fn sharing(&self, key: &PlanKey, endpoints: &BTreeSet<String>) -> Vec<PlanKey> {
        let shares = |(other, entry): &(&PlanKey, &Entry)| {
            *other != key && !entry.links.endpoints.is_disjoint(endpoints)
        };
        self.plans.iter().filter(shares).map(|(key, _)| key.clone()).collect()
    }
}

fn authority(standing: Standing, taken_over: Option<u64>) -> Authority {
    match (standing, taken_over) {
        (Standing::Holder { epoch, .. }, Some(taken)) if taken == epoch => Authority::Holder,
        (Standing::LastHolder { .. }, Some(_)) => Authority::LastHolder,
        _ => Authority::None,
    }
}

fn carry_out(
    key: &PlanKey,
    entry: &mut Entry,
    actions: Vec<Action>,
    epoch: u64,
    cause: Instant,
    teller: &Teller,
) {
    for action in actions {
        match action {
            Action::Write { instance, number, weight, purpose } => {
                if let Some(lane) = entry.links.lanes.get(instance) {
                    lane.mailbox.post(Order { number, weight, purpose, epoch, cause });
                }
            }
            Action::Record { revision } => {
                entry.wanted = Some(revision);
                entry.recorder.notify_one();
                entry.links.floors.notify_one();
            }
            Action::Tell { reason, message } => {
                teller.tell(Telling { plan: key.clone(), reason, message });
            }
        }
    }
}
