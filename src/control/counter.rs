//! Counts the pods of the workloads of one namespace, for all plans in it, over one watch.
//!
//! A count is told when it changes, and anew while the watch is alive; each time with the moment at
//! which the watch last proved alive, so that a count whose watch is dead grows old.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::future::{BoxFuture, FutureExt as _};
use futures::stream::{FuturesUnordered, StreamExt as _};
use kube::Client;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::client::{Failure, judge};
use super::operator::{Operator, at};
use super::reconcile::Refused;
use super::workloads::{self, Lack, WorkloadWire};
use crate::capacity::roster::Moment;
use crate::capacity::{Count, Event, Fault, Roster, Selector, feed};
use crate::core::time::Time;

/// Names one count for the life of the process.
pub type CountId = u64;

/// How often is looked again which pods belong to a workload; most can never change it.
const LOOK: Duration = Duration::from_mins(5);
/// The same while it is not known.
const LOOK_AGAIN: Duration = Duration::from_secs(10);
/// So many are looked up at once.
const LOOKS: usize = 4;
/// What did not change is told anew at most so often, however much happens.
const TELL_ANEW: Duration = Duration::from_secs(5);
/// So many counts are told at once: no decision of another plan waits for more.
const TOLD_AT_ONCE: usize = 64;

/// Counts the pods of one namespace.
pub struct Counter {
    /// Which.
    pub namespace: String,
    /// What is to be counted.
    pub wanted: watch::Receiver<BTreeMap<CountId, WorkloadWire>>,
    /// The patient client.
    pub client: Client,
    /// What the tasks share.
    pub operator: Arc<Operator>,
}

type Look = BoxFuture<'static, (CountId, Result<Selector, Lack>)>;

/// One count.
struct Counted {
    wire: WorkloadWire,
    selector: Option<Selector>,
    /// Why it could not be looked up last.
    lack: Option<Lack>,
    /// When its selector is looked up; `None` while it is being looked up.
    look: Option<Instant>,
    /// What was told last.
    told: Option<Count>,
    /// When a pod becomes warm by time alone.
    next: Option<Time>,
    /// Something changed that concerns it.
    changed: bool,
}

struct Desk {
    counter: Counter,
    counted: BTreeMap<CountId, Counted>,
    roster: Roster,
    /// When the watch last proved alive; `None` before the first list.
    alive: Option<Time>,
    /// What of that was last told for all.
    told: Option<Time>,
    /// Why the watch is not alive, if it is not.
    fault: Option<Failure>,
    /// When the plans were last asked to be looked at again.
    asked: Option<Instant>,
}

impl Counter {
    /// Counts until `stop`.
    pub async fn count(self, stop: CancellationToken) {
        let mut events = feed::pods(self.client.clone(), &self.namespace);
        let mut looks: FuturesUnordered<Look> = FuturesUnordered::new();
        let mut desk = Desk {
            counter: self,
            counted: BTreeMap::new(),
            roster: Roster::default(),
            alive: None,
            told: None,
            fault: None,
            asked: None,
        };
        desk.follow();
        loop {
            desk.look_up(&mut looks);
            let (warm, look) = (desk.next_warm(), desk.next_look(looks.len()));
            tokio::select! {
                () = stop.cancelled() => return,
                changed = desk.counter.wanted.changed() => {
                    if changed.is_err() {
                        stop.cancelled().await;
                        return;
                    }
                    desk.follow();
                }
                event = events.next() => {
                    let mut event = event;
                    // Whatever else came in meanwhile is counted with it.
                    while let Some(one) = event {
                        desk.take(one);
                        event = events.next().now_or_never().flatten();
                    }
                }
                Some((id, found)) = looks.next(), if !looks.is_empty() => desk.found(id, found),
                () = at(warm) => {}
                () = at(look) => {}
            }
            desk.tell();
        }
    }
}

impl Desk {
    fn follow(&mut self) {
        let wanted = self.counter.wanted.borrow_and_update();
        self.counted.retain(|id, _| wanted.contains_key(id));
        for (id, wire) in wanted.iter() {
            self.counted.entry(*id).or_insert_with(|| Counted {
                wire: wire.clone(),
                selector: None,
                lack: None,
                look: Some(Instant::now()),
                told: None,
                next: None,
                changed: true,
            });
        }
    }

    fn look_up(&mut self, looks: &mut FuturesUnordered<Look>) {
        let now = Instant::now();
        let due = self.counted.iter_mut().filter(|(_, counted)| counted.look.is_some_and(|look| look <= now));
        for (id, counted) in due.take(LOOKS.saturating_sub(looks.len())) {
            counted.look = None;
            let (id, client, wire) = (*id, self.counter.client.clone(), counted.wire.clone());
            looks.push(Box::pin(async move { (id, workloads::selector(&client, &wire).await) }));
        }
    }

    /// When the next selector is looked up; those that wait for others begin when one of these ends.
    fn next_look(&self, under_way: usize) -> Option<Instant> {
        if under_way >= LOOKS { None } else { self.counted.values().filter_map(|counted| counted.look).min() }
    }

    fn next_warm(&self) -> Option<Instant> {
        let next = self.counted.values().filter_map(|counted| counted.next).min()?;
        Some(self.counter.operator.clock.instant(next))
    }

    fn found(&mut self, id: CountId, found: Result<Selector, Lack>) {
        let Some(counted) = self.counted.get_mut(&id) else { return };
        match found {
            Ok(selector) => {
                counted.lack = None;
                counted.look = Some(Instant::now() + LOOK);
                if counted.selector.as_ref() != Some(&selector) {
                    counted.selector = Some(selector);
                    counted.changed = true;
                }
            }
            Err(lack) => {
                // The pods that it had are still told of.
                if counted.lack.as_ref() != Some(&lack) {
                    tracing::warn!(%lack, "the pods of a workload cannot be told from others");
                }
                counted.look = Some(Instant::now() + LOOK_AGAIN);
                let concerns_people = !matches!(lack, Lack::Unread { .. });
                counted.lack = Some(lack);
                if concerns_people {
                    self.ask();
                }
            }
        }
    }

    fn take(&mut self, event: Event) {
        let clock = &self.counter.operator.clock;
        let at = Moment { now: clock.now(), offset: clock.offset() };
        let touched = match event {
            Event::All(pods) => {
                self.roster.replace(pods, at);
                self.counted.values_mut().for_each(|counted| counted.changed = true);
                None
            }
            Event::Is(pod) => Some(self.roster.is(*pod, at)),
            Event::Gone(name) => Some(self.roster.gone(&name)),
            Event::Alive => None,
            Event::Failed(fault) => return self.failed(&fault),
        };
        if let Some(touched) = touched {
            for counted in self.counted.values_mut() {
                counted.changed |=
                    counted.selector.as_ref().is_some_and(|selector| touched.concerns(selector));
            }
        }
        if self.fault.take().is_some() {
            tracing::info!(namespace = self.counter.namespace, "watching the pods again");
        }
        self.alive = Some(at.now);
    }

    fn failed(&mut self, fault: &Fault) {
        let failure = match fault {
            Fault::Api(error) => judge(error),
            late @ Fault::Late(_) => Failure::NoAnswer(late.to_string()),
        };
        if matches!(failure, Failure::Forbidden(_)) {
            self.ask();
        }
        if self.fault.as_ref() != Some(&failure) {
            tracing::warn!(namespace = self.counter.namespace, %failure, "the pods are not watched now");
            self.fault = Some(failure);
        }
    }

    /// The plans of the namespace are looked at again: they say what is missing.
    fn ask(&mut self) {
        let refused = Refused::Workloads(self.counter.namespace.clone());
        self.counter.operator.reread(&mut self.asked, refused);
    }

    fn tell(&mut self) {
        let Some(alive) = self.alive else { return };
        let now = self.counter.operator.clock.now();
        let anew = self.told.is_none_or(|told| alive.since(told) >= TELL_ANEW);
        let mut counts = Vec::new();
        for (id, counted) in &mut self.counted {
            let Some(selector) = &counted.selector else { continue };
            let mut count = counted.told;
            if counted.changed || counted.next.is_some_and(|next| next <= now) {
                let (is, next) = self.roster.count(selector, counted.wire.warm_up, now);
                (count, counted.next, counted.changed) = (Some(is), next, false);
            }
            if let Some(count) = count.filter(|count| anew || counted.told != Some(*count)) {
                counted.told = Some(count);
                counts.push((*id, count));
            }
        }
        if anew {
            self.told = Some(alive);
        }
        for counts in counts.chunks(TOLD_AT_ONCE) {
            self.counter.operator.fleet(|fleet, now| fleet.counted(counts, alive, now));
        }
    }
}
