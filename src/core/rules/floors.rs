//! R9: capacity before traffic. How many pods each workload must have at least: before the weight rises,
//! as long as it stands, and for ten minutes after it has fallen. While a guard is tripped nothing is given
//! back: an autoscaler sees pods that wait for the database, and takes them for idle.

use std::time::Duration;

use crate::capacity::{MEASURED_STALE, Workload};
use crate::floor::{Floor, Found};
use crate::guard::Level;
use crate::rules::capacity::{self, Shortage};
use crate::rules::{balance, raise};
use crate::spare;
use crate::turn::Turn;
use crate::weight::Weight;

/// A floor is given back when it has been higher than needed for so long.
pub const KEEP: Duration = Duration::from_mins(10);

/// Raises what is promised to what is needed, and lowers it when it is due.
pub fn keep(turn: &mut Turn) {
    let plan = turn.plan;
    let workloads = plan.capacity.kubernetes.as_ref().map_or(&[][..], |side| side.workloads.as_slice());
    let raised = |workload: &&Workload| workload.floor;
    if workloads.iter().any(|workload| workload.floor) {
        follow(turn, workloads);
    }
    if turn.state.floors.is_empty() {
        return;
    }
    // What the plan no longer names is given back at once: somebody asked for it.
    let known = turn.state.floors.len();
    turn.state.floors.retain(|name, _| workloads.iter().filter(raised).any(|it| it.name == *name));
    if turn.state.floors.len() != known {
        turn.record();
    }
}

/// What stands raised and is not promised was raised by somebody who died before that was stored: it is
/// promised from now on, so that it is not given back at once.
fn adopt(turn: &mut Turn, place: usize, workload: &Workload) {
    if turn.state.volatile.floors_found.contains(&workload.name) {
        return;
    }
    let Some(found) = found(turn, place) else { return };
    turn.state.volatile.floors_found.insert(workload.name.clone());
    let raised = found.before.and(found.pods).unwrap_or_default().min(workload.max_replicas);
    if raised > turn.state.floors.get(&workload.name).copied().unwrap_or_default() {
        turn.state.floors.insert(workload.name.clone(), raised);
        turn.record();
    }
}

fn follow(turn: &mut Turn, workloads: &[Workload]) {
    for (place, workload) in workloads.iter().enumerate().filter(|(_, workload)| workload.floor) {
        adopt(turn, place, workload);
    }
    let wanted = weight(turn).and_then(|weight| needs(turn, weight));
    let Some(needs) = wanted else {
        turn.state.volatile.floors_too_high_since = None;
        return;
    };
    let (mut rose, mut too_high) = (false, false);
    for (place, workload) in workloads.iter().enumerate().filter(|(_, workload)| workload.floor) {
        let pods = pods(workloads, place, needs);
        let promised = turn.state.floors.get(&workload.name).copied().unwrap_or_default();
        too_high |= pods < promised;
        if pods > promised {
            rose = true;
            turn.state.floors.insert(workload.name.clone(), pods);
        }
    }
    if rose {
        turn.record();
    }
    if rose || !too_high || is_held(turn) {
        turn.state.volatile.floors_too_high_since = None;
        return;
    }
    let now = turn.now;
    let since = *turn.state.volatile.floors_too_high_since.get_or_insert(now);
    // The weight may have fallen further meanwhile.
    let fell = turn.state.history.iter().rev().find(|step| step.to < step.from).map(|step| step.at);
    if turn.is_due(Some(since).max(fell), KEEP) {
        turn.state.volatile.floors_too_high_since = None;
        for (place, workload) in workloads.iter().enumerate() {
            if let Some(promised) = turn.state.floors.get_mut(&workload.name) {
                *promised = pods(workloads, place, needs);
            }
        }
        turn.state.floors.retain(|_, pods| *pods > 0);
        turn.record();
    }
}

/// Whether nothing may be given back now.
fn is_held(turn: &Turn) -> bool {
    let retreats = turn.state.retreat.as_ref().is_some_and(|retreat| !retreat.arrived);
    retreats || turn.state.guards.values().any(|guard| guard.level != Level::Clear)
}

/// The highest weight for which pods are kept: the present one, and that of the next step if nothing but
/// capacity stands against it. `None` while the present one is not known.
fn weight(turn: &Turn) -> Option<Weight> {
    let intended = turn.state.intended?;
    let raise = turn.state.raise.map(|raise| raise.to);
    let ahead = raise::ahead(turn).max(balance::ahead(turn));
    Some(intended.max(raise.unwrap_or_default()).max(ahead.unwrap_or_default()))
}

/// What Kubernetes must be able to carry at `weight`; nothing is needed for nothing, whatever the demand.
fn needs(turn: &Turn, weight: Weight) -> Option<f64> {
    if weight == Weight::ZERO { Some(0.0) } else { capacity::kubernetes_needs(turn, weight) }
}

/// The floor of the workload at `place` when all of them carry `needs`: each by what it can at most.
fn pods(workloads: &[Workload], place: usize, needs: f64) -> u32 {
    let Some(workload) = workloads.get(place) else { return 0 };
    let part = part(workloads, place, needs);
    spare::pods(part, workload.requests_per_second_per_pod, workload.max_replicas)
}

fn part(workloads: &[Workload], place: usize, needs: f64) -> f64 {
    let most = |workload: &Workload| f64::from(workload.max_replicas) * workload.requests_per_second_per_pod;
    let all: f64 = workloads.iter().map(most).sum();
    workloads.get(place).filter(|_| all > 0.0).map_or(0.0, |workload| needs * most(workload) / all)
}

/// The first floor that does not stand yet where Kubernetes could carry `needs`.
pub fn against(turn: &Turn, workloads: &[Workload], needs: f64) -> Option<Shortage> {
    let mut raised = workloads.iter().enumerate().filter(|(_, workload)| workload.floor);
    let place = raised.find(|(place, workload)| {
        let stands = found(turn, *place).and_then(|found| found.pods).unwrap_or_default();
        let carries = f64::from(stands) * workload.requests_per_second_per_pod;
        stands < workload.max_replicas && carries < part(workloads, *place, needs)
    });
    place.map(|(place, _)| Shortage::Floor(place))
}

/// What the shell found of a workload's floor, if it did a short while ago.
pub fn found<'a>(turn: &Turn<'a>, place: usize) -> Option<&'a Found> {
    let (at, found) = turn.seen.figures.floors.get(&place)?;
    (turn.now.since(*at) <= MEASURED_STALE).then_some(found)
}

/// Every floor that is promised, or that the shell found raised.
pub fn report(turn: &Turn) -> Vec<Floor> {
    let workloads = turn.plan.capacity.kubernetes.iter().flat_map(|side| &side.workloads).enumerate();
    let floors = workloads.filter_map(|(place, workload)| {
        let pods = turn.state.floors.get(&workload.name).copied().unwrap_or_default();
        let found = found(turn, place).cloned();
        let raised = found.as_ref().is_some_and(|found| found.before.is_some());
        (pods > 0 || raised).then(|| Floor { workload: workload.name.clone(), pods, found })
    });
    floors.collect()
}
