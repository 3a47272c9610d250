//! The whole status from what is known. Pure: the shell only sends it.

mod capacity;
mod connects;

use std::collections::BTreeMap;

use serde_json::Value;

use super::remember::{cut, level, remember};
use super::status::{
    AcceptedStatus, BlockerStatus, DatabaseStatus, GuardStatus, InstanceStatus, MigrationPlanStatus,
    RouteStatus, Summary, WeightStatus,
};
use super::{conditions, number, wall, wording};
use crate::capacity::Count;
use crate::core::guard::{Level, Signal};
use crate::core::plan::Plan;
use crate::core::report::{Condition, GuardReport, Report, Who};
use crate::core::route::{Outcome, Seen};
use crate::core::state::State;
use crate::core::time::Time;
use crate::core::weight::Weight;

/// Everything that the status is made of.
#[derive(Clone, Copy, Debug)]
pub struct StatusInput<'a> {
    /// The plan in force with what the engine remembers and reports; `None` while no spec was ever
    /// accepted.
    pub engine: Option<Engine<'a>>,
    /// The verdict on the newest spec: a condition of kind `Accepted`.
    pub acceptance: &'a Condition,
    /// The newest spec's generation.
    pub generation: i64,
    /// The lease's epoch.
    pub epoch: i64,
    /// Now, by the core's clock.
    pub now: Time,
    /// How many milliseconds the wall clock is ahead of the core's.
    pub offset: i64,
    /// The status as it stands, for the times of the conditions.
    pub previous: Option<&'a Value>,
}

/// A plan in force.
#[derive(Clone, Copy, Debug)]
pub struct Engine<'a> {
    /// The accepted plan.
    pub plan: &'a Plan,
    /// Its spec as it was written.
    pub spec: &'a Value,
    /// That spec's generation.
    pub generation: i64,
    /// What the engine remembers.
    pub state: &'a State,
    /// What it says.
    pub report: &'a Report,
    /// What was seen of each instance, in the order of [`Plan::instances`].
    pub seen: &'a [Seen],
    /// The pods of each workload, in the order of the plan's; what is missing is not known.
    pub pods: &'a [Option<Count>],
    /// What keeps the sides from being told apart, by the database's name.
    pub lacks: &'a BTreeMap<String, String>,
    /// What does not fit into a database's `max_connections`, by its name.
    pub rooms: &'a BTreeMap<String, String>,
}

/// A reading is in sync within one point: `HAProxy`'s weights (0 to 256) cannot express every share.
const IN_SYNC: Weight = Weight::from_hundredths(100);

/// The status. Whole numbers are written as such, as the API server stores them.
pub fn render(input: &StatusInput) -> Value {
    let time = |time: Time| wall::write(time, input.offset);
    let mut status = MigrationPlanStatus {
        phase: Some("Pending".into()),
        observed_generation: Some(input.generation),
        epoch: Some(input.epoch),
        measured_at: Some(time(input.now)),
        ..MigrationPlanStatus::default()
    };
    if let Some(engine) = &input.engine {
        let report = engine.report;
        status.weight =
            Some(WeightStatus { actual: report.actual.map(Weight::percent), ..WeightStatus::default() });
        remember(&mut status, engine.state, engine.plan, input.offset);
        if let Some(stage) = &mut status.stage {
            stage.ends_at = report.soak_ends.map(time);
        }
        status.phase = Some(report.phase.name().into());
        status.blocked_by = blocked_by(report, &time);
        status.legacy = capacity::legacy(engine);
        status.kubernetes = capacity::kubernetes(engine);
        capacity::floors(&mut status.floors, &report.floors);
        status.demand = capacity::demand(engine, status.demand.take(), &time);
        status.routes = routes(engine, &time);
        status.databases = databases(engine, &time);
        status.approval_token = Some(report.approval_token.clone()).filter(|token| !token.is_empty());
        status.approval_needs_token = Some(report.token_needed);
        status.accepted = Some(AcceptedStatus { generation: engine.generation, spec: engine.spec.clone() });
        status.summary = Some(summary(engine));
    }
    if !input.acceptance.status {
        let summary = status.summary.get_or_insert_with(Summary::default);
        summary.why = Some(cut(&format!("{}: {}", input.acceptance.reason, input.acceptance.message)));
    }
    let core = input.engine.as_ref().map_or(&[][..], |engine| &engine.report.conditions);
    let now = wall::write_seconds(input.now, input.offset);
    status.conditions =
        conditions::conditions(input.previous, input.acceptance, core, input.generation, &now);
    // A map with keys of text and no other type in it cannot fail to be written.
    number::normal(serde_json::to_value(status).unwrap_or_default())
}

fn blocked_by(report: &Report, time: &impl Fn(Time) -> String) -> Vec<BlockerStatus> {
    let blockers = report.blocked_by.iter().take(64);
    blockers
        .map(|blocker| BlockerStatus {
            reason: blocker.reason.name().into(),
            message: cut(&blocker.message),
            since: blocker.since.map(time),
            until: blocker.until.map(time),
            who: match blocker.who {
                Who::Nobody => "Nobody".into(),
                Who::Person => "Person".into(),
            },
        })
        .collect()
}

fn routes(engine: &Engine, time: &impl Fn(Time) -> String) -> Vec<RouteStatus> {
    let mut seen = engine.seen.iter();
    let routes = engine.plan.routes.iter();
    routes
        .map(|route| RouteStatus {
            name: route.name.clone(),
            instances: route
                .instances
                .iter()
                .map(|address| instance(address, seen.next(), engine.state.intended, time))
                .collect(),
        })
        .collect()
}

fn instance(
    address: &str,
    seen: Option<&Seen>,
    intended: Option<Weight>,
    time: &impl Fn(Time) -> String,
) -> InstanceStatus {
    let reading = seen.and_then(|seen| seen.reading.as_ref()).map(|(_, reading)| reading);
    let failing = seen.and_then(|seen| seen.failing.as_ref());
    // What the write of the intended weight came to counts as that weight, however coarse.
    let written = seen.and_then(|seen| seen.order.as_ref()).is_some_and(|order| {
        Some(order.weight) == intended
            && matches!(&order.outcome, Outcome::Done(done) if reading.is_some_and(|now| now.setting == done.setting))
    });
    let near =
        reading.zip(intended).is_some_and(|(reading, intended)| reading.weight.distance(intended) <= IN_SYNC);
    InstanceStatus {
        address: address.to_owned(),
        weight: reading.map(|reading| reading.weight.percent()),
        legacy_up: reading.map(|reading| reading.legacy_up),
        kubernetes_up: reading.map(|reading| reading.kubernetes_up),
        in_sync: failing.is_none() && (near || written),
        last_error: failing.map(|(_, error)| cut(error)),
        failing_since: failing.map(|(since, _)| time(*since)),
    }
}

fn databases(engine: &Engine, time: &impl Fn(Time) -> String) -> Vec<DatabaseStatus> {
    let reports = &engine.report.guards;
    let databases = engine.plan.databases.iter();
    databases
        .enumerate()
        .map(|(place, database)| DatabaseStatus {
            name: database.name.clone(),
            connects: connects::connects(engine, place, time),
            guards: database
                .guards
                .iter()
                .map(|guard| {
                    let report = reports.iter().find(|report| {
                        report.key.database == database.name && report.key.signal == guard.signal
                    });
                    let baseline = report.and_then(|report| report.judgement.baseline);
                    let now = |conditions| wording::level_now(conditions, baseline).map(rounded);
                    let [pause, rollback, resume] = wording::thresholds(guard);
                    GuardStatus {
                        signal: guard.signal.name().into(),
                        level: level(report.map(|report| report.level).unwrap_or_default()).into(),
                        since: report
                            .filter(|report| report.since != Time::default())
                            .map(|report| time(report.since)),
                        value: report.and_then(|report| report.judgement.value).and_then(finite).map(rounded),
                        baseline: baseline.and_then(finite).map(rounded),
                        pause_at: now(&guard.pause),
                        rollback_at: now(&guard.rollback),
                        resume_at: now(std::slice::from_ref(&guard.resume)),
                        pause,
                        rollback,
                        resume,
                        unknown: report
                            .and_then(|report| wording::unknown(&report.judgement, time))
                            .map(|text| cut(&text)),
                    }
                })
                .collect(),
        })
        .collect()
}

fn summary(engine: &Engine) -> Summary {
    let guards = &engine.report.guards;
    let worst = guards.iter().max_by_key(|guard| (guard.level, guard.judgement.unknown.is_some()));
    let named =
        |what: &str, guard: &GuardReport| format!("{what} {}/{}", guard.key.database, guard.key.signal);
    let guard = worst.map(|guard| match (guard.level, &guard.judgement.unknown) {
        (Level::Clear, None) => "Clear".into(),
        (Level::Clear, Some(_)) => named("Unknown", guard),
        (tripped, _) => named(level(tripped), guard),
    });
    Summary {
        guard,
        connections_per_second: nearest_rate(engine).map(f64::round),
        legacy_free: capacity::free(engine.report.capacity.spare.legacy),
        kubernetes_free: capacity::free(engine.report.capacity.spare.kubernetes),
        why: engine.report.blocked_by.first().map(|blocker| cut(&blocker.message)),
    }
}

/// The connection rate of the database that is nearest its pause threshold.
fn nearest_rate(engine: &Engine) -> Option<f64> {
    let rates = engine.report.guards.iter().filter(|guard| guard.key.signal == Signal::ConnectionRate);
    let nearness = |report: &GuardReport| {
        let value = report.judgement.value.and_then(finite)?;
        let database = engine.plan.databases.iter().find(|database| database.name == report.key.database)?;
        let guard = database.guards.iter().find(|guard| guard.signal == Signal::ConnectionRate)?;
        let pause = wording::level_now(&guard.pause, report.judgement.baseline).unwrap_or(f64::INFINITY);
        Some((value / pause, value))
    };
    rates.filter_map(nearness).max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, rate)| rate)
}

fn finite(value: f64) -> Option<f64> {
    value.is_finite().then_some(value)
}

/// To three decimals: more says nothing.
fn rounded(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}
