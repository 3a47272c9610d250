//! From a raw spec to the plan that the core knows and the connections that the shell opens, or to
//! everything that is wrong with it. `crossfade check` and the operator use the same function.

mod capacity;

pub use capacity::DECLARED;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::Value;

use super::spec::{
    Approval, DatabaseSpec, GuardSpec, HaproxySpec, MigrationPlanSpec, MysqlSpec, Rise, RollbackGoal,
    RollbackWhen, SignalName, StageSpec, TargetSpec,
};
use super::{Problem, duration, number, schema};
use crate::capacity::Target;
use crate::core::check::check;
use crate::core::defaults::{self, FAILURES_TO_PAUSE, FAILURES_TO_ROLL_BACK};
use crate::core::guard::{Condition, Guard, Signal, Test};
use crate::core::plan::{Database, Plan, Ramp, Rollback, RollbackTo, Route, Stage, When};
use crate::core::weight::Weight;
use crate::route::haproxy::Address;

/// A spec that can be accepted.
#[derive(Clone, Debug, PartialEq)]
pub struct Parsed {
    /// What the core decides on.
    pub plan: Plan,
    /// The spec with its defaults filled in. `spec.routes` and `spec.databases` say how to connect;
    /// they stand in the order of `plan.routes` and `plan.databases`.
    pub spec: MigrationPlanSpec,
}

impl Parsed {
    /// How to reach the route `name`.
    pub fn haproxy(&self, name: &str) -> Option<&HaproxySpec> {
        self.spec.routes.iter().find(|route| route.name == name).map(|route| &route.haproxy)
    }

    /// How to reach the database `name`.
    pub fn mysql(&self, name: &str) -> Option<&MysqlSpec> {
        self.spec.databases.iter().find(|database| database.name == name).map(|database| &database.mysql)
    }

    /// What runs the pods, in the order of the plan's workloads.
    pub fn targets(&self) -> impl Iterator<Item = Target> + '_ {
        let workloads = self.spec.kubernetes.iter().flat_map(|kubernetes| &kubernetes.workloads);
        workloads.map(|workload| {
            let TargetSpec { api_version, kind, name } = &workload.target;
            Target::new(api_version, kind, name)
        })
    }

    /// The names of the Secrets that the plan needs, all in its namespace.
    pub fn secrets(&self) -> BTreeSet<&str> {
        let routes = self.spec.routes.iter().filter_map(|route| route.haproxy.tls.as_ref());
        let databases = self.spec.databases.iter().map(|database| &database.mysql);
        routes
            .map(|tls| tls.secret.as_str())
            .chain(databases.clone().map(|mysql| mysql.credentials_secret.as_str()))
            .chain(databases.filter_map(|mysql| mysql.tls.as_ref()).map(|tls| tls.ca_secret.as_str()))
            .chain(self.spec.measured().into_iter().flat_map(|measured| measured.prometheus.secrets()))
            .collect()
    }
}

/// Reads `spec`.
///
/// # Errors
/// Every problem of it at once: what the schema and the rules of the API server refuse (also in an
/// object that was stored before they were tightened), unknown fields, and what the core refuses.
pub fn parse(spec: &Value) -> Result<Parsed, Vec<Problem>> {
    let object = number::without_nulls(&schema::object(spec));
    let mut problems = schema::problems(&object);
    problems.extend(schema::unknown_fields(&schema::object(spec)));
    let rules = schema::broken_rules(&object);
    let filled = schema::with_defaults(&object);
    let read = serde_json::from_value::<MigrationPlanSpec>(filled["spec"].clone());
    // The core tells its part with the very values; without it the rules have to do.
    let by_core = read.as_ref().ok().map(|spec| convert(spec.clone()));
    let core_spoke = by_core.as_ref().is_some_and(|(_, problems)| !problems.is_empty());
    problems.extend(
        rules.into_iter().filter(|(_, in_core)| !(core_spoke && *in_core)).map(|(problem, _)| problem),
    );
    let parsed = by_core.map(|(parsed, found)| {
        // A field that has the wrong shape is told once.
        let known: BTreeSet<String> = problems.iter().map(|problem| problem.field.clone()).collect();
        problems.extend(found.into_iter().filter(|problem| !known.contains(&problem.field)));
        parsed
    });
    match (parsed, read) {
        (Some(parsed), _) if problems.is_empty() => Ok(parsed),
        (None, Err(error)) if problems.is_empty() => Err(vec![Problem::new(
            "spec",
            format!("cannot be read: {error}"),
            "see `kubectl explain mplan.spec --recursive`",
        )]),
        _ => {
            problems.sort_by(|a, b| a.field.cmp(&b.field));
            problems.dedup();
            Err(problems)
        }
    }
}

/// The plan that `spec` says, and what the core (or a duration) has against it.
fn convert(spec: MigrationPlanSpec) -> (Parsed, Vec<Problem>) {
    let mut reader = Reader { problems: Vec::new() };
    let stages = &spec.stages;
    let plan = Plan {
        paused: spec.paused,
        target_stage: spec.target_stage.clone(),
        approvals: spec.approvals.iter().cloned().collect(),
        stages: stages
            .iter()
            .enumerate()
            .map(|(n, stage)| reader.stage(&format!("spec.stages[{n}]"), stage))
            .collect(),
        routes: spec
            .routes
            .iter()
            .map(|route| Route { name: route.name.clone(), instances: route.haproxy.instances.clone() })
            .collect(),
        databases: spec
            .databases
            .iter()
            .enumerate()
            .map(|(n, database)| reader.database(&format!("spec.databases[{n}]"), database))
            .collect(),
        rollback: Rollback {
            to: match spec.rollback.to {
                RollbackGoal::Previous => RollbackTo::Previous,
                RollbackGoal::Zero => RollbackTo::Zero,
            },
            when: match spec.rollback.when {
                RollbackWhen::Attributed => When::Attributed,
                RollbackWhen::Always => When::Always,
            },
            max_step: reader.weight("spec.rollback.maxStep", spec.rollback.max_step),
            every: reader.duration("spec.rollback.every", &spec.rollback.every),
        },
        capacity: reader.capacity(&spec),
    };
    reader.addresses(&spec);
    // Where a duration could not be read, what the core says of its stand-in says nothing.
    let unreadable: BTreeSet<String> = reader.problems.iter().map(|problem| problem.field.clone()).collect();
    let found = check(&plan).into_iter().map(|problem| located(problem, &spec));
    reader.problems.extend(found.filter(|problem| !unreadable.contains(&problem.field)));
    (Parsed { plan, spec }, reader.problems)
}

/// The core names a guard by its signal, the API by its place.
fn located(mut problem: Problem, spec: &MigrationPlanSpec) -> Problem {
    for (index, database) in spec.databases.iter().enumerate() {
        let Some(rest) = problem.field.strip_prefix(&format!("spec.databases[{index}].guards[")) else {
            continue;
        };
        let Some((name, tail)) = rest.split_once(']') else { continue };
        let place = database.guards.iter().position(|guard| signal(guard.signal).name() == name);
        problem.field = if let Some(place) = place {
            format!("spec.databases[{index}].guards[{place}]{tail}")
        } else {
            // A default guard: what is wrong is the database's own.
            problem.reason = format!("{} (the default guard of {name})", problem.reason);
            format!("spec.databases[{index}].every")
        };
        break;
    }
    problem
}

struct Reader {
    problems: Vec<Problem>,
}

impl Reader {
    fn duration(&mut self, field: &str, text: &str) -> Duration {
        duration::parse(text).unwrap_or_else(|_| {
            let reason = format!("\"{text}\" is no duration");
            self.problems.push(Problem::new(field, reason, "write for example 500ms, 30s, 5m or 1h30m"));
            Duration::ZERO
        })
    }

    /// In steps of 0.01.
    fn weight(&mut self, field: &str, percent: f64) -> Weight {
        let weight = Weight::from_percent(percent);
        if (0.0..=100.0).contains(&percent) && (weight.percent() - percent).abs() > 1e-9 {
            let reason = format!("{percent} is no multiple of 0.01");
            self.problems.push(Problem::new(field, reason, "write at most two decimals"));
        }
        weight
    }

    fn stage(&mut self, field: &str, stage: &StageSpec) -> Stage {
        Stage {
            name: stage.name.clone(),
            weight: self.weight(&format!("{field}.weight"), stage.weight),
            ramp: stage.ramp.as_ref().map(|ramp| Ramp {
                step: self.weight(&format!("{field}.ramp.step"), ramp.step),
                every: self.duration(&format!("{field}.ramp.every"), &ramp.every),
            }),
            soak: stage
                .soak
                .as_ref()
                .map(|soak| self.duration(&format!("{field}.soak.for"), &soak.lasting))
                .unwrap_or_default(),
            peaks: stage.soak.as_ref().map_or(0, |soak| soak.peaks),
            approval: stage.approval == Approval::Required,
        }
    }

    fn database(&mut self, field: &str, database: &DatabaseSpec) -> Database {
        let every = self.duration(&format!("{field}.every"), &database.every);
        let given: BTreeMap<Signal, (usize, &GuardSpec)> =
            database.guards.iter().enumerate().map(|(n, guard)| (signal(guard.signal), (n, guard))).collect();
        let guards = Signal::ALL
            .into_iter()
            .filter_map(|signal| match given.get(&signal) {
                Some((_, guard)) if !guard.enabled => None,
                Some((n, guard)) => Some(self.guard(&format!("{field}.guards[{n}]"), signal, guard)),
                None => Some(defaults::guard(signal)),
            })
            .map(|guard| slowed(guard, &given, every))
            .collect();
        Database {
            name: database.name.clone(),
            every,
            guards,
            connection_rate_capacity: database.connection_rate_capacity,
            by_side: database.users.is_some(),
        }
    }

    /// The user's thresholds replace the default ones of the signal whole.
    fn guard(&mut self, field: &str, signal: Signal, guard: &GuardSpec) -> Guard {
        let (Some(pause), Some(resume)) = (&guard.pause, &guard.resume) else {
            return defaults::guard(signal);
        };
        let resume_test = match (&resume.below, &resume.below_baseline) {
            (Some(below), _) if signal == Signal::FailedConnections => {
                Test::FailuresBelow { percent: *below }
            }
            (Some(below), _) => Test::Below(*below),
            (None, factor) => {
                Test::BelowBaseline(self.factor(&format!("{field}.resume.belowBaseline"), factor.as_deref()))
            }
        };
        let pause = self.rise(&format!("{field}.pause"), signal, pause, FAILURES_TO_PAUSE);
        let rollback = guard
            .rollback
            .iter()
            .map(|rollback| self.rise(&format!("{field}.rollback"), signal, rollback, FAILURES_TO_ROLL_BACK));
        Guard {
            signal,
            rollback: rollback.collect(),
            pause: vec![pause],
            resume: self.condition(
                &format!("{field}.resume"),
                resume_test,
                &resume.lasting,
                resume.within.as_deref(),
            ),
        }
    }

    /// A threshold that is crossed from below; failures need so many `per_second` besides.
    fn rise(&mut self, field: &str, signal: Signal, rise: &Rise, per_second: f64) -> Condition {
        let test = match (rise.above, &rise.above_baseline) {
            (Some(percent), _) if signal == Signal::FailedConnections => {
                Test::Failures { percent, per_second }
            }
            (Some(above), _) => Test::Above(above),
            (None, factor) => {
                Test::AboveBaseline(self.factor(&format!("{field}.aboveBaseline"), factor.as_deref()))
            }
        };
        self.condition(field, test, &rise.lasting, rise.within.as_deref())
    }

    fn condition(&mut self, field: &str, test: Test, lasting: &str, within: Option<&str>) -> Condition {
        let lasting = self.duration(&format!("{field}.for"), lasting);
        let within = within.map_or(lasting, |within| self.duration(&format!("{field}.within"), within));
        Condition { test, lasting, within }
    }

    fn factor(&mut self, field: &str, text: Option<&str>) -> f64 {
        text.and_then(|text| text.parse().ok()).unwrap_or_else(|| {
            let text = text.unwrap_or_default();
            let reason = format!("\"{text}\" is no factor");
            self.problems.push(Problem::new(field, reason, "write for example \"1.5\""));
            f64::MAX
        })
    }

    /// The core does not know what an instance is; here each is read, and no two routes may share a
    /// backend on one.
    fn addresses(&mut self, spec: &MigrationPlanSpec) {
        let mut seen = BTreeMap::new();
        for (n, route) in spec.routes.iter().enumerate() {
            for (m, instance) in route.haproxy.instances.iter().enumerate() {
                let field = format!("spec.routes[{n}].haproxy.instances[{m}]");
                let address = match Address::parse(instance) {
                    Ok(address) => address,
                    Err(error) => {
                        let text = error.to_string();
                        let (reason, remedy) = text.rsplit_once(": ").unwrap_or((&text, "write another one"));
                        self.problems.push(Problem::new(field, reason, remedy));
                        continue;
                    }
                };
                if let Some(other) = seen.insert((address.to_string(), &route.haproxy.backend), &route.name) {
                    self.problems.push(Problem::new(
                        field,
                        format!(
                            "route \"{other}\" has backend \"{}\" on {instance} too",
                            route.haproxy.backend
                        ),
                        "name each backend of an instance in one route only",
                    ));
                }
            }
        }
    }
}

/// A default guard of a database that is sampled more slowly than its thresholds last: each must see
/// at least one sample, so they last one period at least.
fn slowed(mut guard: Guard, given: &BTreeMap<Signal, (usize, &GuardSpec)>, every: Duration) -> Guard {
    let own = given.get(&guard.signal).is_some_and(|(_, guard)| guard.pause.is_some());
    if !own {
        for condition in guard.pause.iter_mut().chain(&mut guard.rollback).chain([&mut guard.resume]) {
            if !condition.lasting.is_zero() && condition.lasting < every {
                condition.lasting = every;
                condition.within = condition.within.max(every);
            }
        }
    }
    guard
}

/// The core's name of a signal.
fn signal(name: SignalName) -> Signal {
    match name {
        SignalName::ConnectionRate => Signal::ConnectionRate,
        SignalName::ConnectionsOfMax => Signal::ConnectionsOfMax,
        SignalName::FailedConnections => Signal::FailedConnections,
    }
}
