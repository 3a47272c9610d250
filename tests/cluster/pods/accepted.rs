use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use crossfade::api::rbac::Account;
use crossfade::cli::rbac::rbac;
use kube::api::{Api, DynamicObject};
use serde_json::Value;
use tokio::time::{Instant, sleep};

use super::place::deploy;
use crate::stage::cluster::{Cluster, Options};
use crate::stage::operator::{self, Operator};
use crate::stage::world::{NAMESPACE, OPERATOR_ACCOUNT, OPERATOR_NAMESPACE, install, plan_resource};

/// A lack is looked for again every 10 s.
const PATIENCE: Duration = Duration::from_secs(25);

/// Neither its load balancer nor its database is there.
const PLAN: &str = "apiVersion: crossfade.dev/v1alpha1
kind: MigrationPlan
metadata: {name: mail, namespace: mail}
spec:
  stages: [{name: full, weight: 100}]
  routes:
  - name: edge
    haproxy:
      instances: ['unix:///nowhere/admin.sock']
      backend: mail
      legacyServers: ['vm-*']
      kubernetesServers: ['ingress-*']
  databases:
  - name: accounts
    mysql: {host: 127.0.0.1, port: 1, credentialsSecret: accounts-db-monitor, insecure: true}
  demand: {requestsPerSecond: 100}
";
const KUBERNETES: &str = "  kubernetes:
    workloads:
    - target: {apiVersion: apps/v1, kind: Deployment, name: mail}
      requestsPerSecondPerPod: 50
      maxReplicas: 10
";

/// Waits until `Accepted` has this reason, and returns its message with the status.
async fn accepted(plans: &Api<DynamicObject>, reason: &str) -> Result<(String, Value)> {
    let begin = Instant::now();
    loop {
        let status = plans.get("mail").await?.data["status"].take();
        let conditions = status["conditions"].as_array().cloned().unwrap_or_default();
        let accepted = conditions.iter().find(|condition| condition["type"] == "Accepted");
        if let Some(accepted) = accepted.filter(|accepted| accepted["reason"] == reason) {
            return Ok((accepted["message"].as_str().context("no message")?.into(), status));
        }
        if begin.elapsed() > PATIENCE {
            bail!("not {reason} but {accepted:?}");
        }
        sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_right_or_a_workload_that_is_missing_is_told_and_stops_no_plan_that_was_accepted() -> Result<()> {
    let cluster = Cluster::start(Options::default()).await?;
    install(&cluster).await?;
    let plans: Api<DynamicObject> =
        Api::namespaced_with(cluster.admin_client()?, NAMESPACE, &plan_resource());
    let kubeconfig = cluster.operator_kubeconfig(OPERATOR_NAMESPACE, OPERATOR_ACCOUNT).await?;
    let mut operator =
        Operator::start_ready(&operator::Options::new(&kubeconfig, cluster.dir(), "only")).await?;

    let full = format!("{PLAN}{KUBERNETES}");
    cluster.apply(&rbac(PLAN, &Account::default())?).await?;
    cluster.apply(&full).await?;
    let (message, _) = accepted(&plans, "PermissionMissing").await?;
    assert_eq!(
        message,
        "the operator may not list pods in mail: run `crossfade rbac FILE | kubectl apply -f -`, FILE being the \
         plan's file\nNothing guards this plan until then."
    );

    let rights = rbac(&full, &Account::default())?;
    cluster.apply(&rights.replace("horizontalpodautoscalers", "others")).await?;
    let (message, _) = accepted(&plans, "ReferenceNotFound").await?;
    assert_eq!(
        message,
        "there is no Deployment mail with a scale subresource in mail: create it, or correct \
         spec.kubernetes.workloads; the plan is looked at again by itself\nNothing guards this plan until then."
    );

    deploy(&cluster, NAMESPACE).await?;
    let (message, _) = accepted(&plans, "PermissionMissing").await?;
    assert!(
        message.starts_with("the operator may not list horizontalpodautoscalers in mail: run"),
        "{message}"
    );

    cluster.apply(&rights).await?;
    let (_, status) = accepted(&plans, "Accepted").await?;
    assert_eq!(status["kubernetes"]["workloads"][0]["name"], "pods", "{status}");

    // Its guards go on without it, after a restart too.
    cluster.kubectl(["delete", "deployment/mail", "--namespace=mail"]).await?;
    operator.restart()?;
    operator.ready().await?;
    let (message, _) = accepted(&plans, "ReferenceNotFound").await?;
    assert!(message.ends_with("The spec of generation 1 stays in force."), "{message}");
    operator.check()
}
