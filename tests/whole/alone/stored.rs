//! A plan that was stored before the schema was tightened.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use tokio::time::sleep;

use super::Alone;
use crate::place::{Place, accepted, condition, soaks_in};

const CRD: &str = "crds/migrationplans.yaml";

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_stored_before_the_schema_was_tightened_hides_no_other() -> Result<()> {
    let alone = Alone::new().await?;
    let ground = alone.ground()?;
    let place = Place::new(ground, "stored").await?;

    // As the CRD may have been in an earlier version: anything goes.
    let tight = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(CRD))?;
    ground.cluster.apply(&loosened(&tight)?).await?;
    let too_much = place.plan_named("too-much", |spec| spec["stages"][1]["weight"] = json!(250));
    let no_list = place.plan_named("no-list", |spec| spec["stages"] = json!("one, then another"));
    for old in [&too_much, &no_list] {
        let begin = Instant::now();
        while let Err(error) = place.apply(old).await {
            // A changed schema takes a moment to be in force.
            ensure!(begin.elapsed() < Duration::from_secs(20), "the loose schema is not in force: {error:#}");
        }
    }
    ground.cluster.apply(&tight).await?;

    ground.start_operator("stored", &[]).await?;
    place.begin(&place.plan(|_| ())).await?;
    place.until("soaking at half", 40, |status| soaks_in(status, "half")).await?;
    let told = |status: &Value| accepted(status) == ["False", "InvalidSpec"];
    let status = place.until_of("too-much", "told", 10, told).await?;
    let message = condition(&status, "Accepted")[2];
    assert!(message.contains("spec.stages[1].weight: 250 is too large; write at most 100"), "{message}");

    // Where a rule of the API server meets another type, it refuses any write, that of the status
    // too: an event has to tell.
    let events = ["get", "events.events.k8s.io", "-n", "stored", "-o", "json"];
    let begin = Instant::now();
    let about = loop {
        let events: Value = serde_json::from_str(&ground.cluster.kubectl(events).await?)?;
        let all = events["items"].as_array().cloned().unwrap_or_default();
        let about = all.into_iter().find(|event| event["regarding"]["name"] == "no-list");
        if let Some(event) = about {
            break event;
        }
        ensure!(begin.elapsed() < Duration::from_secs(10), "no event about the plan no-list: {events:#}");
        sleep(Duration::from_millis(100)).await;
    };
    assert_eq!((&about["type"], &about["reason"]), (&json!("Warning"), &json!("InvalidSpec")));
    let note = about["note"].as_str().unwrap_or_default();
    assert!(note.contains("spec.stages: \"one, then another\" is not a list"), "{note}");
    for old in ["too-much", "no-list"] {
        place.delete(old).await?;
    }
    ground.stop_operator().await
}

/// The CRD with a spec and a status of whatever shape.
fn loosened(crd: &str) -> Result<String> {
    let mut crd: Value = serde_saphyr::from_str(crd)?;
    let anything = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
    for version in crd["spec"]["versions"].as_array_mut().context("the CRD's versions")? {
        let fields = json!({"spec": anything, "status": anything});
        version["schema"]["openAPIV3Schema"] = json!({"type": "object", "properties": fields});
    }
    Ok(crd.to_string())
}
