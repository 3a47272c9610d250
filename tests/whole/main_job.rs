//! The main job, with real traffic: stages with their soaks, a surge that pauses, a larger one that
//! makes the plan retreat, and what is left to read afterwards.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use tokio::time::sleep;

use crate::mail::{status, until};
use crate::place::{blocked_by, condition, moves, soaks_in};
use crate::stage::pool::Behaviour;
use crate::stage::world::{Settings, World};

const PLAN: &str = r#"
apiVersion: crossfade.dev/v1alpha1
kind: MigrationPlan
metadata: {name: mail, namespace: mail}
spec:
  stages:
  - {name: tenth, weight: 10, soak: {for: 3s}}
  - {name: most, weight: 60, ramp: {step: 25, every: 2s}, soak: {for: 24h}}
  routes:
  - name: edge
    haproxy:
      instances: ["${HAPROXY}"]
      backend: mail
      legacyServers: ["vm-*"]
      kubernetesServers: ["ingress-*"]
  databases:
  - name: accounts
    mysql: {host: 127.0.0.1, port: ${DATABASE_PORT}, credentialsSecret: accounts-db-monitor, insecure: true}
    every: 200ms
    guards:
    - signal: ConnectionRate
      pause: {above: 150, for: 1s}
      rollback: {above: 320, for: 1s}
      resume: {below: 100, for: 3s}
    - signal: ConnectionsOfMax
      enabled: false
    - signal: FailedConnections
      enabled: false
  legacy: {capacity: {requestsPerSecondPerServer: 1000}}
  demand: {route: edge}
  rollback: {to: Previous, maxStep: 20, every: 1s}
"#;

/// Waits until the share that the clients see is that of the weight.
async fn until_share(world: &World, weight: f64) -> Result<()> {
    let begin = Instant::now();
    loop {
        let share = world.load.last(2).share();
        if share.is_some_and(|share| (share - weight).abs() < 3.0) {
            return Ok(());
        }
        ensure!(begin.elapsed() < Duration::from_secs(10), "{share:?} of the traffic instead of {weight} %");
        sleep(Duration::from_millis(100)).await;
    }
}

fn surge(world: &World, connects_per_request: f64) {
    world.kubernetes.change(|behaviour| behaviour.connects_per_request = connects_per_request);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_goes_through_its_stages_pauses_at_a_surge_and_retreats_from_a_larger_one() -> Result<()> {
    let behaviour = Behaviour { connects_per_request: 0.25, ..Behaviour::default() };
    let settings = Settings { rate: 200.0, behaviour, ..Settings::default() };
    let mut world = World::start(settings, |_| ()).await?;
    world.start_operator().await?;
    world.apply_plan(&world.fill(PLAN)).await?;
    let kubectl_wait = |what: &str| {
        let what = format!("--for={what}");
        let args = ["wait", "-n", "mail", "mplan/mail", "--timeout=40s", &what].map(str::to_owned);
        world.cluster.kubectl(args)
    };

    // Up.
    kubectl_wait("condition=Accepted").await?;
    kubectl_wait("jsonpath={.status.stage.name}=most").await?;
    let up = until(&world, "soaking at 60 %", 30, |status| soaks_in(status, "most")).await?;
    assert_eq!(moves(&up), ["Raising 0 -> 10", "Raising 10 -> 35", "Raising 35 -> 60"]);
    kubectl_wait("condition=Ready").await?;
    kubectl_wait("condition=GuardsClear").await?;
    kubectl_wait("condition=RoutesInSync").await?;
    until_share(&world, 60.0).await?;

    // 120 requests a second on Kubernetes: about 200 connections a second in all.
    surge(&world, 1.5);
    let paused = until(&world, "paused", 15, |status| status["phase"] == "Paused").await?;
    assert!(blocked_by(&paused, "GuardPaused"), "{paused:#}");
    kubectl_wait("condition=Reconciling").await?;
    let now = status(&world).await?;
    assert_eq!(condition(&now, "Ready")[..2], ["False", "GuardPaused"]);
    assert_eq!(condition(&now, "Stalled")[0], "False");
    sleep(Duration::from_secs(2)).await;
    assert!((world.read_back().await? - 60.0).abs() < 1.0);
    surge(&world, 0.25);
    until(&world, "clear again", 20, |status| soaks_in(status, "most")).await?;

    // About 600 a second at first; at 10 % about 125, which does not clear the guard either.
    surge(&world, 4.5);
    let back = until(&world, "rolled back", 30, |status| status["phase"] == "RolledBack").await?;
    let steps = ["GuardRollback 60 -> 40", "GuardRollback 40 -> 20", "GuardRollback 20 -> 10"];
    assert_eq!(moves(&back)[3..], steps);
    assert_eq!(condition(&back, "RolledBack")[0], "True");
    assert_eq!(condition(&back, "Reconciling")[0], "True");
    until_share(&world, 10.0).await?;

    // Clear, but cooling down.
    surge(&world, 0.25);
    let clear = until(&world, "clear", 20, |status| condition(status, "GuardsClear")[0] == "True").await?;
    assert_eq!(clear["phase"], "RolledBack");
    assert!(blocked_by(&clear, "Cooldown"), "{clear:#}");
    assert_eq!(clear["cooldown"]["retreats"].as_array().map(Vec::len), Some(1));
    assert_eq!(clear["stage"]["name"], "tenth");
    let left = left(&clear["cooldown"]["until"])?;
    assert!((29 * 60..=30 * 60).contains(&left), "a cooldown of {left} s");

    // What is left to read.
    let events = world.cluster.kubectl(["get", "events.events.k8s.io", "-n", "mail", "-o", "json"]).await?;
    let events: Value = serde_json::from_str(&events)?;
    let told = |reason: &str| {
        events["items"].as_array().is_some_and(|all| all.iter().any(|event| event["reason"] == reason))
    };
    for reason in ["Adopted", "StageEntered", "StageProven", "GuardPaused", "GuardRollback", "GuardsClear"] {
        assert!(told(reason), "no event says {reason}: {events:#}");
    }
    let line = world.cluster.kubectl(["get", "mplan", "-n", "mail", "--no-headers"]).await?;
    assert!(line.contains("RolledBack") && line.contains("tenth"), "{line}");
    let tally = world.load.total();
    assert_eq!(tally.failed(), 0, "no request failed: {tally:?}");
    let ended = world.operators[0].stop().await?;
    ensure!(ended.success(), "the operator ended with {ended}");
    Ok(())
}

/// How many seconds are left until a time of the status.
fn left(until: &Value) -> Result<i64> {
    let until: jiff::Timestamp = until.as_str().context("a time")?.parse()?;
    Ok(until.as_second() - jiff::Timestamp::now().as_second())
}
