//! Two operators: one writes, the other is ready to. Times are measured and printed.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::Lease;
use kube::Api;
use tokio::time::{Instant, sleep};

use crate::ground::{Ground, PATIENCE, Plan, near, play, scenes, until};
use crate::stage::operator::Operator;
use crate::stage::world::{OPERATOR_ACCOUNT, OPERATOR_NAMESPACE};
use crate::witness::Witness;

/// How long a claim is good for.
const LEASE: Duration = Duration::from_secs(10);
/// How long after its expiry, or its release, another replica takes over.
const TAKEOVER: Duration = Duration::from_secs(2);

#[tokio::test(flavor = "multi_thread")]
async fn of_two_operators_one_writes_and_the_other_takes_over() -> Result<()> {
    let mut ground = Ground::start().await?;
    ground.world.start_operator().await?;
    let scenes = scenes![
        only_the_holder_writes,
        a_leader_that_ends_in_order_hands_over_at_once,
        a_leader_that_is_killed_is_replaced_within_two_seconds_after_its_lease_expired,
        a_leader_that_was_frozen_and_replaced_writes_nothing_more,
    ];
    play(&mut ground, scenes).await
}

async fn is_holder(operator: &Operator) -> Result<bool> {
    Ok(operator.metric("crossfade_lease_standing{standing=\"holder\"}").await? == Some(1.0))
}

/// The places of the holder and of the other, once there is a holder.
async fn roles(ground: &Ground) -> Result<(usize, usize)> {
    let operators = &ground.world.operators;
    until("one operator holds the lease", LEASE + PATIENCE, async || {
        Ok(is_holder(&operators[0]).await? || is_holder(&operators[1]).await?)
    })
    .await?;
    let first = is_holder(&operators[0]).await?;
    ensure!(first != is_holder(&operators[1]).await?, "both say that they hold the lease");
    Ok(if first { (0, 1) } else { (1, 0) })
}

/// The sum of all series of a counter.
async fn count(operator: &Operator, counter: &str) -> Result<f64> {
    let (_, page) = operator.page("/metrics").await?;
    let series = page.lines().filter(|line| line.starts_with(counter));
    Ok(series.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum())
}

/// Weights written, and requests to the API server that write.
async fn written(operator: &Operator) -> Result<(f64, f64)> {
    let route = count(operator, "crossfade_route_writes_total").await?;
    Ok((route, count(operator, "crossfade_api_writes_total").await?))
}

async fn lease(ground: &Ground) -> Result<(String, Timestamp)> {
    let leases: Api<Lease> = Api::namespaced(ground.world.cluster.admin_client()?, OPERATOR_NAMESPACE);
    let spec = leases.get("crossfade").await?.spec.unwrap_or_default();
    let renewed = spec.renew_time.context("the lease was never renewed")?.0;
    Ok((spec.holder_identity.unwrap_or_default(), renewed))
}

/// How many writes the API server has had from the operators' account.
fn audited(ground: &Ground) -> Result<usize> {
    let user = format!("system:serviceaccount:{OPERATOR_NAMESPACE}:{OPERATOR_ACCOUNT}");
    let ours = ground.world.cluster.writes()?;
    // Asking which rights it has is a `create` that changes nothing.
    Ok(ours.iter().filter(|write| write.user == user && !write.resource.starts_with("selfsubject")).count())
}

async fn only_the_holder_writes(ground: &mut Ground) -> Result<()> {
    let (leader, standby) = roles(ground).await?;
    let (before, idle) =
        (written(&ground.world.operators[leader]).await?, written(&ground.world.operators[standby]).await?);
    let audited_before = audited(ground)?;
    ground.begin(20, &Plan::with(&[(20.0, 0.0), (30.0, 10.0)], &ground.one())).await?;
    ground.until_weight(30.0, PATIENCE).await?;
    ground.surge();
    ground.until_weight(0.0, PATIENCE).await?;
    ground.until("rolled back", PATIENCE, |status| status["phase"] == "RolledBack").await?;
    let (after, audited_after) = (written(&ground.world.operators[leader]).await?, audited(ground)?);
    ensure!(written(&ground.world.operators[standby]).await? == idle, "the standby wrote");
    ensure!(after.0 - before.0 >= 3.0, "the leader wrote {before:?} .. {after:?}");
    // The audit's last lines and the last counts may lie a moment apart.
    let (counted, seen) = (after.1 - before.1, (audited_after - audited_before) as f64);
    ensure!((counted - seen).abs() <= 2.0, "the leader counts {counted} writes, the API server {seen}");
    Ok(())
}

async fn a_leader_that_ends_in_order_hands_over_at_once(ground: &mut Ground) -> Result<()> {
    ground.begin(20, &Plan::at(20.0, &ground.one())).await?;
    let (leader, standby) = roles(ground).await?;
    let asked = Instant::now();
    let ended = ground.world.operators[leader].stop().await?;
    ensure!(ended.success(), "it ended with {ended}");
    let ended = asked.elapsed();
    let other = &ground.world.operators[standby];
    until("the other holds the lease", LEASE + PATIENCE, async || is_holder(other).await).await?;
    println!("        ended {ended:.2?}, the other holds the lease {:.2?} after SIGTERM", asked.elapsed());
    ensure!(asked.elapsed() < TAKEOVER, "handed over only after {:?}", asked.elapsed());
    ground.surge();
    ground.until_weight(0.0, PATIENCE).await?;
    ground.world.operators[leader].restart()?;
    ground.world.operators[leader].ready().await
}

async fn a_leader_that_is_killed_is_replaced_within_two_seconds_after_its_lease_expired(
    ground: &mut Ground,
) -> Result<()> {
    ground.begin(20, &Plan::at(20.0, &ground.one())).await?;
    let (leader, _) = roles(ground).await?;
    let witness = Witness::of(&ground.world.haproxy);
    ground.world.operators[leader].kill();
    let killed = Instant::now();
    let (_, renewed) = lease(ground).await?;
    let since = Timestamp::now().duration_since(renewed);
    let expiry = killed + LEASE.saturating_sub(since.unsigned_abs());
    // Its guards are warm: it brakes as soon as it may.
    ground.surge();
    ground.until_weight(0.0, LEASE + PATIENCE).await?;
    until("the witness has seen it", PATIENCE, async || Ok(witness.moves().len() > 1)).await?;
    let moves = witness.moves();
    let first = moves.get(1).context("no step was seen")?.0;
    let after = first.saturating_duration_since(expiry);
    println!(
        "        killed; the first step of the retreat {:.2?} later, {after:.2?} after the lease expired",
        first - killed
    );
    ensure!(first >= expiry, "the other wrote while the lease stood: {:?} before", expiry - first);
    ensure!(after < TAKEOVER, "the other took over only {after:?} after the lease expired");
    ground.world.operators[leader].restart()?;
    ground.world.operators[leader].ready().await
}

async fn a_leader_that_was_frozen_and_replaced_writes_nothing_more(ground: &mut Ground) -> Result<()> {
    // Frozen in mid-raise: when it wakes up, its next step is long overdue.
    ground.clean(0).await?;
    ground.apply(&Plan::with(&[(90.0, 2.0)], &ground.one())).await?;
    ground.until_weight(4.0, PATIENCE).await?;
    let (leader, standby) = roles(ground).await?;
    let frozen = Instant::now();
    ground.world.operators[leader].freeze()?;
    let other = &ground.world.operators[standby];
    until("the other holds the lease", LEASE + PATIENCE, async || is_holder(other).await).await?;
    println!("        the other holds the lease {:.2?} after the leader was frozen", frozen.elapsed());
    // At so small a weight nothing else would trip a guard.
    let direct = ground.direct()?;
    ground.surge();
    ground.until_weight(0.0, PATIENCE).await?;
    direct.stop().await;
    let status =
        ground.until("rolled back", PATIENCE, |status| near(&status["weight"]["intended"], 0.0)).await?;
    let (holder, _) = lease(ground).await?;
    let writes = written(&ground.world.operators[standby]).await?.0;
    let witness = Witness::of(&ground.world.haproxy);
    ground.world.operators[leader].thaw()?;
    until("the thawed one stands down", PATIENCE, async || {
        Ok(!is_holder(&ground.world.operators[leader]).await?)
    })
    .await?;
    let idle = written(&ground.world.operators[leader]).await?;
    sleep(Duration::from_secs(5)).await;
    ensure!(written(&ground.world.operators[leader]).await? == idle, "the thawed one goes on writing");
    ensure!(witness.moves().len() == 1, "the weight moved: {}", witness.path());
    ensure!(lease(ground).await?.0 == holder, "the lease changed hands again");
    ensure!(written(&ground.world.operators[standby]).await?.0 >= writes, "the other lost its count");
    let epoch = ground.status().await?["epoch"].as_i64();
    ensure!(epoch == status["epoch"].as_i64(), "somebody else wrote the status: epoch {epoch:?}");
    Ok(())
}
