//! The backtest on made-up records: what it finds is known before.

mod replay;
mod table;
mod thresholds;

use std::time::Duration;

use super::Incident;
use super::record::{Record, Row};
use crate::api::parse::parse;
use crate::core::plan::{Database, Plan};
use crate::core::time::Time;
use crate::core::weight::Weight;

/// 2026-11-01T00:00:00Z.
pub const BEGIN: u64 = 1_793_491_200;

pub const fn second(second: u64) -> Time {
    Time::from_millis((BEGIN + second) * 1000)
}

/// The plan of the README with these guards (YAML, a flow list).
pub fn plan(guards: &str) -> Plan {
    let spec = format!(
        r#"
stages:
- {{name: canary, weight: 1}}
- {{name: tenth, weight: 10}}
- {{name: half, weight: 50}}
routes:
- name: edge
  haproxy: {{instances: ["unix:///run/haproxy.sock"], backend: mail, legacyServers: ["vm-*"], kubernetesServers: ["k-*"]}}
legacy: {{capacity: {{requestsPerSecondPerServer: 300, connectionsPerServer: 40}}}}
demand: {{route: edge}}
databases:
- name: accounts
  connectionRateCapacity: 2600
  mysql: {{host: db, credentialsSecret: db, insecure: true}}
  guards: {guards}
"#
    );
    parse(&serde_saphyr::from_str::<serde_json::Value>(&spec).unwrap()).unwrap().plan
}

/// Pause above 800/s for 3 s, rollback above 1500/s for 8 of 10 s, resume below 600/s for 60 s.
pub const ABSOLUTE: &str = "[{signal: ConnectionRate, pause: {above: 800, for: 3s}, \
    rollback: {above: 1500, for: 8s, within: 10s}, resume: {below: 600, for: 60s}}]";

pub fn database(plan: &Plan) -> &Database {
    &plan.databases[0]
}

pub fn half() -> Weight {
    Weight::from_percent(50.0)
}

/// A record of the connection rate alone, every `step` seconds; `None` is a gap.
pub fn record(seconds: u64, step: usize, rate: impl Fn(u64) -> Option<f64>) -> Record {
    let rows = (0..seconds).step_by(step).filter_map(|at| {
        let rate = rate(at)?;
        Some(Row::new(second(at), Some(rate), None, None))
    });
    Record::new(rows.collect(), Some(Duration::from_secs(step as u64))).unwrap()
}

pub fn incident(from: u64, to: u64) -> Incident {
    Incident { start: second(from), end: second(to) }
}
