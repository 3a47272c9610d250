//! Room: what legacy can carry decides how far a retreat goes, and whether anything rises.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use serde_json::Value;
use tokio::time::sleep;

use crate::mail::{condition, status, until};
use crate::place::blocked_by;
use crate::stage::surge::{self, Answer};

#[tokio::test(flavor = "multi_thread")]
async fn a_retreat_stops_at_what_legacy_can_carry_and_fails_fewer_requests_than_none_and_than_all_at_once()
-> Result<()> {
    let mut world = surge::world(|_| ()).await?;
    let nothing = surge::play(&world, Answer::Nothing).await?;
    sleep(Duration::from_secs(3)).await;

    world.start_operator().await?;
    let fits = surge::play(&world, Answer::Fits).await?;
    let all = surge::play(&world, Answer::AllBack).await?;
    println!(
        "requests failed: {:.1} % if nothing is done, {:.1} % if all go back at once, {:.1} % if what fits goes back",
        nothing.failed, all.failed, fits.failed
    );
    // 0.95 x 320 requests a second are 304, and leave 24 % of 400 on Kubernetes.
    let said = &fits.status;
    ensure!((22.5..=26.0).contains(&fits.weight), "it stopped at {} %: {said:#}", fits.weight);
    ensure!(blocked_by(said, "LegacyFull"), "the status does not say why: {said:#}");
    ensure!(condition(said, "CapacityReserved")[..2] == ["False", "LegacyFull"], "{said:#}");
    ensure!(all.weight < 1.0, "all at once went to {} %", all.weight);
    ensure!(nothing.weight > 49.0, "without an operator the weight moved to {} %", nothing.weight);
    ensure!(fits.failed * 2.0 < all.failed, "{fits:?} against {all:?}");
    ensure!(fits.failed * 2.0 < nothing.failed, "{fits:?} against {nothing:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_legacy_that_loses_half_of_its_servers_pauses_the_plan_within_two_seconds_until_they_are_back()
-> Result<()> {
    let mut world = surge::world(|_| ()).await?;
    world.start_operator().await?;
    surge::soak(&world).await?;
    // Two of four carry 160 requests a second, less than the 300 that were promised of 400.
    for server in [2, 3] {
        world.legacy.kill(server).await;
    }
    let up = |status: &Value| status["routes"][0]["instances"][0]["legacyUp"] == 2;
    let paused =
        |status: &Value| status["phase"] == "Paused" && condition(status, "CapacityReserved")[0] == "False";
    let begin = Instant::now();
    let short = until(&world, "paused", 10, paused).await?;
    // Its health checks tell HAProxy within a fifth of a second and their timeout.
    ensure!(begin.elapsed() < Duration::from_secs(3), "only after {:?}", begin.elapsed());
    ensure!(up(&short), "paused for something else: {short:#}");
    let [_, reason, message] = condition(&short, "CapacityReserved");
    ensure!(reason == "CapacityShort" && message.contains("legacy can carry 160 requests/s"), "{message}");
    ensure!(message.contains("bring servers up, or promise less"), "what to do is not said: {message}");
    ensure!(short["history"].as_array().is_none_or(Vec::is_empty), "nothing moves by it: {short:#}");
    for server in [2, 3] {
        world.legacy.revive(server).await?;
    }
    let on =
        |status: &Value| status["phase"] == "Soaking" && condition(status, "CapacityReserved")[0] == "True";
    until(&world, "soaking again", 20, on).await?;
    let after = status(&world).await?;
    ensure!(after["weight"]["intended"] == 50, "it stands at {:#}", after["weight"]);
    Ok(())
}
