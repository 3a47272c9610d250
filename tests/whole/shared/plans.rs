//! Wrong plans, plans that meet, and plans that are made anew.

use std::time::Duration;

use anyhow::Result;
use serde_json::{Value, json};

use crate::place::{GOES_ON, Place, accepted, condition, differences, moves, shared, soaks_in};

/// The stages of a plan that goes to `weight` and stays.
fn stages(weight: f64) -> Value {
    json!([
        {"name": "tenth", "weight": 10, "soak": {"for": "1s"}},
        {"name": "half", "weight": weight, "soak": {"for": "24h"}},
    ])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_spec_is_told_and_the_accepted_one_goes_on_with_its_guards() -> Result<()> {
    let place = Place::new(shared().await?, "wrong-spec").await?;
    place.begin(&place.plan(|spec| spec["stages"] = stages(50.0))).await?;
    let good = place.until("soaking at half", GOES_ON, |status| soaks_in(status, "half")).await?;

    // The API server cannot say this in its schema; the operator can.
    let twice = |spec: &mut Value| {
        spec["stages"] = stages(60.0);
        let mut other = spec["routes"][0].clone();
        other["name"] = json!("gateway");
        spec["routes"] = json!([spec["routes"][0], other]);
    };
    place.apply(&place.plan(twice)).await?;
    let bad = place.until("not accepted", 10, |status| accepted(status) == ["False", "InvalidSpec"]).await?;
    let address = place.haproxy.admin_unix();
    assert_eq!(
        condition(&bad, "Accepted")[2],
        format!(
            "spec.routes[1].haproxy.instances[0]: route \"edge\" has backend \"mail\" on {address} too; \
             name each backend of an instance in one route only\n\
             The spec of generation 1 stays in force."
        )
    );
    assert_eq!(condition(&bad, "Stalled")[0], "True");
    assert_eq!(condition(&bad, "Ready")[0], "False");
    assert_eq!(bad["accepted"]["generation"], good["accepted"]["generation"]);
    assert!(bad["observedGeneration"].as_i64() > good["observedGeneration"].as_i64(), "{bad:#}");

    let storm = place.storm(300.0);
    place.until_weight(10.0, 30).await?;
    drop(storm);
    let status = place.status().await?;
    assert_eq!(accepted(&status), ["False", "InvalidSpec"]);

    place.apply(&place.plan(|spec| spec["stages"] = stages(60.0))).await?;
    let status = place.until("accepted again", 10, |status| accepted(status) == ["True", "Accepted"]).await?;
    assert_eq!(status["accepted"]["spec"]["stages"][1]["weight"], 60);
    assert_eq!(status["accepted"]["generation"], status["observedGeneration"]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_made_anew_adopts_the_weight_that_it_finds_and_writes_nothing() -> Result<()> {
    let place = Place::new(shared().await?, "made-anew").await?;
    let plan = place.plan(|spec| spec["stages"] = stages(50.0));
    place.begin(&plan).await?;
    place.until("soaking at half", GOES_ON, |status| soaks_in(status, "half")).await?;
    place.delete("mail").await?;
    // The same share in other numbers: any write of ours would be seen.
    for server in ["vm-1", "vm-2", "ingress-1", "ingress-2"] {
        assert_eq!(place.haproxy.command(&format!("set server mail/{server} weight 7")).await, "");
    }
    place.weight_stays(50.0, Duration::from_secs(2)).await?;

    place.apply(&plan).await?;
    let status = place.until("soaking at half again", GOES_ON, |status| soaks_in(status, "half")).await?;
    assert_eq!(status["weight"], json!({"intended": 50, "actual": 50}));
    assert_eq!(moves(&status), [""; 0], "adopting is no move");
    place.weight_stays(50.0, Duration::from_secs(2)).await?;
    for server in ["vm-1", "vm-2", "ingress-1", "ingress-2"] {
        let is = place.haproxy.command(&format!("get weight mail/{server}")).await;
        assert!(is.starts_with("7 "), "{server} was written: {is}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_route_belongs_to_the_older_plan_until_that_one_is_deleted() -> Result<()> {
    let place = Place::new(shared().await?, "one-route").await?;
    // By name the younger one would come first.
    let older = place.plan_named("the-older", |spec| spec["stages"] = stages(20.0));
    place.begin(&older).await?;
    place.until_of("the-older", "soaking at half", GOES_ON, |status| soaks_in(status, "half")).await?;
    place.apply(&place.plan_named("another", |spec| spec["stages"] = stages(40.0))).await?;
    let taken = |status: &Value| accepted(status) == ["False", "RouteTaken"];
    let status = place.until_of("another", "told that the route is taken", 10, taken).await?;
    let message = condition(&status, "Accepted")[2];
    assert!(message.contains("belongs to the plan one-route/the-older"), "{message}");
    place.weight_stays(20.0, Duration::from_secs(2)).await?;
    assert_eq!(accepted(&place.status_of("the-older").await?), ["True", "Accepted"]);

    place.delete("the-older").await?;
    let soaks = |status: &Value| soaks_in(status, "half");
    let status = place.until_of("another", "soaking at half", GOES_ON, soaks).await?;
    assert_eq!(accepted(&status), ["True", "Accepted"]);
    // It adopted the 20 % and went on from there.
    assert_eq!(moves(&status), ["Raising 20 -> 40"]);
    place.until_weight(40.0, 2).await
}

#[tokio::test(flavor = "multi_thread")]
async fn while_nothing_changes_the_operator_writes_nothing_but_its_lease() -> Result<()> {
    let place = Place::new(shared().await?, "quiet").await?;
    place.begin(&place.plan(|_| ())).await?;
    place.until("soaking at half", GOES_ON, |status| soaks_in(status, "half")).await?;
    // What was decided up to now is written, when the figures have settled.
    tokio::time::sleep(Duration::from_secs(3)).await;
    let (before, stored) = (place.writes()?, place.status().await?);
    assert!(before.len() > 3, "the audit sees the operator's writes: {before:?}");
    // The status is compared first, as it tells what was written; the audit misses nothing.
    let begin = std::time::Instant::now();
    while begin.elapsed() < Duration::from_secs(15) {
        tokio::time::sleep(Duration::from_millis(200)).await;
        let changed = differences(&stored, &place.status().await?);
        assert_eq!(changed, "", "the status changed after {:?}", begin.elapsed());
    }
    assert_eq!(place.writes()?[before.len()..], [], "writes while nothing changed");
    Ok(())
}
