//! A database that is down, and comes back: for 60 s its data counts for nothing, and these tests
//! wait for that.

use std::time::Duration;

use anyhow::Result;
use serde_json::{Value, json};

use crate::place::{GOES_ON, Place, accepted, blocked_by, condition, moves, shared, soaks_in};

/// How long a database that came back is left alone, in seconds, and some for a slow machine.
const RETURNING: u64 = 60 + 30;

fn down(status: &Value) -> bool {
    blocked_by(status, "DatabaseDown")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_whose_database_is_down_at_the_start_waits_and_then_goes_on() -> Result<()> {
    let mut place = Place::new(shared().await?, "down-at-start").await?;
    place.database.kill();
    place.begin(&place.plan(|_| ())).await?;
    let status = place.until("paused", 10, |status| status["phase"] == "Paused" && down(status)).await?;
    assert_eq!(accepted(&status), ["True", "Accepted"]);
    assert_eq!(condition(&status, "Reconciling")[0], "True");
    place.weight_stays(0.0, Duration::from_secs(2)).await?;
    place.database.restart();
    place.until("soaking at half", RETURNING, |status| soaks_in(status, "half")).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_killed_in_mid_ramp_pauses_the_plan_and_never_makes_it_retreat() -> Result<()> {
    let mut place = Place::new(shared().await?, "killed").await?;
    let ramp = json!({"step": 5, "every": "1s"});
    place.begin(&place.plan(|spec| spec["stages"][1]["ramp"] = ramp)).await?;
    place.until("on its way", GOES_ON, |status| status["weight"]["actual"].as_f64() >= Some(20.0)).await?;
    place.database.kill();
    let status = place.until("paused", 5, |status| status["phase"] == "Paused" && down(status)).await?;
    let (before, weight) = (moves(&status), status["weight"]["intended"].as_f64().unwrap_or_default());
    assert!(weight < 50.0, "{status:#}");
    place.until_weight(weight, 3).await?;
    place.weight_stays(weight, Duration::from_secs(3)).await?;

    place.database.restart();
    // The clients' return is no surge.
    let storm = place.storm(300.0);
    place.until("back", 10, |status| status["blockedBy"].to_string().contains("has just come back")).await?;
    let calm = |status: &Value| status["phase"] == "Paused" && moves(status) == before;
    place.throughout("paused", Duration::from_secs(5), calm).await?;
    drop(storm);
    let status = place.until("soaking at half", RETURNING, |status| soaks_in(status, "half")).await?;
    let after = moves(&status);
    assert_eq!(after[..before.len()], before);
    assert!(after[before.len()..].iter().all(|step| step.starts_with("Raising")), "{after:?}");
    Ok(())
}
