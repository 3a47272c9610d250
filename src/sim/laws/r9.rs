//! R9, R1: capacity before traffic. Nothing is raised that legacy could not take back.

use std::time::Duration;

use crossfade_core::guard::Level;

use super::Case;
use super::known::{self, FULL};

/// What counters may be off by.
const OFF: f64 = 1.02;

/// A raise is begun only while legacy keeps its promise, at the demand of now and of the last days.
pub fn raises_what_legacy_can_take_back(case: &Case<'_>) -> Option<String> {
    if !case.begins_a_raise() {
        return None;
    }
    let plan = case.plan();
    plan.capacity.legacy?;
    let Some(demand) = plan.capacity.demand else {
        return Some("begins a raise, and nobody knows the demand".into());
    };
    let decided = case.decided;
    let truth = case.truth.services.get(decided.service)?;
    let awake = case.truth.replicas.get(decided.replica)?.awake.since()?;
    let service = decided.services.get(decided.service)?;
    let figures = truth.known.steadily(plan, service, awake, decided.now)?;
    let stored = decided.api.objects.get(decided.service)?.status.as_ref();
    let highest = stored.and_then(|state| state.peaks.highest(demand.peak_window, decided.clock));
    let peak = highest.map_or(0.0, |peak| peak.requests_per_second).max(figures.demand[0]);
    let weight = known::share(decided.after.state().raise?.to);
    let needs = (1.0 - weight + plan.capacity.takeover.legacy * weight) * peak / FULL;
    let can = figures.legacy[1];
    (can * OFF < needs).then(|| {
        format!(
            "begins a raise to {weight}, for which legacy would have to carry {needs:.0}, and it can {can:.0}"
        )
    })
}

/// For so long after the weight has fallen no floor is given back.
const KEPT: Duration = Duration::from_mins(10);

/// A raise is begun only when the autoscaler must leave the pods that carry a surge of it.
pub fn raises_above_a_floor(case: &Case<'_>) -> Option<String> {
    if !case.begins_a_raise() {
        return None;
    }
    let (plan, decided) = (case.plan(), case.decided);
    let (side, demand) = (plan.capacity.kubernetes.as_ref()?, plan.capacity.demand?);
    let workload = side.workloads.first().filter(|workload| workload.floor)?;
    let service = decided.services.get(decided.service)?;
    let (floor, _) = service.autoscaler.as_ref()?.floor();
    let truth = case.truth.services.get(decided.service)?;
    let awake = case.truth.replicas.get(decided.replica)?.awake.since()?;
    let figures = truth.known.steadily(plan, service, awake, decided.now)?;
    let weight = known::share(decided.after.state().raise?.to);
    let needs = weight * demand.surge_factor * figures.demand[0];
    let stays = f64::from(floor) * workload.requests_per_second_per_pod;
    (stays * OFF < needs && floor < workload.max_replicas).then(|| {
        format!(
            "begins a raise to {weight}, for which pods must carry {needs:.0}, and {stays:.0} are promised"
        )
    })
}

/// No floor sinks while a guard is tripped, nor within ten minutes after the weight has fallen.
pub fn gives_no_floor_back_early(case: &Case<'_>) -> Option<String> {
    let (before, after) = (case.decided.before?, case.decided.after.state());
    let side = case.plan().capacity.kubernetes.as_ref();
    let mut workloads = side.iter().flat_map(|side| &side.workloads).filter(|workload| workload.floor);
    let given = workloads.find_map(|workload| {
        let pods = |floors: &std::collections::BTreeMap<String, u32>| floors.get(&workload.name).copied();
        let (was, is) = (pods(&before.floors)?, pods(&after.floors).unwrap_or_default());
        (is < was).then(|| format!("gives {} of {was} promised pods back", was - is))
    })?;
    if after.guards.values().any(|guard| guard.level != Level::Clear) {
        return Some(format!("{given} while a guard is tripped"));
    }
    let fell = after.history.iter().rev().find(|step| step.to < step.from)?;
    let since = case.decided.clock.since(fell.at);
    (since < KEPT).then(|| format!("{given} {since:?} after the weight has fallen"))
}
