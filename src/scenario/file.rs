//! A scenario file as it is written. Its fields' documentation is the reference; what is left out has the
//! value of the common bench.

use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::event::Event;
use super::expectation::Expectation;
use super::words::{Begin, Span};

/// A scenario: the world as it begins, what happens to it, and what is expected.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct File {
    /// What it is.
    pub scenario: Head,

    /// The databases. Default: one, `accounts`, with the defaults of each field.
    #[serde(default = "one::<Database>")]
    pub databases: Vec<Database>,

    /// The services, each with its plan. Default: one, `mail/mail`, with the defaults of each field.
    #[serde(default = "one::<Service>")]
    pub services: Vec<Service>,

    /// The plan of each service that has none of its own: the spec of a `MigrationPlan`. Stages, routes and
    /// databases that are left out are the bench's; load balancers may be mere names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "any_object")]
    pub plan: Option<Value>,

    /// What happens. Default: nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<Event>,

    /// What must come of it. Default: nothing is expected.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub expect: Vec<Expectation>,

    /// What Crossfade must learn before every expectation can hold.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub needs: Vec<Need>,
}

/// What a scenario is.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Head {
    /// Its name.
    pub name: String,

    /// The incident in a few sentences: what happened, and what must be mastered.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,

    /// Where all chance comes from: the same seed, the same run. Default: 1.
    #[serde(default = "seed")]
    pub seed: u64,

    /// When it begins: `Monday 10:00` (any weekday) or `2025-01-09T10:00:00Z`. It matters to a demand that
    /// has a trough or a weekend. Default: `Monday 10:00`.
    #[serde(default = "begins")]
    pub begins: Begin,

    /// How long it lasts, at most 2160h.
    pub lasts: Span,

    /// How far the world goes at once, 100ms to 1s, and not more than the sampling period of a database.
    /// Default: `1s`.
    #[serde(default = "second")]
    pub step: Span,

    /// Replicas of the operator, 0 to 3. Default: 1.
    #[serde(default = "one_replica")]
    #[schemars(range(min = 0, max = 3))]
    pub replicas: u32,
}

/// A database.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Database {
    /// How events call it. Default: `accounts`.
    pub name: String,

    /// Connects that it can answer per second. Default: 2600.
    #[schemars(range(min = 0.001, max = 1e9))]
    pub connects_per_second: f64,

    /// `max_connections`. Default: 4000.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub max_connections: u32,

    /// How long a connection is held. Default: `1s`.
    pub held: Span,

    /// Connects of other users, per second. Default: 0.
    #[schemars(range(min = 0, max = 1e9))]
    pub others: f64,
}

/// A service: who uses it, the two sides that serve it, and its plan.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Service {
    /// The plan's name, `namespace/name`. Default: `mail/mail`.
    pub name: String,

    /// Its plan, as `plan` at the top.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "any_object")]
    pub plan: Option<Value>,

    /// Which database stands behind each of the plan's: the plan's name to the scenario's. Default: the one
    /// of the same name, else the only one.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "any_object")]
    pub databases: BTreeMap<String, String>,

    /// Where the load balancers stand at the begin, in percent. Default: 50.
    #[schemars(range(min = 0, max = 100))]
    pub weight: f64,

    /// Whether the plan has stood there for long: every stage up to there has soaked, baselines are learned,
    /// guards are clear. Else it has no status, and adopts what it finds. Default: true.
    pub standing: bool,

    /// The highest demand of the last days, in requests per second, that the status of a standing plan
    /// remembers. Default: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 1e9))]
    pub peak: Option<f64>,

    /// Who uses it.
    pub demand: Demand,

    /// The old servers.
    pub legacy: Servers,

    /// The pods.
    pub kubernetes: Servers,

    /// What scales the pods by their CPU. Default: nothing does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub autoscaler: Option<Autoscaler>,

    /// Whether the load balancers see an ingress, which is up whatever becomes of the pods behind it. Default:
    /// false, they see the pods.
    pub ingress: bool,
}

/// Who uses a service.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Demand {
    /// Requests per second at the daily peak, which is at 15:00. Default: 10000.
    #[schemars(range(min = 0, max = 1e9))]
    pub requests_per_second: f64,

    /// The night's share of the peak, 0 to 1. Default: 1, which is flat.
    #[schemars(range(min = 0, max = 1))]
    pub trough: f64,

    /// The weekend's share of a weekday, 0 to 10. Default: 1.
    #[schemars(range(min = 0, max = 10))]
    pub weekend: f64,

    /// Standard deviation of each step's demand as a share of it, 0 to 1: 0.1 is 10 %. Default: 0.
    #[schemars(range(min = 0, max = 1))]
    pub noise: f64,

    /// How often a failed request is tried again, 0 to 10. Default: 2.
    #[schemars(range(min = 0, max = 10))]
    pub retries: u32,
}

/// The servers of one side.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Servers {
    /// How many. Default: 40.
    #[schemars(range(min = 0, max = 100_000))]
    pub servers: u32,

    /// Requests per second that each can serve. Default: 265 (10,600 in all).
    #[schemars(range(min = 0, max = 1e9))]
    pub requests_per_second_per_server: f64,

    /// New connections to each database per request. Default: 0.1.
    #[schemars(range(min = 0, max = 1000))]
    pub connects_per_request: f64,

    /// How long a new server takes until it serves. Default: `60s`.
    pub warm_up: Span,

    /// How much more a request costs for the part of the load that is new to the side (cold caches, empty
    /// pools): 0.5 is half as much again, wearing off within minutes. Default: 0.
    #[schemars(range(min = 0, max = 10))]
    pub cold: f64,

    /// How long a request waits for its turn before its user gives up. Default: `2s`.
    pub patience: Span,
}

/// What scales pods, as Kubernetes' own autoscaler does: it looks every 15 s, scales up at once, and down to the
/// most that it found right within 5 minutes. Pods that wait for a database are idle to it.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Autoscaler {
    /// The fewest pods, until somebody raises that. Default: 1.
    #[schemars(range(min = 0, max = 100_000))]
    pub least: u32,

    /// The most. Default: 100.
    #[schemars(range(min = 1, max = 100_000))]
    pub most: u32,

    /// The share of what pods can do that they should be doing, 0.01 to 1. Default: 0.6.
    #[schemars(range(min = 0.01, max = 1))]
    pub target: f64,
}

impl Default for Autoscaler {
    fn default() -> Self {
        Self { least: 1, most: 100, target: 0.6 }
    }
}

/// What Crossfade must learn before every expectation of the scenario can hold.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Need {
    /// Its name, which expectations refer to: `attribution`.
    pub feature: String,

    /// What it is, in a sentence.
    pub missing: String,

    /// The fields of the plan that are not known yet, such as `spec.changes`. They are left out
    /// until then. Default: none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<String>,
}

fn any_object(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "object"})
}

fn one<T: Default>() -> Vec<T> {
    vec![T::default()]
}

fn seed() -> u64 {
    1
}

fn begins() -> Begin {
    Begin::MONDAY_MORNING
}

fn second() -> Span {
    Span::seconds(1)
}

fn one_replica() -> u32 {
    1
}

impl Default for Database {
    fn default() -> Self {
        Self {
            name: "accounts".into(),
            connects_per_second: 2600.0,
            max_connections: 4000,
            held: Span::seconds(1),
            others: 0.0,
        }
    }
}

impl Default for Service {
    fn default() -> Self {
        Self {
            name: "mail/mail".into(),
            plan: None,
            databases: BTreeMap::new(),
            weight: 50.0,
            standing: true,
            peak: None,
            demand: Demand::default(),
            legacy: Servers::default(),
            kubernetes: Servers::default(),
            autoscaler: None,
            ingress: false,
        }
    }
}

impl Default for Demand {
    fn default() -> Self {
        Self { requests_per_second: 10_000.0, trough: 1.0, weekend: 1.0, noise: 0.0, retries: 2 }
    }
}

impl Default for Servers {
    fn default() -> Self {
        Self {
            servers: 40,
            requests_per_second_per_server: 265.0,
            connects_per_request: 0.1,
            warm_up: Span::seconds(60),
            cold: 0.0,
            patience: Span::seconds(2),
        }
    }
}
