//! What the status says of capacity and demand. A part of it stands there while the plan asks for it,
//! so that a figure which is unknown for a moment is no transition.

use super::{Engine, finite, rounded};
use crate::api::remember::cut;
use crate::api::status::{DemandStatus, FloorStatus, KubernetesStatus, SideStatus, WorkloadStatus};
use crate::core::floor::Floor;
use crate::core::spare::Side;
use crate::core::time::Time;

/// Legacy.
pub fn legacy(engine: &Engine) -> Option<SideStatus> {
    let asked = &engine.plan.capacity;
    let report = &engine.report.capacity;
    let shown = asked.legacy.is_some() || asked.demand.is_some();
    shown.then(|| side(report.spare.legacy, report.absorbed_by_legacy))
}

/// Kubernetes, with the pods of each workload.
pub fn kubernetes(engine: &Engine) -> Option<KubernetesStatus> {
    let asked = &engine.plan.capacity;
    let report = &engine.report.capacity;
    if asked.kubernetes.is_none() && asked.demand.is_none() {
        return None;
    }
    let workloads = asked.kubernetes.iter().flat_map(|side| &side.workloads).enumerate();
    let workloads = workloads.map(|(place, workload)| {
        let count = engine.pods.get(place).copied().flatten();
        WorkloadStatus {
            name: workload.name.clone(),
            ready: count.map(|count| count.ready),
            warm: count.map(|count| count.warm),
        }
    });
    let side = side(report.spare.kubernetes, report.absorbed_by_kubernetes);
    Some(KubernetesStatus { side, workloads: workloads.collect() })
}

/// Demand, beside the window that is remembered.
pub fn demand(
    engine: &Engine,
    remembered: Option<DemandStatus>,
    time: &impl Fn(Time) -> String,
) -> Option<DemandStatus> {
    let report = &engine.report.capacity;
    if engine.plan.capacity.demand.is_none() {
        return remembered;
    }
    Some(DemandStatus {
        requests_per_second: figure(report.spare.demand),
        peak: figure(report.peak.map(|peak| peak.requests_per_second)),
        peak_at: report.peak.map(|peak| time(peak.at)),
        ..remembered.unwrap_or_default()
    })
}

/// What was changed for the floors, beside the pods that are remembered.
pub fn floors(remembered: &mut Vec<FloorStatus>, floors: &[Floor]) {
    for Floor { workload, pods, found } in floors {
        let Some(found) = found else { continue };
        let told = FloorStatus {
            workload: workload.clone(),
            pods: *pods,
            object: Some(cut(&found.object)).filter(|object| !object.is_empty()),
            before: found.before,
            set: found.pods,
            lack: found.lack.as_deref().map(cut),
        };
        match remembered.iter_mut().find(|floor| floor.workload == *workload) {
            Some(floor) => *floor = told,
            None => remembered.push(told),
        }
    }
}

/// The unused part of what a side can carry, in whole percent.
pub fn free(side: Side) -> Option<f64> {
    let used = side.utilisation().and_then(finite)?;
    Some((100.0 - 100.0 * used).max(0.0).round())
}

fn side(side: Side, absorbed: Option<f64>) -> SideStatus {
    SideStatus {
        ready_requests_per_second: figure(side.ready),
        requests_per_second: figure(side.load),
        utilisation: percent(side.utilisation()),
        absorbable: percent(absorbed),
    }
}

fn figure(value: Option<f64>) -> Option<f64> {
    value.and_then(finite).map(rounded)
}

/// In percent, to one decimal.
fn percent(share: Option<f64>) -> Option<f64> {
    share.and_then(finite).map(|share| (share * 1000.0).round() / 10.0)
}
