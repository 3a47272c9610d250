//! The operator on the real parts: a plan is adopted, walked stage by stage, and survives what
//! happens to its operator.

use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use kube::api::DynamicObject;
use serde_json::Value;
use tokio::time::{Instant, sleep};

use crate::stage::world::{NAMESPACE, Settings, World};

const PLAN: &str = "apiVersion: crossfade.dev/v1alpha1
kind: MigrationPlan
metadata: {name: mail, namespace: mail}
spec:
  stages:
  - {name: tenth, weight: 10, soak: {for: 2s}}
  - {name: half, weight: 50, ramp: {step: 20, every: 1s}, soak: {for: 2s}}
  routes:
  - name: edge
    haproxy:
      instances: [\"${HAPROXY}\"]
      backend: mail
      legacyServers: [\"vm-*\"]
      kubernetesServers: [\"ingress-*\"]
  databases:
  - name: accounts
    every: 200ms
    mysql: {host: 127.0.0.1, port: ${DATABASE_PORT}, credentialsSecret: accounts-db-monitor, insecure: true}
    guards:
    - signal: ConnectionRate
      pause: {above: 300, for: 1s}
      rollback: {above: 500, for: 1s}
      resume: {below: 250, for: 5s}
    - signal: FailedConnections
      enabled: false
  rollback: {to: Zero, maxStep: 25, every: 1s}
";

const RIGHTS: &str = "apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: crossfade-mail, namespace: mail}
rules:
- {apiGroups: [''], resources: [secrets], resourceNames: [accounts-db-monitor], verbs: [get]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: crossfade-mail, namespace: mail}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: crossfade-mail}
subjects:
- {kind: ServiceAccount, name: crossfade, namespace: crossfade-system}
";

/// Waits until the plan's status fulfils a condition.
async fn until(world: &World, what: &str, within: Duration, holds: impl Fn(&Value) -> bool) -> Result<Value> {
    let begin = Instant::now();
    let plans = world.plans()?;
    loop {
        let plan: Option<DynamicObject> = plans.get_opt("mail").await?;
        let status = plan.and_then(|plan| plan.data.get("status").cloned()).unwrap_or_default();
        if holds(&status) {
            println!("{what}: after {:?}", begin.elapsed());
            return Ok(status);
        }
        if begin.elapsed() > within {
            let log = world.operators.iter().map(|operator| operator.log().unwrap_or_default());
            let log: Vec<String> = log.collect();
            bail!("not {what} within {within:?}: {status:#}\n{}", log.join("\n---\n"));
        }
        sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_is_walked_through_its_stages_and_a_surge_is_braked() -> Result<()> {
    let mut world =
        World::start(Settings { rate: 100.0, ..Settings::default() }, |step| println!("{step}")).await?;
    world.start_operator().await?;
    let plan = world.fill(PLAN);
    world.cluster.apply(&plan).await?;
    let status = until(&world, "refused for want of a right", Duration::from_secs(10), |status| {
        status["conditions"][0]["reason"] == "PermissionMissing"
    })
    .await?;
    println!("{}", status["conditions"][0]);
    world.cluster.apply(RIGHTS).await?;
    until(&world, "in the first stage", Duration::from_secs(30), |status| status["stage"]["name"] == "tenth")
        .await?;
    let status =
        until(&world, "completed", Duration::from_secs(60), |status| status["phase"] == "Completed").await?;
    println!("{status:#}");
    let weight = world.read_back().await.context("read back")?;
    assert!((weight - 50.0).abs() < 1.0, "{weight}");
    let writes = world.cluster.writes()?;
    for write in &writes {
        println!("{write:?}");
    }
    println!("{}", world.operators[0].log()?);
    world.kubernetes.change(|behaviour| behaviour.connects_per_request = 20.0);
    let status =
        until(&world, "rolled back", Duration::from_secs(60), |status| status["phase"] == "RolledBack")
            .await?;
    println!("{status:#}");
    let (_, page) = world.operators[0].page("/metrics").await?;
    println!("{page}");
    let ended = world.operators[0].stop().await?;
    println!("{}", world.operators[0].log()?);
    assert!(ended.success(), "{ended}");
    assert_eq!(NAMESPACE, "mail");
    Ok(())
}
