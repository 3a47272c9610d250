//! The replay: the operator's engine is shown a record, and what it did is written down.
//!
//! It stands at one weight, on one load balancer that always obeys, and never raises. What was
//! recorded does not react to its retreats, and it holds no requests: a legacy side of which the plan
//! says what it carries has room. So that each breach counts once, a retreat that has
//! ended begins the next time from the same weight again; its cooldown goes on as in life.

use std::time::Duration;

use crossfade_core::action::Action;
use crossfade_core::capacity::{Capacity, Demand, Legacy, Source};
use crossfade_core::check::capacity::PEAK_WINDOW;
use crossfade_core::engine::Engine;
use crossfade_core::guard::{Guard, Level, Signal};
use crossfade_core::plan::{Database, Plan, Rollback, Route, When};
use crossfade_core::route::Reading;
use crossfade_core::seen::Authority;
use crossfade_core::state::State;
use crossfade_core::time::Time;
use crossfade_core::weight::Weight;

use super::record::{Record, Row};

/// How often the engine is asked between two samples at most, while it walks back.
const STEPS_BETWEEN: usize = 100;

/// What a record is replayed through.
#[derive(Clone, Debug)]
pub struct Scene {
    plan: Plan,
    database: String,
    weight: Weight,
}

/// One guard's trip, until it was clear again.
#[derive(Clone, Debug, PartialEq)]
pub struct Trip {
    /// What the guard looks at.
    pub signal: Signal,
    /// When it tripped.
    pub began: Time,
    /// The value at which it did.
    pub value: f64,
    /// The highest value until it was clear.
    pub highest: f64,
    /// The baseline then, if one was known.
    pub baseline: Option<f64>,
    /// How far it tripped at last.
    pub level: Level,
    /// When it reached its rollback level.
    pub rollback_at: Option<Time>,
    /// From where to where it walked the plan back. `None` if it did not, or if another guard's
    /// retreat was under way.
    pub retreat: Option<(Weight, Weight)>,
    /// When it was clear again; `None` when the record ended before.
    pub ended: Option<Time>,
}

/// What the plan would have done.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outcome {
    /// Every trip of a guard, by the time it began.
    pub trips: Vec<Trip>,
    /// For how long raises would have been held by a guard or a cooldown.
    pub held: Duration,
}

/// A record says nothing of requests: a legacy side of which the plan says what it carries has room for all.
fn roomy(legacy: Option<Legacy>) -> Capacity {
    let declared = |requests_per_second| Source::Declared { requests_per_second, until: None };
    let demand = Demand { from: declared(1.0), surge_factor: 1.0, peak_window: PEAK_WINDOW[0] };
    Capacity {
        demand: legacy.map(|_| demand),
        legacy: legacy.map(|legacy| Legacy { capacity: declared(1000.0), ..legacy }),
        ..Capacity::default()
    }
}

impl Scene {
    /// `database` of `plan`, watched every `step`, with the plan standing at `weight`. Guards of
    /// which the record has no value are left out.
    pub fn new(plan: &Plan, database: &Database, weight: Weight, record: &Record) -> Self {
        let guards = database.guards.iter().filter(|guard| record.has(guard.signal)).cloned().collect();
        let database = Database { every: record.step(), guards, ..database.clone() };
        Self {
            database: database.name.clone(),
            weight,
            plan: Plan {
                // Nothing rises, and nothing walks back but by a guard.
                paused: true,
                target_stage: None,
                routes: vec![Route { name: "record".into(), instances: vec!["record".into()] }],
                databases: vec![database],
                capacity: roomy(plan.capacity.legacy),
                // A record does not show what a step does, nor whose connects they were.
                rollback: Rollback { when: When::Always, ..plan.rollback },
                ..plan.clone()
            },
        }
    }

    /// The database with the guards that are replayed, every step of the record.
    pub fn database(&self) -> Option<&Database> {
        self.plan.databases.first()
    }

    /// Where the plan stands.
    pub fn weight(&self) -> Weight {
        self.weight
    }

    /// The same with other thresholds.
    #[must_use]
    pub fn with(&self, guards: &[Guard]) -> Self {
        let mut scene = self.clone();
        for database in &mut scene.plan.databases {
            database.guards = guards.to_vec();
        }
        scene
    }

    /// What is remembered when the plan has stood at its weight for long.
    fn standing(&self) -> State {
        let below = self.plan.stages.iter().filter(|stage| stage.weight < self.weight);
        State {
            intended: Some(self.weight),
            stage: self.plan.stage_at(self.weight),
            proven: below.map(|stage| stage.name.clone()).collect(),
            joined: self.plan.instance_keys().collect(),
            ..State::default()
        }
    }

    /// What the plan would have done.
    pub fn replay(&self, record: &Record) -> Outcome {
        self.replay_seen(record, |_| ())
    }

    /// The same; `see` is shown the engine after each sample.
    pub fn replay_seen(&self, record: &Record, mut see: impl FnMut(&Engine)) -> Outcome {
        let Some(first) = record.rows().first() else { return Outcome::default() };
        let mut player = Player {
            scene: self,
            engine: Engine::new(self.plan.clone(), self.standing(), first.at),
            weight: self.weight,
            open: Vec::new(),
            outcome: Outcome::default(),
            retreating: false,
        };
        player.engine.set_authority(Authority::Holder);
        let mut before = None;
        for row in record.rows() {
            player.walk_until(row.at);
            player.engine.observe(&self.database, &row.observation(), row.at);
            player.turn(row.at);
            player.look(row, record.covers(before, row));
            see(&player.engine);
            before = Some(row);
        }
        player.end()
    }
}

struct Player<'a> {
    scene: &'a Scene,
    engine: Engine,
    /// Where the load balancer stands.
    weight: Weight,
    open: Vec<Trip>,
    outcome: Outcome,
    retreating: bool,
}

impl Player<'_> {
    /// One turn of the engine, whose orders are obeyed at once.
    fn turn(&mut self, now: Time) {
        self.engine.read(0, Ok(reading(self.weight)), now);
        for action in self.engine.decide(now) {
            match action {
                Action::Write { instance, number, weight, .. } => {
                    self.weight = weight;
                    self.engine.written(instance, number, Ok(reading(weight)), now);
                }
                Action::Record { revision } => self.engine.recorded(revision),
                Action::Tell { .. } => {}
            }
        }
    }

    /// The steps of a retreat that are due before the next sample.
    fn walk_until(&mut self, next: Time) {
        for _ in 0..STEPS_BETWEEN {
            let walks = self.engine.state().retreat.as_ref().is_some_and(|retreat| !retreat.arrived);
            let due = self.engine.deadline().filter(|at| walks && *at < next);
            let Some(at) = due else { return };
            self.turn(at);
        }
    }

    fn look(&mut self, row: &Row, covers: Duration) {
        self.follow_guards(row.at);
        self.follow_retreat(row.at);
        let cooling = self.engine.state().cooldown_until.is_some_and(|until| until > row.at);
        if cooling || !self.open.is_empty() {
            self.outcome.held += covers;
        }
    }

    fn follow_guards(&mut self, now: Time) {
        let state = self.engine.state();
        for (key, judgement) in &self.engine.seen().judgements {
            let tripped = state.guards.get(key).copied().unwrap_or_default();
            let place = self.open.iter().position(|trip| trip.signal == key.signal);
            let value = judgement.value.unwrap_or_default();
            match (place, tripped.level) {
                (None, Level::Clear) => {}
                (None, level) => self.open.push(Trip {
                    signal: key.signal,
                    began: now,
                    value,
                    highest: value,
                    baseline: tripped.baseline,
                    level,
                    rollback_at: (level == Level::Rollback).then_some(now),
                    retreat: None,
                    ended: None,
                }),
                (Some(place), Level::Clear) => {
                    let trip = self.open.swap_remove(place);
                    self.outcome.trips.push(Trip { ended: Some(now), ..trip });
                }
                (Some(place), level) => {
                    let Some(trip) = self.open.get_mut(place) else { continue };
                    trip.highest = trip.highest.max(value);
                    if level > trip.level {
                        trip.level = level;
                        trip.rollback_at = Some(now);
                    }
                }
            }
        }
    }

    fn follow_retreat(&mut self, now: Time) {
        if let Some(retreat) = &self.engine.state().retreat {
            let signal = retreat.guard.as_ref().map(|guard| guard.signal);
            let trip = self.open.iter_mut().find(|trip| Some(trip.signal) == signal);
            if let Some(trip) = trip
                && (trip.retreat.is_some() || !self.retreating)
            {
                let to = self.engine.state().intended.unwrap_or_default();
                trip.retreat = Some((self.scene.weight, to));
            }
            self.retreating = true;
        } else if self.retreating {
            self.retreating = false;
            self.stand_again(now);
        }
    }

    /// Back to where it stood before a retreat that has ended.
    fn stand_again(&mut self, now: Time) {
        let state = self.engine.state();
        let state = State {
            guards: state.guards.clone(),
            retreats: state.retreats.clone(),
            retreats_ever: state.retreats_ever,
            cooldown_until: state.cooldown_until,
            ..self.scene.standing()
        };
        self.weight = self.scene.weight;
        self.engine.take_over(state, now);
        self.turn(now);
    }

    fn end(mut self) -> Outcome {
        self.outcome.trips.append(&mut self.open);
        self.outcome.trips.sort_by_key(|trip| (trip.began, trip.signal));
        self.outcome
    }
}

/// What a load balancer at `weight` says.
fn reading(weight: Weight) -> Reading {
    Reading {
        weight,
        setting: u64::from(weight.hundredths()) + 1,
        boot: 1,
        legacy_up: 1,
        kubernetes_up: 1,
        counted: None,
    }
}
