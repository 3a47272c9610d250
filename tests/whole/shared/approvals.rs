//! Approvals, by `kubectl crossfade`, by annotation and in Git.

use std::time::Duration;

use anyhow::Result;
use serde_json::{Value, json};
use tokio::process::Command;

use crate::place::{Place, condition, shared};
use crate::stage::operator::program;

fn three_stages(spec: &mut Value) {
    spec["stages"] = json!([
        {"name": "tenth", "weight": 10},
        {"name": "third", "weight": 30, "approval": "Required"},
        {"name": "half", "weight": 50, "approval": "Required"},
        {"name": "full", "weight": 100, "approval": "Required"},
    ]);
}

fn awaits(status: &Value, stage: &str) -> bool {
    status["phase"] == "AwaitingApproval"
        && status["blockedBy"][0]["message"].as_str().is_some_and(|message| message.contains(stage))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stage_begins_when_a_person_approves_it_in_any_of_the_three_ways() -> Result<()> {
    let place = Place::new(shared().await?, "approvals").await?;
    place.begin(&place.plan(three_stages)).await?;
    let status = place.until("awaiting approval", 30, |status| awaits(status, "stage third")).await?;
    assert_eq!(condition(&status, "Ready")[..2], ["True", "AwaitingApproval"]);
    place.weight_stays(10.0, Duration::from_secs(1)).await?;

    let mut kubectl = Command::new(program("kubectl-crossfade")?);
    kubectl.env("KUBECONFIG", place.ground.cluster.admin_kubeconfig());
    let said = kubectl.args(["--namespace", "approvals", "approve", "mail", "third"]).output().await?;
    let said = format!("{}{}", String::from_utf8(said.stdout)?, String::from_utf8(said.stderr)?);
    assert_eq!(said, "mail: stage third is approved\n");
    let status = place.until("awaiting the next", 15, |status| awaits(status, "stage half")).await?;
    assert_eq!(status["commands"]["approve"]["answer"], "stage third is approved");
    place.until_weight(30.0, 2).await?;

    place.annotate("approve", json!("half")).await?;
    place.until("awaiting the last", 15, |status| awaits(status, "stage full")).await?;
    place.until_weight(50.0, 2).await?;

    place.change(json!({"spec": {"approvals": ["full"]}})).await?;
    let status = place.until("completed", 15, |status| status["phase"] == "Completed").await?;
    assert_eq!(condition(&status, "Ready")[..2], ["True", "Completed"]);
    place.until_weight(100.0, 2).await
}
