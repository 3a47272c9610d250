//! What a plan's status says in words, derived from state and observations.

use crate::floor::Floor;
use crate::guard::{Judgement, Level};
use crate::lessons::Lesson;
use crate::peaks::Peak;
use crate::plan::Plan;
use crate::prediction::Prediction;
use crate::reason::Reason;
use crate::reporting;
use crate::seen::Seen;
use crate::side::BySide;
use crate::spare::Spare;
use crate::state::{GuardKey, State};
use crate::time::Time;
use crate::turn::Turn;
use crate::weight::Weight;

/// Where a plan stands, in one word.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Phase {
    /// Not accepted yet, or its routes were not read yet.
    #[default]
    Pending,
    /// On the way to a stage's weight.
    Shifting,
    /// At a stage's weight, its soak running.
    Soaking,
    /// Its soak done, the next stage waits for a person.
    AwaitingApproval,
    /// Held: by a person, a guard, missing data or drift.
    Paused,
    /// Walking back.
    RollingBack,
    /// Walked back, and waiting.
    RolledBack,
    /// Every stage is done.
    Completed,
}

impl Phase {
    /// The name as status spells it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pending => "Pending",
            Self::Shifting => "Shifting",
            Self::Soaking => "Soaking",
            Self::AwaitingApproval => "AwaitingApproval",
            Self::Paused => "Paused",
            Self::RollingBack => "RollingBack",
            Self::RolledBack => "RolledBack",
            Self::Completed => "Completed",
        }
    }
}

/// Who must act for a blocker to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Who {
    /// Nobody: it ends by itself.
    Nobody,
    /// A person.
    Person,
}

/// Why nothing rises now (R13).
#[derive(Clone, Debug, PartialEq)]
pub struct Blocker {
    /// Why.
    pub reason: Reason,
    /// What is waited for and what to do, in words.
    pub message: String,
    /// Since when, if known.
    pub since: Option<Time>,
    /// When it ends by itself, if known.
    pub until: Option<Time>,
    /// Who must act.
    pub who: Who,
}

/// A condition's status with its reason and message; times are the shell's.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition {
    /// `Ready`, `Reconciling`, `Stalled`, `GuardsClear`, `RoutesInSync`, `CapacityReserved` or `RolledBack`.
    pub kind: &'static str,
    /// True or False.
    pub status: bool,
    /// Why.
    pub reason: Reason,
    /// In words.
    pub message: String,
}

/// One guard as status shows it.
#[derive(Clone, Debug, PartialEq)]
pub struct GuardReport {
    /// Which guard.
    pub key: GuardKey,
    /// How far it has tripped.
    pub level: Level,
    /// Since when.
    pub since: Time,
    /// What the samples say.
    pub judgement: Judgement,
}

/// What status says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    /// Where the plan stands.
    pub phase: Phase,
    /// Kubernetes' share over all instances that were read: the lowest reading, as traffic is
    /// promised to be at least there. `None` before any was read.
    pub actual: Option<Weight>,
    /// Why nothing rises now; the first is the one to show.
    pub blocked_by: Vec<Blocker>,
    /// The conditions but `Accepted`, which is the shell's.
    pub conditions: Vec<Condition>,
    /// Every guard.
    pub guards: Vec<GuardReport>,
    /// When the present soak ends, its peaks seen, if nothing stops it.
    pub soak_ends: Option<Time>,
    /// What an approval must carry now.
    pub approval_token: String,
    /// Whether the next approval has to carry the token.
    pub token_needed: bool,
    /// What is known of capacity and demand.
    pub capacity: CapacityReport,
    /// The floors that are promised, or that stand raised.
    pub floors: Vec<Floor>,
    /// What is known of the connects to each database, in the plan's order.
    pub databases: Vec<DatabaseReport>,
}

/// What is known of the connects to a database.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DatabaseReport {
    /// Connects per second of each side's users; `None` while they are not known.
    pub connects: Option<BySide<f64>>,
    /// What is normal for each side, in connects per second that all of the traffic would bring by it; `None`
    /// while it is not known.
    pub normal: Option<BySide<f64>>,
    /// What is predicted after the next step; `None` where nothing can be, or nothing is to be raised.
    pub predicted: Option<Prediction>,
    /// What steps of the weight have taught, the oldest first; empty where the sides are told apart.
    pub learned: Vec<Lesson>,
}

/// What is known of capacity and demand now; `None` is unknown, or not asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct CapacityReport {
    /// Demand, and what each side carries and can carry.
    pub spare: Spare,
    /// The share of Kubernetes' traffic that legacy could absorb at the peak, 0 to 1.
    pub absorbed_by_legacy: Option<f64>,
    /// The share of legacy's traffic that Kubernetes could absorb at the peak, 0 to 1.
    pub absorbed_by_kubernetes: Option<f64>,
    /// The highest demand of the window, if one was seen.
    pub peak: Option<Peak>,
}

/// What the status says of a plan that remembers `state` and is shown `seen`.
pub fn of(plan: &Plan, state: &State, seen: &Seen, now: Time) -> Report {
    // A turn may change its state; a report does not.
    reporting::report(&Turn::new(plan, &mut state.clone(), seen, now))
}
