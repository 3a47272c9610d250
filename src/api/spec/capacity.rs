//! What the sides can carry, who asks for it, and how much must stay free.

use std::time::Duration;

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use super::{MigrationPlanSpec, PrometheusSpec};
use crate::api::{duration, rules, shape};
use crate::core::capacity::Figure;

/// What a side keeps unused if the plan does not say it, in percent.
pub const HEADROOM: f64 = 20.0;
/// How many times its load Kubernetes stands if the plan does not say it.
pub const SURGE_FACTOR: f64 = 1.5;

pub(super) fn headroom() -> f64 {
    HEADROOM
}

fn surge_factor() -> String {
    SURGE_FACTOR.to_string()
}

fn peak_window() -> String {
    "168h".into()
}

fn everything() -> f64 {
    100.0
}

fn balance_every() -> String {
    "10m".into()
}

fn half() -> f64 {
    50.0
}

/// The legacy side: what it can carry, and how much of it must stay unused.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct LegacySpec {
    /// What it can carry. A retreat goes no further than fits in it, and nothing rises that would
    /// leave too little of it for what `spec.takeover.legacy` promises.
    pub capacity: LegacyCapacitySpec,

    /// The part of the capacity in percent that must stay unused when legacy is given traffic other
    /// than by a retreat, 0 to 90. A retreat may fill 95 percent, whatever stands here. Default: 20.
    #[serde(default = "headroom")]
    #[schemars(schema_with = "shape::headroom")]
    pub headroom: f64,
}

/// What legacy can carry, said in one of three ways: `requestsPerSecondPerServer`,
/// `requestsPerSecond` with `asOf`, or `prometheus`.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[x_kube(
    validation = &rules::ONE_CAPACITY,
    validation = &rules::POOLS_OF_SERVERS,
    validation = &rules::DECLARED_AS_OF
)]
#[serde(rename_all = "camelCase")]
pub struct LegacyCapacitySpec {
    /// The requests per second that one server can carry. It counts times the servers that are up
    /// on the route that `spec.demand.route` names, else on the first route.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "shape::amount")]
    pub requests_per_second_per_server: Option<f64>,

    /// The database connections that the pools of one server hold when they are full. With
    /// `spec.databases[].connectionRateCapacity` it bounds a step back, so that pools which fill at
    /// once do not overrun a database. Only with `requestsPerSecondPerServer`.
    /// Default: unknown, and not looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "shape::amount")]
    pub connections_per_server: Option<f64>,

    /// The requests per second that all of legacy can carry, as somebody measured it. It counts for
    /// 30 days from `asOf`; after that it is unknown, and nothing rises until it is measured anew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "shape::amount")]
    pub requests_per_second: Option<f64>,

    /// When `requestsPerSecond` was measured: a time as in 2026-11-01T09:00:00Z.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "shape::moment")]
    pub as_of: Option<String>,

    /// A query whose value is the requests per second that all of legacy can carry now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prometheus: Option<PrometheusSpec>,
}

/// How much is asked for, said in one of three ways: `route`, `requestsPerSecond` or `prometheus`.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[x_kube(validation = &rules::ONE_DEMAND)]
#[serde(rename_all = "camelCase")]
pub struct DemandSpec {
    /// The route whose load balancers count the requests, of both sides together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "shape::label")]
    pub route: Option<String>,

    /// The requests per second of both sides together, for a service whose demand does not change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "shape::amount")]
    pub requests_per_second: Option<f64>,

    /// A query whose value is the requests per second of both sides together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prometheus: Option<PrometheusSpec>,

    /// Kubernetes must be able to carry so many times what a step gives it, as text: "1.5". 1 or
    /// more. Default: "1.5".
    #[x_kube(validation = &rules::SURGE)]
    #[serde(default = "surge_factor")]
    #[schemars(schema_with = "shape::factor")]
    pub surge_factor: String,

    /// How far back the highest demand counts as the peak that both sides must be ready for, 1h to
    /// 744h (31 days). It is looked for in means of 5 minutes, without those in which a guard was
    /// tripped or over 1 % of the requests failed. Default: 168h, which holds each day of the week.
    #[x_kube(validation = &rules::PEAK_WINDOW)]
    #[serde(default = "peak_window")]
    #[schemars(schema_with = "shape::duration")]
    pub peak_window: String,
}

/// How much of the other side's traffic a side must be able to take over at the peak.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct TakeoverSpec {
    /// The part of Kubernetes' traffic in percent that legacy must be able to take back, 0 to 100.
    /// While it cannot, nothing rises. Looked at when `spec.legacy` is given. Default: 100.
    #[serde(default = "everything")]
    #[schemars(schema_with = "shape::weight")]
    pub legacy: f64,

    /// The part of legacy's traffic in percent that Kubernetes must be able to take over, 0 to 100,
    /// from weight 50 on. Nothing rises to a weight at which it could not. Looked at when
    /// `spec.kubernetes` is given. Default: 50.
    #[serde(default = "half")]
    #[schemars(schema_with = "shape::weight")]
    pub kubernetes: f64,
}

impl Default for TakeoverSpec {
    fn default() -> Self {
        Self { legacy: everything(), kubernetes: half() }
    }
}

/// How the weight may move about a stage's.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct BalanceSpec {
    /// How far the weight may be from the stage's, in either direction, in percent of traffic, 0.01 to 50.
    #[x_kube(validation = &rules::HUNDREDTHS, validation = &rules::MAX_SHIFT)]
    #[schemars(schema_with = "shape::shift")]
    pub max_shift: f64,

    /// The time from one move to the next at the least, 1m to 24h. Default: 10m.
    #[x_kube(validation = &rules::BALANCE_EVERY)]
    #[serde(default = "balance_every")]
    #[schemars(schema_with = "shape::duration")]
    pub every: String,
}

/// A figure that somebody has to measure for a plan.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Measured<'a> {
    /// Which.
    pub figure: Figure,
    /// The field that asks for it, such as `spec.demand.prometheus`.
    pub field: &'static str,
    /// How often.
    pub every: Duration,
    /// Where it is read.
    pub prometheus: &'a PrometheusSpec,
}

impl MigrationPlanSpec {
    /// The figures that somebody has to measure: those that are read from Prometheus.
    pub fn measured(&self) -> Vec<Measured<'_>> {
        let demand = self.demand.as_ref().and_then(|demand| demand.prometheus.as_ref());
        let legacy = self.legacy.as_ref().and_then(|legacy| legacy.capacity.prometheus.as_ref());
        [
            (Figure::Demand, "spec.demand.prometheus", demand),
            (Figure::LegacyCapacity, "spec.legacy.capacity.prometheus", legacy),
        ]
        .into_iter()
        .filter_map(|(figure, field, prometheus)| {
            let prometheus = prometheus?;
            let every = duration::parse(&prometheus.every).unwrap_or(PrometheusSpec::EVERY);
            Some(Measured { figure, field, every, prometheus })
        })
        .collect()
    }
}
