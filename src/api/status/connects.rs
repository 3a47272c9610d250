//! The connects to a database: whose they are, and what the next step is predicted to make of them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::NormalStatus;

/// The connects to a database by side. What is absent is not known now.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct ConnectsStatus {
    /// Connects per second of each side's users, as a mean of 10 to 20 s; those refused are not in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connections_per_second: Option<BySideStatus>,
    /// What is normal for each side, in connects per second that all of the traffic would bring by it: a median of
    /// 15 minutes, held while a guard of the database is tripped. A restart goes on from one of the last hour.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub normal: Option<NormalStatus>,
    /// Why the sides are not told apart, and what to do; absent while they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024))]
    pub sides: Option<String>,
    /// What its `max_connections` could not hold, and what to do; absent while it can, and where the plan
    /// does not say how many connections each server and pod holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024))]
    pub room: Option<String>,
    /// What is predicted after the next step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub predicted: Option<PredictedStatus>,
    /// What steps of the weight have taught of its connects where nobody tells the sides apart, the oldest first. A
    /// restart goes on from those of the last 7 days.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    pub learned: Vec<LessonStatus>,
}

/// What one step of the weight has taught of the connects to a database.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct LessonStatus {
    /// When.
    #[schemars(length(max = 40))]
    pub at: String,
    /// By how many points (percent of all requests) Kubernetes' share rose; below 0 it fell.
    pub by: f64,
    /// By how much attempts to connect per request rose.
    pub rise: f64,
    /// How far chance moves `rise`: one standard deviation.
    pub noise: f64,
}

/// A figure of each side.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
pub struct BySideStatus {
    /// Of legacy.
    pub legacy: f64,
    /// Of Kubernetes.
    pub kubernetes: f64,
}

/// What was predicted of a raise, until it is compared with what came.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
pub struct ForeseenStatus {
    /// When the raise was decided; from then on when it was read back.
    #[schemars(length(max = 40))]
    pub at: String,
    /// To which weight, in percent.
    pub to: f64,
    /// What is predicted of each database there.
    #[schemars(length(max = 8))]
    pub databases: Vec<ExpectedStatus>,
}

/// What is predicted of a database at one weight, however much is asked for.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
pub struct ExpectedStatus {
    /// The database.
    #[schemars(length(max = 63))]
    pub name: String,
    /// Attempts to connect per request.
    pub each: f64,
    /// How far chance moves that: one standard deviation.
    pub noise: f64,
    /// Attempts per second of others, which do not follow what is asked for.
    pub others: f64,
    /// Where it was learned from steps of the weight.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub taught: Option<TaughtStatus>,
}

/// What steps have taught something by.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq)]
pub struct TaughtStatus {
    /// How many there were.
    pub steps: u32,
    /// Requests per second, where the weight stood before.
    pub demand: f64,
}

/// The connection rate after the next step, by what each side's requests cost, or by what earlier steps have
/// shown.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct PredictedStatus {
    /// The weight after the step, in percent.
    pub weight: f64,
    /// Attempts per second at what is asked for now: where a route counts that, at the highest mean of 10 s
    /// within the last 5 minutes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connections_per_second: Option<f64>,
    /// Attempts per second at the highest demand of `spec.demand.peakWindow`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_peak: Option<f64>,
    /// From how many steps that was learned; absent where `users` tells the sides apart. What others connect
    /// counts as if it followed what is asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 2, max = 10))]
    pub learned_from_steps: Option<u32>,
    /// Why nothing is predicted. Then nothing is asked of it either.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024))]
    pub unknown: Option<String>,
}
