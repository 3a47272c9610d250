use std::time::Duration;

use anyhow::Result;
use crossfade::capacity::Target;
use crossfade::control::workloads::{Lack, WorkloadWire, selector};
use tokio::sync::OnceCell;
use tokio::time::{Instant, sleep};

use super::place::{Place, Pods, deploy, space};
use crate::stage::cluster::{Cluster, Options};

/// A change must be known so soon.
const KNOWN: Duration = Duration::from_secs(1);
/// A start may take so long on a busy machine.
const PATIENCE: Duration = Duration::from_secs(10);
const LONG: Duration = Duration::from_mins(2);

/// The cluster that these tests share.
static CLUSTER: OnceCell<Cluster> = OnceCell::const_new();

async fn cluster() -> &'static Cluster {
    CLUSTER.get_or_init(async || Cluster::start(Options::default()).await.unwrap()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn pods_count_while_they_are_ready_and_are_warm_after_the_warm_up() -> Result<()> {
    let cluster = cluster().await;
    space(cluster, "counted").await?;
    deploy(cluster, "counted").await?;
    let pods = Pods::of(cluster, "counted")?;
    for name in ["old-1", "old-2"] {
        pods.create(name, "mail").await?;
        pods.say(name, true, LONG).await?;
    }
    pods.create("cold", "mail").await?;
    pods.create("other", "web").await?;
    pods.say("other", true, LONG).await?;

    let warm_up = Duration::from_secs(4);
    let place = Place::begin(cluster, "counted", warm_up).await?;
    place.until((2, 2), PATIENCE).await?;

    let begin = Instant::now();
    pods.say("cold", true, Duration::ZERO).await?;
    place.until((3, 2), KNOWN).await?;
    let ready = begin.elapsed();
    place.until((3, 3), warm_up + KNOWN).await?;
    let warm = begin.elapsed();
    println!("ready known after {ready:?}, warm after {warm:?}");
    // Not earlier, although a condition's time is cut to the second.
    assert!(warm >= warm_up, "warm after {warm:?}");
    assert!(warm <= warm_up + KNOWN, "warm after {warm:?}");

    // From before it is asked for.
    let begin = Instant::now();
    pods.say("old-1", false, Duration::ZERO).await?;
    place.until((2, 2), KNOWN).await?;
    let unready = begin.elapsed();
    let begin = Instant::now();
    pods.end("old-2").await?;
    place.until((1, 1), KNOWN).await?;
    let terminating = begin.elapsed();
    let begin = Instant::now();
    pods.remove("cold").await?;
    place.until((0, 0), KNOWN).await?;
    let gone = begin.elapsed();
    println!("known: unready after {unready:?}, terminating after {terminating:?}, gone after {gone:?}");
    assert!(unready.max(terminating).max(gone) < KNOWN);

    // It comes back, and is cold again.
    pods.say("old-1", true, LONG).await?;
    place.until((1, 0), KNOWN).await?;
    place.until((1, 1), warm_up + KNOWN).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_count_stays_known_while_nothing_happens() -> Result<()> {
    let cluster = cluster().await;
    space(cluster, "quiet").await?;
    deploy(cluster, "quiet").await?;
    let pods = Pods::of(cluster, "quiet")?;
    pods.create("old", "mail").await?;
    pods.say("old", true, LONG).await?;
    let place = Place::begin(cluster, "quiet", Duration::from_secs(1)).await?;
    place.until((1, 1), PATIENCE).await?;
    let begin = Instant::now();
    // Longer than the core believes what is not told anew.
    while begin.elapsed() < Duration::from_secs(50) {
        assert_eq!(place.pods(), Some((1, 1)), "after {:?}", begin.elapsed());
        sleep(Duration::from_millis(100)).await;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_can_be_scaled_says_which_pods_it_has() -> Result<()> {
    let cluster = cluster().await;
    space(cluster, "scaled").await?;
    deploy(cluster, "scaled").await?;
    cluster.apply(OTHERS).await?;
    let wait = ["wait", "--for=condition=Established", "--timeout=30s", "crd/rollouts.argoproj.io"];
    cluster.kubectl(wait).await?;
    cluster.apply(ROLLOUT).await?;
    let rollout = ["patch", "rollouts.argoproj.io/mail", "--namespace=scaled", "--subresource=status"];
    let status =
        ["--type=merge", r#"--patch={"status": {"selector": "app in (mail, post),!canary", "replicas": 3}}"#];
    cluster.kubectl(rollout.into_iter().chain(status)).await?;

    let client = cluster.admin_client()?;
    let found = async |api_version: &str, kind: &str, name: &str| {
        let target = Target::new(api_version, kind, name);
        let wire = WorkloadWire { namespace: "scaled".into(), target, warm_up: Duration::ZERO };
        selector(&client, &wire).await
    };
    assert_eq!(found("apps/v1", "Deployment", "mail").await?, "app=mail,!canary".parse()?);
    assert_eq!(found("apps/v1", "StatefulSet", "mail").await?, "app=mail,tier notin (a,b)".parse()?);
    assert_eq!(
        found("argoproj.io/v1alpha1", "Rollout", "mail").await?,
        "!canary,app in (mail,post)".parse()?
    );
    for [api_version, kind, name] in [
        ["apps/v1", "Deployment", "another"],
        ["v1", "ConfigMap", "mail"],
        ["example.com/v1", "Thing", "mail"],
    ] {
        let lack = found(api_version, kind, name).await.unwrap_err();
        assert!(matches!(lack, Lack::Missing { .. }), "{kind}: {lack}");
    }
    Ok(())
}

const OTHERS: &str = "apiVersion: apps/v1
kind: StatefulSet
metadata: {name: mail, namespace: scaled}
spec:
  serviceName: mail
  selector: {matchLabels: {app: mail}, matchExpressions: [{key: tier, operator: NotIn, values: [b, a]}]}
  template:
    metadata: {labels: {app: mail}}
    spec: {containers: [{name: mail, image: mail}]}
---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata:
  name: rollouts.argoproj.io
  annotations: {api-approved.kubernetes.io: unapproved}
spec:
  group: argoproj.io
  names: {kind: Rollout, plural: rollouts, singular: rollout, listKind: RolloutList}
  scope: Namespaced
  versions:
  - name: v1alpha1
    served: true
    storage: true
    schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
    subresources:
      status: {}
      scale: {specReplicasPath: .spec.replicas, statusReplicasPath: .status.replicas, labelSelectorPath: .status.selector}
";
const ROLLOUT: &str = "apiVersion: argoproj.io/v1alpha1
kind: Rollout
metadata: {name: mail, namespace: scaled}
spec: {replicas: 3}
";
