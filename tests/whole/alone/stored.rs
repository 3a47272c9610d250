//! A plan that was stored before the schema was tightened.

use std::fs;
use std::path::Path;

use anyhow::Result;
use serde_json::{Value, json};

use super::Alone;
use crate::place::{Place, accepted, condition, soaks_in};

const CRD: &str = "crds/migrationplans.yaml";

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_stored_before_the_schema_was_tightened_hides_no_other() -> Result<()> {
    let alone = Alone::new().await?;
    let ground = alone.ground();
    let place = Place::new(ground, "stored").await?;

    // As the CRD may have been in an earlier version: anything goes.
    let tight = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(CRD))?;
    ground.cluster.apply(&loosened(&tight)).await?;
    let mut old = place.plan_named("old", |_| ());
    old["spec"]["stages"] = "one, then another".into();
    old["spec"]["shifts"] = 3.into();
    let begin = std::time::Instant::now();
    while let Err(error) = place.apply(&old).await {
        // A changed schema takes a moment to be in force.
        assert!(begin.elapsed().as_secs() < 20, "the loose schema is not in force: {error:#}");
    }
    ground.cluster.apply(&tight).await?;

    ground.start_operator("stored", &[("RUST_LOG", "debug,kube=info,hyper=info,tower=info")]).await?;
    place.begin(&place.plan(|_| ())).await?;
    place.until("soaking at half", 40, |status| soaks_in(status, "half")).await?;
    let told = |status: &Value| accepted(status) == ["False", "InvalidSpec"];
    let status = place.until_of("old", "told", 10, told).await?;
    let message = condition(&status, "Accepted")[2];
    assert!(message.contains("spec.stages") && message.contains("shifts"), "{message}");
    place.delete("old").await?;
    ground.stop_operator().await
}

/// The CRD with a spec and a status of whatever shape.
fn loosened(crd: &str) -> String {
    let mut crd: Value = serde_saphyr::from_str(crd).expect("the CRD is YAML");
    let anything = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
    for version in crd["spec"]["versions"].as_array_mut().expect("versions") {
        version["schema"]["openAPIV3Schema"] = json!({
            "type": "object", "properties": {"spec": anything, "status": anything},
        });
    }
    crd.to_string()
}
