//! Nodes that nobody runs: KWOK says what their kubelets would say of them and
//! of the pods that the scheduler puts there. No container ever starts.
//!
//! How long a pod takes is said by its annotations, see `kwok.yaml`.

use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use k8s_openapi::api::core::v1::Node;
use kube::api::{Api, ListParams, PostParams};
use kube::{Client, Config};
use serde_json::json;

use super::assets;
use super::process::Launch;

/// What becomes of nodes and pods, and when.
const LIFE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/stage/cluster/kwok.yaml");

/// A pod's annotation: it is ready so long after it was put on a node, at the earliest, such as `4s`.
pub const READY_AFTER: &str = "stage.crossfade.dev/ready-after";
/// The same at the latest.
pub const READY_BY: &str = "stage.crossfade.dev/ready-by";

/// The names of so many nodes.
pub fn names(count: usize) -> impl Iterator<Item = String> {
    (1..=count).map(|number| format!("node-{number}"))
}

/// KWOK, for all nodes of the cluster of `kubeconfig`, whose user may do what every kubelet may.
pub async fn kwok(kubeconfig: &Path, dir: &Path) -> Result<Launch> {
    Ok(Launch::new(assets::kwok().await?, dir.join("kwok.log")).args([
        &format!("--kubeconfig={}", kubeconfig.display()),
        &format!("--config={LIFE}"),
        "--manage-all-nodes",
        // Kubernetes' own; without leases a node is taken for dead.
        "--node-lease-duration-seconds=40",
        // No pod has a log or a shell: it serves nothing.
        "--node-port=0",
    ]))
}

/// Makes so many nodes.
pub async fn create(config: &Config, count: usize) -> Result<()> {
    let nodes: Api<Node> = Api::all(Client::try_from(config.clone())?);
    for name in names(count) {
        let labels = json!({"kubernetes.io/hostname": name});
        let node = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": labels}});
        let node = serde_json::from_value(node)?;
        nodes.create(&PostParams::default(), &node).await.with_context(|| format!("make {name}"))?;
    }
    Ok(())
}

/// An error unless every node may be given pods.
pub async fn are_ready(config: &Config) -> Result<()> {
    let nodes: Api<Node> = Api::all(Client::try_from(config.clone())?);
    for node in nodes.list(&ListParams::default()).await? {
        let tainted =
            node.spec.as_ref().and_then(|spec| spec.taints.as_ref()).is_some_and(|all| !all.is_empty());
        let conditions = node.status.and_then(|status| status.conditions).unwrap_or_default();
        let ready =
            conditions.iter().any(|condition| condition.type_ == "Ready" && condition.status == "True");
        ensure!(ready && !tainted, "{:?} may not be given pods yet", node.metadata.name);
    }
    Ok(())
}
