//! A small world, pure and deterministic: load balancers that obey, fail, answer late, forget or
//! are set by others; a store that confirms, delays or loses; a database that is sampled every
//! second; operators that crash and take over.
//!
//! The rules themselves are proven in the simulator's random worlds (`src/sim/laws`).

use std::collections::VecDeque;
use std::time::Duration;

use crossfade_core::action::Action;
use crossfade_core::engine::Engine;
use crossfade_core::meter::{self, Observation, Sample};
use crossfade_core::plan::Plan;
use crossfade_core::seen::{Authority, Wishes};
use crossfade_core::state::{State, Volatile};
use crossfade_core::time::Time;
use crossfade_core::weight::Weight;

use crate::balancer::{Balancer, Hands};
use crate::build::NOW;

/// How far the world goes at once.
pub const TICK: Duration = Duration::from_millis(500);

/// What the database does.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Database {
    /// This many connects per second.
    Rate(f64),
    /// Full: connects are refused, the counter hardly moves (R6).
    Full,
    /// No sample comes.
    Silent,
    /// It does not answer.
    Down,
}

/// The API server.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Api {
    /// Stores at once.
    Up,
    /// Stores after two seconds.
    Slow,
    /// Stores nothing until it is back.
    Away,
}

/// Everything outside the engine, and the engine.
#[derive(Clone, Debug)]
pub struct World {
    pub now: Time,
    pub plan: Plan,
    pub engine: Option<Engine>,
    pub standby: Engine,
    pub balancers: Vec<Balancer>,
    pub database: Database,
    pub api: Api,
    pub wishes: Wishes,
    pub stored: State,
    /// Dies after carrying out so many actions.
    pub dies_after: Option<usize>,
    pub ever_retreated: bool,
    pub decisions: u64,
    storing: VecDeque<(u64, State, Time)>,
    unstored: Option<(u64, State)>,
    returning: Option<Time>,
    reborn: Option<Time>,
    orphans: bool,
}

impl World {
    /// A new plan, and load balancers that stand at `weight`.
    pub fn new(plan: Plan, weight: Weight) -> Self {
        let mut engine = Engine::new(plan.clone(), State::default(), NOW);
        let standby = engine.clone();
        engine.set_authority(Authority::Holder);
        Self {
            now: NOW,
            balancers: plan.instances().map(|_| Balancer::new(weight)).collect(),
            plan,
            engine: Some(engine),
            standby,
            database: Database::Rate(100.0),
            api: Api::Up,
            wishes: Wishes::default(),
            stored: State::default(),
            dies_after: None,
            ever_retreated: false,
            decisions: 0,
            storing: VecDeque::new(),
            unstored: None,
            returning: None,
            reborn: None,
            orphans: false,
        }
    }

    /// Lets time pass.
    pub fn run(&mut self, span: Duration) {
        let end = self.now + span;
        while self.now < end {
            self.tick();
        }
    }

    /// Lets time pass until something holds; how long that took, if it took at most `span`.
    pub fn run_until(&mut self, span: Duration, holds: impl Fn(&Self) -> bool) -> Option<Duration> {
        let began = self.now;
        while self.now.since(began) < span {
            if holds(self) {
                return Some(self.now.since(began));
            }
            self.tick();
        }
        None
    }

    pub fn engine(&self) -> &Engine {
        self.engine.as_ref().unwrap_or(&self.standby)
    }

    pub fn weights(&self) -> Vec<Weight> {
        self.balancers.iter().map(|balancer| balancer.reading.weight).collect()
    }

    /// The plan in force changes.
    pub fn change_plan(&mut self, change: impl FnOnce(&mut Plan)) {
        change(&mut self.plan);
        let (plan, now) = (self.plan.clone(), self.now);
        self.each_engine(|engine| engine.set_plan(plan.clone(), now));
    }

    pub fn each_engine(&mut self, mut change: impl FnMut(&mut Engine)) {
        self.engine.iter_mut().for_each(&mut change);
        change(&mut self.standby);
    }

    /// The process dies: what it had ordered may still happen, and nobody hears of it.
    pub fn crash(&mut self) {
        self.engine = None;
        self.storing.clear();
        self.unstored = None;
        self.orphans = true;
        self.dies_after = None;
        self.reborn = Some(self.now + Duration::from_secs(12));
    }

    pub fn set_api(&mut self, api: Api) {
        if api != Api::Away && self.api == Api::Away {
            // The shell stores the newest state as soon as it can.
            if let Some((revision, state)) = self.unstored.take() {
                self.storing.push_back((revision, state, self.now));
            }
        }
        self.api = api;
        let authority = if api == Api::Away { Authority::LastHolder } else { Authority::Holder };
        self.engine.iter_mut().for_each(|engine| engine.set_authority(authority));
    }

    fn tick(&mut self) {
        self.now = self.now + TICK;
        if self.reborn.is_some_and(|at| at <= self.now) && self.api != Api::Away {
            self.reborn = None;
            let mut engine = Engine::new(self.plan.clone(), self.stored.clone(), self.now);
            engine.set_authority(Authority::Holder);
            engine.set_wishes(self.wishes.clone());
            self.engine = Some(engine);
        }
        let mut news = self.store();
        news |= self.carry_out();
        if self.now.as_millis().is_multiple_of(2000) {
            self.read();
            news = true;
        }
        if self.now.as_millis().is_multiple_of(1000) {
            self.sample();
            news = true;
        }
        let due = self.engine().deadline().is_some_and(|at| at <= self.now);
        if news || due {
            self.decide();
        }
    }

    fn store(&mut self) -> bool {
        let mut news = false;
        while self.storing.front().is_some_and(|(.., due)| *due <= self.now) {
            let Some((revision, state, _)) = self.storing.pop_front() else { break };
            if self.api == Api::Away {
                self.unstored = Some((revision, state));
                continue;
            }
            self.stored = state;
            self.engine.iter_mut().for_each(|engine| engine.recorded(revision));
            news = true;
        }
        news
    }

    fn carry_out(&mut self) -> bool {
        let (now, mut news) = (self.now, false);
        let orphans = std::mem::take(&mut self.orphans);
        for (instance, balancer) in self.balancers.iter_mut().enumerate() {
            if orphans {
                balancer.orphan();
            }
            if let Some((number, result)) = balancer.work(now) {
                self.engine
                    .iter_mut()
                    .for_each(|engine| engine.written(instance, number, result.clone(), now));
                news = true;
            }
        }
        news
    }

    fn read(&mut self) {
        let now = self.now;
        for instance in 0..self.balancers.len() {
            let Some(balancer) = self.balancers.get(instance).filter(|balancer| balancer.is_idle()) else {
                continue;
            };
            let result = match balancer.hands {
                Hands::Refuse => Err("connection refused".to_owned()),
                _ => Ok(balancer.reading.clone()),
            };
            self.each_engine(|engine| engine.read(instance, result.clone(), now));
        }
    }

    fn sample(&mut self) {
        let at = self.now;
        let mut sample = Sample { at, of_max: Some(20.0), ..Sample::default() };
        match self.database {
            Database::Silent => return,
            Database::Down => {
                self.returning = Some(at + Duration::from_mins(1));
                let down = Observation {
                    reading: meter::Reading::Down { since: at, error: "refused".into() },
                    returning_until: None,
                };
                self.each_engine(|engine| engine.observe("accounts", &down, at));
                return;
            }
            Database::Rate(rate) => sample.connection_rate = Some(rate),
            Database::Full => {
                sample.connection_rate = Some(1.0);
                sample.of_max = Some(100.0);
                sample.saturated = true;
            }
        }
        let observation =
            Observation { reading: meter::Reading::Sample(sample), returning_until: self.returning };
        self.each_engine(|engine| engine.observe("accounts", &observation, at));
    }

    fn decide(&mut self) {
        let now = self.now;
        let Some(mut engine) = self.engine.take() else { return };
        engine.set_wishes(self.wishes.clone());
        let actions = engine.decide(now);
        self.decisions += 1;
        self.ever_retreated |= engine.state().retreats_ever > 0;
        let mut twice = engine.clone();
        let again = twice.decide(now);
        let (once, twice) = (engine.state(), twice.state());
        assert_eq!(again, [], "decided again at the same moment, after {actions:#?}\n{once:?}\n{twice:?}");
        let dies_after = self.dies_after.filter(|_| !actions.is_empty());
        let carried_out = dies_after.unwrap_or(actions.len());
        self.engine = Some(engine);
        for action in actions.into_iter().take(carried_out) {
            self.act(&action);
        }
        if dies_after.is_some() {
            self.crash();
        }
    }

    fn act(&mut self, action: &Action) {
        match action {
            &Action::Write { instance, number, weight, purpose } => {
                self.balancers[instance].order(number, weight, purpose);
            }
            &Action::Record { revision } => {
                let state = State { volatile: Volatile::default(), ..self.engine().state().clone() };
                let wait = if self.api == Api::Slow { 2 } else { 0 };
                self.storing.push_back((revision, state, self.now + Duration::from_secs(wait)));
            }
            Action::Tell { .. } => {}
        }
    }
}
