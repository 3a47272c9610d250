//! What each measurement stands on: a world of its own, an operator that logs each retreat with its
//! time, and plans.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Result, bail, ensure};
use kube::api::ListParams;
use serde_json::Value;
use tokio::time::{Instant, sleep};

use crate::stage::operator::{self, Operator};
use crate::stage::pool::Behaviour;
use crate::stage::world::{OPERATOR_ACCOUNT, OPERATOR_NAMESPACE, Settings, World};

/// How long anything that is waited for may take.
pub const PATIENCE: Duration = Duration::from_mins(3);
/// How often is looked.
const POLL: Duration = Duration::from_millis(10);
/// Connections a request costs in calm.
const CALM: f64 = 0.1;
/// ... and in a surge.
const SURGE: f64 = 3.0;

/// A world with 200 requests a second, 20 connections a second in calm.
pub async fn world() -> Result<World> {
    let behaviour = Behaviour { connects_per_request: CALM, ..Behaviour::default() };
    let settings = Settings { legacy: 2, kubernetes: 2, rate: 200.0, behaviour, ..Settings::default() };
    World::start(settings, |_| {}).await
}

/// The operator; it logs when a retreat was read back, if `log` says so.
pub async fn operator(world: &World, log: &str) -> Result<Operator> {
    let account = world.cluster.operator_kubeconfig(OPERATOR_NAMESPACE, OPERATOR_ACCOUNT).await?;
    let mut options = operator::Options::new(&account, world.cluster.dir(), "operator");
    options.env.push(("RUST_LOG".into(), log.into()));
    Operator::start_ready(&options).await
}

/// A log that tells every retreat with its time.
pub const TELLS_RETREATS: &str = "info,crossfade::control::lane=debug,kube_client=off";

/// A plan on a backend, from a weight on, with `rollback`; `pace` is the guards' period.
pub fn plan(name: &str, backend: &str, weight: u32, rollback: &str, pace: &str) -> String {
    format!(
        "apiVersion: crossfade.dev/v1alpha1
kind: MigrationPlan
metadata: {{name: {name}, namespace: mail}}
spec:
  stages:
  - {{name: all, weight: {weight}, soak: {{for: 24h}}}}
  routes:
  - name: edge
    haproxy:
      instances: [\"${{HAPROXY}}\"]
      backend: {backend}
      legacyServers: [\"vm-*\"]
      kubernetesServers: [\"ingress-*\"]
  databases:
  - name: accounts
    every: {pace}
    mysql: {{host: 127.0.0.1, port: ${{DATABASE_PORT}}, credentialsSecret: accounts-db-monitor, insecure: true}}
    guards:
    - signal: ConnectionRate
      pause: {{above: 120, for: {pace}}}
      rollback: {{above: 120, for: {pace}}}
      resume: {{below: 100, for: {pace}}}
    - {{signal: ConnectionsOfMax, enabled: false}}
    - {{signal: FailedConnections, enabled: false}}
  rollback: {rollback}
---
"
    )
}

/// Kubernetes' servers need many connections from now on, or few again.
pub fn surge(world: &World, on: bool) {
    let connects = if on { SURGE } else { CALM };
    world.kubernetes.change(|behaviour| behaviour.connects_per_request = connects);
}

/// Waits until so many plans stand at `weight` with all guards clear.
pub async fn until_settled(world: &World, plans: usize, weight: f64) -> Result<()> {
    let api = world.plans()?;
    let settled = |status: &Value| {
        let conditions = status["conditions"].as_array().map(Vec::as_slice).unwrap_or_default();
        let holds = |kind: &str| conditions.iter().any(|c| c["type"] == kind && c["status"] == "True");
        let stands = status["weight"]["intended"].as_f64().is_some_and(|now| (now - weight).abs() < 1.0);
        stands && holds("GuardsClear") && holds("RoutesInSync")
    };
    // A list of many is work for the API server, and nobody waits for it.
    let poll = POLL * u32::try_from(1 + plans / 10)?;
    until_every(poll, "all plans have settled", async || {
        let list = api.list(&ListParams::default()).await?;
        Ok(list.items.iter().filter(|plan| plan.data.get("status").is_some_and(settled)).count() == plans)
    })
    .await
}

/// Waits until something holds.
pub async fn until(what: &str, holds: impl AsyncFn() -> Result<bool>) -> Result<()> {
    until_every(POLL, what, holds).await
}

async fn until_every(poll: Duration, what: &str, holds: impl AsyncFn() -> Result<bool>) -> Result<()> {
    let begin = Instant::now();
    while !holds().await? {
        ensure!(begin.elapsed() < PATIENCE, "not within {PATIENCE:?}: {what}");
        sleep(poll).await;
    }
    Ok(())
}

/// Every retreat that was logged, by plan: how long it took from its cause to its read-back.
pub fn retreats(operator: &Operator) -> Result<BTreeMap<String, Vec<Duration>>> {
    let mut found: BTreeMap<String, Vec<Duration>> = BTreeMap::new();
    for line in operator.log()?.lines().filter(|line| line.contains("retreat read back")) {
        let word = |name: &str| line.split(' ').find_map(|word| word.strip_prefix(name));
        let (Some(plan), Some(micros)) = (word("plan="), word("micros=")) else {
            bail!("a log line without plan and micros: {line}");
        };
        found.entry(plan.to_owned()).or_default().push(Duration::from_micros(micros.parse()?));
    }
    Ok(found)
}

/// How often the log contains a text.
pub fn logged(operator: &Operator, text: &str) -> Result<usize> {
    Ok(operator.log()?.matches(text).count())
}
