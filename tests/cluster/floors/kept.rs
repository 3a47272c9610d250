use std::time::Duration;

use anyhow::{Result, ensure};
use crossfade::capacity::Target;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::ground::{Ground, PATIENCE, autoscale, cluster, is_finalized, mark, object, space, until};
use crate::stage::cluster::Cluster;

const DEPLOYMENT: (&str, &str) = ("apps/v1", "Deployment");
const HPA: &str = "hpa/mail-hpa";
const PLAN: &str = "mplan/mail";

fn target() -> Target {
    Target::new("apps/v1", "Deployment", "mail")
}

fn floor(autoscaler: &Value) -> u64 {
    autoscaler["spec"]["minReplicas"].as_u64().unwrap_or_default()
}

/// Somebody else sets the floor of the autoscaler.
async fn set(cluster: &Cluster, namespace: &str, who: &str, floor: u32) -> Result<()> {
    let patch = json!({"spec": {"minReplicas": floor}}).to_string();
    let (space, who) = (format!("--namespace={namespace}"), format!("--field-manager={who}"));
    let args = ["patch", HPA, "--type=merge", "--patch", patch.as_str(), space.as_str(), who.as_str()];
    cluster.kubectl(args).await.map(drop)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_floor_of_an_autoscaler_is_raised_before_the_weight_and_given_back() -> Result<()> {
    let (cluster, name) = (cluster().await, "floors-kept");
    space(cluster, name, DEPLOYMENT, "unix:///nowhere").await?;
    autoscale(cluster, name, "").await?;
    let uid = object(cluster, name, PLAN).await?["metadata"]["uid"].clone();
    let ground = Ground::begin(cluster, name, &target()).await?;

    let raised = until(cluster, name, HPA, |it| floor(it) == 8).await?;
    let said: Value = serde_json::from_str(mark(&raised).as_str().unwrap())?;
    assert_eq!(said, json!({"plan": uid, "before": 2, "set": 8}));
    assert!(is_finalized(&object(cluster, name, PLAN).await?));
    let managers = raised["metadata"]["managedFields"].as_array().into_iter().flatten();
    assert!(managers.into_iter().all(|entry| entry["manager"] != "unknown"), "{raised}");
    assert!(ground.weight().abs() < f64::EPSILON, "before its pods are warm");
    let waits = ground.report().blocked_by[0].message.clone();
    assert!(waits.contains("the floor of pods at 8 pods stands"), "{waits}");

    ground.warm(8);
    ground.until_at(50.0).await?;
    let report = ground.report();
    assert_eq!(report.floors[0].found.as_ref().unwrap().before, Some(2));
    assert_eq!(report.floors[0].found.as_ref().unwrap().object, "HorizontalPodAutoscaler mail-hpa");
    assert_eq!(floor(&object(cluster, name, HPA).await?), 8, "it is kept while the weight stands");

    ground.without_workloads();
    let plan = until(cluster, name, PLAN, |plan| !is_finalized(plan)).await?;
    assert_eq!(*mark(&plan), Value::Null);
    let restored = object(cluster, name, HPA).await?;
    assert_eq!((floor(&restored), mark(&restored)), (2, &Value::Null));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn another_writer_of_the_floor_is_put_back_three_times_and_then_told_by_its_name() -> Result<()> {
    let (cluster, name) = (cluster().await, "floors-writers");
    space(cluster, name, DEPLOYMENT, "unix:///nowhere").await?;
    autoscale(cluster, name, "").await?;
    let ground = Ground::begin(cluster, name, &target()).await?;
    until(cluster, name, HPA, |it| floor(it) == 8).await?;
    for _ in 0..3 {
        set(cluster, name, "kustomize-controller", 3).await?;
        until(cluster, name, HPA, |it| floor(it) == 8).await?;
    }
    set(cluster, name, "kustomize-controller", 3).await?;
    let begin = Instant::now();
    let told = "the next step waits: Kubernetes can carry 100 requests/s by warm pods, and must be able to carry \
                316 with its headroom, a surge and spec.takeover.kubernetes: kustomize-controller sets minReplicas \
                of HorizontalPodAutoscaler mail-hpa to 3, and 8 are needed; it was put back 3 times: let \
                kustomize-controller leave it out, or write at least 8";
    while ground.report().blocked_by[0].message != told {
        ensure!(begin.elapsed() < PATIENCE, "{:#?}", ground.report().blocked_by);
        sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(floor(&object(cluster, name, HPA).await?), 3, "it is left to them");

    // What is theirs is not given back.
    ground.without_workloads();
    until(cluster, name, PLAN, |plan| !is_finalized(plan)).await?;
    let left = object(cluster, name, HPA).await?;
    assert_eq!((floor(&left), mark(&left)), (3, &Value::Null));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_floor_that_somebody_raises_further_is_theirs() -> Result<()> {
    let (cluster, name) = (cluster().await, "floors-theirs");
    space(cluster, name, DEPLOYMENT, "unix:///nowhere").await?;
    autoscale(cluster, name, "").await?;
    let ground = Ground::begin(cluster, name, &target()).await?;
    until(cluster, name, HPA, |it| floor(it) == 8).await?;
    set(cluster, name, "kubectl-edit", 12).await?;
    until(cluster, name, HPA, |it| mark(it).is_null()).await?;
    ground.warm(12);
    ground.until_at(50.0).await?;
    ground.without_workloads();
    until(cluster, name, PLAN, |plan| !is_finalized(plan)).await?;
    assert_eq!(floor(&object(cluster, name, HPA).await?), 12);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_autoscaler_that_allows_too_few_pods_is_told_of() -> Result<()> {
    let (cluster, name) = (cluster().await, "floors-few");
    space(cluster, name, DEPLOYMENT, "unix:///nowhere").await?;
    autoscale(cluster, name, "").await?;
    let space = format!("--namespace={name}");
    let patch = r#"{"spec":{"maxReplicas":5}}"#;
    cluster.kubectl(["patch", HPA, "--type=merge", "--patch", patch, space.as_str()]).await?;
    let ground = Ground::begin(cluster, name, &target()).await?;
    until(cluster, name, HPA, |it| floor(it) == 5).await?;
    let begin = Instant::now();
    let told = "HorizontalPodAutoscaler mail-hpa allows at most 5 pods, and 8 are needed: let it have more";
    while !ground.report().blocked_by[0].message.ends_with(told) {
        ensure!(begin.elapsed() < PATIENCE, "{:#?}", ground.report().blocked_by);
        sleep(Duration::from_millis(100)).await;
    }
    Ok(())
}
