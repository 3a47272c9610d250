use anyhow::Result;
use crossfade::capacity::Target;
use serde_json::{Value, json};

use super::ground::{Ground, autoscale, cluster, is_finalized, mark, object, space, until};
use crate::stage::cluster::Cluster;

const PLAN: &str = "mplan/mail";

/// A kind that only these tests know, with or without a scale subresource.
async fn define(cluster: &Cluster, kind: (&str, &str, &str), more: &str) -> Result<()> {
    let (group, version, kind) = kind;
    let (plural, singular) = (format!("{}s", kind.to_lowercase()), kind.to_lowercase());
    cluster
        .apply(&format!(
            "apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {{name: {plural}.{group}}}
spec:
  group: {group}
  scope: Namespaced
  names: {{kind: {kind}, plural: {plural}, singular: {singular}}}
  versions:
  - name: {version}
    served: true
    storage: true
    schema: {{openAPIV3Schema: {{type: object, x-kubernetes-preserve-unknown-fields: true}}}}
    subresources: {{status: {{}}{more}}}
"
        ))
        .await?;
    let name = format!("crd/{plural}.{group}");
    cluster.kubectl(["wait", "--for=condition=Established", "--timeout=30s", &name]).await.map(drop)
}

fn number(object: &Value, field: &str) -> Option<u64> {
    object["spec"][field].as_u64()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workload_that_nothing_scales_is_scaled_and_scaled_back() -> Result<()> {
    let (cluster, name, workload) = (cluster().await, "floors-scale", "deployment/mail");
    space(cluster, name, ("apps/v1", "Deployment"), "unix:///nowhere").await?;
    let ground = Ground::begin(cluster, name, &Target::new("apps/v1", "Deployment", "mail")).await?;
    let scaled = until(cluster, name, workload, |it| number(it, "replicas") == Some(8)).await?;
    assert_eq!(*mark(&scaled), Value::Null, "that would need the right to change its pods");
    let plan = object(cluster, name, PLAN).await?;
    let notes: Value = serde_json::from_str(mark(&plan).as_str().unwrap())?;
    let note = json!({"plan": plan["metadata"]["uid"], "before": 3, "set": 8});
    assert_eq!(notes, json!({"apps/v1/Deployment/mail": note}));
    assert!(is_finalized(&plan));
    ground.without_workloads();
    until(cluster, name, PLAN, |plan| !is_finalized(plan) && mark(plan).is_null()).await?;
    assert_eq!(number(&object(cluster, name, workload).await?, "replicas"), Some(3));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_noted_and_never_scaled_is_scaled_after_a_restart() -> Result<()> {
    let (cluster, name, workload) = (cluster().await, "floors-midway", "deployment/mail");
    space(cluster, name, ("apps/v1", "Deployment"), "unix:///nowhere").await?;
    let uid = object(cluster, name, PLAN).await?["metadata"]["uid"].as_str().unwrap().to_owned();
    let note = json!({"apps/v1/Deployment/mail": {"plan": uid, "before": 3, "set": 8}}).to_string();
    let patch = json!({"metadata": {
        "finalizers": ["crossfade.dev/restore"], "annotations": {"crossfade.dev/restore": note}}});
    let (patch, inside) = (patch.to_string(), format!("--namespace={name}"));
    cluster.kubectl(["patch", PLAN, "--type=merge", "--patch", &patch, &inside]).await?;
    let ground = Ground::begin(cluster, name, &Target::new("apps/v1", "Deployment", "mail")).await?;
    until(cluster, name, workload, |it| number(it, "replicas") == Some(8)).await?;
    ground.without_workloads();
    until(cluster, name, PLAN, |plan| !is_finalized(plan)).await?;
    assert_eq!(number(&object(cluster, name, workload).await?, "replicas"), Some(3));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn anything_that_can_be_scaled_is() -> Result<()> {
    let (cluster, name) = (cluster().await, "floors-custom");
    let scale = ", scale: {specReplicasPath: .spec.replicas, statusReplicasPath: .status.replicas, \
                 labelSelectorPath: .status.selector}";
    define(cluster, ("example.com", "v1", "Pool"), scale).await?;
    space(cluster, name, ("example.com/v1", "Pool"), "unix:///nowhere").await?;
    let pool = format!(
        "apiVersion: example.com/v1\nkind: Pool\nmetadata: {{name: mail, namespace: {name}}}\nspec: {{replicas: 4}}\n"
    );
    cluster.apply(&pool).await?;
    let ground = Ground::begin(cluster, name, &Target::new("example.com/v1", "Pool", "mail")).await?;
    until(cluster, name, "pool/mail", |it| number(it, "replicas") == Some(8)).await?;
    ground.without_workloads();
    until(cluster, name, PLAN, |plan| !is_finalized(plan)).await?;
    assert_eq!(number(&object(cluster, name, "pool/mail").await?, "replicas"), Some(4));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn of_an_autoscaler_that_keda_owns_the_scaled_object_is_changed() -> Result<()> {
    let (cluster, name) = (cluster().await, "floors-keda");
    define(cluster, ("keda.sh", "v1alpha1", "ScaledObject"), "").await?;
    space(cluster, name, ("apps/v1", "Deployment"), "unix:///nowhere").await?;
    let scaled = format!(
        "apiVersion: keda.sh/v1alpha1
kind: ScaledObject
metadata: {{name: mail, namespace: {name}}}
spec: {{maxReplicaCount: 30, scaleTargetRef: {{name: mail}}}}
"
    );
    cluster.apply(&scaled).await?;
    let uid = object(cluster, name, "scaledobject/mail").await?["metadata"]["uid"].clone();
    let owner = format!(
        ", ownerReferences: [{{apiVersion: keda.sh/v1alpha1, kind: ScaledObject, name: mail, uid: {uid}, \
         controller: true}}]"
    );
    autoscale(cluster, name, &owner).await?;
    let ground = Ground::begin(cluster, name, &Target::new("apps/v1", "Deployment", "mail")).await?;
    let raised =
        until(cluster, name, "scaledobject/mail", |it| number(it, "minReplicaCount") == Some(8)).await?;
    let said: Value = serde_json::from_str(mark(&raised).as_str().unwrap())?;
    assert_eq!((&said["before"], &said["set"]), (&Value::Null, &json!(8)));
    let autoscaler = object(cluster, name, "hpa/mail-hpa").await?;
    assert_eq!((number(&autoscaler, "minReplicas"), mark(&autoscaler)), (Some(2), &Value::Null));
    ground.without_workloads();
    until(cluster, name, PLAN, |plan| !is_finalized(plan)).await?;
    let restored = object(cluster, name, "scaledobject/mail").await?;
    assert_eq!((number(&restored, "minReplicaCount"), mark(&restored)), (None, &Value::Null));
    Ok(())
}
