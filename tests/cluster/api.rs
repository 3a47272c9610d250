//! The API on a real API server: what it refuses and why, what it fills in, what it keeps.

mod cases;
mod commands;
mod definition;
mod rights;
mod stored;

use anyhow::{Context as _, Result};
use kube::api::{Api, ApiResource, DynamicObject, GroupVersionKind};
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use crate::stage::cluster::{Cluster, Options};

/// The definition as it is committed.
const DEFINITION: &str = include_str!("../../crds/migrationplans.yaml");

/// The cluster that these tests share, with the definition installed.
static CLUSTER: OnceCell<Cluster> = OnceCell::const_new();

async fn cluster() -> &'static Cluster {
    CLUSTER.get_or_init(async || with_definition().await.unwrap()).await
}

async fn with_definition() -> Result<Cluster> {
    let cluster = Cluster::start(Options::default()).await?;
    cluster.apply(DEFINITION).await.context("apply the definition")?;
    established(&cluster).await?;
    Ok(cluster)
}

async fn established(cluster: &Cluster) -> Result<()> {
    let wait = ["wait", "--for=condition=Established", "--timeout=30s", "crd/migrationplans.crossfade.dev"];
    cluster.kubectl(wait).await.map(drop)
}

fn plans(cluster: &Cluster, namespace: &str) -> Api<DynamicObject> {
    let kind = GroupVersionKind::gvk("crossfade.dev", "v1alpha1", "MigrationPlan");
    Api::namespaced_with(cluster.admin_client().unwrap(), namespace, &ApiResource::from_gvk(&kind))
}

async fn namespace(cluster: &Cluster, name: &str) {
    let yaml = format!("apiVersion: v1\nkind: Namespace\nmetadata: {{name: {name}}}\n");
    cluster.apply(&yaml).await.unwrap();
}

fn plan(name: &str, spec: &Value) -> DynamicObject {
    let object = json!({
        "apiVersion": "crossfade.dev/v1alpha1", "kind": "MigrationPlan", "metadata": {"name": name}, "spec": spec,
    });
    serde_json::from_value(object).unwrap()
}

/// A spec that is right and as large as people make it.
fn spec() -> Value {
    json!({
        "stages": [
            {"name": "canary", "weight": 1, "soak": {"for": "30m"}},
            {"name": "tenth", "weight": 10.5, "ramp": {"step": 3, "every": "1m"}, "soak": {"for": "2h"}},
            {"name": "half", "weight": 50, "ramp": {"step": 5, "every": "5m"}, "approval": "Required"},
        ],
        "routes": [{"name": "edge", "haproxy": {
            "instances": ["unix:///run/haproxy/admin.sock"],
            "backend": "mail", "legacyServers": ["vm-*"], "kubernetesServers": ["ingress-*"],
        }}],
        "databases": [{"name": "accounts",
            "mysql": {"host": "accounts-db.mail", "credentialsSecret": "accounts-db-monitor"},
            "guards": [{"signal": "ConnectionRate",
                "pause": {"above": 800, "for": "3s"},
                "rollback": {"above": 1500, "for": "8s", "within": "10s"},
                "resume": {"below": 600, "for": "60s"}}],
        }],
    })
}

/// A change of a spec: values put at JSON pointers; `/-` adds to a list.
type Change = Vec<(&'static str, Value)>;

fn changed(change: &Change) -> Value {
    let mut spec = spec();
    for (pointer, value) in change {
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        match spec.pointer_mut(parent).unwrap_or_else(|| panic!("no {parent}")) {
            Value::Array(items) if name == "-" => items.push(value.clone()),
            Value::Array(items) => items[name.parse::<usize>().unwrap()] = value.clone(),
            parent => parent[name] = value.clone(),
        }
    }
    spec
}
