use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use super::with;
use crate::api::parse::{Parsed, parse};
use crate::api::rbac::{Account, objects};
use crate::api::render::{Engine, StatusInput, render};
use crate::capacity::{Count, Target};
use crate::core::capacity::{Kubernetes, Takeover, Workload};
use crate::core::reason::Reason;
use crate::core::report::{CapacityReport, Condition, Report};
use crate::core::spare::{Side, Spare};
use crate::core::state::State;
use crate::core::time::Time;

fn workload(name: &str, api_version: &str, kind: &str) -> Value {
    json!({"name": name, "target": {"apiVersion": api_version, "kind": kind, "name": "mail"},
           "requestsPerSecondPerPod": 150, "maxReplicas": 120})
}

fn parsed(workloads: &Value) -> Parsed {
    let kubernetes = json!({"workloads": workloads, "headroom": 30});
    parse(&with(&[
        ("/kubernetes", kubernetes),
        ("/demand", json!({"route": "edge"})),
        ("/takeover", json!({"kubernetes": 25})),
    ]))
    .unwrap()
}

#[test]
fn a_workload_says_what_its_pods_carry_and_when_they_are_warm() {
    let mut first = workload("pods", "apps/v1", "Deployment");
    first.as_object_mut().unwrap().remove("name");
    let mut second = workload("more", "argoproj.io/v1alpha1", "Rollout");
    second["warmUp"] = json!("2m");
    second["connectionsPerPod"] = json!(10);
    let parsed = parsed(&json!([first, second]));
    let workload = |name: &str, connections_per_pod, minutes| Workload {
        name: name.into(),
        requests_per_second_per_pod: 150.0,
        connections_per_pod,
        warm_up: Duration::from_mins(minutes),
        max_replicas: 120,
        floor: true,
    };
    let capacity = &parsed.plan.capacity;
    let workloads = vec![workload("pods", None, 1), workload("more", Some(10.0), 2)];
    assert_eq!(capacity.kubernetes, Some(Kubernetes { workloads, headroom: 0.3 }));
    assert_eq!(capacity.takeover, Takeover { legacy: 1.0, kubernetes: 0.25 });
    let targets: Vec<Target> = parsed.targets().collect();
    let target = |api_version, kind| Target::new(api_version, kind, "mail");
    assert_eq!(targets, [target("apps/v1", "Deployment"), target("argoproj.io/v1alpha1", "Rollout")]);
}

#[test]
fn the_rights_are_those_to_see_the_pods_and_to_scale_the_workloads_by_name() {
    let workloads = json!([
        workload("pods", "apps/v1", "Deployment"),
        workload("more", "argoproj.io/v1alpha1", "Rollout"),
        workload("less", "apps/v1", "Deployment"),
    ]);
    let [role, _] = objects("mail", None, &parsed(&workloads), &Account::default());
    let scale = |group, resource| json!({"apiGroups": [group], "resources": [resource], "resourceNames": ["mail"], "verbs": ["get", "patch"]});
    assert_eq!(
        role["rules"].as_array().unwrap()[1..],
        [
            json!({"apiGroups": [""], "resources": ["pods"], "verbs": ["list", "watch"]}),
            scale("apps", "deployments/scale"),
            scale("argoproj.io", "rollouts/scale"),
            json!({"apiGroups": ["autoscaling"], "resources": ["horizontalpodautoscalers"],
                   "verbs": ["get", "list", "patch"]}),
            json!({"apiGroups": ["keda.sh"], "resources": ["scaledobjects"], "verbs": ["get", "patch"]}),
        ]
    );
    let mut left = workload("pods", "apps/v1", "Deployment");
    left["floor"] = json!("Leave");
    let [role, _] = objects("mail", None, &parsed(&json!([left])), &Account::default());
    assert_eq!(role["rules"].as_array().unwrap()[2..], [scale("apps", "deployments/scale")]);
}

#[test]
fn the_status_says_what_kubernetes_carries_and_which_pods_it_has() {
    let parsed = parsed(&json!([
        workload("pods", "apps/v1", "Deployment"),
        workload("more", "apps/v1", "StatefulSet")
    ]));
    let report = Report {
        capacity: CapacityReport {
            spare: Spare { kubernetes: Side { ready: Some(600.0), load: Some(150.0) }, ..Spare::default() },
            absorbed_by_kubernetes: Some(0.42),
            ..CapacityReport::default()
        },
        ..Report::default()
    };
    let spec = Value::Null;
    let status = render(&StatusInput {
        engine: Some(Engine {
            plan: &parsed.plan,
            spec: &spec,
            generation: 1,
            state: &State::default(),
            report: &report,
            seen: &[],
            pods: &[Some(Count { ready: 5, warm: 4 }), None],
            lacks: &BTreeMap::new(),
            rooms: &BTreeMap::new(),
        }),
        acceptance: &Condition {
            kind: "Accepted",
            status: true,
            reason: Reason::Accepted,
            message: String::new(),
        },
        generation: 1,
        epoch: 1,
        now: Time::from_millis(1_800_000_000_000),
        offset: 0,
        previous: None,
    });
    assert_eq!(
        status["kubernetes"],
        json!({
            "readyRequestsPerSecond": 600, "requestsPerSecond": 150, "utilisation": 25, "absorbable": 42,
            "workloads": [{"name": "pods", "ready": 5, "warm": 4}, {"name": "more"}],
        })
    );
    assert_eq!(status["summary"]["kubernetesFree"], 75);
}
