//! What the engine knows of the places where traffic is split.

use crate::time::Time;
use crate::weight::Weight;

/// What one instance of a route said when it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    /// Kubernetes' share as it stands, given which servers are up.
    pub weight: Weight,
    /// A fingerprint of the weights as they are set, whichever servers are up: it changes exactly
    /// when somebody sets a weight.
    pub setting: u64,
    /// A fingerprint of the process that answered: it changes exactly when it was restarted or reloaded.
    pub boot: u64,
    /// Servers of the legacy pool that are up.
    pub legacy_up: u32,
    /// Servers of the Kubernetes pool that are up.
    pub kubernetes_up: u32,
    /// What the process has counted since it started, if it counts.
    pub counted: Option<Counted>,
}

/// What a load balancer has counted of the two pools.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// The legacy pool.
    pub legacy: Requests,
    /// The Kubernetes pool.
    pub kubernetes: Requests,
}

/// Requests of one pool.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Requests {
    /// All that were sent to its servers.
    pub all: u64,
    /// Those that its servers failed: answered 5xx, broke off, or could not be reached for.
    pub failed: u64,
}

/// What is known of one instance of a route.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Seen {
    /// The instance's name in state and status: `route/instance`.
    pub key: String,
    /// The newest reading and when it was taken.
    pub reading: Option<(Time, Reading)>,
    /// When `setting` last changed: the last reading before, and the first after.
    pub changed: Option<(Time, Time)>,
    /// The newest order and what became of it.
    pub order: Option<Order>,
    /// Since when reads or writes fail, and what was said; `None` while they succeed.
    pub failing: Option<(Time, String)>,
}

/// A weight that the engine ordered to be written.
#[derive(Clone, Debug, PartialEq)]
pub struct Order {
    /// Orders are numbered; an outcome of an older one is dropped.
    pub number: u64,
    /// The weight asked.
    pub weight: Weight,
    /// Why.
    pub purpose: Purpose,
    /// When it was given.
    pub at: Time,
    /// What became of it.
    pub outcome: Outcome,
}

/// Why a weight is written. Decides what a lane may drop, and who may write it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Purpose {
    /// Towards Kubernetes, under R1. Dropped by any later order.
    Raise,
    /// The same weight again: servers came up, or another writer raised it (R8).
    PutBack,
    /// Towards legacy. Never dropped but by a newer retreat.
    Retreat,
}

/// What became of an order.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// Not answered yet.
    Pending,
    /// Written and read back: what the instance then stood at.
    Done(Reading),
    /// Not written, or not known to be.
    Failed {
        /// When that was known.
        at: Time,
    },
}
