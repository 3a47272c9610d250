//! A surge on the Kubernetes side while legacy can carry 80 % of all requests, answered in three ways:
//! nothing is done, all go back at once, or as many go back as fit. What the whole-system tests judge, and
//! `cargo run --example demo -- --surge fits|nothing|all-back` shows.

use std::time::Duration;

use anyhow::{Context as _, Result};
use serde_json::Value;
use tokio::time::sleep;

use super::mail::{condition, status, until};
use super::mariadb;
use super::pool::Behaviour;
use super::world::{Settings, World};

/// 400 requests a second; four legacy servers that carry 80 each.
const DEMAND: f64 = 400.0;
const PER_SERVER: f64 = 80.0;
/// Connections a request costs in calm, and on the Kubernetes side in the surge: at 50 % some 850 a second
/// in all, of which the database carries 650; at 24 % about 460.
const CALM: f64 = 0.25;
const SURGE: f64 = 4.0;
/// How long it lasts.
const LASTS: Duration = Duration::from_secs(20);

const PLAN: &str = r#"
apiVersion: crossfade.dev/v1alpha1
kind: MigrationPlan
metadata: {name: mail, namespace: mail}
spec:
  stages:
  - {name: half, weight: 50, soak: {for: 24h}}
  routes:
  - name: edge
    haproxy:
      instances: ["${HAPROXY}"]
      backend: mail
      legacyServers: ["vm-*"]
      kubernetesServers: ["ingress-*"]
  legacy: {capacity: {requestsPerSecondPerServer: ${PER_SERVER}}}
  demand: {route: edge}
  takeover: {legacy: 50}
  databases:
  - name: accounts
    mysql: {host: 127.0.0.1, port: ${DATABASE_PORT}, credentialsSecret: accounts-db-monitor, insecure: true}
    every: 200ms
    guards:
    - signal: ConnectionRate
      pause: {above: 300, for: 1s}
      rollback: {above: 400, for: 1s}
      resume: {below: 250, for: 3s}
    - {signal: ConnectionsOfMax, enabled: false}
    - {signal: FailedConnections, enabled: false}
  rollback: {to: Zero, maxStep: ${STEP}, every: 1s}
"#;

/// What is done about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// There is no plan: weights stay.
    Nothing,
    /// A plan that is told that legacy can carry anything, in one step.
    AllBack,
    /// A plan that is told what legacy can carry.
    Fits,
}

/// What became of the requests of one surge.
#[derive(Debug)]
pub struct Outcome {
    /// The share of the requests that failed, in percent.
    pub failed: f64,
    /// Kubernetes' weight at its end.
    pub weight: f64,
    /// What the plan said at its end; nothing without one.
    pub status: Value,
}

/// The world of the surge, half of its traffic on each side; no operator.
pub async fn world(say: impl Fn(&str)) -> Result<World> {
    let query = Duration::from_millis(60);
    let settings = Settings {
        rate: DEMAND,
        behaviour: Behaviour { connects_per_request: CALM, query, ..Behaviour::default() },
        database: mariadb::Options { max_connections: 40, ..mariadb::Options::default() },
        ..Settings::default()
    };
    let world = World::start(settings, say).await?;
    world.legacy.change(|behaviour| behaviour.capacity = PER_SERVER);
    half_and_half(&world).await;
    sleep(Duration::from_secs(3)).await;
    Ok(world)
}

/// The plan for a legacy whose servers carry so much each.
pub fn plan(per_server: f64, step: u32) -> String {
    PLAN.replace("${PER_SERVER}", &per_server.to_string()).replace("${STEP}", &step.to_string())
}

/// The plan of [`Answer::Fits`], applied, and soaking with what it promised.
pub async fn soak(world: &World) -> Result<()> {
    guard(world, PER_SERVER, 25).await
}

/// The surge, answered so. All but [`Answer::Nothing`] ask for an operator; their plan is taken away again.
pub async fn play(world: &World, answer: Answer) -> Result<Outcome> {
    half_and_half(world).await;
    match answer {
        Answer::Nothing => return surge(world).await,
        Answer::AllBack => guard(world, 10_000.0, 100).await?,
        Answer::Fits => soak(world).await?,
    }
    let outcome = Outcome { status: Value::Null, ..surge(world).await? };
    let outcome = Outcome { status: status(world).await?, ..outcome };
    world.cluster.kubectl(["delete", "--wait", "-n", "mail", "migrationplan/mail"]).await?;
    sleep(Duration::from_secs(3)).await;
    Ok(outcome)
}

/// Both sides at 50 %, by hand: a plan adopts what it finds.
async fn half_and_half(world: &World) {
    for server in 1..=4 {
        world.haproxy.command(&format!("set server mail/ingress-{server} weight 100")).await;
        world.haproxy.command(&format!("set server mail/vm-{server} weight 100")).await;
    }
}

async fn guard(world: &World, per_server: f64, step: u32) -> Result<()> {
    world.apply_plan(&world.fill(&plan(per_server, step))).await?;
    let calm =
        |status: &Value| condition(status, "CapacityReserved")[0] == "True" && status["phase"] == "Soaking";
    until(world, "soaking with its capacity reserved", 30, calm).await.context("before the surge")?;
    Ok(())
}

/// From its begin to its end.
async fn surge(world: &World) -> Result<Outcome> {
    let before = world.load.total();
    world.kubernetes.change(|behaviour| behaviour.connects_per_request = SURGE);
    sleep(LASTS).await;
    let after = world.load.total();
    let weight = world.read_back().await?;
    world.kubernetes.change(|behaviour| behaviour.connects_per_request = CALM);
    let (requests, failed) = (after.requests() - before.requests(), after.failed() - before.failed());
    Ok(Outcome { failed: 100.0 * failed as f64 / requests.max(1) as f64, weight, status: Value::Null })
}
