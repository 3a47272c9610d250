//! What an operator that was killed finds again.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};

use super::Alone;
use crate::place::{Place, accepted, blocked_by, moves, soaks_in};
use crate::stage::mariadb::{APP_KUBE, APP_LEGACY, MONITOR, Options};

#[tokio::test(flavor = "multi_thread")]
async fn after_a_restart_the_accepted_spec_still_guards_while_the_newest_is_wrong() -> Result<()> {
    let alone = Alone::new().await?;
    let ground = alone.ground()?;
    ground.start_operator("restart", &[]).await?;
    let place = Place::new(ground, "restart").await?;
    let plan = place.plan(|_| ());
    place.begin(&plan).await?;
    let before = place.until("soaking at half", 30, |status| soaks_in(status, "half")).await?;
    let mut bad = plan.clone();
    let mut other = bad["spec"]["routes"][0].clone();
    other["name"] = json!("gateway");
    // One backend in two routes: what only the operator can find wrong.
    bad["spec"]["routes"] = json!([bad["spec"]["routes"][0], other]);
    place.apply(&bad).await?;
    let rejected = |status: &Value| accepted(status) == ["False", "InvalidSpec"];
    place.until("not accepted", 10, rejected).await?;

    ground.restart_operator().await?;
    // A killed operator's lease has to expire first.
    let epoch = before["epoch"].as_i64();
    let status = place.until("taken over", 30, |status| status["epoch"].as_i64() > epoch).await?;
    assert_eq!(accepted(&status), ["False", "InvalidSpec"]);
    assert_eq!(status["accepted"], before["accepted"]);
    assert_eq!(status["weight"]["intended"], 50);
    assert_eq!(moves(&status), moves(&before));
    place.weight_stays(50.0, Duration::from_secs(1)).await?;

    let storm = place.storm(300.0);
    place.until_weight(10.0, 30).await?;
    drop(storm);
    place.apply(&plan).await?;
    place.until("accepted again", 10, |status| accepted(status) == ["True", "Accepted"]).await?;
    ground.stop_operator().await
}

/// What is normal takes a quarter of an hour to learn: it is written into the status here as an operator does
/// that has learned it.
#[tokio::test(flavor = "multi_thread")]
async fn after_a_restart_it_is_known_at_once_whose_surge_it_is() -> Result<()> {
    let alone = Alone::new().await?;
    let ground = alone.ground()?;
    ground.start_operator("sides", &[]).await?;
    let more = vec!["--userstat=1".to_owned()];
    let place = Place::with(ground, "whose", Options { more, ..Options::default() }).await?;
    place.database.exec(&format!("GRANT PROCESS ON *.* TO {}", MONITOR.name));
    let plan = place.plan(|spec| {
        let users = json!({"legacy": [APP_LEGACY.name], "kubernetes": [APP_KUBE.name]});
        spec["databases"][0]["users"] = users;
    });
    let calm = [place.storm_of(APP_LEGACY, 8.0), place.storm_of(APP_KUBE, 8.0)];
    place.begin(&plan).await?;
    let before = place.until("soaking at half", 30, |status| soaks_in(status, "half")).await?;

    ground.stop_operator().await?;
    let mut database = before["databases"][0].clone();
    database["normal"] = json!({"legacy": 16, "kubernetes": 16});
    let now = jiff::Timestamp::now().to_string();
    let patch = Patch::Merge(json!({"status": {"databases": [database], "measuredAt": now}}));
    place.plans()?.patch_status("mail", &PatchParams::default(), &patch).await?;
    ground.start_operator("sides-again", &[]).await?;
    let of_kubernetes = r#"crossfade_side_connects_per_second{namespace="whose",plan="mail",database="accounts",side="kubernetes"}"#;
    let begin = Instant::now();
    while ground.metric(of_kubernetes).await?.is_none() {
        ensure!(begin.elapsed() < Duration::from_secs(30), "the sides are not told apart");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }

    let storms = (place.storm_of(APP_LEGACY, 150.0), place.storm_of(APP_KUBE, 150.0));
    let common = |status: &Value| blocked_by(status, "SurgeCommon");
    let status = place.until("held as common", 20, common).await?;
    let known = &status["surges"][0];
    assert_eq!(
        (&known["whose"], &known["normal"]),
        (&json!("Common"), &json!({"legacy": 16, "kubernetes": 16}))
    );
    assert_eq!(known.get("trial"), None, "nothing had to be tried");
    place.weight_stays(50.0, Duration::from_secs(2)).await?;
    assert_eq!(moves(&place.status().await?), moves(&before));

    // Legacy calms down: what is left is Kubernetes'.
    drop(storms.0);
    place.until_weight(10.0, 30).await?;
    drop((storms.1, calm));
    ground.stop_operator().await
}
