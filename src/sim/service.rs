//! A service: its users, its two sides and the load balancers in front.

use crossfade_core::time::Time;
use crossfade_core::weight::Weight;

use crate::autoscaler::Autoscaler;
use crate::balancer::Balancer;
use crate::demand::Demand;
use crate::lane::Order;
use crate::scenario::{ServiceSetup, Which};
use crate::side::Side;

/// A service.
#[derive(Clone, Debug)]
pub struct Service {
    /// The plan's name.
    pub name: String,
    /// Which of the world's databases stands behind each of the plan's.
    pub databases: Vec<usize>,
    /// Who uses it.
    pub demand: Demand,
    /// Legacy, then Kubernetes.
    pub sides: [Side; 2],
    /// Servers of the ingress in front of the pods, if the load balancers see those.
    ingress: Option<u32>,
    /// What scales the pods.
    pub autoscaler: Option<Autoscaler>,
    /// The pods that the workload asks for, if nothing scales it: those that are lost do not come back.
    pub(crate) replicas: u32,
    /// Requests per second that Kubernetes worked on in the present step: those that waited in vain for a
    /// connection cost no CPU.
    pub(crate) working: f64,
    /// The load balancers, in the plan's order of instances.
    pub balancers: Vec<Balancer>,
    /// Writes that land late: when, where, what.
    pub late: Vec<(Time, usize, Weight)>,
    /// Writes of this step that changed, or confirmed, a weight.
    pub landed: Vec<Landed>,
    /// Failed requests that will be tried again, by how often they have been already.
    pub(crate) again: Vec<Again>,
    /// The part of the requests of the present step that need a connection for sure.
    pub(crate) connecting: f64,
    /// Requests of the present step that their side served, and that it let wait too long.
    pub(crate) served: [f64; 2],
    pub(crate) given_up: [f64; 2],
    /// What happened in the last step.
    pub flow: Flow,
}

/// A write that has reached a load balancer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Landed {
    /// Where.
    pub instance: usize,
    /// Its weight before.
    pub from: Weight,
    /// Its weight now.
    pub to: Weight,
    /// Who wrote it; `None` for one that landed late.
    pub by: Option<By>,
}

/// Who wrote a weight.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct By {
    /// Which replica.
    pub replica: usize,
    /// What was ordered.
    pub order: Order,
    /// It was permitted to lower only.
    pub lowering: bool,
}

/// Failed requests that will be tried again.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Again {
    /// Those that waited too long for their turn: as any other request.
    pub(crate) ordinary: f64,
    /// Those that failed for want of a connection: of the kind that needs one.
    pub(crate) connecting: f64,
}

/// What happened to a service's traffic in the last step, per second.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Flow {
    /// Requests of users, retries left out.
    pub demand: f64,
    /// Requests that reached legacy and Kubernetes, retries and all.
    pub load: [f64; 2],
    /// What legacy and Kubernetes could serve.
    pub capacity: [f64; 2],
    /// Connects to each database, of legacy and of Kubernetes.
    pub connects: [f64; 2],
    /// Requests of legacy and of Kubernetes that failed there.
    pub failing: [f64; 2],
    /// Requests that were answered by an error, those that are tried again included.
    pub errors: f64,
    /// Requests that their users gave up for good.
    pub failed: f64,
    /// Kubernetes' share in percent, over all load balancers.
    pub weight: f64,
}

impl Service {
    /// The service that `setup` describes, with so many load balancers.
    pub fn new(setup: &ServiceSetup) -> Self {
        let up = [setup.legacy.servers, setup.kubernetes.servers];
        let retries = setup.demand.retries as usize;
        Self {
            name: setup.name.clone(),
            databases: setup.databases.clone(),
            demand: Demand::new(setup.demand),
            sides: [Side::new(setup.legacy), Side::new(setup.kubernetes)],
            ingress: setup.ingress.then_some(setup.kubernetes.servers),
            autoscaler: setup.autoscaler.map(Autoscaler::new),
            replicas: setup.kubernetes.servers,
            working: 0.0,
            balancers: setup.plan.instances().map(|_| Balancer::new(setup.weight, up)).collect(),
            late: Vec::new(),
            landed: Vec::new(),
            again: vec![Again::default(); retries],
            connecting: 0.0,
            served: [0.0; 2],
            given_up: [0.0; 2],
            flow: Flow::default(),
        }
    }

    /// Its side.
    pub fn side(&mut self, which: Which) -> &mut Side {
        &mut self.sides[which as usize]
    }

    /// The load balancers see which servers are up.
    pub fn see_servers(&mut self) {
        let up = [self.sides[0].ready(), self.ingress.unwrap_or_else(|| self.sides[1].ready())];
        self.balancers.iter_mut().for_each(|balancer| balancer.see(up));
    }

    /// Lets late writes land.
    pub fn land(&mut self, now: Time) {
        self.landed.clear();
        let (balancers, landed) = (&mut self.balancers, &mut self.landed);
        self.late.retain(|(at, instance, weight)| {
            if *at > now {
                return true;
            }
            if let Some(balancer) = balancers.get_mut(*instance) {
                landed.push(Landed { instance: *instance, from: balancer.weight(), to: *weight, by: None });
                balancer.set(*weight);
            }
            false
        });
    }

    /// Kubernetes' share of the traffic, 0 to 1: the load balancers get equal parts of it.
    pub fn share(&self) -> f64 {
        let sum: f64 = self.balancers.iter().map(|balancer| balancer.weight().percent()).sum();
        sum / 100.0 / self.balancers.len().max(1) as f64
    }

    /// The same as a weight.
    pub fn weight(&self) -> Weight {
        Weight::from_percent(100.0 * self.share())
    }
}
