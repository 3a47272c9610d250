//! The part of the status that says whose surge a breach is.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A breach of a database, and whose surge it is.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct SurgeStatus {
    /// The database.
    #[schemars(length(max = 63))]
    pub database: String,
    /// Kubernetes: it is walked back. Unmeasured: nothing that the sides could be told apart by has risen, and
    /// it is walked back. Judging: one step back was taken, and its effect is looked for. Common, Legacy, Neither:
    /// it is held.
    #[schemars(length(max = 16))]
    pub whose: String,
    /// Since when.
    #[schemars(length(max = 40))]
    pub since: String,
    /// What was normal for each side when the breach came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub normal: Option<NormalStatus>,
    /// The step that was taken to find out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trial: Option<TrialStatus>,
}

/// Connects per second that all of the traffic would bring by either side.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct NormalStatus {
    /// By legacy.
    pub legacy: f64,
    /// By Kubernetes.
    pub kubernetes: f64,
}

/// A step back whose effect tells whose surge it is.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct TrialStatus {
    /// When it was taken.
    #[schemars(length(max = 40))]
    pub at: String,
    /// What is compared: connects per second (`ConnectionRate`), or those that failed (`FailedConnections`).
    #[schemars(length(max = 63))]
    pub signal: String,
    /// The mean before it.
    pub before: f64,
    /// The fall that a surge of Kubernetes' alone would show.
    pub predicted: f64,
    /// The fall from which on it counts as one.
    pub enough: f64,
}

/// What a retreat does to legacy.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct StrainStatus {
    /// The share of its requests that legacy failed by itself before the last step, 0 to 1.
    pub before: f64,
    /// When it was first seen to fail more by that step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 40))]
    pub seen: Option<String>,
}
