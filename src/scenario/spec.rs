//! From a plan back to the spec that says it.

use serde_json::{Value, json};

use super::plan;
use crate::api::parse::DECLARED;
use crate::api::{duration, number, wall};
use crate::core::capacity::{Capacity, Source, Workload};
use crate::core::defaults;
use crate::core::guard::{Condition, Guard, Signal, Test};
use crate::core::plan::{Database, Plan, RollbackTo, Stage, When};
use crate::core::time::Time;
use crate::sim::scenario::MONDAY;

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
            "when": match plan.rollback.when { When::Attributed => "Attributed", When::Always => "Always" },
        },
    });
    capacity(plan, &mut spec, &mut lost);
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

/// What it says of capacity and demand.
fn capacity(plan: &Plan, spec: &mut Value, lost: &mut Vec<String>) {
    let Capacity { demand, legacy, kubernetes, takeover, balance } = &plan.capacity;
    if let Some(demand) = demand {
        let mut written = json!({
            "surgeFactor": demand.surge_factor.to_string(),
            "peakWindow": duration::format(demand.peak_window),
        });
        match demand.from {
            Source::Route(place) => {
                written["route"] = plan.routes.get(place).map(|route| route.name.as_str()).into();
            }
            Source::Declared { requests_per_second, until } => {
                written["requestsPerSecond"] = requests_per_second.into();
                lost.extend(until.map(|_| "the end of a declared demand".to_owned()));
            }
            Source::Measured => lost.push("a demand that is measured".into()),
        }
        spec["demand"] = written;
    }
    if let Some(legacy) = legacy {
        let mut written = json!({});
        match legacy.capacity {
            Source::Route(_) => {
                written["requestsPerSecondPerServer"] = legacy.requests_per_second_per_server.into();
            }
            Source::Declared { requests_per_second, until } => {
                written["requestsPerSecond"] = requests_per_second.into();
                let until = until.unwrap_or_else(|| {
                    lost.push("a declared capacity without an end".into());
                    MONDAY + DECLARED
                });
                let declared = u64::try_from(DECLARED.as_millis()).unwrap_or(u64::MAX);
                let since = Time::from_millis(until.as_millis().saturating_sub(declared));
                written["asOf"] = wall::write(since, 0).into();
            }
            Source::Measured => lost.push("a capacity that is measured".into()),
        }
        if let Some(connections) = legacy.connections_per_server {
            written["connectionsPerServer"] = connections.into();
        }
        spec["legacy"] = json!({"capacity": written, "headroom": legacy.headroom * 100.0});
    }
    if let Some(kubernetes) = kubernetes {
        let workloads: Vec<Value> = kubernetes.workloads.iter().map(workload).collect();
        spec["kubernetes"] = json!({"workloads": workloads, "headroom": kubernetes.headroom * 100.0});
    }
    if let Some(balance) = balance {
        let every = duration::format(balance.every);
        spec["balance"] = json!({"maxShift": balance.max_shift.percent(), "every": every});
    }
    spec["takeover"] = json!({"legacy": takeover.legacy * 100.0, "kubernetes": takeover.kubernetes * 100.0});
}

/// What runs its pods is nobody's to know here: they are the Kubernetes side's servers.
fn workload(workload: &Workload) -> Value {
    let mut written = json!({
        "name": workload.name,
        "target": {"apiVersion": "apps/v1", "kind": "Deployment", "name": workload.name},
        "requestsPerSecondPerPod": workload.requests_per_second_per_pod,
        "warmUp": duration::format(workload.warm_up),
        "maxReplicas": workload.max_replicas,
        "floor": if workload.floor { "Raise" } else { "Leave" },
    });
    if let Some(connections) = workload.connections_per_pod {
        written["connectionsPerPod"] = connections.into();
    }
    written
}

fn stage(stage: &Stage) -> Value {
    let mut written = json!({"name": stage.name, "weight": stage.weight.percent()});
    if let Some(ramp) = stage.ramp {
        written["ramp"] = json!({"step": ramp.step.percent(), "every": duration::format(ramp.every)});
    }
    if !stage.soak.is_zero() || stage.peaks > 0 {
        written["soak"] = json!({"for": duration::format(stage.soak)});
    }
    if stage.peaks > 0 {
        written["soak"]["peaks"] = stage.peaks.into();
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
    let mut written =
        json!({"name": database.name, "every": duration::format(database.every), "guards": guards});
    if let Some(capacity) = database.connection_rate_capacity {
        written["connectionRateCapacity"] = capacity.into();
    }
    if database.by_side {
        // The names stand for nothing: a simulated database counts by side.
        written["users"] = json!({"legacy": ["app_legacy"], "kubernetes": ["app_kube"]});
    }
    written
}

/// Whether a guard is what a plan that says nothing of it gets at this sampling period.
fn is_default(guard: &Guard, database: &Database) -> bool {
    let spec = json!({"databases": [{"name": "d", "every": duration::format(database.every)}]});
    let said = plan::read(Some(&spec), &[], "spec");
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
