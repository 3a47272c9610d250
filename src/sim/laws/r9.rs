//! R9, R1: capacity before traffic. Nothing is raised that legacy could not take back.

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
