//! What a run leaves behind: curves, and marks of what happened and was decided.

use std::time::Duration;

use crossfade_core::action::Action;
use crossfade_core::reason::Reason;
use crossfade_core::report::{Phase, Report};
use crossfade_core::time::Time;

use crate::scenario::Scenario;
use crate::witness::{Decided, Witness};
use crate::world::World;

/// A curve keeps so many points at most; longer runs are thinned, least and greatest values kept.
pub const POINTS: usize = 2_000;

/// A value over time, thinned as it comes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Curve {
    /// One for each of [`Recording::times`].
    pub points: Vec<Bucket>,
}

/// What a curve says of a stretch of time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bucket {
    /// The least value.
    pub least: f64,
    /// The greatest value.
    pub most: f64,
    /// The sum of the values, for the mean.
    pub sum: f64,
    /// How many values.
    pub count: u32,
}

impl Bucket {
    /// The mean value.
    pub fn mean(&self) -> f64 {
        self.sum / f64::from(self.count.max(1))
    }
}

impl Curve {
    fn push(&mut self, place: usize, value: f64) {
        if let Some(bucket) = self.points.get_mut(place) {
            bucket.least = bucket.least.min(value);
            bucket.most = bucket.most.max(value);
            bucket.sum += value;
            bucket.count += 1;
        } else {
            self.points.push(Bucket { least: value, most: value, sum: value, count: 1 });
        }
    }
}

/// The curves of a service.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ServiceCurves {
    /// The plan's name.
    pub name: String,
    /// Kubernetes' share of the traffic in percent, as the load balancers stand.
    pub weight: Curve,
    /// The weight that the engine intends, in percent.
    pub intended: Curve,
    /// Requests per second of users.
    pub demand: Curve,
    /// Requests per second that reach legacy and Kubernetes.
    pub load: [Curve; 2],
    /// What legacy and Kubernetes can serve, per second.
    pub capacity: [Curve; 2],
    /// Requests per second that were answered by an error, those that are tried again included.
    pub errors: Curve,
    /// Requests per second that their users gave up for good.
    pub failed: Curve,
    /// All requests of users, and those that they gave up for good.
    pub requests: [f64; 2],
    /// All requests that reached a side, retries and all, and those that were answered by an error.
    pub attempts: [f64; 2],
}

/// The curves of a database.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DatabaseCurves {
    /// Its name.
    pub name: String,
    /// Connects per second.
    pub rate: Curve,
    /// Failed connects per second.
    pub failed: Curve,
    /// Connections held.
    pub connected: Curve,
    /// `max_connections`.
    pub maximum: Curve,
}

/// What the engine told people.
#[derive(Clone, Debug, PartialEq)]
pub struct Mark {
    /// When.
    pub at: Time,
    /// Whose plan.
    pub service: usize,
    /// Why.
    pub reason: Reason,
    /// In words.
    pub message: String,
}

/// A change of a plan's phase.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Turn {
    /// When.
    pub at: Time,
    /// Whose plan.
    pub service: usize,
    /// From now on.
    pub phase: Phase,
}

/// What a run leaves behind.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Recording {
    /// When the run began.
    pub began: Time,
    /// How long each point of a curve covers.
    pub covers: Duration,
    /// The end of each point's time.
    pub times: Vec<Time>,
    /// The services, in the scenario's order.
    pub services: Vec<ServiceCurves>,
    /// The databases, in the scenario's order.
    pub databases: Vec<DatabaseCurves>,
    /// What was told, in order.
    pub marks: Vec<Mark>,
    /// The phases, in order.
    pub phases: Vec<Turn>,
    /// The status of each plan at the end, by the replica that held the lease last.
    pub reports: Vec<Option<Report>>,
    /// Decisions that were made.
    pub decisions: u64,
    steps: u64,
    steps_per_point: u64,
}

impl Recording {
    /// An empty recording of a run of `scenario`.
    pub fn new(scenario: &Scenario) -> Self {
        let steps = scenario.lasts.as_millis() / scenario.step.as_millis().max(1);
        let steps_per_point = u64::try_from(steps).unwrap_or(u64::MAX).div_ceil(POINTS as u64).max(1);
        let service = |name: &String| ServiceCurves { name: name.clone(), ..ServiceCurves::default() };
        let database = |name: &String| DatabaseCurves { name: name.clone(), ..DatabaseCurves::default() };
        Self {
            began: scenario.begins,
            covers: scenario.step * u32::try_from(steps_per_point).unwrap_or(u32::MAX),
            services: scenario.services.iter().map(|setup| service(&setup.name)).collect(),
            databases: scenario.databases.iter().map(|setup| database(&setup.name)).collect(),
            reports: vec![None; scenario.services.len()],
            steps_per_point,
            ..Self::default()
        }
    }

    /// The phase of a plan at a time; `None` before its first.
    pub fn phase(&self, service: usize, at: Time) -> Option<Phase> {
        let known = self.phases.iter().rev().find(|turn| turn.service == service && turn.at <= at);
        known.map(|turn| turn.phase)
    }

    fn turn(&mut self, service: usize, at: Time, phase: Phase) {
        let known = self.phases.iter().rev().find(|turn| turn.service == service).map(|turn| turn.phase);
        if known != Some(phase) {
            self.phases.push(Turn { at, service, phase });
        }
    }
}

impl Witness for Recording {
    fn decided(&mut self, decided: &Decided<'_>) {
        self.decisions += 1;
        if decided.actions.is_empty() {
            return;
        }
        for action in decided.actions {
            if let Action::Tell { reason, message } = action {
                let (at, service) = (decided.now, decided.service);
                self.marks.push(Mark { at, service, reason: *reason, message: message.clone() });
            }
        }
        // A phase that changes is recorded by an action.
        if let Some((phase, _)) = decided.after.state().volatile.told {
            self.turn(decided.service, decided.now, phase);
        }
    }

    fn stepped(&mut self, world: &World) {
        let place = usize::try_from(self.steps / self.steps_per_point).unwrap_or(usize::MAX);
        self.steps += 1;
        match self.times.get_mut(place) {
            Some(end) => *end = world.now,
            None => self.times.push(world.now),
        }
        let holder = world.holder();
        let seconds = world.step().as_secs_f64();
        for (index, (curves, service)) in self.services.iter_mut().zip(&world.services).enumerate() {
            let flow = &service.flow;
            let mind = holder.and_then(|process| process.minds.get(index));
            let intended = mind.and_then(|mind| mind.engine.state().intended);
            curves.weight.push(place, flow.weight);
            curves
                .intended
                .push(place, intended.map_or(flow.weight, crossfade_core::weight::Weight::percent));
            curves.demand.push(place, flow.demand);
            for side in [0, 1] {
                curves.load[side].push(place, flow.load[side]);
                curves.capacity[side].push(place, flow.capacity[side]);
            }
            curves.errors.push(place, flow.errors);
            curves.failed.push(place, flow.failed);
            curves.attempts[0] += (flow.load[0] + flow.load[1]) * seconds;
            curves.attempts[1] += flow.errors * seconds;
            curves.requests[0] += flow.demand * seconds;
            curves.requests[1] += flow.failed * seconds;
        }
        for (curves, database) in self.databases.iter_mut().zip(&world.databases) {
            curves.rate.push(place, database.flow().attempts);
            curves.failed.push(place, database.flow().failed);
            curves.connected.push(place, database.connected());
            curves.maximum.push(place, f64::from(database.maximum));
        }
        if world.is_over() {
            for (index, report) in self.reports.iter_mut().enumerate() {
                let mind = holder.and_then(|process| process.minds.get(index));
                *report =
                    holder.zip(mind).map(|(process, mind)| mind.engine.report(process.clock(world.now)));
            }
        }
    }
}
