//! Pods that come up slowly, and pods that go: KWOK plays them on a real control plane with its own
//! controllers, scheduler and autoscaler, and each has a server behind `HAProxy` while it is there.

mod poll;

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use tokio::time::sleep;

use self::poll::Polls;
use crate::mail::{condition, until};
use crate::place::{blocked_by, moves, soaks_in};
use crate::stage::cluster;
use crate::stage::cluster::nodes::{READY_AFTER, READY_BY};
use crate::stage::pods::{self, Pods};
use crate::stage::world::{NAMESPACE, Settings, World};

/// Requests a second, and how many of them a pod carries: the plan says so, and so it is.
const DEMAND: f64 = 120.0;
const PER_POD: f64 = 20.0;
/// How long a pod is ready before it counts.
const WARM_UP: Duration = Duration::from_secs(2);
/// What is warm where a share is taken: at 10 % a surge of 1.5 x 12 requests a second, at 50 % the own
/// 60 and half of legacy's 60 within 95 %.
const FOR_A_TENTH: usize = 1;
const FOR_HALF: usize = 5;
/// The floors of both workloads for half: 94.7 / 2 / 20, rounded up, and one more.
const FLOOR: u64 = 4;
/// How soon pods that go must be in the operator's figures.
const SOON: Duration = Duration::from_secs(1);

const PLAN: &str = r#"
apiVersion: crossfade.dev/v1alpha1
kind: MigrationPlan
metadata: {name: mail, namespace: mail}
spec:
  stages:
  - {name: tenth, weight: 10, soak: {for: 2s}}
  - {name: half, weight: 50, soak: {for: 24h}}
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
    - {signal: ConnectionsOfMax, enabled: false}
    - {signal: FailedConnections, enabled: false}
  legacy: {capacity: {requestsPerSecondPerServer: 1000}}
  demand: {route: edge}
  kubernetes:
    workloads:
    - name: web
      target: {apiVersion: apps/v1, kind: Deployment, name: web}
      requestsPerSecondPerPod: 20
      warmUp: 2s
      maxReplicas: 8
    - name: imap
      target: {apiVersion: apps/v1, kind: Deployment, name: imap}
      requestsPerSecondPerPod: 20
      warmUp: 2s
      maxReplicas: 8
  rollback: {to: Zero, maxStep: 20, every: 1s}
"#;

/// A Deployment of one pod, each pod ready 4 to 7 s after it has a node.
fn deployment(name: &str) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": {"app": name}},
            "template": {
                "metadata": {"labels": {"app": name}, "annotations": {READY_AFTER: "4s", READY_BY: "7s"}},
                "spec": {"containers": [{"name": name, "image": name}]},
            },
        },
    })
}

/// Its autoscaler. There are no metrics: it does what its floor says, and never scales down.
fn autoscaler(name: &str) -> Value {
    json!({
        "apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {
            "minReplicas": 1, "maxReplicas": 8,
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name},
        },
    })
}

/// Half of what carries requests is scaled by an autoscaler, half by nobody.
struct Ground {
    world: World,
    pods: Pods,
    polls: Polls,
}

/// Two nodes, and servers for twice the pods that the floors ask for: one that ends has its own until it
/// is gone.
fn settings() -> Settings {
    Settings {
        rate: DEMAND,
        kubernetes: 16,
        backend: pods::CHECK.into(),
        cluster: cluster::Options { controllers: true, nodes: 2 },
        ..Settings::default()
    }
}

impl Ground {
    async fn on(mut world: World) -> Result<Self> {
        world.kubernetes.change(|behaviour| behaviour.capacity = PER_POD);
        let pool = std::mem::take(&mut world.kubernetes);
        let pods = Pods::follow(world.cluster.admin_client()?, NAMESPACE, pool).await?;
        for object in [deployment("web"), autoscaler("web"), deployment("imap")] {
            world.cluster.apply(&object.to_string()).await?;
        }
        world.start_operator().await?;
        let polls = Polls::begin(&world.haproxy, pods.clone());
        Ok(Self { world, pods, polls })
    }

    /// An object of the namespace as it stands.
    async fn object(&self, name: &str) -> Result<Value> {
        let text = self.world.cluster.kubectl(["get", name, "-n", NAMESPACE, "-o", "json"]).await?;
        Ok(serde_json::from_str(&text)?)
    }

    /// The floors as they stand: the autoscaler's, and the pods that the other workload asks for.
    async fn floors(&self) -> Result<[Option<u64>; 2]> {
        let (web, imap) = (self.object("hpa/web").await?, self.object("deployment/imap").await?);
        Ok([web["spec"]["minReplicas"].as_u64(), imap["spec"]["replicas"].as_u64()])
    }

    /// Waits until the operator's own figure is that so many pods are warm.
    async fn until_warm(&self, pods: usize, within: Duration) -> Result<()> {
        let series =
            r#"crossfade_side_ready_requests_per_second{namespace="mail",plan="mail",side="kubernetes"}"#;
        let begin = Instant::now();
        loop {
            let ready = self.world.operators[0].metric(series).await?;
            if ready.is_some_and(|ready| (ready - pods as f64 * PER_POD).abs() < 1.0) {
                return Ok(());
            }
            ensure!(begin.elapsed() < within, "{ready:?} requests/s and not those of {pods} pods");
            sleep(Duration::from_millis(10)).await;
        }
    }

    /// A node goes, as a spot instance does: its pods are evicted, and no new one comes there. How many
    /// there were, and how long it took until the operator's figures said so.
    async fn lose(&self, node: &str) -> Result<(usize, Duration)> {
        let here = |pod: &pods::Pod| pod.node == node && pod.ready.is_some();
        let (all, lost) = (self.pods.ready()?.len(), self.pods.all()?.iter().filter(|pod| here(pod)).count());
        self.world.cluster.kubectl(["taint", "node", node, "stage=gone:NoExecute"]).await?;
        self.until_warm(all - lost, Duration::from_secs(10)).await?;
        let seen = Instant::now();
        let first = self.pods.all()?.iter().filter_map(|pod| pod.ending).min().context("no pod ends")?;
        Ok((lost, seen.saturating_duration_since(first)))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn traffic_waits_for_pods_that_come_up_slowly_and_goes_on_while_pods_go() -> Result<()> {
    let world = World::start(settings(), |_| ()).await?;
    if !world.cluster.is_own() {
        return Ok(());
    }
    let ground = Ground::on(world).await?;
    let Ground { world, pods, polls } = &ground;

    // From nothing: the first pods are not there yet.
    world.apply_plan(&world.fill(PLAN)).await?;
    until(world, "soaking at a tenth", 30, |status| soaks_in(status, "tenth")).await?;

    // The floor stands before the weight.
    let set = |status: &Value| {
        let floors = status["floors"].as_array().map_or(&[][..], Vec::as_slice);
        floors.len() == 2 && floors.iter().all(|floor| floor["set"] == FLOOR)
    };
    let waits = until(world, "the floors stand", 20, set).await?;
    ensure!(waits["weight"]["intended"] == 10, "it did not wait: {waits:#}");
    ensure!(blocked_by(&waits, "CapacityShort"), "it does not say what it waits for: {waits:#}");
    let says = waits["blockedBy"].to_string();
    ensure!(says.contains("awaited until they are ready and warm"), "{says}");
    ensure!(ground.floors().await? == [Some(FLOOR); 2], "{waits:#}");

    let up = until(world, "soaking at half", 30, |status| soaks_in(status, "half")).await?;
    ensure!(moves(&up) == ["Raising 0 -> 10", "Raising 10 -> 50"], "{up:#}");
    polls.rose_to(5.0, FOR_A_TENTH)?;
    polls.rose_to(45.0, FOR_HALF)?;
    ground.until_warm(8, Duration::from_secs(15)).await?;

    // Half of the pods go: what is left carries what is asked for, and others come.
    let node = {
        let on = |node: &str| pods.all().map(|all| all.iter().filter(|pod| pod.node == node).count());
        if on("node-1")? <= on("node-2")? { "node-1" } else { "node-2" }
    };
    let (lost, seen) = ground.lose(node).await?;
    println!("{lost} pods of {node} go: known after {seen:?}");
    ensure!((1..=4).contains(&lost), "{lost} pods were on {node}: {:?}", pods.all()?);
    ensure!(seen < SOON, "the pods that went were known only after {seen:?}");
    let reserved = |status: &Value| condition(status, "CapacityReserved")[0] == "True";
    let short = until(world, "told", 3, |status| !reserved(status)).await?;
    let says = condition(&short, "CapacityReserved")[2];
    ensure!(says.contains("and its pods are awaited until they are ready and warm"), "{says}");
    ground.until_warm(8, Duration::from_secs(20)).await?;
    let on = until(world, "all is kept again", 3, reserved).await?;
    ensure!(soaks_in(&on, "half") && moves(&on).len() == 2, "it moved: {on:#}");
    polls.never_ahead()?;

    // All of them go.
    let other = if node == "node-1" { "node-2" } else { "node-1" };
    let (lost, seen) = ground.lose(other).await?;
    println!("{lost} pods of {other} go: known after {seen:?}");
    ensure!(lost == 8 && seen < SOON, "{lost} pods went, known after {seen:?}");
    let left = until(world, "rolled back", 5, |status| status["phase"] == "RolledBack").await?;
    ensure!(moves(&left)[2..] == ["KubernetesFailing 50 -> 0"], "{left:#}");
    ensure!(blocked_by(&left, "KubernetesFailing"), "{left:#}");
    ensure!(ground.floors().await? == [Some(FLOOR); 2], "a floor was given up: {left:#}");

    // A node comes back, and pods on it: they are kept ready, and nothing rises by itself.
    world.cluster.kubectl(["taint", "node", node, "stage=gone:NoExecute-"]).await?;
    ground.until_warm(8, Duration::from_secs(20)).await?;
    let cool = until(world, "cooling down", 5, |status| !blocked_by(status, "KubernetesFailing")).await?;
    ensure!(blocked_by(&cool, "Cooldown") && cool["weight"]["actual"] == 0, "{cool:#}");

    // Who takes the plan away gets everything back.
    world.cluster.kubectl(["delete", "--timeout=30s", "-n", NAMESPACE, "mplan/mail"]).await?;
    ensure!(ground.floors().await? == [Some(1); 2], "{:?}", ground.floors().await?);
    let web = ground.object("hpa/web").await?;
    ensure!(web["metadata"]["annotations"]["crossfade.dev/restore"].is_null(), "{web:#}");

    let tally = world.load.total();
    ensure!(tally.failed() == 0, "requests failed: {tally:?}");
    Ok(())
}
