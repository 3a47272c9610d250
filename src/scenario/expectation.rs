//! What is expected of a run, as it is written: when, and one thing that must be so then.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::words::{Moment, Percent, Span};

/// Something that must be so. When:
///
/// - `at`: at that moment;
/// - `within`, with `after` or from the begin on: at some moment of that time;
/// - `from` and `until`, or nothing, which is the whole run: all the time.
///
/// Beside the times, `service`, `contains` and `needs` it has exactly one field that says what must be so.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Expectation {
    /// At this moment: a time after the begin, or `end`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Moment>,

    /// From this time on; for what must become so. Default: the begin.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Span>,

    /// Within so long after `after`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within: Option<Span>,

    /// From this time on; for what must stay so. Default: the begin.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Span>,

    /// Until this time. Default: the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Span>,

    /// Whose. Default: each service's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,

    /// The feature of `needs` without which it cannot hold yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub needs: Option<String>,

    /// For `told`, `never`, `count` and `blockedBy`: the message contains this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contains: Option<String>,

    /// The plan's phase, as in its status: `Paused`, or `Paused or RolledBack`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<String>,

    /// With `phase` alone: it is never so for longer than this at a stretch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub longest: Option<Span>,

    /// Kubernetes' share of the traffic as the load balancers stand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight: Option<Range>,

    /// The stage that the plan is in, or `none`: `half`, or `tenth or half`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stage: Option<String>,

    /// How far a guard has tripped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<Level>,

    /// A reason in the status' `blockedBy`, such as `Cooldown`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blocked_by: Option<String>,

    /// It happens: `retreat`, `retreatStep`, `raise`, `pause`, or the reason of an event on the plan, such
    /// as `Reloaded`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub told: Option<String>,

    /// It does not happen; what is as in `told`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub never: Option<String>,

    /// It happens so often; what is as in `told`, how often in `atMost`, `atLeast` and `atMostPerDay`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<String>,

    /// With `count`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_most: Option<u32>,

    /// With `count`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_least: Option<u32>,

    /// With `count`: on any day of the run, each 24 h from the begin.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_most_per_day: Option<u32>,

    /// The share of requests that are answered by an error, over the whole of that time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<Share>,

    /// A change that the status names among its suspects.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspects: Option<Suspects>,

    /// The run comes to the same end, by the same steps, wherever the operator dies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub crash_anywhere: Option<CrashAnywhere>,
}

/// A range of weights in percent, both ends included.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Range {
    /// Exactly this, to 0.25, as load balancers round.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 100))]
    pub is: Option<f64>,

    /// At least this. Default: 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 100))]
    pub from: Option<f64>,

    /// At most this. Default: 100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 100))]
    pub to: Option<f64>,
}

/// How far a guard has tripped.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Level {
    /// The signal, such as `ConnectionRate`.
    pub guard: String,

    /// Of the plan's database. Default: its first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub database: Option<String>,

    /// `clear`, `pause`, `rollback`, or `tripped`, which is either.
    pub is: LevelIs,
}

/// A guard's level.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub enum LevelIs {
    /// Nothing is wrong.
    Clear,
    /// Its pause threshold was crossed.
    Pause,
    /// Its rollback threshold was crossed.
    Rollback,
    /// Either.
    Tripped,
}

/// A share of requests.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Share {
    /// Below this: `0.5%`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub below: Option<Percent>,

    /// Above this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub above: Option<Percent>,

    /// At most so many times what fails in the same incident without Crossfade: 0.5 is half of it. Over 1 would
    /// be worse than nobody at the brake.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 10))]
    pub of_without: Option<f64>,
}

/// A change among the suspects.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Suspects {
    /// What its entry contains.
    pub contain: String,

    /// Among the first so many.
    #[schemars(range(min = 1, max = 100))]
    pub among: u32,
}

/// The same run with a crash after each single action.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CrashAnywhere {
    /// From when on the actions of the replica that holds the lease are counted.
    pub at: Span,

    /// The run is made again so often: with a crash after 0, 1, 2 ... actions.
    #[schemars(range(min = 1, max = 1000))]
    pub runs: u32,

    /// For how long the replica is dead.
    #[serde(rename = "for")]
    pub lasting: Span,
}
