//! What an operator that was killed finds again.

use std::time::Duration;

use anyhow::Result;
use serde_json::{Value, json};

use super::Alone;
use crate::place::{Place, accepted, moves, soaks_in};

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
