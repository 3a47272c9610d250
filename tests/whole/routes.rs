//! What can happen to a load balancer, and what people do to it behind the operator's back.

use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::Value;
use tokio::time::{Instant, sleep};

use crate::ground::{Ground, PATIENCE, Plan, blocked, condition, near, play, scenes, until, weighs};
use crate::witness::Witness;

/// The longest time after a reload in which weights are put back.
const PUT_BACK: Duration = Duration::from_secs(2);
/// Time enough for several readings, in which nothing may happen.
const A_WHILE: Duration = Duration::from_secs(3);

#[tokio::test(flavor = "multi_thread")]
async fn routes_that_fail_lie_or_are_changed_by_others() -> Result<()> {
    let mut ground = Ground::start().await?;
    let scenes = scenes![
        a_killed_haproxy_is_told_and_one_that_comes_back_is_put_right,
        a_retreat_on_one_instance_does_not_wait_for_the_one_that_is_down,
        a_frozen_instance_does_not_delay_the_retreat_of_the_other,
        a_reload_that_raises_is_put_back_within_two_seconds,
        a_reload_that_falls_is_kept_and_raised_again,
        a_weight_that_another_writer_raises_is_put_back_three_times_and_then_the_plan_waits_for_resume,
        a_weight_that_a_person_lowers_is_taken_over,
        an_unknown_backend_is_told_with_the_remedy,
        a_pattern_that_matches_no_server_is_told_with_the_remedy,
        what_is_not_haproxy_is_told_apart_from_it,
    ];
    play(&mut ground, scenes).await
}

fn routes_fail(status: &Value, says: &str) -> bool {
    let routes = condition(status, "RoutesInSync");
    routes["status"] == "False" && routes["reason"] == "RouteFailing" && blocked(status, "RouteFailing", says)
}

fn in_sync(status: &Value) -> bool {
    condition(status, "RoutesInSync")["status"] == "True"
}

async fn a_killed_haproxy_is_told_and_one_that_comes_back_is_put_right(ground: &mut Ground) -> Result<()> {
    ground.begin(10, &Plan::at(10.0, &ground.one())).await?;
    ground.world.haproxy.kill();
    let socket = ground.world.haproxy.admin_unix();
    ground
        .until("RoutesInSync is False and blockedBy says what to do", PATIENCE, |status| {
            routes_fail(status, &socket) && routes_fail(status, "check that it runs")
        })
        .await?;
    ground.configure(50);
    ground.world.haproxy.restart().await;
    let back = Instant::now();
    ground.until_weight(10.0, PATIENCE).await?;
    println!("        put back {:.1?} after it was back at 50 %", back.elapsed());
    ground.until("RoutesInSync is True again", PATIENCE, in_sync).await?;
    Ok(())
}

async fn a_retreat_on_one_instance_does_not_wait_for_the_one_that_is_down(ground: &mut Ground) -> Result<()> {
    ground.begin(50, &Plan::at(50.0, &ground.both())).await?;
    ground.second.kill();
    ground.until("the second instance fails", PATIENCE, |status| routes_fail(status, "")).await?;
    let witness = Witness::of(&ground.world.haproxy);
    let surge = Instant::now();
    ground.surge();
    ground.until_weight(30.0, PATIENCE).await?;
    println!("        first step {:.1?} after the surge began", surge.elapsed());
    ground.until_weight(0.0, PATIENCE).await?;
    paced(&witness).await?;
    ground.second.restart().await;
    let back = Instant::now();
    weighs(&ground.second, 0.0, PATIENCE).await?;
    println!("        the one that was down is brought along {:.1?} after its return", back.elapsed());
    witness.never_rose()?;
    ground.until("RoutesInSync is True again", PATIENCE, in_sync).await?;
    Ok(())
}

/// From 50 % to 0 in three steps, a second apart, whatever the other instance does.
async fn paced(witness: &Witness) -> Result<()> {
    until("the witness has seen the end", PATIENCE, async || {
        Ok(witness.moves().last().is_some_and(|(_, weight)| *weight < 1.0))
    })
    .await?;
    let moves = witness.moves();
    let steps: Vec<f64> = moves.windows(2).map(|pair| pair[0].1 - pair[1].1).collect();
    ensure!(steps.len() == 3, "not three steps: {}", witness.path());
    let took = moves[3].0 - moves[1].0;
    ensure!(
        (Duration::from_millis(1900)..Duration::from_secs(4)).contains(&took),
        "three steps at 1 s each took {took:?}: {}",
        witness.path()
    );
    Ok(())
}

async fn a_frozen_instance_does_not_delay_the_retreat_of_the_other(ground: &mut Ground) -> Result<()> {
    ground.begin(50, &Plan::at(50.0, &ground.both())).await?;
    let (witness, other) = (Witness::of(&ground.world.haproxy), Witness::of(&ground.second));
    ground.surge();
    ground.until_weight(30.0, PATIENCE).await?;
    ground.second.freeze(true);
    ground.until_weight(0.0, PATIENCE).await?;
    paced(&witness).await?;
    ground.until("the frozen one is told", PATIENCE, |status| routes_fail(status, "not stuck")).await?;
    ground.second.freeze(false);
    weighs(&ground.second, 0.0, PATIENCE).await?;
    ground.until("RoutesInSync is True again", PATIENCE, in_sync).await?;
    witness.never_rose()?;
    other.never_rose()
}

async fn a_reload_that_raises_is_put_back_within_two_seconds(ground: &mut Ground) -> Result<()> {
    ground.begin(10, &Plan::at(10.0, &ground.one())).await?;
    ground.configure(50);
    let witness = Witness::of(&ground.world.haproxy);
    ground.world.haproxy.reload().await;
    ground.until_weight(10.0, PATIENCE).await?;
    sleep(Duration::from_millis(100)).await;
    let moves = witness.moves();
    let (Some(rose), Some(back)) =
        (moves.iter().find(|(_, weight)| *weight > 49.0), moves.last().filter(|(_, weight)| *weight < 11.0))
    else {
        anyhow::bail!("not 10, 50, 10: {}", witness.path());
    };
    let took = back.0 - rose.0;
    println!("        put back {took:.1?} after the reload");
    ensure!(took < PUT_BACK, "put back only after {took:?}");
    ground.until_event("Reloaded", "put back at once", PATIENCE).await?;
    ground.until("the plan goes on", PATIENCE, |status| status["phase"] == "Soaking").await?;
    Ok(())
}

async fn a_reload_that_falls_is_kept_and_raised_again(ground: &mut Ground) -> Result<()> {
    ground.begin(50, &Plan::at(50.0, &ground.one())).await?;
    ground.configure(0);
    ground.world.haproxy.reload().await;
    let witness = Witness::of(&ground.world.haproxy);
    ground.until_event("Reloaded", "raised again once all is clear", PATIENCE).await?;
    ground.until_weight(50.0, PATIENCE).await?;
    witness.rose_within(20.0, 50.0)?;
    let status = ground.until("RoutesInSync is True again", PATIENCE, in_sync).await?;
    ensure!(near(&status["weight"]["intended"], 50.0), "{status:#}");
    Ok(())
}

async fn a_weight_that_another_writer_raises_is_put_back_three_times_and_then_the_plan_waits_for_resume(
    ground: &mut Ground,
) -> Result<()> {
    ground.begin(10, &Plan::at(10.0, &ground.one())).await?;
    for _ in 0..3 {
        ground.set_by_hand(60).await;
        ground.until_weight(10.0, PATIENCE).await?;
        ground.until("RoutesInSync is True again", PATIENCE, in_sync).await?;
    }
    ground.until_event("PutBack", "another writer set the weights", PATIENCE).await?;
    ground.set_by_hand(60).await;
    let status = ground
        .until("the fourth time pauses the plan", PATIENCE, |status| {
            status["phase"] == "Paused" && blocked(status, "Drift", "run kubectl crossfade resume")
        })
        .await?;
    let routes = condition(&status, "RoutesInSync");
    ensure!(routes["status"] == "False" && routes["reason"] == "Drift", "{status:#}");
    ensure!(condition(&status, "Stalled")["status"] == "True", "{status:#}");
    let witness = Witness::of(&ground.world.haproxy);
    sleep(A_WHILE).await;
    ensure!(witness.moves().len() == 1, "written while paused: {}", witness.path());
    ground.command("resume", "2026-01-01T00:00:00Z found the writer").await?;
    ground.until_weight(10.0, PATIENCE).await?;
    ground.until("RoutesInSync is True again", PATIENCE, in_sync).await?;
    Ok(())
}

async fn a_weight_that_a_person_lowers_is_taken_over(ground: &mut Ground) -> Result<()> {
    ground.begin(50, &Plan::at(50.0, &ground.both())).await?;
    ground.set_by_hand(20).await;
    let witness = Witness::of(&ground.world.haproxy);
    let status = ground
        .until("20 % is the plan's weight", PATIENCE, |status| near(&status["weight"]["intended"], 20.0))
        .await?;
    ensure!(blocked(&status, "LoweredByHand", "run kubectl crossfade resume"), "{status:#}");
    weighs(&ground.second, 20.0, PATIENCE).await?;
    sleep(A_WHILE).await;
    ensure!(witness.moves().len() == 1, "written all the same: {}", witness.path());
    Ok(())
}

async fn an_unknown_backend_is_told_with_the_remedy(ground: &mut Ground) -> Result<()> {
    ground.clean(10).await?;
    let plan = Plan { backend: "male".into(), ..Plan::at(10.0, &ground.one()) };
    ground.apply(&plan).await?;
    let says = "has no backend `male`: correct the name";
    ground.until("RoutesInSync is False and says so", PATIENCE, |status| routes_fail(status, says)).await?;
    ground.apply(&Plan::at(10.0, &ground.one())).await?;
    ground.until("the corrected plan goes on", PATIENCE, in_sync).await?;
    Ok(())
}

async fn a_pattern_that_matches_no_server_is_told_with_the_remedy(ground: &mut Ground) -> Result<()> {
    ground.clean(10).await?;
    let plan = Plan { legacy: "old-*".into(), ..Plan::at(10.0, &ground.one()) };
    ground.apply(&plan).await?;
    ground
        .until("RoutesInSync is False and says so", PATIENCE, |status| {
            routes_fail(status, "old-*") && routes_fail(status, "legacy")
        })
        .await?;
    Ok(())
}

async fn what_is_not_haproxy_is_told_apart_from_it(ground: &mut Ground) -> Result<()> {
    ground.clean(10).await?;
    // A database that greets, and a web server that complains.
    let database = format!("tcp://127.0.0.1:{}", ground.world.database.port());
    let web = format!("tcp://{}", ground.world.haproxy.front_address());
    for address in [database, web] {
        ground.apply(&Plan::at(10.0, std::slice::from_ref(&address))).await?;
        let says = format!("what answers at {address} is not HAProxy's Runtime API");
        ground
            .until("RoutesInSync is False and says so", PATIENCE, |status| routes_fail(status, &says))
            .await?;
        ground.delete_plan().await?;
    }
    Ok(())
}
