//! What the engine is shown: observations with their ages, wishes, and what this replica may do.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::capacity::{Capacity, Figure, MEASURED_STALE};
use crate::connects::Tally;
use crate::floor::Found;
use crate::guard::Judgement;
use crate::lessons::Lessons;
use crate::load::{Load, Steady};
use crate::ready::{Now, Ready};
use crate::reason::Reason;
use crate::route;
use crate::side::BySide;
use crate::state::{Command, GuardKey};
use crate::surge::Look;
use crate::time::Time;
use crate::turn::ROUTE_STALE;

/// What this replica may write (section "Who may write" of the design).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Authority {
    /// It holds an unexpired lease: everything.
    Holder,
    /// It was the last to hold the lease, and the API server gives no answer: guard retreats only.
    LastHolder,
    /// Nothing.
    #[default]
    None,
}

/// What people ask for outside the spec.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Wishes {
    /// The annotation `hold`: present holds the plan, its value is the reason.
    pub hold: Option<String>,
    /// The other command annotations, with their values.
    pub commands: BTreeMap<Command, String>,
}

/// What is measured of capacity and demand, each with its time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Figures {
    /// What the sides are asked for, summed over the load balancers at which demand is read.
    pub load: Option<(Time, Load)>,
    /// What the sides are asked for and fail at all load balancers, whoever says what demand is.
    pub split: Option<(Time, Load)>,
    /// Since when Kubernetes has failed over half of its requests, and legacy less than half.
    pub failing_since: Option<Time>,
    /// What was seen of the pods that are ready.
    pub ready: Ready,
    /// What is asked for steadily there.
    pub steady: Steady,
    /// What the shell measures.
    pub measured: BTreeMap<Figure, (Time, f64)>,
    /// The floors of workloads, by their places in [`crate::capacity::Kubernetes::workloads`].
    pub floors: BTreeMap<usize, (Time, Found)>,
}

impl Figures {
    /// A figure that is at most so old.
    pub fn measured(&self, figure: Figure, now: Time, stale: Duration) -> Option<f64> {
        let (at, value) = self.measured.get(&figure)?;
        (now.since(*at) <= stale).then_some(*value)
    }

    /// What the pods that are ready can carry, and are asked for, by fresh data; `None` if that is not known of
    /// all of the workloads of `capacity`, or it names none.
    pub fn ready_now(&self, capacity: &Capacity, now: Time) -> Option<Now> {
        let workloads = &capacity.kubernetes.as_ref()?.workloads;
        let fresh = |(at, _): &(Time, Load)| now.since(*at) <= ROUTE_STALE;
        let (_, load) = self.load.filter(fresh).filter(|_| !workloads.is_empty())?;
        let none = Now { pods: 0.0, carries: 0.0, asked: load.kubernetes.requests };
        workloads.iter().enumerate().try_fold(none, |sum, (place, workload)| {
            let pods = self.measured(Figure::Ready(place), now, MEASURED_STALE)?;
            let carries = sum.carries + pods * workload.requests_per_second_per_pod;
            Some(Now { pods: sum.pods + pods, carries, ..sum })
        })
    }
}

/// Everything that is seen.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Seen {
    /// What this replica may write.
    pub authority: Authority,
    /// Why the newest spec was not accepted, if it was not; the last accepted one goes on.
    pub rejected: Option<(Reason, String)>,
    /// What people ask for.
    pub wishes: Wishes,
    /// Another plan that shares a database and is raising now.
    pub others_raising: Option<String>,
    /// Whether the last [`crate::action::Action::Record`] is stored.
    pub recorded: bool,
    /// The instances, in the plan's order.
    pub instances: Vec<route::Seen>,
    /// What the samples say of each guard, in the plan's order.
    pub judgements: Vec<(GuardKey, Judgement)>,
    /// What the samples of each database say of whose surge it is, in the plan's order.
    pub looks: Vec<Look>,
    /// What is measured of capacity and demand.
    pub figures: Figures,
    /// The connects to each database, in the plan's order.
    pub tallies: Vec<Tally>,
    /// What steps of the weight have taught of each database, in the plan's order: of those whose sides are
    /// not told apart.
    pub lessons: Vec<Lessons>,
}

impl Seen {
    /// The sides' shares of the traffic, 0 to 1, as read back a moment ago from every instance: each has an
    /// equal part of it.
    pub fn shares(&self, now: Time) -> Option<BySide<f64>> {
        let weights = self.instances.iter().map(|instance| {
            let (at, reading) = instance.reading.as_ref()?;
            (now.since(*at) <= ROUTE_STALE).then(|| reading.weight.percent() / 100.0)
        });
        let sum = weights.sum::<Option<f64>>()?;
        let kubernetes = sum / self.instances.len().max(1) as f64;
        Some(BySide { legacy: 1.0 - kubernetes, kubernetes })
    }
}
