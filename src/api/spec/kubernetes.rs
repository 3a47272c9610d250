//! What runs the service's pods on Kubernetes, and what each pod can carry.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::capacity::headroom;
use crate::api::{rules, shape};

fn pods() -> String {
    "pods".into()
}

fn warm_up() -> String {
    "60s".into()
}

/// The Kubernetes side: what runs its pods, and how much of it must stay unused.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct KubernetesSpec {
    /// What runs the pods that serve the requests, 1 to 16; several carry the sum. Nothing rises that
    /// their pods which are ready and warm could not carry.
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    #[schemars(length(min = 1, max = 16))]
    pub workloads: Vec<WorkloadSpec>,

    /// The part of the capacity in percent that must stay unused when Kubernetes receives, 0 to 90.
    /// Default: 20.
    #[serde(default = "headroom")]
    #[schemars(schema_with = "shape::headroom")]
    pub headroom: f64,
}

/// Something that runs pods, and what each of them can carry.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct WorkloadSpec {
    /// Its name in the plan, unique among the workloads. Default: pods.
    #[serde(default = "pods")]
    #[schemars(schema_with = "shape::label")]
    pub name: String,

    /// What runs the pods, in the plan's namespace: anything with a scale subresource, such as a
    /// Deployment, a StatefulSet or an Argo Rollout. Its pods are found by the selector that its scale
    /// subresource names.
    pub target: TargetSpec,

    /// The requests per second that one pod can carry once it is warm.
    #[schemars(schema_with = "shape::amount")]
    pub requests_per_second_per_pod: f64,

    /// The database connections that the pools of one pod hold when they are full.
    /// `crossfade check --explain` and `status.databases[].room` say whether max_connections has room for them.
    /// Default: unknown, and not looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "shape::amount")]
    pub connections_per_pod: Option<f64>,

    /// How long a pod must have been ready (its condition Ready) before it counts, at most 1h: caches
    /// and connection pools are cold at first. Default: 60s.
    #[x_kube(validation = &rules::WARM_UP)]
    #[serde(default = "warm_up")]
    #[schemars(schema_with = "shape::duration")]
    pub warm_up: String,

    /// The most pods that the workload may have, 1 to 10000: what its autoscaler and its quota allow.
    #[schemars(schema_with = "shape::replicas")]
    pub max_replicas: u32,

    /// Whether the operator may raise how many pods there are at least, before traffic comes and while it
    /// stands. `Raise`: it does, and gives back what it changed; what scales the workload is found by
    /// itself (a HorizontalPodAutoscaler, a KEDA ScaledObject, else the scale subresource). `Leave`: it
    /// changes nothing, and a step waits until somebody else has brought the pods. Default: Raise.
    #[serde(default)]
    pub floor: FloorSpec,
}

/// Whether the operator may raise how many pods there are at least.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FloorSpec {
    /// It does, before traffic comes.
    #[default]
    Raise,
    /// It changes nothing.
    Leave,
}

/// An object of the plan's namespace with a scale subresource.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct TargetSpec {
    /// Its API group and version, such as apps/v1 or argoproj.io/v1alpha1.
    #[schemars(schema_with = "shape::api_version")]
    pub api_version: String,

    /// Its kind, such as Deployment. The API server must serve it under the plural of its name in lower
    /// case, as it does with every kind that is not named oddly.
    #[schemars(schema_with = "shape::kind")]
    pub kind: String,

    /// Its name.
    #[schemars(schema_with = "shape::object")]
    pub name: String,
}
