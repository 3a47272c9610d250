//! What an operator with one plan, and one with a thousand that ask for capacity, needs while nothing
//! changes: memory, processor time, writes to the API server.

use std::fmt::Write as _;
use std::fs;
use std::time::Duration;

use anyhow::{Context as _, Result};
use tokio::time::{Instant, sleep};

use crate::ground::{self, plan, until_settled};
use crate::stage::haproxy;
use crate::stage::operator::Operator;
use crate::stage::world::{OPERATOR_ACCOUNT, OPERATOR_NAMESPACE, World};

/// How long nothing changes.
const WINDOW: Duration = Duration::from_mins(1);
/// How long the operator may take to have told everything about the plan's beginning.
const CALM_DOWN: Duration = Duration::from_secs(10);

/// Plans that ask for capacity, in one operator.
pub const PLANS: usize = 1000;
/// How long the operator may take to have told everything about their beginning.
const MANY_CALM_DOWN: Duration = Duration::from_mins(1);
/// What each of them says of capacity: legacy's servers and demand are counted by HAProxy, Kubernetes' pods
/// by a watch (there are none).
const CAPACITY: &str = "  legacy: {capacity: {requestsPerSecondPerServer: 1000}}
  kubernetes:
    workloads:
    - target: {apiVersion: apps/v1, kind: Deployment, name: mail}
      requestsPerSecondPerPod: 100
      maxReplicas: 10
  demand: {route: edge}
";
/// What stands for the pods.
const WORKLOAD: &str = "apiVersion: apps/v1
kind: Deployment
metadata: {name: mail, namespace: mail}
spec:
  replicas: 0
  selector: {matchLabels: {app: mail}}
  template:
    metadata: {labels: {app: mail}}
    spec: {containers: [{name: mail, image: mail}]}
---
";

/// What was measured.
pub struct Idle {
    /// How long.
    pub window: Duration,
    /// Resident memory in MB (10^6 bytes) at the end.
    pub resident: f64,
    /// Processor time in percent of one core.
    pub core_percent: f64,
    /// Writes of the lease.
    pub lease_writes: usize,
    /// Every other write, in words.
    pub other_writes: Vec<String>,
}

/// Measures.
pub async fn measure() -> Result<Idle> {
    let world = ground::world().await?;
    let mut operator = ground::operator(&world, "info").await?;
    let text = plan("mail", "mail", 10, "{to: Zero}", "1s");
    let mut options = haproxy::Options::new(&world.legacy.addresses(), &world.kubernetes.addresses());
    options.legacy.iter_mut().for_each(|server| server.weight = 90);
    options.kubernetes.iter_mut().for_each(|server| server.weight = 10);
    let mut world = world;
    world.haproxy.configure(&options);
    world.haproxy.restart().await;
    world.apply_plan(&world.fill(&text)).await?;
    until_settled(&world, 1, 10.0).await?;
    sleep(CALM_DOWN).await;

    let idle = watch(&world, &operator).await?;
    operator.stop().await?;
    Ok(idle)
}

/// Measures a thousand plans on the backends of one `HAProxy` and one database.
pub async fn measure_many() -> Result<Idle> {
    let mut world = ground::world().await?;
    let mut operator = ground::operator(&world, "info").await?;
    let (legacy, kubernetes) = (world.legacy.addresses(), world.kubernetes.addresses());
    let mut options = haproxy::Options::new(&legacy, &kubernetes);
    options.global = "stats maxconn 2500".into();
    let mut plans = String::new();
    for number in 1..=PLANS {
        let name = format!("mail-{number}");
        write!(
            options.sections,
            "backend {name}\n  mode http\n  server vm-1 {} weight 90\n  server ingress-1 {} weight 10\n",
            legacy[0], kubernetes[0]
        )?;
        let text = plan(&name, &name, 10, "{to: Zero}", "1s");
        plans += &text.replace("  databases:\n", &format!("{CAPACITY}  databases:\n"));
    }
    world.haproxy.configure(&options);
    world.haproxy.restart().await;
    world.cluster.apply(WORKLOAD).await?;
    let plans = world.fill(&plans);
    world.grant(plans.split("---").next().unwrap_or_default()).await?;
    world.cluster.apply(&plans).await?;
    until_settled(&world, PLANS, 10.0).await?;
    sleep(MANY_CALM_DOWN).await;
    let idle = watch(&world, &operator).await?;
    operator.stop().await?;
    Ok(idle)
}

/// Looks on while nothing changes.
async fn watch(world: &World, operator: &Operator) -> Result<Idle> {
    let (writes, before, begin) =
        (world.cluster.writes()?.len(), processor_time(operator.id())?, Instant::now());
    sleep(WINDOW).await;
    let (after, window) = (processor_time(operator.id())?, begin.elapsed());
    let user = format!("system:serviceaccount:{OPERATOR_NAMESPACE}:{OPERATOR_ACCOUNT}");
    let written = world.cluster.writes()?.split_off(writes);
    let ours = written.into_iter().filter(|write| write.user == user);
    let (lease, other): (Vec<_>, Vec<_>) = ours.partition(|write| write.resource == "leases");
    let resident = resident(operator.id())?;
    Ok(Idle {
        window,
        resident,
        core_percent: 100.0 * after.saturating_sub(before).as_secs_f64() / window.as_secs_f64(),
        lease_writes: lease.len(),
        other_writes: other
            .iter()
            .map(|write| format!("{} {} {}/{}", write.verb, write.resource, write.namespace, write.name))
            .collect(),
    })
}

/// The processor time that all threads of a process have had: it has as many threads at the end of
/// the window as at its beginning.
fn processor_time(id: u32) -> Result<Duration> {
    let folder = format!("/proc/{id}/task");
    let mut nanos = 0;
    for task in fs::read_dir(&folder).with_context(|| format!("list {folder}"))? {
        let path = task?.path().join("schedstat");
        let text = fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
        let first = text.split(' ').next().unwrap_or_default();
        nanos += first.parse::<u64>().with_context(|| format!("read {text:?} of {}", path.display()))?;
    }
    Ok(Duration::from_nanos(nanos))
}

fn resident(id: u32) -> Result<f64> {
    let path = format!("/proc/{id}/status");
    let text = fs::read_to_string(&path).with_context(|| format!("read {path}"))?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
    let kibibytes: f64 = line.trim().trim_end_matches(" kB").parse().context("read VmRSS")?;
    Ok(kibibytes * 1024.0 / 1e6)
}
