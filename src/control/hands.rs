//! The lanes, samplers and pollers that run: started and ended as plans come, change and go. One lane
//! per instance and plan, one lookout per load balancer and way to it, one sampler per database and
//! credentials, one poller per figure and plan.

use std::collections::BTreeSet;
use std::sync::{Arc, Weak};

use kube::Client;
use tokio::sync::watch;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use super::counters::Counters;
use super::fleet::{DatabaseId, LaneHandle, LaneId};
use super::key::PlanKey;
use super::lane::Lane;
use super::lookout::Post;
use super::mailbox::Mailbox;
use super::operator::Operator;
use super::pace::Pace;
use super::poller::Poller;
use super::sampler::Sampler;
use super::seat::Seat;
use super::wire::{DatabaseWire, FigureWire, InstanceWire, Way};
use crate::route::Instance;

/// A lane that runs.
pub struct Running {
    wire: InstanceWire,
    handle: LaneHandle,
    /// Cancelled when the lane is asked to end.
    asked: CancellationToken,
    /// Cancelled when it has ended.
    ended: CancellationToken,
}

impl Running {
    /// Names the lane and its mailbox.
    pub fn handle(&self) -> LaneHandle {
        self.handle.clone()
    }
}

/// A figure that is polled, until this is dropped.
pub struct Polled {
    wire: FigureWire,
    _stop: DropGuard,
}

impl Polled {
    /// Whether it is one of these.
    pub fn is_among(&self, wires: &[FigureWire]) -> bool {
        wires.contains(&self.wire)
    }
}

struct Sampled {
    id: DatabaseId,
    wire: DatabaseWire,
    paces: watch::Sender<BTreeSet<Pace>>,
    stop: CancellationToken,
}

/// Starts and ends lanes and samplers.
pub struct Hands {
    operator: Arc<Operator>,
    /// All lanes, to be waited for at the end.
    pub lanes: TaskTracker,
    samplers: Vec<Sampled>,
    /// Where the lanes of a load balancer are looked after, as long as there are any.
    posts: Vec<(Way, Weak<Post>)>,
    /// Those who count pods.
    pub counters: Counters,
    /// What lanes on their way out still hold, and when they let go of it.
    leaving: Vec<(String, CancellationToken)>,
    names: u64,
}

impl Hands {
    /// None yet.
    pub fn new(operator: Arc<Operator>, client: Client) -> Self {
        Self {
            counters: Counters::new(operator.clone(), client),
            operator,
            lanes: TaskTracker::new(),
            samplers: Vec::new(),
            posts: Vec::new(),
            leaving: Vec::new(),
            names: 0,
        }
    }

    fn name(&mut self) -> u64 {
        self.names += 1;
        self.names
    }

    /// The lanes for these instances: those that stay are kept, the rest is ended or started. A new
    /// lane begins when whoever held its route has let go of it.
    pub fn lanes(
        &mut self,
        plan: &PlanKey,
        mut before: Vec<Running>,
        wires: &[InstanceWire],
    ) -> Result<Vec<Running>, String> {
        let mut lanes: Vec<Option<Running>> = wires
            .iter()
            .map(|wire| {
                let place = before.iter().position(|lane| lane.wire == *wire)?;
                Some(before.swap_remove(place))
            })
            .collect();
        // A lane whose way to the same route changed keeps its name: what it still does counts.
        let replaced: Vec<(String, LaneId)> =
            before.iter().map(|lane| (lane.wire.route(), lane.handle.id)).collect();
        self.end(before);
        for (wire, lane) in wires.iter().zip(&mut lanes) {
            if lane.is_none() {
                let id = replaced.iter().find(|(route, _)| *route == wire.route()).map(|(_, id)| *id);
                *lane = Some(self.start(plan, wire, id)?);
            }
        }
        Ok(lanes.into_iter().flatten().collect())
    }

    /// Ends lanes: each does what it was ordered and lets go.
    pub fn end(&mut self, lanes: Vec<Running>) {
        for lane in lanes {
            lane.asked.cancel();
            lane.handle.mailbox.close();
            self.leaving.push((lane.wire.route(), lane.ended));
        }
    }

    fn start(&mut self, plan: &PlanKey, wire: &InstanceWire, id: Option<LaneId>) -> Result<Running, String> {
        let instance = wire.open()?;
        let post = self.post(wire)?;
        let id = id.unwrap_or_else(|| self.name());
        let mailbox = Arc::new(Mailbox::default());
        let Instance::HaProxy(haproxy) = &instance;
        let seat = Arc::new(Seat::new(plan.clone(), id, mailbox.clone(), haproxy.backend().clone()));
        let lane = Lane { seat: seat.clone(), instance, operator: self.operator.clone(), asked: None };
        let (asked, ended) = (CancellationToken::new(), CancellationToken::new());
        self.leaving.retain(|(_, ended)| !ended.is_cancelled());
        let route = wire.route();
        let holders: Vec<CancellationToken> =
            self.leaving.iter().filter(|(held, _)| *held == route).map(|(_, ended)| ended.clone()).collect();
        let done = ended.clone().drop_guard();
        let work = self.lanes.track_future(async move {
            for holder in holders {
                holder.cancelled().await;
            }
            let place = post.take(seat);
            lane.work().await;
            drop((place, post, done));
        });
        self.operator.crew.start(format!("lane {plan} {route}"), &asked, work);
        Ok(Running { wire: wire.clone(), handle: LaneHandle { id, mailbox }, asked, ended })
    }

    /// Where the lanes of this load balancer are looked after.
    fn post(&mut self, wire: &InstanceWire) -> Result<Arc<Post>, String> {
        self.posts.retain(|(_, post)| post.strong_count() > 0);
        let way = wire.way();
        let known = self.posts.iter().find(|(other, _)| *other == way);
        if let Some(post) = known.and_then(|(_, post)| post.upgrade()) {
            return Ok(post);
        }
        let (post, lookout, stop) = Post::new(wire.line()?, self.operator.clone());
        let name = format!("lookout {}", wire.address());
        self.operator.crew.start(name, &stop, lookout.look_out(stop.clone()));
        let post = Arc::new(post);
        self.posts.push((way, Arc::downgrade(&post)));
        Ok(post)
    }

    /// Polls these figures too, if they are not polled yet.
    pub fn poll(
        &self,
        plan: &PlanKey,
        running: &mut Vec<Polled>,
        wires: &[FigureWire],
    ) -> Result<(), String> {
        for wire in wires {
            if running.iter().any(|polled| polled.wire == *wire) {
                continue;
            }
            let poller = Poller {
                plan: plan.clone(),
                wire: wire.clone(),
                client: wire.open()?,
                operator: self.operator.clone(),
                asked: None,
                failing: None,
            };
            let stop = CancellationToken::new();
            let name = format!("poller {plan} {}", wire.field);
            self.operator.crew.start(name, &stop, poller.poll(stop.clone()));
            running.push(Polled { wire: wire.clone(), _stop: stop.drop_guard() });
        }
        Ok(())
    }

    /// Samples exactly these databases, each at these paces.
    pub fn sample(&mut self, wanted: &[(DatabaseWire, Pace)]) -> Result<(), String> {
        let paces = |wire: &DatabaseWire| -> BTreeSet<Pace> {
            wanted.iter().filter(|(other, _)| other == wire).map(|(_, pace)| pace.clone()).collect()
        };
        self.samplers.retain(|sampled| {
            let paces = paces(&sampled.wire);
            if paces.is_empty() {
                sampled.stop.cancel();
                return false;
            }
            sampled.paces.send_if_modified(|known| {
                let changed = *known != paces;
                *known = paces;
                changed
            });
            true
        });
        for (wire, pace) in wanted {
            if self.id(wire).is_some() {
                continue;
            }
            let paces = paces(wire);
            // They are in the order of their periods.
            let shortest = paces.first().map_or(pace.every, |pace| pace.every);
            let source = wire.open(shortest)?;
            let (sender, receiver) = watch::channel(paces);
            let (id, stop) = (self.name(), CancellationToken::new());
            let sampler = Sampler {
                id,
                endpoint: wire.endpoint(),
                source,
                paces: receiver,
                operator: self.operator.clone(),
                asked: None,
            };
            let name = format!("sampler {}", wire.endpoint());
            self.operator.crew.start(name, &stop, sampler.sample(stop.clone()));
            self.samplers.push(Sampled { id, wire: wire.clone(), paces: sender, stop });
        }
        Ok(())
    }

    /// The sampler of a database.
    pub fn id(&self, wire: &DatabaseWire) -> Option<DatabaseId> {
        self.samplers.iter().find(|sampled| sampled.wire == *wire).map(|sampled| sampled.id)
    }
}
