//! The API server goes away in the middle of a surge: the brake does not need it (R2), and nothing
//! but the brake works without it (R1).

use std::time::Duration;

use anyhow::{Result, ensure};
use tokio::time::{Instant, sleep};

use crate::ground::{Ground, PATIENCE, Plan, near, play, scenes, until};
use crate::witness::Witness;

/// The lease's duration, and some time in which a replica that lost it could do wrong.
const LEASE_AND_MORE: Duration = Duration::from_secs(12);

#[tokio::test(flavor = "multi_thread")]
async fn the_brake_works_without_the_api_server() -> Result<()> {
    let mut ground = Ground::start().await?;
    let scenes = scenes![
        a_retreat_happens_while_the_api_server_is_frozen_and_the_status_catches_up,
        after_its_lease_has_expired_unanswered_the_last_holder_raises_nothing_and_still_retreats,
    ];
    play(&mut ground, scenes).await
}

async fn stands(ground: &Ground, standing: &str, within: Duration) -> Result<()> {
    let series = format!("crossfade_lease_standing{{standing=\"{standing}\"}}");
    let operator = &ground.world.operators[0];
    until(&format!("the operator's standing is {standing}"), within, async || {
        Ok(operator.metric(&series).await? == Some(1.0))
    })
    .await
}

/// The status tells the retreat that it could not tell before.
async fn catches_up(ground: &Ground) -> Result<()> {
    let back = Instant::now();
    let status = ground
        .until("the status has caught up", PATIENCE, |status| {
            status["phase"] == "RolledBack"
                && near(&status["weight"]["intended"], 0.0)
                && near(&status["weight"]["actual"], 0.0)
        })
        .await?;
    println!("        the status caught up {:.1?} after the API server was back", back.elapsed());
    ensure!(status["cooldown"]["retreats"].as_array().map(Vec::len) == Some(1), "{status:#}");
    // Events are best effort: those of an outage are lost. The history is not.
    let moves = status["history"].as_array().map(Vec::as_slice).unwrap_or_default();
    let retreats = moves.iter().filter(|one| one["reason"] == "GuardRollback").count();
    ensure!(retreats >= 1, "no retreat in the history: {status:#}");
    stands(ground, "holder", PATIENCE).await
}

async fn a_retreat_happens_while_the_api_server_is_frozen_and_the_status_catches_up(
    ground: &mut Ground,
) -> Result<()> {
    ground.begin(50, &Plan::at(50.0, &ground.one())).await?;
    let witness = Witness::of(&ground.world.haproxy);
    ground.world.cluster.freeze_api()?;
    let surge = Instant::now();
    ground.surge();
    let retreated = async {
        ground.until_weight(30.0, PATIENCE).await?;
        println!("        first step {:.1?} after the surge began", surge.elapsed());
        ground.until_weight(0.0, PATIENCE).await?;
        sleep(LEASE_AND_MORE.saturating_sub(surge.elapsed())).await;
        witness.never_rose()
    };
    let retreated = retreated.await;
    ground.world.cluster.thaw_api()?;
    retreated?;
    catches_up(ground).await?;
    witness.never_rose()
}

async fn after_its_lease_has_expired_unanswered_the_last_holder_raises_nothing_and_still_retreats(
    ground: &mut Ground,
) -> Result<()> {
    let plan = Plan::with(&[(10.0, 0.0), (80.0, 2.0)], &ground.one());
    ground.clean(10).await?;
    ground.apply(&plan).await?;
    ground.until_weight(20.0, PATIENCE).await?;
    let witness = Witness::of(&ground.world.haproxy);
    ground.world.cluster.stop_api()?;
    let retreated = async {
        stands(ground, "last-holder", LEASE_AND_MORE + PATIENCE).await?;
        // At most the step that was recorded already.
        let rose = witness.moves().len() - 1;
        ensure!(rose <= 1, "rose {rose} times without the API server: {}", witness.path());
        let highest = witness.moves().last().map_or(0.0, |(_, weight)| *weight);
        ground.surge();
        ground.until_weight(highest - 20.0, PATIENCE).await?;
        ground.until_weight(0.0, PATIENCE).await?;
        witness.rose_within(2.0, highest)
    };
    let retreated = retreated.await;
    ground.world.cluster.start_api().await?;
    retreated?;
    catches_up(ground).await
}
