//! What a plan says of capacity: what each side can carry, who asks for it, and how much of it must stay
//! free (DESIGN section 5). Requests per second throughout; shares from 0 to 1.

use std::time::Duration;

use crate::time::Time;
use crate::weight::Weight;

/// A figure that the shell measures is unknown when it is older: three samples of 15 s (R5).
pub const MEASURED_STALE: Duration = Duration::from_secs(45);

/// What a plan says of capacity. What it leaves out is not asked for, and status says so.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Capacity {
    /// Where demand is read.
    pub demand: Option<Demand>,
    /// The legacy side.
    pub legacy: Option<Legacy>,
    /// The Kubernetes side.
    pub kubernetes: Option<Kubernetes>,
    /// What each side must be able to take over from the other.
    pub takeover: Takeover,
    /// How the weight may move about a stage's while one side is short of its headroom; `None` is not at
    /// all.
    pub balance: Option<Balance>,
}

impl Capacity {
    /// Where demand is read, if the plan says it.
    pub fn demand_from(&self) -> Option<Source> {
        self.demand.map(|demand| demand.from)
    }

    /// Whether `figure` is measured as it is for `other`: what is known of it counts on. (What nobody measures, such
    /// as a promise, may differ.)
    pub fn measures_as(&self, other: &Self, figure: Figure) -> bool {
        let workload = |it: &Self, place: usize| -> Option<(String, Duration)> {
            let workload = it.kubernetes.as_ref()?.workloads.get(place)?;
            Some((workload.name.clone(), workload.warm_up))
        };
        match figure {
            Figure::Demand => self.demand_from() == other.demand_from(),
            Figure::LegacyCapacity => {
                let from = |it: &Self| it.legacy.map(|legacy| legacy.capacity);
                from(self) == from(other)
            }
            Figure::Pods(place) => workload(self, place) == workload(other, place),
            Figure::Ready(place) => {
                let name = |it: &Self| workload(it, place).map(|(name, _)| name);
                name(self) == name(other)
            }
        }
    }
}

/// How the weight may move about a stage's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Balance {
    /// How far from the stage's weight; more than 0.
    pub max_shift: Weight,
    /// The time from one move to the next.
    pub every: Duration,
}

/// While a workload is replaced its pods stand so many times over: Kubernetes' default `maxSurge` of 25 %.
const ROLLOUT: f64 = 1.25;
/// At most this share of a database's `max_connections` may be promised: its guard pauses at 70 %.
pub const OF_MAXIMUM: f64 = 0.65;

impl Capacity {
    /// The connections that the pools of so many legacy servers and of as many pods as are allowed hold when
    /// they are full, if the plan says enough.
    pub fn connections(&self, servers: f64) -> Option<f64> {
        let legacy = servers * self.legacy?.connections_per_server?;
        let workloads = self.kubernetes.as_ref()?.workloads.iter();
        let pods: Option<f64> = workloads
            .map(|workload| Some(f64::from(workload.max_replicas) * workload.connections_per_pod?))
            .sum();
        Some(legacy + ROLLOUT * pods?)
    }
}

/// Who asks for how much.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Demand {
    /// Where it is read.
    pub from: Source,
    /// Kubernetes must be able to carry so many times what it is given; 1 or more.
    pub surge_factor: f64,
    /// How far back the highest demand counts; 1 h to 31 days.
    pub peak_window: Duration,
}

/// Where a figure comes from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Source {
    /// The load balancers of a route (its place in [`crate::plan::Plan::routes`]): their counters, or
    /// their servers that are up.
    Route(usize),
    /// Somebody wrote it down.
    Declared {
        /// In requests per second.
        requests_per_second: f64,
        /// What was written down counts until then; `None` for ever.
        until: Option<Time>,
    },
    /// The shell measures it and tells ([`crate::engine::Engine::measured`]).
    Measured,
}

/// The legacy side.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Legacy {
    /// What it can carry, or where its servers that are up are counted.
    pub capacity: Source,
    /// What each server can carry; with [`Source::Route`].
    pub requests_per_second_per_server: f64,
    /// Connections that each server's pool holds, if known.
    pub connections_per_server: Option<f64>,
    /// The share of its capacity that must stay unused when it receives.
    pub headroom: f64,
}

/// The Kubernetes side.
#[derive(Clone, Debug, PartialEq)]
pub struct Kubernetes {
    /// What serves the requests. Several carry the sum.
    pub workloads: Vec<Workload>,
    /// The share of its capacity that must stay unused when it receives.
    pub headroom: f64,
}

/// Something that runs pods.
#[derive(Clone, Debug, PartialEq)]
pub struct Workload {
    /// Unique within the plan.
    pub name: String,
    /// What each pod can carry, once it is warm.
    pub requests_per_second_per_pod: f64,
    /// Connections that each pod's pool holds, if known.
    pub connections_per_pod: Option<f64>,
    /// How long a pod is ready before it counts.
    pub warm_up: Duration,
    /// The most pods that are asked for.
    pub max_replicas: u32,
    /// Whether its floor is raised before traffic comes, and kept while it does (R9).
    pub floor: bool,
}

/// What each side must be able to take over from the other, as shares of the other's traffic at the peak.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Takeover {
    /// By legacy, until the seal.
    pub legacy: f64,
    /// By Kubernetes, from weight 50 on.
    pub kubernetes: f64,
}

impl Default for Takeover {
    /// Legacy all, Kubernetes half.
    fn default() -> Self {
        Self { legacy: 1.0, kubernetes: 0.5 }
    }
}

/// Which figure the shell measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Figure {
    /// Demand, with [`Source::Measured`].
    Demand,
    /// Legacy's capacity, with [`Source::Measured`].
    LegacyCapacity,
    /// Pods of a workload (its place in [`Kubernetes::workloads`]) that are ready and warm.
    Pods(usize),
    /// Pods of a workload that are ready, warm or not.
    Ready(usize),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn workload(max_replicas: u32, connections_per_pod: Option<f64>) -> Workload {
        Workload {
            name: "pods".into(),
            requests_per_second_per_pod: 100.0,
            connections_per_pod,
            warm_up: Duration::ZERO,
            max_replicas,
            floor: false,
        }
    }

    fn held(per_server: Option<f64>, workloads: Vec<Workload>) -> Option<f64> {
        let legacy = Legacy {
            capacity: Source::Route(0),
            requests_per_second_per_server: 300.0,
            connections_per_server: per_server,
            headroom: 0.2,
        };
        let kubernetes = Some(Kubernetes { workloads, headroom: 0.2 });
        Capacity { legacy: Some(legacy), kubernetes, ..Capacity::default() }.connections(12.0)
    }

    #[test]
    fn full_pools_hold_those_of_all_servers_and_a_quarter_more_pods_than_are_allowed() {
        // 12 x 40, and 1.25 x (120 x 10 + 10 x 6).
        let both = vec![workload(120, Some(10.0)), workload(10, Some(6.0))];
        assert_eq!(held(Some(40.0), both.clone()), Some(2_055.0));
        assert_eq!(held(None, both), None);
        assert_eq!(held(Some(40.0), vec![workload(120, Some(10.0)), workload(10, None)]), None);
    }
}
