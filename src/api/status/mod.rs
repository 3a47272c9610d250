//! The types of the status. Written by [`super::render`] only; read by [`super::restore`], field by
//! field, so that one that cannot be read costs no other.
#![allow(clippy::doc_markdown)] // what `kubectl explain` shows

/// Structures of the status, as short as they can be written.
macro_rules! shapes {
    ($($(#[doc = $doc:literal])+ $name:ident {
        $($(#[doc = $field_doc:literal])+ $(#[serde($($serde:tt)*)])? $(#[schemars($schema:meta)])?
        $field:ident: $type:ty,)+
    })+) => {
        $($(#[doc = $doc])+
        #[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
        #[serde(rename_all = "camelCase")]
        pub struct $name {
            $($(#[doc = $field_doc])+
            $(#[serde($($serde)*)])?
            $(#[schemars($schema)])?
            pub $field: $type,)+
        })+
    };
}

mod capacity;
mod connects;
mod floor;
mod parts;
mod surge;

pub use capacity::*;
pub use connects::*;
pub use floor::FloorStatus;
pub use parts::*;
pub use surge::*;

use std::collections::BTreeMap;

use kube::KubeSchema;
use schemars::{Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// The longest message in the status, in characters; longer ones are cut.
pub const LONGEST_MESSAGE: usize = 1024;

/// What is so. The weights are Kubernetes' share in percent, the times RFC 3339.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct MigrationPlanStatus {
    /// Where the plan stands: Pending, Shifting, Soaking, AwaitingApproval, Paused, RollingBack,
    /// RolledBack or Completed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32))]
    pub phase: Option<String>,
    /// The present stage.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stage: Option<StageStatus>,
    /// The weight intended and the weight read back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight: Option<WeightStatus>,
    /// What the columns of `kubectl get` show.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summary: Option<Summary>,
    /// Why nothing rises now, and who must act; the first is the one to look at.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    pub blocked_by: Vec<BlockerStatus>,
    /// Each route as it was read back.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8))]
    pub routes: Vec<RouteStatus>,
    /// Each database's guards with the thresholds in force.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8))]
    pub databases: Vec<DatabaseStatus>,
    /// What the legacy side carries and can carry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub legacy: Option<SideStatus>,
    /// What the Kubernetes side carries and can carry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kubernetes: Option<KubernetesStatus>,
    /// The pods that each workload is promised at least, and what was changed for it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    pub floors: Vec<FloorStatus>,
    /// How much is asked for, and the highest of the last days.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub demand: Option<DemandStatus>,
    /// When the figures here were taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 40))]
    pub measured_at: Option<String>,
    /// The last 20 moves, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20))]
    pub history: Vec<MoveStatus>,
    /// The commands that were acted on (annotations `crossfade.dev/<command>`).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "commands")]
    pub commands: BTreeMap<String, AnsweredStatus>,
    /// What an approval must carry when `approvalNeedsToken` is true: `<stage>/<token>`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 16))]
    pub approval_token: Option<String>,
    /// Whether the next approval must carry the token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval_needs_token: Option<bool>,
    /// The cooldown after retreats.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cooldown: Option<CooldownStatus>,
    /// The spec that is in force: the last one accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accepted: Option<AcceptedStatus>,
    /// The generation last looked at, accepted or not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// The lease's epoch under which this was written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epoch: Option<i64>,
    /// The conditions, as kstatus understands them, and our own.
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    pub conditions: Vec<ConditionStatus>,
    /// A raise that is recorded, until every instance was read back at its weight.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub raise: Option<RaiseStatus>,
    /// What was predicted of the last raise, until it is compared with what came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub foreseen: Option<ForeseenStatus>,
    /// The retreat under way, or at its end while its guard is still tripped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retreat: Option<RetreatStatus>,
    /// Whose surge each breach of a database is, until its guards are clear.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8))]
    pub surges: Vec<SurgeStatus>,
    /// What the retreat under way does to legacy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strain: Option<StrainStatus>,
    /// A walk back by a person's wish; nothing rises until `resume`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rolled_back_by_hand: Option<ByHandStatus>,
    /// What stops the plan until a person says `resume`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub halt: Option<HaltStatus>,
    /// The guards that are, or were, tripped, with their frozen baselines.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    pub trips: Vec<TripStatus>,
    /// The stages whose soak completed and that no retreat has passed since.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "names")]
    pub proven: Vec<String>,
    /// The approvals in the spec that were spent by an entry.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "names")]
    pub spent: Vec<String>,
    /// A stage approved by annotation and not entered yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 80))]
    pub approved: Option<String>,
    /// The last change of the weight.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 40))]
    pub last_step: Option<String>,
    /// Weights that another writer raised and that were put back, in the last 10 minutes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 256))]
    pub put_backs: Vec<PutBackStatus>,
    /// The instances (`route/instance`) that have stood at the plan's weight.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "joined")]
    pub joined: Vec<String>,
}

fn strings(items: u32, longest: u32) -> Schema {
    json_schema!({"type": "array", "maxItems": items, "items": {"type": "string", "maxLength": longest}})
}

fn names(_: &mut SchemaGenerator) -> Schema {
    strings(64, 80)
}

fn times(_: &mut SchemaGenerator) -> Schema {
    strings(256, 40)
}

fn joined(_: &mut SchemaGenerator) -> Schema {
    strings(128, 320)
}

fn commands(generator: &mut SchemaGenerator) -> Schema {
    let answered = generator.subschema_for::<AnsweredStatus>();
    json_schema!({"type": "object", "maxProperties": 8, "additionalProperties": answered})
}
