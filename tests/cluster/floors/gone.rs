//! The operator's own process: plans that were deleted while it was away, or whose finalizer somebody took.

use anyhow::Result;
use serde_json::{Value, json};

use super::ground::{autoscale, mark, object, space, until};
use crate::stage::cluster::{Cluster, Options};
use crate::stage::operator::{self, Operator};
use crate::stage::world::{OPERATOR_ACCOUNT, OPERATOR_NAMESPACE, install, release_lease};

const DEPLOYMENT: (&str, &str) = ("apps/v1", "Deployment");
const HPA: &str = "hpa/mail-hpa";
const PLAN: &str = "mplan/mail";

/// Somebody patches an object.
async fn patch(cluster: &Cluster, namespace: &str, name: &str, patch: &Value) -> Result<()> {
    let (patch, inside) = (patch.to_string(), format!("--namespace={namespace}"));
    cluster.kubectl(["patch", name, "--type=merge", "--patch", &patch, &inside]).await.map(drop)
}

/// What an operator leaves behind that dies with a floor raised from 2 to 8.
async fn raised(cluster: &Cluster, namespace: &str) -> Result<()> {
    space(cluster, namespace, DEPLOYMENT, "unix:///nowhere").await?;
    autoscale(cluster, namespace, "").await?;
    let uid = object(cluster, namespace, PLAN).await?["metadata"]["uid"].clone();
    let finalizer = json!({"metadata": {"finalizers": ["crossfade.dev/restore"]}});
    patch(cluster, namespace, PLAN, &finalizer).await?;
    let mark = json!({"plan": uid, "before": 2, "set": 8}).to_string();
    let annotations = json!({"crossfade.dev/restore": mark});
    let changed = json!({"metadata": {"annotations": annotations}, "spec": {"minReplicas": 8}});
    patch(cluster, namespace, HPA, &changed).await
}

async fn delete(cluster: &Cluster, namespace: &str) -> Result<()> {
    let inside = format!("--namespace={namespace}");
    cluster.kubectl(["delete", PLAN, "--wait=false", &inside]).await.map(drop)
}

/// Waits until the plan is gone, and says how the autoscaler stands then: its floor, and what is marked.
async fn left(cluster: &Cluster, namespace: &str) -> Result<(Value, Value)> {
    let inside = format!("--namespace={namespace}");
    cluster.kubectl(["wait", "--for=delete", PLAN, "--timeout=30s", &inside]).await?;
    let found = object(cluster, namespace, HPA).await?;
    Ok((found["spec"]["minReplicas"].clone(), mark(&found).clone()))
}

async fn begin(cluster: &Cluster, name: &str) -> Result<Operator> {
    release_lease(cluster).await?;
    let kubeconfig = cluster.operator_kubeconfig(OPERATOR_NAMESPACE, OPERATOR_ACCOUNT).await?;
    Operator::start_ready(&operator::Options::new(&kubeconfig, cluster.dir(), name)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_dead_operator_changed_is_given_back_by_the_next() -> Result<()> {
    let cluster = Cluster::start(Options::default()).await?;
    install(&cluster).await?;
    for name in ["deleted", "changed", "forced", "lives"] {
        raised(&cluster, name).await?;
    }
    patch(&cluster, "changed", HPA, &json!({"spec": {"minReplicas": 5}})).await?;
    // A plan whose finalizer somebody took off by hand, beside one that lives.
    patch(&cluster, "forced", PLAN, &json!({"metadata": {"finalizers": null}})).await?;
    for name in ["deleted", "changed", "forced"] {
        delete(&cluster, name).await?;
    }
    let other = "apiVersion: crossfade.dev/v1alpha1\nkind: MigrationPlan\nmetadata: {name: other, namespace: forced}\n";
    let spec = object(&cluster, "lives", PLAN).await?["spec"].clone();
    cluster.apply(&format!("{other}spec: {spec}\n")).await?;

    let mut operator = begin(&cluster, "next").await?;
    assert_eq!(left(&cluster, "deleted").await?, (json!(2), Value::Null));
    assert_eq!(left(&cluster, "changed").await?, (json!(5), Value::Null), "it is somebody else's by now");
    let restored = until(&cluster, "forced", HPA, |it| it["spec"]["minReplicas"] == 2).await?;
    assert_eq!(*mark(&restored), Value::Null);
    let lives = object(&cluster, "lives", HPA).await?;
    assert_eq!(lives["spec"]["minReplicas"], 8, "its plan lives, and was not read yet");

    // With the operator running.
    delete(&cluster, "lives").await?;
    assert_eq!(left(&cluster, "lives").await?, (json!(2), Value::Null));
    operator.check()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_namespace_that_is_deleted_does_not_hang() -> Result<()> {
    let cluster = Cluster::start(Options { controllers: true, ..Options::default() }).await?;
    install(&cluster).await?;
    raised(&cluster, "ends").await?;
    let mut operator = begin(&cluster, "only").await?;
    cluster.kubectl(["delete", "namespace/ends", "--wait=false"]).await?;
    // A minute, if its Role is gone before its autoscaler.
    cluster.kubectl(["wait", "--for=delete", "namespace/ends", "--timeout=120s"]).await?;
    operator.check()
}
