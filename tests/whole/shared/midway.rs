//! Plans that are deleted, changed, held or called back while their weight is on its way.

use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use crate::place::{GOES_ON, Place, blocked_by, condition, moves, shared, soaks_in};

/// A long ramp: 5 points a second up to 80 %.
fn slowly(spec: &mut Value) {
    spec["stages"] = json!([
        {"name": "tenth", "weight": 10, "soak": {"for": "1s"}},
        {"name": "most", "weight": 80, "ramp": {"step": 5, "every": "1s"}, "soak": {"for": "24h"}},
    ]);
}

/// Waits until the ramp is between 20 and 75 %, and returns where.
async fn on_its_way(place: &Place<'_>) -> Result<Value> {
    place.until("on its way", GOES_ON, |status| status["weight"]["intended"].as_f64() >= Some(20.0)).await
}

/// The weight after whatever was already under way has been done.
async fn settled(place: &Place<'_>) -> Result<f64> {
    tokio::time::sleep(Duration::from_millis(500)).await;
    let weight = place.weight().await?;
    ensure!((15.0..75.0).contains(&weight), "in mid-ramp, and not at {weight} %");
    Ok(weight)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_deleted_in_mid_ramp_leaves_the_weight_where_it_is() -> Result<()> {
    let place = Place::new(shared().await?, "deleted").await?;
    place.begin(&place.plan(slowly)).await?;
    on_its_way(&place).await?;
    place.delete("mail").await?;
    let weight = settled(&place).await?;
    place.weight_stays(weight, Duration::from_secs(3)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_plan_holds_in_mid_ramp_still_brakes_and_goes_on_when_it_may() -> Result<()> {
    let place = Place::new(shared().await?, "paused").await?;
    place.begin(&place.plan(slowly)).await?;
    on_its_way(&place).await?;
    place.change(json!({"spec": {"paused": true}})).await?;
    let status = place.until("paused", 5, |status| status["phase"] == "Paused").await?;
    assert!(blocked_by(&status, "PausedBySpec"), "{status:#}");
    // Held by hand is going as written.
    assert_eq!(condition(&status, "Ready")[0], "True");
    let weight = settled(&place).await?;
    place.weight_stays(weight, Duration::from_secs(2)).await?;

    place.change(json!({"spec": {"paused": false}})).await?;
    let above = |status: &Value| status["weight"]["actual"].as_f64() > Some(weight + 4.0);
    place.until("rising again", 10, above).await?;

    place.change(json!({"spec": {"paused": true}})).await?;
    place.until("paused again", 5, |status| status["phase"] == "Paused").await?;
    let storm = place.storm(300.0);
    place.until_weight(10.0, 30).await?;
    drop(storm);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_held_plan_holds_in_mid_ramp_and_goes_on_when_the_hold_is_taken_away() -> Result<()> {
    let place = Place::new(shared().await?, "held").await?;
    place.begin(&place.plan(slowly)).await?;
    on_its_way(&place).await?;
    place.annotate("hold", json!("release of the web front end")).await?;
    let status = place.until("held", 5, |status| blocked_by(status, "Held")).await?;
    assert_eq!(status["phase"], "Paused");
    assert!(status["blockedBy"].to_string().contains("release of the web front end"), "{status:#}");
    let weight = settled(&place).await?;
    place.weight_stays(weight, Duration::from_secs(2)).await?;

    place.annotate("hold", Value::Null).await?;
    let above = |status: &Value| status["weight"]["actual"].as_f64() > Some(weight + 4.0);
    place.until("rising again", 10, above).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lowered_target_stage_walks_back_in_steps_without_a_cooldown() -> Result<()> {
    let place = Place::new(shared().await?, "target-lowered").await?;
    place.begin(&place.plan(|_| ())).await?;
    place.until("soaking at half", GOES_ON, |status| soaks_in(status, "half")).await?;
    place.change(json!({"spec": {"targetStage": "tenth"}})).await?;
    let status = place
        .until("back in the first stage", 15, |status| {
            status["stage"]["name"] == "tenth"
                && status["weight"]["actual"] == 10
                && status["phase"] == "Soaking"
        })
        .await?;
    let walked = moves(&status);
    assert_eq!(
        walked[walked.len() - 2..],
        ["TargetStageLowered 50 -> 30", "TargetStageLowered 30 -> 10"],
        "{walked:?}"
    );
    assert_eq!(status["cooldown"]["until"], Value::Null);
    place.weight_stays(10.0, Duration::from_millis(1500)).await?;

    place.change(json!({"spec": {"targetStage": null}})).await?;
    place.until("soaking at half again", GOES_ON, |status| soaks_in(status, "half")).await?;
    place.until_weight(50.0, 2).await
}

#[tokio::test(flavor = "multi_thread")]
async fn changed_stages_and_thresholds_are_in_force_in_mid_ramp() -> Result<()> {
    let place = Place::new(shared().await?, "changed").await?;
    let plan = place.plan(slowly);
    place.begin(&plan).await?;
    on_its_way(&place).await?;
    // The ramp ends earlier now.
    let mut changed = plan.clone();
    changed["spec"]["stages"][1]["weight"] = json!(60);
    changed["spec"]["stages"][1]["ramp"]["step"] = json!(20);
    place.apply(&changed).await?;
    let status = place.until("soaking at 60 %", 20, |status| soaks_in(status, "most")).await?;
    assert_eq!(status["weight"]["intended"], 60);
    let steps = moves(&status);
    assert!(!steps.iter().any(|step| step.contains("-> 65")), "{steps:?}");

    // What was in order is too much by the new threshold. Samples that were taken before count.
    let storm = place.storm(40.0);
    place.throughout("soaking", Duration::from_secs(2), |status| soaks_in(status, "most")).await?;
    let guard = &mut changed["spec"]["databases"][0]["guards"][0];
    guard["pause"]["above"] = json!(20);
    guard["resume"]["below"] = json!(10);
    place.apply(&changed).await?;
    let status = place.until("paused", 5, |status| status["phase"] == "Paused").await?;
    assert!(blocked_by(&status, "GuardPaused"), "{status:#}");
    drop(storm);
    place.until("clear", 15, |status| soaks_in(status, "most")).await?;
    place.weight_stays(60.0, Duration::from_millis(200)).await
}
