//! The types of `MigrationPlan`. The documentation of their fields is what `kubectl explain` shows.
#![allow(clippy::doc_markdown)] // what `kubectl explain` shows

mod capacity;
mod database;
mod kubernetes;
mod prometheus;
mod route;

pub use capacity::{
    BalanceSpec, DemandSpec, HEADROOM, LegacyCapacitySpec, LegacySpec, Measured, SURGE_FACTOR, TakeoverSpec,
};
pub use database::{DatabaseSpec, Fall, GuardSpec, MysqlSpec, MysqlTls, Rise, SignalName, UsersSpec};
pub use kubernetes::{FloorSpec, KubernetesSpec, TargetSpec, WorkloadSpec};
pub use prometheus::PrometheusSpec;
pub use route::{HaproxySpec, HaproxyTls, RouteSpec};

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::status::MigrationPlanStatus;
use super::{rules, shape};

/// What the migration is: its stages, where traffic is split, and the databases that guard it.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[kube(
    group = "crossfade.dev",
    version = "v1alpha1",
    kind = "MigrationPlan",
    plural = "migrationplans",
    shortname = "mplan",
    namespaced,
    status = "MigrationPlanStatus",
    derive = "PartialEq",
    doc = "Moves a live service from legacy infrastructure to Kubernetes in stages, guarded by the connections of its databases.",
    validation = &rules::PRESENT_STAGE_STAYS,
    validation = &rules::ROUTES_STAY,
    printcolumn(name = "Phase", type_ = "string", json_path = ".status.phase"),
    printcolumn(name = "Stage", type_ = "string", json_path = ".status.stage.name"),
    printcolumn(
        name = "Weight",
        type_ = "number",
        json_path = ".status.weight.actual",
        description = "Kubernetes' share of the traffic in percent, as read back"
    ),
    printcolumn(
        name = "Conn/s",
        type_ = "number",
        json_path = ".status.summary.connectionsPerSecond",
        description = "Attempts to connect per second, of the database nearest its threshold"
    ),
    printcolumn(
        name = "Guard",
        type_ = "string",
        json_path = ".status.summary.guard",
        description = "The worst guard's level"
    ),
    printcolumn(
        name = "Legacy-Free",
        type_ = "number",
        json_path = ".status.summary.legacyFree",
        description = "The unused part of what legacy can carry, in percent"
    ),
    printcolumn(
        name = "Kube-Free",
        type_ = "number",
        json_path = ".status.summary.kubernetesFree",
        description = "The unused part of what Kubernetes can carry, in percent"
    ),
    printcolumn(
        name = "Why",
        type_ = "string",
        json_path = ".status.summary.why",
        description = "Why nothing rises now"
    ),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[x_kube(
    validation = &rules::TARGET_IS_A_STAGE,
    validation = &rules::APPROVALS_ARE_STAGES,
    validation = &rules::DEMAND_IS_A_ROUTE,
    validation = &rules::LEGACY_NEEDS_DEMAND,
    validation = &rules::KUBERNETES_NEEDS_DEMAND,
    validation = &rules::PEAKS_NEED_DEMAND,
    validation = &rules::BALANCE_NEEDS_BOTH
)]
#[serde(rename_all = "camelCase")]
pub struct MigrationPlanSpec {
    /// Holds the weight where it is. Guards keep working: they still pause and roll back.
    /// Default: false.
    #[serde(default)]
    pub paused: bool,

    /// The furthest stage allowed. Lowering it below the present stage walks back to it.
    /// Default: the last stage.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "shape::label")]
    pub target_stage: Option<String>,

    /// The stages that are approved, by name: what counts for a stage with `approval: Required`.
    /// An approval is spent by one entry into its stage. From the second retreat on it has to
    /// carry the token of `status.approvalToken`: `<stage>/<token>`.
    /// Default: none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "shape::approvals")]
    pub approvals: Vec<String>,

    /// The stages in their order, 1 to 32. Names are unique, and weights do not fall.
    #[x_kube(
        merge_strategy = ListMerge::Atomic,
        validation = &rules::STAGE_NAMES_UNIQUE,
        validation = &rules::WEIGHTS_DO_NOT_FALL
    )]
    #[schemars(length(min = 1, max = 32))]
    pub stages: Vec<StageSpec>,

    /// The places where traffic is split, 1 to 8, all at the same weight.
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    #[schemars(length(min = 1, max = 8))]
    pub routes: Vec<RouteSpec>,

    /// The databases whose connections guard the migration, 1 to 8.
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    #[schemars(length(min = 1, max = 8))]
    pub databases: Vec<DatabaseSpec>,

    /// What the legacy side can carry. Without it nothing is kept free, and a retreat goes in steps
    /// of at most 5 percent. It needs `demand`. Default: unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub legacy: Option<LegacySpec>,

    /// What the Kubernetes side can carry. Without it a raise asks nothing of it. It needs `demand`.
    /// Default: unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kubernetes: Option<KubernetesSpec>,

    /// How much is asked for, of both sides together. Default: unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub demand: Option<DemandSpec>,

    /// What each side must be able to take over from the other.
    /// Default: legacy all that Kubernetes has, and Kubernetes half of what legacy has.
    #[serde(default)]
    pub takeover: TakeoverSpec,

    /// Moves the weight about a stage's, within `maxShift`, when one side runs out of its headroom there
    /// and the other has room: towards the side with room, by as much as relieves the other, and back when
    /// both have room. It falls as a retreat does and rises as a raise does; it rests while a guard is
    /// tripped or the plan is held. It needs `legacy` and `kubernetes`. Default: off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub balance: Option<BalanceSpec>,

    /// How a retreat goes when a guard crosses its rollback threshold.
    /// Default: to the previous proven stage, at most 25 percent at once, a step every 5 s; at most 5
    /// percent at once while it is not known what legacy can carry.
    #[serde(default)]
    pub rollback: RollbackSpec,
}

/// A stage: a weight with the way there, its soak and its approval.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct StageSpec {
    /// The stage's name, unique in the plan: lower case letters, digits and `-`.
    #[schemars(schema_with = "shape::label")]
    pub name: String,

    /// Kubernetes' share of the traffic in percent, 0 to 100 in steps of 0.01. Legacy has the rest.
    #[x_kube(validation = &rules::HUNDREDTHS)]
    #[schemars(schema_with = "shape::weight")]
    pub weight: f64,

    /// Steps on the way to the weight. Default: one step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ramp: Option<RampSpec>,

    /// How long the stage must hold before the next may begin. Default: not at all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub soak: Option<SoakSpec>,

    /// Whether a person must approve the entry into the stage, in `approvals` or by annotation.
    /// Default: NotRequired.
    #[serde(default)]
    pub approval: Approval,
}

/// A raise in steps.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct RampSpec {
    /// The largest raise at once in percent of traffic, 0.01 to 100.
    #[x_kube(validation = &rules::HUNDREDTHS, validation = &rules::STEP)]
    #[schemars(schema_with = "shape::step")]
    pub step: f64,

    /// The time from one step to the next, 1s to 24h.
    #[x_kube(validation = &rules::RAMP_EVERY)]
    #[schemars(schema_with = "shape::duration")]
    pub every: String,
}

/// How long a stage must hold.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct SoakSpec {
    /// The time, all guards clear, data fresh and routes at the weight, at most 2160h (90 days).
    /// A pause stops the clock, a retreat resets it.
    #[x_kube(validation = &rules::SOAK_FOR)]
    #[serde(rename = "for")]
    #[schemars(schema_with = "shape::duration")]
    pub lasting: String,

    /// How many peaks the stage must have seen at its weight besides, 0 to 31. A peak is a full day (or
    /// `demand.peakWindow`, if that is shorter) in which demand, by means of 5 minutes, came within 10
    /// percent of the highest of `demand.peakWindow`. Days follow one another from when the stage stands
    /// at its weight; one counts as full if the soak clock ran for all of it but a twelfth (two hours).
    /// When demand rises later, days that were too quiet beside it count no more. A retreat resets them.
    /// It needs a `demand` that is watched: by `route` or `prometheus`. Default: 0.
    #[serde(default)]
    #[schemars(schema_with = "shape::peaks")]
    pub peaks: u32,
}

/// Whether a person must approve the entry into a stage.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Approval {
    /// A person must.
    Required,
    /// Nobody need.
    #[default]
    NotRequired,
}

/// How a retreat goes.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct RollbackSpec {
    /// Where a retreat goes. `Previous`: the next stage below that completed its soak, else 0, and
    /// further down if the threshold is crossed there anew. `Zero`: all the way to legacy.
    /// Default: Previous.
    #[serde(default)]
    pub to: RollbackGoal,

    /// The largest fall at once in percent of traffic, 0.01 to 100; less when legacy cannot carry so
    /// much more (see `spec.legacy`). Default: 25.
    #[serde(default = "max_step")]
    #[x_kube(validation = &rules::HUNDREDTHS, validation = &rules::STEP)]
    #[schemars(schema_with = "shape::step")]
    pub max_step: f64,

    /// The time from one step to the next, 1s to 10m. Default: 5s.
    #[x_kube(validation = &rules::ROLLBACK_EVERY)]
    #[serde(default = "step_every")]
    #[schemars(schema_with = "shape::duration")]
    pub every: String,

    /// Whose surge a retreat answers, where `spec.databases[].users` tells. `Attributed`: Kubernetes'
    /// own; a surge of both sides or of legacy's is held, and one of unknown origin gets one step,
    /// then those that are seen to help. `Always`: whoever's. Default: Attributed.
    #[serde(default)]
    pub when: RollbackWhen,
}

impl Default for RollbackSpec {
    fn default() -> Self {
        Self {
            to: RollbackGoal::default(),
            max_step: max_step(),
            every: step_every(),
            when: RollbackWhen::default(),
        }
    }
}

fn max_step() -> f64 {
    25.0
}

fn step_every() -> String {
    "5s".into()
}

/// Where a retreat goes.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RollbackGoal {
    /// The next proven stage below, then further.
    #[default]
    Previous,
    /// All the way to legacy.
    Zero,
}

/// Whose surge a retreat answers.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RollbackWhen {
    /// Kubernetes' own.
    #[default]
    Attributed,
    /// Whoever's.
    Always,
}
