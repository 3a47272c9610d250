//! The rules of balance, and of the peaks that a stage must see.

use crossfade::api::rules;
use serde_json::{Value, json};

use super::{Case, Change, case};

fn balance(balance: &Value) -> Change {
    let workload = json!({
        "name": "pods", "target": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "mail"},
        "requestsPerSecondPerPod": 150, "maxReplicas": 120,
    });
    vec![
        ("/legacy", json!({"capacity": {"requestsPerSecondPerServer": 300}})),
        ("/kubernetes", json!({"workloads": [workload]})),
        ("/demand", json!({"route": "edge"})),
        ("/balance", balance.clone()),
    ]
}

pub fn cases() -> Vec<Case> {
    let right = || balance(&json!({"maxShift": 10, "every": "1m"}));
    let mut without_legacy = right();
    without_legacy.remove(0);
    let seen = ("/stages/1/soak", json!({"for": "1h", "peaks": 1}));
    vec![
        case(&rules::BALANCE_NEEDS_BOTH, without_legacy, right()),
        case(&rules::MAX_SHIFT, balance(&json!({"maxShift": 50.01})), balance(&json!({"maxShift": 50}))),
        case(
            &rules::BALANCE_EVERY,
            balance(&json!({"maxShift": 10, "every": "59s"})),
            balance(&json!({"maxShift": 10, "every": "24h"})),
        ),
        case(
            &rules::PEAKS_NEED_DEMAND,
            vec![seen.clone(), ("/demand", json!({"requestsPerSecond": 100}))],
            vec![seen, ("/demand", json!({"route": "edge"}))],
        ),
    ]
}
