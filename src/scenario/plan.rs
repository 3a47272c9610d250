//! Plans of scenarios: the spec of a `MigrationPlan` with the bench's values where it says nothing, and the
//! way back.

use serde_json::{Map, Value, json};

use super::file::Need;
use crate::api::{Problem, duration, number, parse, schema};
use crate::core::defaults;
use crate::core::guard::{Condition, Guard, Signal, Test};
use crate::core::plan::{Database, Plan, RollbackTo, Stage};

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

/// The spec that says `plan`, and what of it no spec can say.
pub fn write(plan: &Plan) -> (Value, Vec<String>) {
    let mut lost = Vec::new();
    let mut spec = json!({
        "stages": plan.stages.iter().map(stage).collect::<Vec<_>>(),
        "routes": plan.routes.iter().map(|route| json!({
            "name": route.name,
            "haproxy": {"instances": route.instances},
        })).collect::<Vec<_>>(),
        "databases": plan.databases.iter().map(|each| database(each, &mut lost)).collect::<Vec<_>>(),
        "rollback": {
            "to": match plan.rollback.to { RollbackTo::Previous => "Previous", RollbackTo::Zero => "Zero" },
            "maxStep": plan.rollback.max_step.percent(),
            "every": duration::format(plan.rollback.every),
        },
    });
    if plan.paused {
        spec["paused"] = true.into();
    }
    if let Some(target) = &plan.target_stage {
        spec["targetStage"] = target.clone().into();
    }
    if !plan.approvals.is_empty() {
        spec["approvals"] = plan.approvals.iter().cloned().collect();
    }
    (number::normal(spec), lost)
}

fn stage(stage: &Stage) -> Value {
    let mut written = json!({"name": stage.name, "weight": stage.weight.percent()});
    if let Some(ramp) = stage.ramp {
        written["ramp"] = json!({"step": ramp.step.percent(), "every": duration::format(ramp.every)});
    }
    if !stage.soak.is_zero() {
        written["soak"] = json!({"for": duration::format(stage.soak)});
    }
    if stage.approval {
        written["approval"] = "Required".into();
    }
    written
}

fn database(database: &Database, lost: &mut Vec<String>) -> Value {
    let guards: Vec<Value> = Signal::ALL
        .into_iter()
        .filter_map(|signal| match database.guards.iter().find(|guard| guard.signal == signal) {
            None => Some(json!({"signal": signal.name(), "enabled": false})),
            Some(own) if is_default(own, database) => None,
            Some(own) => Some(guard(own).unwrap_or_else(|| {
                lost.push(format!("{signal} of database {}", database.name));
                json!({"signal": signal.name()})
            })),
        })
        .collect();
    json!({"name": database.name, "every": duration::format(database.every), "guards": guards})
}

/// Whether a guard is what a plan that says nothing of it gets at this sampling period.
fn is_default(guard: &Guard, database: &Database) -> bool {
    let spec = json!({"databases": [{"name": "d", "every": duration::format(database.every)}]});
    let said = read(Some(&spec), &[], "spec");
    let got = said.ok().and_then(|said| {
        said.plan.databases.first()?.guards.iter().find(|got| got.signal == guard.signal).cloned()
    });
    got.unwrap_or_else(|| defaults::guard(guard.signal)) == *guard
}

/// A user's guard: all absolute, or all relative.
fn guard(guard: &Guard) -> Option<Value> {
    let [pause] = guard.pause.as_slice() else { return None };
    let mut written = json!({
        "signal": guard.signal.name(),
        "pause": condition(pause)?,
        "resume": condition(&guard.resume)?,
    });
    match guard.rollback.as_slice() {
        [] => {}
        [rollback] => written["rollback"] = condition(rollback)?,
        _ => return None,
    }
    Some(written)
}

fn condition(condition: &Condition) -> Option<Value> {
    let (name, value) = match condition.test {
        Test::Above(value) | Test::Failures { percent: value, .. } => ("above", json!(value)),
        Test::Below(value) | Test::FailuresBelow { percent: value } => ("below", json!(value)),
        Test::AboveBaseline(factor) => ("aboveBaseline", json!(factor.to_string())),
        Test::BelowBaseline(factor) => ("belowBaseline", json!(factor.to_string())),
        Test::Trend(_) | Test::FullWithin(_) => return None,
    };
    let mut written = json!({name: value, "for": duration::format(condition.lasting)});
    if condition.within != condition.lasting {
        written["within"] = duration::format(condition.within).into();
    }
    Some(written)
}
