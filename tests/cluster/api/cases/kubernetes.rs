//! The rules and shapes of workloads and their pods.

use crossfade::api::rules;
use serde_json::{Value, json};

use super::{Case, Change, case};

fn kubernetes(field: &str, value: Value) -> Change {
    let mut workload = json!({
        "target": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "mail"},
        "requestsPerSecondPerPod": 150, "maxReplicas": 120,
    });
    workload[field] = value;
    vec![("/kubernetes", json!({"workloads": [workload]})), ("/demand", json!({"route": "edge"}))]
}

pub fn cases() -> Vec<Case> {
    let mut without_demand = kubernetes("name", json!("pods"));
    without_demand.truncate(1);
    vec![
        case(&rules::KUBERNETES_NEEDS_DEMAND, without_demand, kubernetes("name", json!("pods"))),
        case(&rules::WARM_UP, kubernetes("warmUp", json!("61m")), kubernetes("warmUp", json!("60m"))),
    ]
}

pub fn misshapen() -> Vec<(Change, &'static str)> {
    let target = |field: &str, value: Value| {
        let mut target = json!({"apiVersion": "apps/v1", "kind": "Deployment", "name": "mail"});
        target[field] = value;
        kubernetes("target", target)
    };
    vec![
        (
            kubernetes("requestsPerSecondPerPod", json!(0)),
            "spec.kubernetes.workloads[0].requestsPerSecondPerPod",
        ),
        (kubernetes("maxReplicas", json!(0)), "spec.kubernetes.workloads[0].maxReplicas"),
        (kubernetes("maxReplicas", json!(10_001)), "spec.kubernetes.workloads[0].maxReplicas"),
        (kubernetes("warmUp", json!("1d")), "spec.kubernetes.workloads[0].warmUp"),
        (kubernetes("name", json!("Pods")), "spec.kubernetes.workloads[0].name"),
        (target("apiVersion", json!("apps/")), "spec.kubernetes.workloads[0].target.apiVersion"),
        (target("kind", json!("deployments")), "spec.kubernetes.workloads[0].target.kind"),
        (target("name", json!("mail/2")), "spec.kubernetes.workloads[0].target.name"),
    ]
}
