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

#[tokio::test(flavor = "multi_thread")]
async fn pools_that_the_real_max_connections_could_not_hold_are_told_before_they_fill_it() -> Result<()> {
    let options = mariadb::Options { max_connections: 200, ..mariadb::Options::default() };
    let place = Place::with(shared().await?, "pools", options).await?;
    let labels = json!({"app": "mail"});
    let deployment = json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "mail", "namespace": "pools"},
        "spec": {
            "replicas": 0, "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"containers": [{"name": "mail", "image": "mail"}]},
            },
        },
    });
    place.ground.cluster.apply(&deployment.to_string()).await?;
    let plan = |pods: u32| {
        place.plan(|spec| {
            spec["legacy"]["capacity"]["connectionsPerServer"] = json!(40);
            spec["kubernetes"] = json!({"workloads": [{
                "target": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "mail"},
                "requestsPerSecondPerPod": 100, "connectionsPerPod": 10, "maxReplicas": pods,
            }]});
        })
    };
    place.begin(&plan(8)).await?;
    let room = |status: &Value| status["databases"][0].get("room").cloned();
    let status = place.until("told that it is too small", GOES_ON, |status| room(status).is_some()).await?;
    assert_eq!(
        room(&status),
        Some(json!(
            "database accounts may hold 200 connections; with the pools of the legacy servers that are up and of the \
             pods that are allowed it may come to hold 180, for which max_connections must be 277: raise it, or allow \
             fewer pods or smaller pools"
        ))
    );
    // Two servers of 40 and, with a quarter more while they are replaced, three pods of 10: 118, for which 181 do.
    place.apply(&plan(3)).await?;
    place.until("large enough", 20, |status| room(status).is_none()).await?;
    Ok(())
}
