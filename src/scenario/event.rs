//! What happens in a scenario, as it is written: a time, and one thing that happens then.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::words::{Sides, Span};

macro_rules! event {
    ($($(#[doc = $doc:literal])+ $field:ident: $kind:ty,)+) => {
        /// Something that happens. Beside the times an event has exactly one field more, which says what.
        /// A service, a database or a load balancer need not be named where there is but one; else the
        /// first is meant.
        #[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
        #[serde(rename_all = "camelCase", deny_unknown_fields)]
        pub struct Event {
            /// When, after the begin.
            pub at: Span,

            /// How often again: the time between two. Default: once.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub every: Option<Span>,

            /// When the last may be, after the begin. Default: to the end.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub until: Option<Span>,

            $(
                $(#[doc = $doc])+
                #[serde(default, skip_serializing_if = "Option::is_none")]
                pub $field: Option<$kind>,
            )+
        }

        impl Event {
            /// What happens, as the file names it: one name in an event that is right.
            pub fn named(&self) -> Vec<&'static str> {
                let mut named = Vec::new();
                $(if self.$field.is_some() { named.push(stringify!($field)); })+
                named
            }
        }
    };
}

event! {
    /// Each request of a side costs so many times the usual connects.
    connects: Connects,
    /// Demand is so many times the usual.
    demand: DemandGoes,
    /// Servers of a side come up (cold) or go down.
    servers: ServersGo,
    /// Every pod is replaced by a new one, one after the other: as many are ready all the time.
    replaced: OfService,
    /// Each server of a side can serve only so much from now on.
    per_server: PerServer,
    /// Other users of a database connect so often, for a while.
    burst: Burst,
    /// A connect costs the database so many times the usual.
    connect_cost: ConnectCost,
    /// `max_connections` is changed.
    max_connections: MaxConnections,
    /// The database is gone for a while; then it, or another server under its name, answers again, and all
    /// pools reconnect within 2 s.
    restart: Restart,
    /// `FLUSH STATUS`: some counters begin anew.
    flush_status: OfDatabase,
    /// The monitors' questions are not answered.
    blind: ForAWhile,
    /// The monitors' own connection is lost, and refused for whatever reason but want of connections.
    monitor_refused: ForAWhile,
    /// The monitors' own connection is lost, and refused for want of connections.
    monitor_crowded_out: ForAWhile,
    /// A load balancer is reloaded and stands where its configuration says.
    reload: OfBalancer,
    /// Somebody else sets a weight.
    set_weight: OfBalancer,
    /// Reads and writes at a load balancer go wrong.
    load_balancer: Hands,
    /// Calls of the API server go wrong.
    api_server: Api,
    /// Somebody else changes the plan's object, so that a status write conflicts.
    touch: OfService,
    /// A replica of the operator dies and is started again.
    crash: OfReplica,
    /// The replica that holds the lease dies after so many of its next actions, and is started again.
    crash_after: CrashAfter,
    /// A replica stands still, as on a paused machine; its clock goes on.
    freeze: OfReplica,
    /// A replica is asked to end, gives its lease up, and is started again.
    stop: OfReplica,
    /// A replica cannot reach the API server, while the others can.
    cut: OfReplica,
    /// A replica's watch of the plans says nothing new, while its calls are answered.
    unwatched: OfReplica,
    /// The wall clock of a replica's host steps; its next start sees it.
    clock_step: ClockStep,
    /// Somebody deletes the operator's lease, or takes it for himself.
    lease_lost: LeaseLost,
    /// The status remembers earlier retreats.
    retreated: Retreated,
    /// The plan is replaced.
    plan: NewPlan,
    /// `spec.paused` is set or taken away.
    pause: Pause,
    /// `spec.targetStage` is set, or taken away without `stage`.
    target_stage: OfStage,
    /// Somebody holds the plan by annotation.
    hold: Hold,
    /// The annotation `hold` is taken away.
    release: OfService,
    /// Somebody approves a stage, with the token of that moment.
    approve: Stage,
    /// Somebody says `rollback`.
    rollback: OfService,
    /// Somebody says `resume`.
    resume: OfService,
    /// Somebody says `accept-baseline`, of the plan's database.
    accept_baseline: OfDatabaseInPlan,
    /// The newest spec of the plan is wrong, or right again.
    reject: Reject,
}

macro_rules! kinds {
    ($($(#[doc = $doc:literal])+ $name:ident {
        $($(#[doc = $of:literal])+ $(#[$meta:meta])* $field:ident: $type:ty,)*
    })+) => {
        $(
            $(#[doc = $doc])+
            #[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
            #[serde(rename_all = "camelCase", deny_unknown_fields)]
            pub struct $name {
                $($(#[doc = $of])+ $(#[$meta])* pub $field: $type,)*
            }
        )+
    };
}

kinds! {
    /// Connects per request.
    Connects {
        /// Whose. Default: the only service.
        #[serde(default, skip_serializing_if = "Option::is_none")] service: Option<String>,
        /// Which side: `legacy`, `kubernetes` or `both`.
        side: Sides,
        /// Times the usual.
        #[schemars(range(min = 0, max = 10_000))] times: f64,
        /// Reached evenly within this time. Default: at once.
        #[serde(default, skip_serializing_if = "Span::is_zero")] over: Span,
    }
    /// Demand.
    DemandGoes {
        /// Whose. Default: the only service.
        #[serde(default, skip_serializing_if = "Option::is_none")] service: Option<String>,
        /// Times the usual.
        #[schemars(range(min = 0, max = 10_000))] times: f64,
        /// Reached evenly within this time. Default: at once.
        #[serde(default, skip_serializing_if = "Span::is_zero")] over: Span,
    }
    /// Servers.
    ServersGo {
        /// Whose. Default: the only service.
        #[serde(default, skip_serializing_if = "Option::is_none")] service: Option<String>,
        /// Which side.
        side: Sides,
        /// How many are up from now on.
        #[schemars(range(min = 0, max = 100_000))] up: u32,
    }
    /// What a server can serve.
    PerServer {
        /// Whose. Default: the only service.
        #[serde(default, skip_serializing_if = "Option::is_none")] service: Option<String>,
        /// Which side.
        side: Sides,
        /// What each server can serve from now on.
        #[schemars(range(min = 0, max = 1e9))] requests_per_second: f64,
    }
    /// Connects of others.
    Burst {
        /// At which database. Default: the only one.
        #[serde(default, skip_serializing_if = "Option::is_none")] database: Option<String>,
        /// How many more per second.
        #[schemars(range(min = 0, max = 1e9))] connects_per_second: f64,
        /// For how long. Default: to the end.
        #[serde(rename = "for", default, skip_serializing_if = "Span::is_zero")] lasting: Span,
    }
    /// The cost of a connect.
    ConnectCost {
        /// Of which database. Default: the only one.
        #[serde(default, skip_serializing_if = "Option::is_none")] database: Option<String>,
        /// Times the usual: at 2 it answers half as many.
        #[schemars(range(min = 0.001, max = 10_000))] times: f64,
    }
    /// The limit of connections.
    MaxConnections {
        /// Of which database. Default: the only one.
        #[serde(default, skip_serializing_if = "Option::is_none")] database: Option<String>,
        /// The new limit.
        #[schemars(range(min = 1, max = 1_000_000))] to: u32,
    }
    /// A database that is gone and comes back.
    Restart {
        /// Which. Default: the only one.
        #[serde(default, skip_serializing_if = "Option::is_none")] database: Option<String>,
        /// For how long it is gone.
        #[serde(rename = "for")] lasting: Span,
        /// Whether another server answers then. Default: false.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")] failover: bool,
    }
    /// A database.
    OfDatabase {
        /// Which. Default: the only one.
        #[serde(default, skip_serializing_if = "Option::is_none")] database: Option<String>,
    }
    /// A database, for a while.
    ForAWhile {
        /// Which. Default: the only one.
        #[serde(default, skip_serializing_if = "Option::is_none")] database: Option<String>,
        /// For how long. Default: to the end.
        #[serde(rename = "for", default, skip_serializing_if = "Span::is_zero")] lasting: Span,
    }
    /// A load balancer and a weight.
    OfBalancer {
        /// Whose. Default: the only service.
        #[serde(default, skip_serializing_if = "Option::is_none")] service: Option<String>,
        /// Which, as the plan names it: its address, or `route/address`. Default: the first.
        #[serde(default, skip_serializing_if = "Option::is_none")] load_balancer: Option<String>,
        /// Kubernetes' share from then on, in percent.
        #[schemars(range(min = 0, max = 100))] weight: f64,
    }
    /// What becomes of reads and writes at a load balancer.
    Hands {
        /// Whose. Default: the only service.
        #[serde(default, skip_serializing_if = "Option::is_none")] service: Option<String>,
        /// Which, as the plan names it: its address, or `route/address`. Default: the first.
        #[serde(default, skip_serializing_if = "Option::is_none")] name: Option<String>,
        /// `well`, `refuses`, `losesAnswers` (carried out, not answered) or `late` (carried out after 3 s).
        goes: Goes,
        /// For how long. Default: to the end.
        #[serde(rename = "for", default, skip_serializing_if = "Span::is_zero")] lasting: Span,
    }
    /// What becomes of calls of the API server.
    Api {
        /// `up`, `away`, `slow` (answered after 1 s) or `losesAnswers` (carried out, not answered).
        is: Is,
        /// For how long. Default: to the end.
        #[serde(rename = "for", default, skip_serializing_if = "Span::is_zero")] lasting: Span,
    }
    /// A service.
    OfService {
        /// Which. Default: the only one.
        #[serde(default, skip_serializing_if = "Option::is_none")] service: Option<String>,
    }
    /// A replica, for a while.
    OfReplica {
        /// Its number, from 1. Default: 1.
        #[serde(default = "first")] #[schemars(range(min = 1, max = 3))] replica: u32,
        /// For how long.
        #[serde(rename = "for")] lasting: Span,
    }
    /// A crash between two actions.
    CrashAfter {
        /// How many actions it still carries out.
        #[schemars(range(min = 0, max = 100_000))] actions: u32,
        /// For how long it is dead.
        #[serde(rename = "for")] lasting: Span,
    }
    /// Earlier retreats.
    Retreated {
        /// Whose. Default: the only service.
        #[serde(default, skip_serializing_if = "Option::is_none")] service: Option<String>,
        /// How many within the last day.
        #[schemars(range(min = 1, max = 20))] times: u32,
        /// How long ago the last one's last step was.
        ago: Span,
    }
    /// A step of a clock.
    ClockStep {
        /// The replica's number, from 1. Default: 1.
        #[serde(default = "first")] #[schemars(range(min = 1, max = 3))] replica: u32,
        /// How far, in seconds; below 0 it goes back.
        #[schemars(range(min = -1_000_000, max = 1_000_000))] seconds: i64,
    }
    /// The lease.
    LeaseLost {
        /// Whether somebody else takes it, instead of deleting it. Default: false.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")] stolen: bool,
    }
    /// A new plan.
    NewPlan {
        /// Whose. Default: the only service.
        #[serde(default, skip_serializing_if = "Option::is_none")] service: Option<String>,
        /// The spec from then on.
        #[schemars(schema_with = "any_object")] spec: Value,
    }
    /// `spec.paused`.
    Pause {
        /// Whose. Default: the only service.
        #[serde(default, skip_serializing_if = "Option::is_none")] service: Option<String>,
        /// Whether it is set from then on. Default: true.
        #[serde(default = "yes")] paused: bool,
    }
    /// `spec.targetStage`.
    OfStage {
        /// Whose. Default: the only service.
        #[serde(default, skip_serializing_if = "Option::is_none")] service: Option<String>,
        /// Which stage. Default: none, the last is allowed again.
        #[serde(default, skip_serializing_if = "Option::is_none")] stage: Option<String>,
    }
    /// The annotation `hold`.
    Hold {
        /// Whose. Default: the only service.
        #[serde(default, skip_serializing_if = "Option::is_none")] service: Option<String>,
        /// Why.
        reason: String,
    }
    /// A stage.
    Stage {
        /// Whose. Default: the only service.
        #[serde(default, skip_serializing_if = "Option::is_none")] service: Option<String>,
        /// Which stage.
        stage: String,
    }
    /// A database as the plan calls it.
    OfDatabaseInPlan {
        /// Whose. Default: the only service.
        #[serde(default, skip_serializing_if = "Option::is_none")] service: Option<String>,
        /// Which. Default: the plan's only one.
        #[serde(default, skip_serializing_if = "Option::is_none")] database: Option<String>,
    }
    /// A spec that is not accepted.
    Reject {
        /// Whose. Default: the only service.
        #[serde(default, skip_serializing_if = "Option::is_none")] service: Option<String>,
        /// Whether it is wrong from then on. Default: true.
        #[serde(default = "yes")] rejected: bool,
    }
}

/// How reads and writes at a load balancer go.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub enum Goes {
    /// Carried out and answered at once.
    Well,
    /// Refused.
    Refuses,
    /// Carried out; the answer is lost.
    LosesAnswers,
    /// Carried out after three seconds.
    Late,
    /// Carried out; answered after a second and a half.
    Slow,
    /// Not carried out, and not answered.
    Dropped,
    /// By chance one of the others, every other call well.
    Any,
}

/// How calls of the API server go.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub enum Is {
    /// Carried out and answered at once.
    Up,
    /// Not to be reached.
    Away,
    /// Answered after a second.
    Slow,
    /// Carried out; the answer is lost.
    LosesAnswers,
    /// Writes are carried out after three seconds; reads are not answered.
    Late,
    /// Somebody else changes the plans' objects before each write of a status.
    Conflicting,
    /// By chance one of the others, every other call up.
    Any,
}

fn any_object(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "object"})
}

fn first() -> u32 {
    1
}

fn yes() -> bool {
    true
}
