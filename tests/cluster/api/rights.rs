//! What the operator's account may do, by `deploy/` and by `crossfade rbac`.

use std::path::Path;

use crossfade::api::rbac::Account;
use crossfade::cli::rbac::rbac;

use serde_json::json;

use super::{cluster, namespace, plan, spec};
use crate::stage::cluster::Cluster;

/// Whether the operator may.
async fn may(cluster: &Cluster, args: &[&str]) -> bool {
    let account = "--as=system:serviceaccount:crossfade-system:crossfade";
    let groups = ["--as-group=system:serviceaccounts", "--as-group=system:authenticated"];
    let mut all = vec!["auth", "can-i", account];
    all.extend(groups.iter().chain(args));
    // "no" is told by the exit code too.
    cluster.kubectl(all).await.is_ok_and(|answer| answer.trim() == "yes")
}

async fn deployed() -> &'static Cluster {
    let cluster = cluster().await;
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy");
    let manifests = cluster.kubectl(["kustomize".as_ref(), folder.as_os_str()]).await.unwrap();
    assert!(manifests.contains("kind: CustomResourceDefinition"));
    cluster.apply(&manifests).await.unwrap();
    cluster
}

#[tokio::test]
async fn the_operator_may_do_what_it_must_and_nothing_else() {
    let cluster = deployed().await;
    for allowed in [
        "list migrationplans.crossfade.dev --all-namespaces",
        "watch migrationplans.crossfade.dev --all-namespaces",
        "patch migrationplans.crossfade.dev --namespace=any",
        "patch migrationplans.crossfade.dev --subresource=status --namespace=any",
        "create events.events.k8s.io --namespace=any",
        "patch events.events.k8s.io --namespace=any",
        "create leases.coordination.k8s.io --namespace=crossfade-system",
        "get leases.coordination.k8s.io/crossfade --namespace=crossfade-system",
        "update leases.coordination.k8s.io/crossfade --namespace=crossfade-system",
        "create selfsubjectaccessreviews.authorization.k8s.io",
    ] {
        assert!(may(cluster, &allowed.split(' ').collect::<Vec<_>>()).await, "may not {allowed}");
    }
    for refused in [
        "get secrets --all-namespaces",
        "list secrets --namespace=crossfade-system",
        "update migrationplans.crossfade.dev --namespace=any",
        "delete migrationplans.crossfade.dev --namespace=any",
        "get leases.coordination.k8s.io/other --namespace=crossfade-system",
        "update leases.coordination.k8s.io/crossfade --namespace=default",
        "delete leases.coordination.k8s.io/crossfade --namespace=crossfade-system",
        "get pods --all-namespaces",
        "update customresourcedefinitions.apiextensions.k8s.io",
    ] {
        assert!(!may(cluster, &refused.split(' ').collect::<Vec<_>>()).await, "may {refused}");
    }
}

#[tokio::test]
async fn the_rights_of_a_plan_open_its_secrets_and_no_other() {
    let cluster = deployed().await;
    namespace(cluster, "rights").await;
    let mut plan = plan("mail", &spec());
    plan.metadata.namespace = Some("rights".into());
    let text = serde_json::to_string(&plan).unwrap();
    let rights = rbac(&text, &Account::default()).unwrap();
    let secret = ["get", "secrets/accounts-db-monitor", "--namespace=rights"];
    assert!(!may(cluster, &secret).await, "before");
    cluster.apply(&rights).await.unwrap();
    assert!(may(cluster, &secret).await, "after");
    for refused in [
        ["get", "secrets/other", "--namespace=rights"],
        ["list", "secrets", "--namespace=rights"],
        ["watch", "secrets/accounts-db-monitor", "--namespace=rights"],
        ["get", "secrets/accounts-db-monitor", "--namespace=default"],
    ] {
        assert!(!may(cluster, &refused).await, "{refused:?}");
    }
}

#[tokio::test]
async fn the_rights_of_a_plan_open_the_pods_and_the_scale_of_its_workloads_and_no_more() {
    let cluster = deployed().await;
    namespace(cluster, "scales").await;
    let mut plan = plan("mail", &with_workloads());
    plan.metadata.namespace = Some("scales".into());
    let rights = rbac(&serde_json::to_string(&plan).unwrap(), &Account::default()).unwrap();
    cluster.apply(&rights).await.unwrap();
    for allowed in [
        "list pods --namespace=scales",
        "watch pods --namespace=scales",
        "get deployments.apps/mail --subresource=scale --namespace=scales",
        "patch deployments.apps/mail --subresource=scale --namespace=scales",
        "patch statefulsets.apps/mail --subresource=scale --namespace=scales",
        "list horizontalpodautoscalers.autoscaling --namespace=scales",
        "patch horizontalpodautoscalers.autoscaling/any --namespace=scales",
    ] {
        assert!(may(cluster, &allowed.split(' ').collect::<Vec<_>>()).await, "may not {allowed}");
    }
    for refused in [
        "get deployments.apps/mail --namespace=scales",
        "patch deployments.apps/mail --namespace=scales",
        "patch deployments.apps/another --subresource=scale --namespace=scales",
        "patch replicasets.apps/mail --subresource=scale --namespace=scales",
        "delete pods --namespace=scales",
        "create horizontalpodautoscalers.autoscaling --namespace=scales",
        "delete horizontalpodautoscalers.autoscaling/any --namespace=scales",
        "list pods --namespace=default",
    ] {
        assert!(!may(cluster, &refused.split(' ').collect::<Vec<_>>()).await, "may {refused}");
    }
}

fn with_workloads() -> serde_json::Value {
    let workload = |name, api_version, kind| {
        json!({"name": name, "target": {"apiVersion": api_version, "kind": kind, "name": "mail"},
               "requestsPerSecondPerPod": 50, "maxReplicas": 10})
    };
    let mut spec = spec();
    spec["demand"] = json!({"route": "edge"});
    spec["kubernetes"] = json!({"workloads": [
        workload("pods", "apps/v1", "Deployment"), workload("more", "apps/v1", "StatefulSet"),
    ]});
    spec
}
