//! A database that is full: what it no longer counts is no calm (R6).

use std::time::Duration;

use anyhow::Result;
use serde_json::{Value, json};

use crate::place::{GOES_ON, Place, blocked_by, moves, shared, soaks_in};
use crate::stage::mariadb;

/// The level of a guard in the status.
fn level<'a>(status: &'a Value, signal: &str) -> &'a str {
    let guards = status["databases"][0]["guards"].as_array().map_or(&[][..], Vec::as_slice);
    let guard = guards.iter().find(|guard| guard["signal"] == signal).unwrap_or(&Value::Null);
    guard["level"].as_str().unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_database_keeps_its_guards_tripped_although_its_counter_stands_still() -> Result<()> {
    let small = mariadb::Options { max_connections: 30, ..mariadb::Options::default() };
    let place = Place::with(shared().await?, "full", small).await?;
    // One stage, so that there is one retreat, to 0.
    let stages = json!([{"name": "half", "weight": 50, "soak": {"for": "24h"}}]);
    place.begin(&place.plan(|spec| spec["stages"] = stages)).await?;
    place.until("soaking at half", GOES_ON, |status| soaks_in(status, "half")).await?;

    // A surge that takes every slot and holds it.
    let storm = place.storm(120.0);
    place.until("paused by the rate", 5, |status| level(status, "ConnectionRate") == "Pause").await?;
    let crowd = place.crowd(28).await?;
    drop(storm);
    let status =
        place.until("rolling back", 10, |status| level(status, "ConnectionsOfMax") == "Rollback").await?;
    assert!(blocked_by(&status, "GuardRollback"), "{status:#}");
    place.until_weight(0.0, 15).await?;
    // Nobody connects now; the rate has been far below its resume level for longer than it asks.
    let both = |status: &Value| {
        level(status, "ConnectionRate") == "Pause" && level(status, "ConnectionsOfMax") == "Rollback"
    };
    place.throughout("tripped", Duration::from_secs(5), both).await?;

    drop(crowd);
    let status = place
        .until("clear", 15, |status| {
            level(status, "ConnectionRate") == "Clear" && level(status, "ConnectionsOfMax") == "Clear"
        })
        .await?;
    assert_eq!(status["phase"], "RolledBack");
    assert!(blocked_by(&status, "Cooldown"), "{status:#}");
    assert_eq!(
        moves(&status)[1..],
        ["GuardRollback 50 -> 30", "GuardRollback 30 -> 10", "GuardRollback 10 -> 0"]
    );
    Ok(())
}
