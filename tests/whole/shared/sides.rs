//! Connects told apart by the users of each side.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use crate::place::{Place, accepted, shared};
use crate::stage::mariadb::{APP_KUBE, APP_LEGACY, MONITOR, Options};

#[tokio::test(flavor = "multi_thread")]
async fn two_users_who_connect_at_known_rates_are_shown_by_side_and_one_who_never_came_is_named() -> Result<()>
{
    let more = vec!["--userstat=1".to_owned()];
    let place = Place::with(shared().await?, "sides", Options { more, ..Options::default() }).await?;
    place.database.exec(&format!("GRANT PROCESS ON *.* TO {}", MONITOR.name));
    let plan = |kubernetes: &str| {
        place.plan(|spec| {
            let users = json!({"legacy": [APP_LEGACY.name], "kubernetes": [kubernetes]});
            spec["databases"][0]["users"] = users;
        })
    };
    place.begin(&plan(APP_KUBE.name)).await?;
    let storms = [place.storm_of(APP_LEGACY, 20.0), place.storm_of(APP_KUBE, 8.0)];
    let near = |value: Option<f64>, expected: f64| {
        value.is_some_and(|value| (value - expected).abs() <= 0.1 * expected)
    };
    let begin = Instant::now();
    for (side, rate) in [("legacy", 20.0), ("kubernetes", 8.0)] {
        let labels = format!(r#"{{namespace="sides",plan="mail",database="accounts",side="{side}"}}"#);
        let series = format!("crossfade_side_connects_per_second{labels}");
        while !near(place.ground.metric(&series).await?, rate) {
            let is = place.ground.metric(&series).await?;
            ensure!(begin.elapsed() < Duration::from_mins(1), "{side} is shown to make {is:?} connects/s");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
    // Figures alone are no reason to write a status.
    place.annotate("hold", json!("to look")).await?;
    let shown = |status: &Value| status["databases"][0]["connectionsPerSecond"].clone();
    let is_near = |status: &Value| {
        near(shown(status)["legacy"].as_f64(), 20.0) && near(shown(status)["kubernetes"].as_f64(), 8.0)
    };
    let status = place.until("told by side", 20, is_near).await?;
    assert_eq!(status["databases"][0].get("sides"), None, "{status:#}");
    let predicted = &status["databases"][0]["predicted"];
    // Its demand is declared: how many requests reach each side is not counted.
    assert!(predicted["unknown"].as_str().is_some_and(|why| why.contains("spec.demand")), "{predicted}");

    place.apply(&plan("app_cube")).await?;
    let why = "no user of kubernetes (app_cube) has logged in since the server began to count; if the side has \
               traffic, correct the names in `users`";
    let status =
        place.until("the name that never came is told", 20, |status| status["databases"][0]["sides"] == why);
    assert_eq!(accepted(&status.await?), ["True", "Accepted"]);
    drop(storms);
    Ok(())
}
