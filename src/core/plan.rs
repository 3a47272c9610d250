//! What the user asks for, validated: the engine's view of a `MigrationPlan`'s spec.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::capacity::Capacity;
use crate::guard::Guard;
use crate::state::GuardKey;
use crate::weight::Weight;

/// A migration plan that the core has accepted (see [`crate::check`]).
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// Hold the weight where it is; guards keep working.
    pub paused: bool,
    /// The furthest stage allowed; `None` is the last.
    pub target_stage: Option<String>,
    /// Stages approved in Git: `<stage>` or `<stage>/<token>`.
    pub approvals: BTreeSet<String>,
    /// The stages in their order, weights not falling.
    pub stages: Vec<Stage>,
    /// Where traffic is split, all at the same weight.
    pub routes: Vec<Route>,
    /// The databases whose connections guard the plan.
    pub databases: Vec<Database>,
    /// How a retreat goes.
    pub rollback: Rollback,
    /// What each side can carry, and how much of it must stay free.
    pub capacity: Capacity,
}

/// A named weight with its way there, its soak and its approval.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stage {
    /// Unique within the plan.
    pub name: String,
    /// Where the stage stands.
    pub weight: Weight,
    /// Steps on the way there; `None` is one step.
    pub ramp: Option<Ramp>,
    /// How long the stage must hold, all guards clear, before the next may begin.
    pub soak: Duration,
    /// How many peaks the stage must have seen at its weight before the next may begin (see
    /// [`crate::periods`]).
    pub peaks: u32,
    /// Whether a person must approve the entry.
    pub approval: bool,
}

/// A raise in steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ramp {
    /// The largest raise at once; more than 0.
    pub step: Weight,
    /// The time from one step to the next.
    pub every: Duration,
}

/// One place where traffic is split, made of one or more instances that hold the same weights.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// Unique within the plan.
    pub name: String,
    /// What tells the instances apart: for `HAProxy` their addresses.
    pub instances: Vec<String>,
}

/// A database with its guards.
#[derive(Clone, Debug, PartialEq)]
pub struct Database {
    /// Unique within the plan.
    pub name: String,
    /// The sampling period, 100 ms to 60 s.
    pub every: Duration,
    /// The guards in force: the default set with the user's laid over it.
    pub guards: Vec<Guard>,
    /// Connects that it is proven to answer, per second, if known.
    pub connection_rate_capacity: Option<f64>,
    /// Whether each side connects as users of its own, so that the sides are told apart (R4).
    pub by_side: bool,
}

/// How a retreat goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rollback {
    /// Where a retreat goes first.
    pub to: RollbackTo,
    /// The largest fall at once; more than 0.
    pub max_step: Weight,
    /// The time from one step to the next.
    pub every: Duration,
    /// Whose surge a retreat answers.
    pub when: When,
}

/// Whose surge a guard's retreat answers (R4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum When {
    /// Only Kubernetes'. What both sides cause is not cured by moving traffic.
    #[default]
    Attributed,
    /// Whoever's.
    Always,
}

/// Where a retreat goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RollbackTo {
    /// The next stage below the present weight that completed its soak, else 0; from there to the
    /// next below, if the rollback threshold is crossed there anew.
    Previous,
    /// All the way to weight 0.
    Zero,
}

/// Names one instance of one route of a plan: its place in [`Plan::instances`].
pub type InstanceIndex = usize;

impl Plan {
    /// Every instance of every route as (route name, instance), in the plan's order.
    pub fn instances(&self) -> impl Iterator<Item = (&str, &str)> {
        self.routes
            .iter()
            .flat_map(|route| route.instances.iter().map(|instance| (route.name.as_str(), instance.as_str())))
    }

    /// The name of every instance in state and status: `route/instance`.
    pub fn instance_keys(&self) -> impl Iterator<Item = String> {
        self.instances().map(|(route, instance)| format!("{route}/{instance}"))
    }

    /// The places of a route's instances.
    pub fn instances_of(&self, route: usize) -> std::ops::Range<InstanceIndex> {
        let before: usize = self.routes.iter().take(route).map(|route| route.instances.len()).sum();
        before..before + self.routes.get(route).map_or(0, |route| route.instances.len())
    }

    /// The guard that `key` names.
    pub fn guard(&self, key: &GuardKey) -> Option<&Guard> {
        let database = self.databases.iter().find(|database| database.name == key.database)?;
        database.guards.iter().find(|guard| guard.signal == key.signal)
    }

    /// The index of the furthest stage allowed. A target that names no stage allows none further
    /// than the first (an accepted plan has no such target).
    pub fn furthest(&self) -> usize {
        match &self.target_stage {
            None => self.stages.len().saturating_sub(1),
            Some(name) => self.stages.iter().position(|stage| &stage.name == name).unwrap_or(0),
        }
    }

    /// The index of the stage that `weight` stands for: the highest not above it, and of several at one
    /// weight the first, as nobody knows whether the later ones were ever entered.
    pub fn stage_at(&self, weight: Weight) -> Option<usize> {
        let highest = self.stages.iter().rfind(|stage| stage.weight <= weight)?.weight;
        self.stages.iter().position(|stage| stage.weight == highest)
    }
}
