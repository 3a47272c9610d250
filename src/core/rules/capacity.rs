//! R1, R3, R9: what is known of capacity, what stands against a weight, and how far a step back fits.

use std::time::Duration;

use crate::capacity::{Figure, MEASURED_STALE, Source};
use crate::connects::Tally;
use crate::plan::Database;
use crate::reason::Reason;
use crate::rules::{floors, retreat, strain};
use crate::spare::{self, BLIND_STEP, Side, Spare};
use crate::time::Time;
use crate::turn::{ROUTE_STALE, SAME, Turn};
use crate::weight::Weight;

/// For a retreat what was last known counts for so long (R5).
const REMEMBERED: Duration = Duration::from_mins(10);

/// That nothing fits is said for so long.
const SAID: Duration = Duration::from_secs(30);

/// Room that is worth telling of.
const ROOM: Weight = Weight::from_hundredths(100);

/// Something that is short.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Shortage {
    /// It is not known how much is asked for.
    DemandUnknown,
    /// It is not known what legacy can carry.
    LegacyUnknown,
    /// It is not known what Kubernetes can carry.
    KubernetesUnknown,
    /// Legacy could not take over what was promised.
    Legacy {
        /// What it would have to carry, in requests per second.
        needs: f64,
        /// What it can.
        ready: f64,
    },
    /// Kubernetes could not carry its part with what must stay free.
    Kubernetes {
        /// What it would have to carry, in requests per second.
        needs: f64,
        /// What it can.
        ready: f64,
    },
    /// The floor of a workload (its place in [`crate::capacity::Kubernetes::workloads`]) does not stand yet
    /// where the weight asks for it.
    Floor(usize),
}

/// What is known now, by data that is at most so old.
fn known(turn: &Turn, route_stale: Duration, measured_stale: Duration) -> Spare {
    let capacity = &turn.plan.capacity;
    let figures = &turn.seen.figures;
    let now = turn.now;
    let load = figures.load.filter(|(at, _)| now.since(*at) <= route_stale).map(|(_, load)| load);
    let demand = capacity.demand.and_then(|demand| match demand.from {
        Source::Route(_) => load.map(|load| load.demand()),
        Source::Declared { requests_per_second, until } => {
            until.is_none_or(|until| now < until).then_some(requests_per_second)
        }
        Source::Measured => figures.measured(Figure::Demand, now, measured_stale),
    });
    let highest = capacity.demand.and_then(|demand| turn.state.peaks.highest(demand.peak_window, now));
    // What was counted a moment ago is no demand to keep a promise by.
    let steady = demand.and_then(|_| match capacity.demand?.from {
        Source::Route(_) => figures.steady.highest(now),
        Source::Declared { .. } | Source::Measured => None,
    });
    let peak = [steady.or(demand), highest.map(|peak| peak.requests_per_second)]
        .into_iter()
        .flatten()
        .reduce(f64::max);
    let legacy = capacity.legacy.and_then(|legacy| match legacy.capacity {
        Source::Route(route) => {
            let up = servers_up(turn, route, route_stale)?;
            Some(f64::from(up) * legacy.requests_per_second_per_server)
        }
        Source::Declared { requests_per_second, until } => {
            until.is_none_or(|until| now < until).then_some(requests_per_second)
        }
        Source::Measured => figures.measured(Figure::LegacyCapacity, now, measured_stale),
    });
    let kubernetes = capacity.kubernetes.as_ref().and_then(|side| {
        side.workloads.iter().enumerate().try_fold(0.0, |sum, (place, workload)| {
            let pods = figures.measured(Figure::Pods(place), now, measured_stale)?;
            Some(sum + pods * workload.requests_per_second_per_pod)
        })
    });
    Spare {
        demand,
        peak,
        legacy: Side { ready: legacy, load: load.map(|load| load.legacy.requests) },
        kubernetes: Side { ready: kubernetes, load: load.map(|load| load.kubernetes.requests) },
    }
}

/// What is known now by fresh data.
pub fn spare(turn: &Turn) -> Spare {
    *turn.spare.get_or_init(|| known(turn, ROUTE_STALE, MEASURED_STALE))
}

/// What was last known, as far as it counts for a step back.
fn remembered(turn: &Turn) -> Spare {
    known(turn, REMEMBERED, REMEMBERED)
}

/// Legacy servers that every load balancer of a route sees up.
fn servers_up(turn: &Turn, route: usize, stale: Duration) -> Option<u32> {
    let young = |at: Time| turn.now.since(at) <= stale;
    let readings = turn.plan.instances_of(route).filter_map(|instance| {
        turn.seen.instances.get(instance)?.reading.as_ref().filter(|(at, _)| young(*at))
    });
    readings.map(|(_, reading)| reading.legacy_up).min()
}

/// What stands against staying at `weight` (R9).
pub fn against_staying(turn: &Turn, weight: Weight) -> Option<Shortage> {
    let capacity = &turn.plan.capacity;
    capacity.legacy?;
    let spare = spare(turn);
    let Some(peak) = spare.peak.filter(|_| spare.demand.is_some()) else {
        return Some(Shortage::DemandUnknown);
    };
    let Some(ready) = spare.legacy.ready else { return Some(Shortage::LegacyUnknown) };
    let needs = spare::legacy_needs(weight, peak, capacity.takeover);
    (ready < needs).then_some(Shortage::Legacy { needs, ready })
}

/// What stands against a raise to `weight` (R1).
pub fn against_raising(turn: &Turn, weight: Weight) -> Option<Shortage> {
    if let Some(shortage) = against_staying(turn, weight) {
        return Some(shortage);
    }
    let capacity = &turn.plan.capacity;
    let side = capacity.kubernetes.as_ref()?;
    let spare = spare(turn);
    let Some(needs) = kubernetes_needs(turn, weight) else { return Some(Shortage::DemandUnknown) };
    let Some(ready) = spare.kubernetes.ready else { return Some(Shortage::KubernetesUnknown) };
    if ready < needs {
        return Some(Shortage::Kubernetes { needs, ready });
    }
    floors::against(turn, &side.workloads, needs)
}

/// What Kubernetes lacks by now of what the present weight was raised by. Nothing waits for it: a fall would
/// only be the way back.
pub fn lacking(turn: &Turn) -> Option<Shortage> {
    let weight = Some(turn.intended()).filter(|weight| *weight > Weight::ZERO);
    against_raising(turn, weight?)
}

/// What Kubernetes must be able to carry at `weight`; `None` if it is not known how much is asked for, or
/// the plan says nothing of Kubernetes.
pub fn kubernetes_needs(turn: &Turn, weight: Weight) -> Option<f64> {
    let capacity = &turn.plan.capacity;
    let side = capacity.kubernetes.as_ref()?;
    let surge = capacity.demand.map_or(1.0, |demand| demand.surge_factor);
    Some(spare::kubernetes_needs(weight, spare(turn).peak?, side, surge, capacity.takeover))
}

/// How far the weight may fall in one step now, of which it has `fallen` so far already (R3): as far as
/// legacy has room, and its pools fill gently; 5 points while that is not known.
pub fn fits(turn: &Turn, fallen: Weight) -> Weight {
    let blind = || turn.plan.rollback.max_step.min(BLIND_STEP).minus(fallen);
    fits_from(turn, turn.intended(), fallen).unwrap_or_else(blind)
}

/// How far each of `falling` instances may fall that have yet to come down to the plan's weight: all of what
/// fits is theirs. Legacy's load is by where the instances stand.
pub fn fits_each(turn: &Turn, falling: usize) -> Weight {
    let stands = |instance: usize| {
        let (_, reading) = turn.seen.instances.get(instance)?.reading.as_ref()?;
        // What was ordered may have been carried out already.
        let ordered = turn.pending(instance).map_or(reading.weight, |order| order.weight);
        Some(ordered.min(reading.weight))
    };
    // Of one that was not read yet it may be that legacy has all of its part.
    let all = 0..turn.seen.instances.len();
    let sum: f64 = all.clone().map(|instance| stands(instance).unwrap_or_default().percent()).sum();
    let (all, most) = (all.len().max(1) as f64, turn.plan.rollback.max_step);
    let Some(fits) = fits_from(turn, Weight::from_percent(sum / all), Weight::ZERO) else {
        return most.min(BLIND_STEP);
    };
    most.min(Weight::from_percent(fits.percent() * all / falling.max(1) as f64))
}

/// What fits by what is known; `None` while it is not known what legacy can carry.
fn fits_from(turn: &Turn, weight: Weight, fallen: Weight) -> Option<Weight> {
    let most = turn.plan.rollback.max_step.minus(fallen);
    let bounds = bounds(turn, weight)?;
    // Legacy's load is by what has fallen already.
    let left = |(bound, fits): (Bound, Weight)| match bound {
        Bound::Room { .. } => fits,
        Bound::Burst { .. } | Bound::Budget { .. } => fits.minus(fallen),
    };
    Some(bounds.into_iter().flatten().map(left).fold(most, Weight::min))
}

/// What keeps a step back from being larger, besides what the plan says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Bound {
    /// Legacy can carry no more.
    Room {
        /// The requests per second that it can carry, as last known.
        ready: f64,
    },
    /// Its servers would fill their pools faster than a database can answer.
    Burst {
        /// The database's place in the plan.
        database: usize,
        /// Connections that each request/s brings.
        each: f64,
    },
    /// Requests cost more connects on legacy, and a database can answer no more.
    Budget {
        /// The database's place in the plan.
        database: usize,
        /// All attempts per second that it gets now.
        rate: f64,
        /// Connects per request on legacy.
        legacy: f64,
        /// Connects per request on Kubernetes.
        kubernetes: f64,
    },
}

/// What binds a step back now; `None` while it is not known what legacy can carry.
pub fn binding(turn: &Turn) -> Option<Bound> {
    let bounds = bounds(turn, turn.intended())?;
    bounds.into_iter().flatten().min_by_key(|(_, fits)| *fits).map(|(bound, _)| bound)
}

/// Each bound, and how far the weight may fall from `weight` by it.
fn bounds(turn: &Turn, weight: Weight) -> Option<[Option<(Bound, Weight)>; 3]> {
    let spare = remembered(turn);
    let (room, ready) = (spare.room(weight)?, spare.legacy.ready?);
    Some([Some((Bound::Room { ready }, room)), burst(turn, &spare), budget(turn, &spare)])
}

/// How far the weight may fall so that filling legacy's pools is not too much for the slowest database.
fn burst(turn: &Turn, spare: &Spare) -> Option<(Bound, Weight)> {
    let legacy = turn.plan.capacity.legacy;
    let each = legacy.and_then(|legacy| {
        let each = legacy.connections_per_server? / legacy.requests_per_second_per_server;
        each.is_finite().then_some(each)
    });
    let each = each?;
    let databases = turn.plan.databases.iter().enumerate();
    let of_one = |(place, database): (usize, &Database)| {
        let fits = spare.burst(database.connection_rate_capacity?, each)?;
        Some((Bound::Burst { database: place, each }, fits))
    };
    databases.filter_map(of_one).min_by_key(|(_, fits)| *fits)
}

/// How far the weight may fall so that no database is asked for too many connects. What is in doubt does not
/// bind: of the means, those count by which Kubernetes costs most and legacy least.
fn budget(turn: &Turn, spare: &Spare) -> Option<(Bound, Weight)> {
    let databases = turn.plan.databases.iter().zip(&turn.seen.tallies).enumerate();
    let of_one = |(place, (database, tally)): (usize, (&Database, &Tally))| {
        let capacity = database.connection_rate_capacity.filter(|_| database.by_side)?;
        let known = tally.known(turn.now);
        let (long, short) = (known.per_request, known.lately);
        let kubernetes = long.kubernetes?.each.max(short.kubernetes?.each);
        let (legacy, rate) = (long.legacy?.each.min(short.legacy?.each), known.all?);
        let fits = spare.budget(capacity, rate, legacy, kubernetes)?;
        Some((Bound::Budget { database: place, rate, legacy, kubernetes }, fits))
    };
    databases.filter_map(of_one).min_by_key(|(_, fits)| *fits)
}

/// How far the weight may fall at once from a Kubernetes that fails: as far as legacy has room.
pub fn fits_at_once(turn: &Turn) -> Weight {
    // What has moved since the load was measured does not show in it.
    let measured = turn.seen.figures.load.map_or(turn.now, |(at, _)| at);
    let unseen = retreat::fallen_since(turn, measured);
    let room = remembered(turn).room(turn.intended().plus(unseen)).map(|room| room.minus(unseen));
    room.unwrap_or_else(|| BLIND_STEP.minus(retreat::fallen(turn, turn.plan.rollback.every)))
}

/// Sees whether anything `fits` what comes down.
pub fn look(turn: &mut Turn, fits: Weight) {
    if fits <= SAME {
        turn.state.volatile.full = Some(turn.now);
    }
    if let Some(at) = turn.state.volatile.full {
        turn.wake(at + SAID);
    }
}

/// Whether nothing fits any more: less than a load balancer can tell. Once that was said, it is said for a
/// while longer, or until a step fits, and while it is less than a point: what is asked for changes with each
/// second.
pub fn is_full(turn: &Turn) -> bool {
    strain::stands(turn) || is_short(turn, fits(turn, Weight::ZERO), turn.state.last_step)
}

/// Whether of what comes down nothing `fits` any more, whose last step was at `last`.
pub fn is_short(turn: &Turn, fits: Weight, last: Option<Time>) -> bool {
    let said = matches!(turn.state.volatile.told, Some((_, Some(Reason::LegacyFull))));
    let lately = |at: Time| turn.now.since(at) < SAID && last <= Some(at);
    fits <= if said { ROOM } else { SAME } || said && turn.state.volatile.full.is_some_and(lately)
}
