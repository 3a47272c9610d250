//! From the reply of a database that completes a breach to the weight read back on `HAProxy`, by
//! the operator's own clock: nobody else knows when it received the reply.

use std::fmt::Write as _;
use std::time::Duration;

use anyhow::{Context as _, Result};
use tokio::time::{Instant, sleep};

use crate::ground::{self, TELLS_RETREATS, logged, plan, retreats, surge, until, until_settled};
use crate::stage::haproxy;

/// Breaches of one plan.
const BREACHES: usize = 120;
/// Plans that trip at once.
pub const PLANS: usize = 100;
/// How often they do.
const ROUNDS: usize = 3;
/// A plan makes one step of a retreat in this time, so that each breach gives one.
const EVERY: Duration = Duration::from_secs(1);

/// One plan, again and again: each breach lowers the weight by half a point.
pub async fn one_plan() -> Result<Vec<Duration>> {
    let world = ground::world().await?;
    let mut operator = ground::operator(&world, TELLS_RETREATS).await?;
    let mut options = haproxy::Options::new(&world.legacy.addresses(), &world.kubernetes.addresses());
    options.legacy.iter_mut().for_each(|server| server.weight = 0);
    options.kubernetes.iter_mut().for_each(|server| server.weight = 100);
    let mut world = world;
    world.haproxy.configure(&options);
    world.haproxy.restart().await;
    let text = plan("mail", "mail", 100, "{to: Zero, maxStep: 0.5, every: 1s}", "100ms");
    world.apply_plan(&world.fill(&text)).await?;
    until_settled(&world, 1, 100.0).await?;
    let mut times = Vec::new();
    for breach in 1..=BREACHES {
        let before = retreats(&operator)?.remove("mail/mail").unwrap_or_default().len();
        surge(&world, true);
        until("a retreat is read back", async || {
            Ok(retreats(&operator)?.remove("mail/mail").is_some_and(|all| all.len() > before))
        })
        .await?;
        surge(&world, false);
        let stepped = Instant::now();
        // Only the first step of each retreat has a reply for its cause.
        let all = retreats(&operator)?.remove("mail/mail").unwrap_or_default();
        times.push(*all.get(before).context("just found")?);
        until("the retreat ends", async || Ok(logged(&operator, "the retreat ended at")? >= breach)).await?;
        sleep(EVERY.saturating_sub(stepped.elapsed())).await;
    }
    operator.stop().await?;
    Ok(times)
}

/// A hundred plans on the backends of one `HAProxy` and one database: for each round, the time of
/// the last.
pub async fn many_plans() -> Result<Vec<Duration>> {
    let mut world = ground::world().await?;
    let mut operator = ground::operator(&world, TELLS_RETREATS).await?;
    let (legacy, kubernetes) = (world.legacy.addresses(), world.kubernetes.addresses());
    let mut options = haproxy::Options::new(&legacy, &kubernetes);
    options.global = "stats maxconn 500".into();
    options.kubernetes.iter_mut().for_each(|server| server.weight = 100);
    let mut plans = String::new();
    for number in 1..=PLANS {
        let name = format!("mail-{number}");
        write!(
            options.sections,
            "backend {name}\n  mode http\n  server vm-1 {} weight 100\n  server ingress-1 {} weight 100\n",
            legacy[0], kubernetes[0]
        )?;
        plans += &plan(&name, &name, 50, "{to: Zero, maxStep: 10, every: 5s}", "100ms");
    }
    world.haproxy.configure(&options);
    world.haproxy.restart().await;
    let plans = world.fill(&plans);
    let first = plans.split("---").next().unwrap_or_default();
    world.grant(first).await?;
    world.cluster.apply(&plans).await?;
    let mut lasts = Vec::new();
    for round in 1..=ROUNDS {
        until_settled(&world, PLANS, 60.0 - 10.0 * round as f64).await?;
        surge(&world, true);
        let begin = Instant::now();
        let all = async || {
            let found = retreats(&operator)?;
            Ok(found.len() == PLANS && found.values().all(|all| all.len() >= round))
        };
        until("every plan has retreated", all).await?;
        surge(&world, false);
        let found = retreats(&operator)?;
        let last = found.values().filter_map(|all| all.get(round - 1)).max();
        lasts.push(*last.context("no retreat")?);
        sleep(Duration::from_secs(5).saturating_sub(begin.elapsed())).await;
    }
    operator.stop().await?;
    Ok(lasts)
}
