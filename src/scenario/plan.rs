//! Plans of scenarios: the spec of a `MigrationPlan` with the bench's values where it says nothing.

use serde_json::{Map, Value, json};

use super::file::Need;
use crate::api::{Problem, parse, schema};
use crate::core::plan::Plan;

/// What stands before the mere name of a load balancer, so that it is an address.
const NAMED: &str = "unix:///simulated/";

/// The plan of the common bench.
pub fn bench() -> Value {
    json!({
        "stages": [
            {"name": "canary", "weight": 1, "soak": {"for": "30m"}},
            {"name": "tenth", "weight": 10, "soak": {"for": "2h"}},
            {"name": "half", "weight": 50, "soak": {"for": "24h"}},
            {"name": "full", "weight": 100, "soak": {"for": "168h"}, "approval": "Required"},
        ],
        "routes": [{"name": "edge", "haproxy": {"instances": ["lb-1", "lb-2"]}}],
        "databases": [{"name": "accounts"}],
    })
}

/// A plan that a scenario says.
#[derive(Clone, Debug, PartialEq)]
pub struct Said {
    /// The plan.
    pub plan: Plan,
    /// The fields that no plan knows yet, and that were left out.
    pub unknown: Vec<String>,
}

/// The plan that `spec` says at `path`. Fields that no plan knows yet are left out if `needs` names them.
pub fn read(spec: Option<&Value>, needs: &[Need], path: &str) -> Result<Said, Vec<Problem>> {
    let mut spec = spec.cloned().unwrap_or_else(|| json!({}));
    fill(&mut spec);
    let names = spell_out(&mut spec);
    let unknown: Vec<String> = schema::unknown_fields(&json!({"spec": &spec}))
        .into_iter()
        .map(|problem| problem.field)
        .filter(|field| needs.iter().any(|need| need.fields.contains(field)))
        .collect();
    for field in &unknown {
        leave_out(&mut spec, field);
    }
    let mut plan = parse::parse(&spec).map_err(|problems| relocated(problems, path))?.plan;
    for route in &mut plan.routes {
        for instance in &mut route.instances {
            if names.contains(instance) {
                *instance = instance.trim_start_matches(NAMED).to_owned();
            }
        }
    }
    Ok(Said { plan, unknown })
}

/// Problems of a spec that stands elsewhere.
fn relocated(problems: Vec<Problem>, path: &str) -> Vec<Problem> {
    let place =
        |field: &str| field.strip_prefix("spec").map_or(field.to_owned(), |rest| format!("{path}{rest}"));
    problems.into_iter().map(|problem| Problem { field: place(&problem.field), ..problem }).collect()
}

/// What the simulator does not look at, and the bench's stages, routes and databases.
fn fill(spec: &mut Value) {
    let bench = bench();
    let Some(fields) = spec.as_object_mut() else { return };
    for name in ["stages", "routes", "databases"] {
        fields.entry(name).or_insert_with(|| bench[name].clone());
    }
    for route in list(fields, "routes") {
        let Some(haproxy) = route.get_mut("haproxy").and_then(Value::as_object_mut) else { continue };
        for (name, value) in [
            ("backend", json!("service")),
            ("legacyServers", json!(["legacy-*"])),
            ("kubernetesServers", json!(["kubernetes-*"])),
        ] {
            haproxy.entry(name).or_insert(value);
        }
    }
    for database in list(fields, "databases") {
        database
            .entry("mysql")
            .or_insert_with(|| json!({"host": "database.example", "credentialsSecret": "monitor"}));
    }
}

fn list<'a>(
    fields: &'a mut Map<String, Value>,
    name: &str,
) -> impl Iterator<Item = &'a mut Map<String, Value>> {
    let items = fields.get_mut(name).and_then(Value::as_array_mut);
    items.into_iter().flatten().filter_map(Value::as_object_mut)
}

/// Makes addresses of the mere names of load balancers; those addresses.
fn spell_out(spec: &mut Value) -> Vec<String> {
    let mut names = Vec::new();
    let Some(fields) = spec.as_object_mut() else { return names };
    for route in list(fields, "routes") {
        let instances = route.get_mut("haproxy").and_then(|haproxy| haproxy.get_mut("instances"));
        for instance in instances.and_then(Value::as_array_mut).into_iter().flatten() {
            if let Some(name) = instance.as_str().filter(|name| !name.contains("://")) {
                let address = format!("{NAMED}{name}");
                *instance = address.clone().into();
                names.push(address);
            }
        }
    }
    names
}

/// Takes the field at a path such as `spec.stages[3].irreversible` away.
fn leave_out(spec: &mut Value, field: &str) {
    let path = field.trim_start_matches("spec").replace('[', ".").replace(']', "").replace('.', "/");
    let Some((parent, name)) = path.rsplit_once('/') else { return };
    if let Some(fields) = spec.pointer_mut(parent).and_then(Value::as_object_mut) {
        fields.remove(name);
    }
}
