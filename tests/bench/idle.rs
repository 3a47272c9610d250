//! What an operator with one plan needs while nothing changes: memory, processor time, writes to
//! the API server.

use std::fs;
use std::time::Duration;

use anyhow::{Context as _, Result};
use tokio::time::{Instant, sleep};

use crate::ground::{self, plan, until_settled};
use crate::stage::world::{OPERATOR_ACCOUNT, OPERATOR_NAMESPACE};

/// How long nothing changes.
const WINDOW: Duration = Duration::from_mins(1);
/// How long the operator may take to have told everything about the plan's beginning.
const CALM_DOWN: Duration = Duration::from_secs(10);

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
    let mut options =
        crate::stage::haproxy::Options::new(&world.legacy.addresses(), &world.kubernetes.addresses());
    options.legacy.iter_mut().for_each(|server| server.weight = 90);
    options.kubernetes.iter_mut().for_each(|server| server.weight = 10);
    let mut world = world;
    world.haproxy.configure(&options);
    world.haproxy.restart().await;
    world.apply_plan(&world.fill(&text)).await?;
    until_settled(&world, 1, 10.0).await?;
    sleep(CALM_DOWN).await;

    let (writes, before, begin) =
        (world.cluster.writes()?.len(), processor_time(operator.id())?, Instant::now());
    sleep(WINDOW).await;
    let (busy, window) = (processor_time(operator.id())?.saturating_sub(before), begin.elapsed());
    let user = format!("system:serviceaccount:{OPERATOR_NAMESPACE}:{OPERATOR_ACCOUNT}");
    let written = world.cluster.writes()?.split_off(writes);
    let ours = written.into_iter().filter(|write| write.user == user);
    let (lease, other): (Vec<_>, Vec<_>) = ours.partition(|write| write.resource == "leases");
    let resident = resident(operator.id())?;
    operator.stop().await?;
    Ok(Idle {
        window,
        resident,
        core_percent: 100.0 * busy.as_secs_f64() / window.as_secs_f64(),
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
