//! Tests of the API that need no cluster.

mod capacity;
mod connects;
mod kubernetes;
mod parsing;
mod roundtrip;

use serde_json::{Value, json};

/// A spec that is right.
pub fn spec() -> Value {
    json!({
        "stages": [
            {"name": "canary", "weight": 1, "soak": {"for": "30m"}},
            {"name": "tenth", "weight": 10, "ramp": {"step": 3, "every": "1m"}, "soak": {"for": "2h"}},
            {"name": "half", "weight": 50.25, "ramp": {"step": 5, "every": "5m"}, "approval": "Required"},
        ],
        "routes": [{"name": "edge", "haproxy": {
            "instances": ["unix:///run/haproxy/admin.sock", "tls://lb-3.example:9999"],
            "backend": "mail", "legacyServers": ["vm-*"], "kubernetesServers": ["ingress-*"],
            "tls": {"secret": "edge-haproxy"},
        }}],
        "databases": [{"name": "accounts",
            "mysql": {"host": "accounts-db.mail", "credentialsSecret": "accounts-db-monitor",
                      "tls": {"caSecret": "accounts-db-ca"}},
            "guards": [{"signal": "ConnectionRate",
                "pause": {"above": 800, "for": "3s"},
                "rollback": {"above": 1500, "for": "8s", "within": "10s"},
                "resume": {"below": 600, "for": "60s"}}],
        }],
    })
}

/// [`spec`] with each value put at its JSON pointer; a missing last part is added.
pub fn with(changes: &[(&str, Value)]) -> Value {
    let mut spec = spec();
    for (pointer, value) in changes {
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        match spec.pointer_mut(parent).unwrap_or_else(|| panic!("no {parent}")) {
            Value::Array(items) if name == "-" => items.push(value.clone()),
            Value::Array(items) => items[name.parse::<usize>().unwrap()] = value.clone(),
            parent => parent[name] = value.clone(),
        }
    }
    spec
}
