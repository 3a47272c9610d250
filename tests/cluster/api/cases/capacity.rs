//! The rules and shapes of capacity and demand.

use crossfade::api::rules;
use serde_json::{Value, json};

use super::{Case, Change, case};

/// A plan of which this is what legacy can carry.
#[allow(clippy::needless_pass_by_value)] // literals
fn legacy(capacity: Value) -> Change {
    vec![("/legacy", json!({"capacity": capacity})), ("/demand", json!({"route": "edge"}))]
}

fn prometheus(url: &str) -> Value {
    json!({"url": url, "query": "sum(capacity)"})
}

/// A plan that asks Prometheus what legacy can carry.
fn query(field: &str, value: Value) -> Change {
    let mut prometheus = prometheus("https://prometheus.monitoring:9090");
    prometheus[field] = value;
    legacy(json!({"prometheus": prometheus}))
}

fn demand(field: &str, value: &str) -> Change {
    vec![("/demand", json!({"route": "edge", field: value}))]
}

pub fn cases() -> Vec<Case> {
    vec![
        case(
            &rules::DEMAND_IS_A_ROUTE,
            vec![("/demand", json!({"route": "edg"}))],
            vec![("/demand", json!({"route": "edge"}))],
        ),
        case(
            &rules::LEGACY_NEEDS_DEMAND,
            vec![("/legacy", json!({"capacity": {"requestsPerSecondPerServer": 300}}))],
            legacy(json!({"requestsPerSecondPerServer": 300})),
        ),
        case(&rules::ONE_CAPACITY, legacy(json!({})), legacy(json!({"prometheus": prometheus("https://p")}))),
        case(
            &rules::ONE_CAPACITY,
            legacy(json!({"requestsPerSecondPerServer": 300, "prometheus": prometheus("https://p")})),
            legacy(json!({"requestsPerSecondPerServer": 0.5, "connectionsPerServer": 40})),
        ),
        case(
            &rules::POOLS_OF_SERVERS,
            legacy(json!({"prometheus": prometheus("https://p"), "connectionsPerServer": 40})),
            legacy(json!({"requestsPerSecondPerServer": 300, "connectionsPerServer": 40})),
        ),
        case(
            &rules::DECLARED_AS_OF,
            legacy(json!({"requestsPerSecond": 3000})),
            legacy(json!({"requestsPerSecond": 3000, "asOf": "2026-11-01T09:00:00Z"})),
        ),
        case(
            &rules::DECLARED_AS_OF,
            legacy(json!({"requestsPerSecondPerServer": 300, "asOf": "2026-11-01T09:00:00Z"})),
            legacy(json!({"requestsPerSecond": 3000, "asOf": "2026-11-01T09:00:00.5+01:00"})),
        ),
        case(
            &rules::ONE_DEMAND,
            vec![("/demand", json!({"surgeFactor": "2"}))],
            vec![("/demand", json!({"requestsPerSecond": 2500}))],
        ),
        case(
            &rules::ONE_DEMAND,
            vec![("/demand", json!({"route": "edge", "requestsPerSecond": 2500}))],
            vec![("/demand", json!({"prometheus": prometheus("https://p")}))],
        ),
        case(&rules::SURGE, demand("surgeFactor", "0.99"), demand("surgeFactor", "1")),
        case(&rules::PEAK_WINDOW, demand("peakWindow", "59m59s"), demand("peakWindow", "1h")),
        case(&rules::PEAK_WINDOW, demand("peakWindow", "744h1s"), demand("peakWindow", "744h")),
        case(&rules::QUERY_PERIOD, query("every", json!("4999ms")), query("every", json!("5s"))),
        case(&rules::QUERY_PERIOD, query("every", json!("30001ms")), query("every", json!("30s"))),
        case(
            &rules::PLAIN_HTTP_REFUSED,
            query("url", json!("http://prometheus.monitoring:9090")),
            query("url", json!("http://127.0.0.1:9090")),
        ),
        case(
            &rules::PLAIN_HTTP_REFUSED,
            query("url", json!("http://127.0.0.1.evil.example/")),
            query("url", json!("http://[::1]:9090/prefix")),
        ),
        case(
            &rules::PLAIN_HTTP_REFUSED,
            query("url", json!("http://localhost.evil.example")),
            query("url", json!("http://localhost")),
        ),
        case(
            &rules::TOKEN_NEEDS_HTTPS,
            legacy(
                json!({"prometheus": {"url": "http://prometheus.monitoring", "query": "up", "insecure": true,
                                         "tokenSecret": "token"}}),
            ),
            legacy(
                json!({"prometheus": {"url": "http://prometheus.monitoring", "query": "up", "insecure": true}}),
            ),
        ),
        case(
            &rules::CA_NEEDS_HTTPS,
            legacy(json!({"prometheus": {"url": "http://localhost", "query": "up", "caSecret": "ca"}})),
            query("caSecret", json!("ca")),
        ),
        case(
            &rules::NO_API_PATH,
            query("url", json!("https://prometheus.monitoring/prefix/api/v1/")),
            query("url", json!("https://prometheus.monitoring/api/v1beta")),
        ),
    ]
}

pub fn misshapen() -> Vec<(Change, &'static str)> {
    vec![
        (legacy(json!({"requestsPerSecondPerServer": 0})), "spec.legacy.capacity.requestsPerSecondPerServer"),
        (legacy(json!({"requestsPerSecond": 1, "asOf": "2026-11-01"})), "spec.legacy.capacity.asOf"),
        (
            legacy(json!({"requestsPerSecond": 1, "asOf": "2026-02-30T00:00:00Z"})),
            "spec.legacy.capacity.asOf",
        ),
        (legacy(Value::Null), "spec.legacy.capacity"),
        (query("url", json!("https://user@p")), "spec.legacy.capacity.prometheus.url"),
        (query("query", Value::Null), "spec.legacy.capacity.prometheus.query"),
        (vec![("/demand", json!({"requestsPerSecond": -1}))], "spec.demand.requestsPerSecond"),
        (vec![("/takeover", json!({"legacy": 101}))], "spec.takeover.legacy"),
        (
            vec![
                ("/legacy", json!({"capacity": {"requestsPerSecondPerServer": 1}, "headroom": 90.5})),
                ("/demand", json!({"route": "edge"})),
            ],
            "spec.legacy.headroom",
        ),
        (vec![("/databases/0/connectionRateCapacity", json!(0))], "spec.databases[0].connectionRateCapacity"),
    ]
}
