//! The parts of the status.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{ConnectsStatus, times};

fn raw(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "object", "x-kubernetes-preserve-unknown-fields": true})
}

shapes! {
    /// The present stage.
    StageStatus {
        /// Its name; absent below the first stage.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schemars(length(max = 63))]
        name: Option<String>,
        /// Its place, from 0.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        index: Option<u32>,
        /// Since when.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schemars(length(max = 40))]
        since: Option<String>,
        /// How long it has soaked when this was written.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schemars(length(max = 32))]
        soaked: Option<String>,
        /// The peaks that it has seen: the highest demand of each, in requests per second.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        #[schemars(length(max = 31))]
        peaks: Vec<f64>,
        /// The day (or `demand.peakWindow`) under way that may be the next peak.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        period: Option<PeriodStatus>,
        /// When its soak ends, its peaks seen, if nothing stops it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schemars(length(max = 40))]
        ends_at: Option<String>,
    }
    /// A period that may be a peak, when this was written.
    PeriodStatus {
        /// When it began.
        #[schemars(length(max = 40))]
        since: String,
        /// For how long of it the soak clock ran.
        #[schemars(length(max = 32))]
        watched: String,
        /// The highest demand in it, in requests per second.
        highest: f64,
    }
    /// Kubernetes' share of the traffic in percent.
    WeightStatus {
        /// Where all routes should stand; absent until the plan has adopted what it found.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        intended: Option<f64>,
        /// How far balance has moved it from the stage's; above 0 towards Kubernetes. Absent where it has not.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        shift: Option<f64>,
        /// The lowest share that was read back.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        actual: Option<f64>,
    }
    /// What the columns of `kubectl get` show.
    Summary {
        /// The worst guard: its level, and which one it is unless it is clear.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schemars(length(max = 128))]
        guard: Option<String>,
        /// Attempts to connect per second, of the database nearest its threshold.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        connections_per_second: Option<f64>,
        /// The unused part of what legacy can carry, in percent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        legacy_free: Option<f64>,
        /// The unused part of what Kubernetes can carry, in percent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        kubernetes_free: Option<f64>,
        /// Why nothing rises now.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schemars(length(max = 1024))]
        why: Option<String>,
    }
    /// Why nothing rises now.
    BlockerStatus {
        /// Why, in one word.
        #[schemars(length(max = 64))]
        reason: String,
        /// What is waited for and what to do.
        #[schemars(length(max = 1024))]
        message: String,
        /// Since when.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schemars(length(max = 40))]
        since: Option<String>,
        /// When it ends by itself.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schemars(length(max = 40))]
        until: Option<String>,
        /// Who must act: Nobody or Person.
        #[schemars(length(max = 16))]
        who: String,
    }
    /// A route.
    RouteStatus {
        /// Its name.
        #[schemars(length(max = 63))]
        name: String,
        /// Its instances.
        #[schemars(length(max = 16))]
        instances: Vec<InstanceStatus>,
    }
    /// An instance of a route.
    InstanceStatus {
        /// Where it is.
        #[schemars(length(max = 253))]
        address: String,
        /// Kubernetes' share as read back, given which servers are up.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        weight: Option<f64>,
        /// Servers of the legacy pool that are up.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        legacy_up: Option<u32>,
        /// Servers of the Kubernetes pool that are up.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        kubernetes_up: Option<u32>,
        /// Whether it stands at the intended weight, to the nearest that its server weights allow.
        in_sync: bool,
        /// What failed last, while it fails.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schemars(length(max = 1024))]
        last_error: Option<String>,
        /// Since when it fails.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schemars(length(max = 40))]
        failing_since: Option<String>,
    }
    /// A database.
    DatabaseStatus {
        /// Its name.
        #[schemars(length(max = 63))]
        name: String,
        /// Its connects.
        #[serde(flatten)]
        connects: ConnectsStatus,
        /// Its guards.
        #[schemars(length(max = 16))]
        guards: Vec<GuardStatus>,
    }
    /// A guard.
    GuardStatus {
        /// The signal.
        #[schemars(length(max = 63))]
        signal: String,
        /// Clear, Pause or Rollback.
        #[schemars(length(max = 16))]
        level: String,
        /// Since when it has that level.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schemars(length(max = 40))]
        since: Option<String>,
        /// The newest value, in the signal's unit.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        value: Option<f64>,
        /// The baseline in use.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        baseline: Option<f64>,
        /// The value above which it pauses now.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pause_at: Option<f64>,
        /// The value above which it rolls back now.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        rollback_at: Option<f64>,
        /// The value below which it clears now.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        resume_at: Option<f64>,
        /// The pause thresholds in force.
        #[schemars(length(max = 253))]
        pause: String,
        /// The rollback thresholds in force.
        #[schemars(length(max = 253))]
        rollback: String,
        /// The resume threshold in force.
        #[schemars(length(max = 253))]
        resume: String,
        /// Why its data says nothing now; absent while it is fresh.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schemars(length(max = 1024))]
        unknown: Option<String>,
    }
    /// A move.
    MoveStatus {
        /// When.
        #[schemars(length(max = 40))]
        at: String,
        /// From which weight.
        from: f64,
        /// To which weight.
        to: f64,
        /// Why.
        #[schemars(length(max = 64))]
        reason: String,
    }
    /// A rise by another writer that was put back.
    PutBackStatus {
        /// When.
        #[schemars(length(max = 40))]
        at: String,
        /// On which instance (`route/instance`).
        #[schemars(length(max = 320))]
        instance: String,
    }
    /// A command that was acted on.
    AnsweredStatus {
        /// The annotation's value then. It acts again when that differs.
        #[schemars(length(max = 1024))]
        value: String,
        /// When.
        #[schemars(length(max = 40))]
        at: String,
        /// What came of it.
        #[schemars(length(max = 1024))]
        answer: String,
    }
    /// The cooldown after retreats.
    CooldownStatus {
        /// Nothing rises before this.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schemars(length(max = 40))]
        until: Option<String>,
        /// When each retreat of the last 24 h began.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        #[schemars(schema_with = "times")]
        retreats: Vec<String>,
        /// How many retreats there ever were.
        retreats_ever: u32,
    }
    /// The spec in force.
    AcceptedStatus {
        /// Its generation.
        generation: i64,
        /// The spec itself.
        #[schemars(schema_with = "raw")]
        spec: Value,
    }
    /// A condition.
    ConditionStatus {
        /// Its type.
        #[serde(rename = "type")]
        #[schemars(length(max = 64))]
        kind: String,
        /// True or False.
        #[schemars(length(max = 16))]
        status: String,
        /// The generation that it speaks of.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        observed_generation: Option<i64>,
        /// When its status changed last.
        #[schemars(length(max = 40))]
        last_transition_time: String,
        /// Why, in one word.
        #[schemars(length(max = 64))]
        reason: String,
        /// In words.
        #[schemars(length(max = 8192))]
        message: String,
    }
    /// A raise.
    RaiseStatus {
        /// From which weight.
        from: f64,
        /// To which weight.
        to: f64,
        /// When it was decided.
        #[schemars(length(max = 40))]
        at: String,
    }
    /// A retreat by a guard.
    RetreatStatus {
        /// To which weight.
        target: f64,
        /// Since when.
        #[schemars(length(max = 40))]
        since: String,
        /// The database of the guard that asks for it; none if Kubernetes failed outright.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schemars(length(max = 63))]
        database: Option<String>,
        /// The signal of the guard that asks for it; none if Kubernetes failed outright.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schemars(length(max = 63))]
        signal: Option<String>,
        /// Whether it has arrived.
        arrived: bool,
    }
    /// A walk back by hand.
    ByHandStatus {
        /// To which weight.
        target: f64,
        /// Since when.
        #[schemars(length(max = 40))]
        since: String,
        /// What the person wrote.
        #[schemars(length(max = 1024))]
        reason: String,
    }
    /// A stop.
    HaltStatus {
        /// Why, in one word.
        #[schemars(length(max = 64))]
        reason: String,
        /// What was found.
        #[schemars(length(max = 1024))]
        message: String,
        /// Since when.
        #[schemars(length(max = 40))]
        since: String,
    }
    /// A guard that is, or was, tripped.
    TripStatus {
        /// The database.
        #[schemars(length(max = 63))]
        database: String,
        /// The signal.
        #[schemars(length(max = 63))]
        signal: String,
        /// Clear, Pause or Rollback.
        #[schemars(length(max = 16))]
        level: String,
        /// Since when.
        #[schemars(length(max = 40))]
        since: String,
        /// The frozen baseline, as text so that it is kept to the last bit.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schemars(length(max = 400))]
        baseline: Option<String>,
    }
}
