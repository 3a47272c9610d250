//! The world: everything there is, and how it goes on.

use std::time::Duration;

use crossfade_core::guard::Signal;
use crossfade_core::peaks::{Peak, Peaks};
use crossfade_core::periods::Periods;
use crossfade_core::seen::Wishes;
use crossfade_core::side::BySide;
use crossfade_core::state::{GuardKey, State};
use crossfade_core::time::Time;

use crate::api::{ApiServer, Normals, Object};
use crate::broken::Broken;
use crate::chance::Chance;
use crate::database::Database;
use crate::process::{Outside, Process};
use crate::scenario::{Scenario, ServiceSetup, What};
use crate::service::Service;
use crate::traffic;
use crate::witness::Witness;

/// Everything there is.
#[derive(Clone, Debug)]
pub struct World {
    /// The true time.
    pub now: Time,
    /// The databases.
    pub databases: Vec<Database>,
    /// The services.
    pub services: Vec<Service>,
    /// The API server.
    pub api: ApiServer,
    /// The replicas.
    pub processes: Vec<Process>,
    pub(crate) random: fastrand::Rng,
    began: Time,
    ends: Time,
    step: Duration,
    /// What is still to happen, the next last; with its place in the scenario.
    upcoming: Vec<(Time, usize)>,
    events: Vec<crate::scenario::Event>,
}

impl World {
    /// The world as `scenario` begins.
    pub fn new(scenario: &Scenario) -> Self {
        let began = scenario.begins;
        let mut databases: Vec<Database> =
            scenario.databases.iter().map(|setup| Database::new(setup.clone(), began)).collect();
        let mut services: Vec<Service> = scenario.services.iter().map(Service::new).collect();
        let mut random = fastrand::Rng::with_seed(scenario.seed);
        let (rates, demands) = settle(scenario, &mut services, &mut databases);
        let mut api = ApiServer::default();
        for (setup, demand) in scenario.services.iter().zip(demands) {
            let version = api.next_version();
            let baselines = if setup.standing { normals(setup, &rates, demand) } else { Normals::default() };
            let status = setup.standing.then(|| standing(setup, began));
            let stage = status.as_ref().and_then(|state| setup.plan.stages.get(state.stage?));
            api.objects.push(Object {
                version,
                asked: version,
                plan: setup.plan.clone(),
                generation: 1,
                wishes: Wishes::default(),
                rejected: None,
                stage: stage.map(|stage| stage.name.clone()),
                status,
                baselines: (began, baselines),
            });
        }
        // The order of equal times is the scenario's.
        let mut upcoming: Vec<(Time, usize)> =
            scenario.events.iter().enumerate().map(|(place, event)| (began + event.after, place)).collect();
        upcoming.sort_by(|a, b| b.cmp(a));
        api.chance = Chance::new(random.u64(..));
        for balancer in services.iter_mut().flat_map(|service| &mut service.balancers) {
            balancer.chance = Chance::new(random.u64(..));
        }
        Self {
            now: began,
            databases,
            services,
            api,
            processes: (0..scenario.replicas).map(|number| Process::new(number, began)).collect(),
            random,
            began,
            ends: began + scenario.lasts,
            step: scenario.step,
            upcoming,
            events: scenario.events.clone(),
        }
    }

    /// The same world, but for a rule that the operator breaks.
    #[must_use]
    pub fn breaking(mut self, broken: Option<Broken>) -> Self {
        self.processes.iter_mut().for_each(|process| process.broken = broken);
        self
    }

    /// How far the world goes at once.
    pub fn step(&self) -> Duration {
        self.step
    }

    /// Whether the run is at its end.
    pub fn is_over(&self) -> bool {
        self.now >= self.ends
    }

    /// When the run began.
    pub fn began(&self) -> Time {
        self.began
    }

    /// Goes on to the end.
    pub fn run<W: Witness>(&mut self, witness: &mut W) {
        while self.go_on(witness) {}
    }

    /// Goes one step on; false at the end.
    pub fn go_on<W: Witness>(&mut self, witness: &mut W) -> bool {
        if self.is_over() {
            return false;
        }
        self.now = self.now + self.step;
        while let Some((at, place)) = self.upcoming.pop_if(|(at, _)| *at <= self.now) {
            let Some(event) = self.events.get(place) else { continue };
            if let Some((every, last)) = event.every.filter(|(every, _)| !every.is_zero()) {
                let next = at + every;
                if next <= self.began + last {
                    let at = self.upcoming.partition_point(|other| *other > (next, place));
                    self.upcoming.insert(at, (next, place));
                }
            }
            let what: What = event.what.clone();
            self.happen(&what);
        }
        self.api.land(self.now);
        for service in &mut self.services {
            service.land(self.now);
        }
        traffic::flow(&mut self.services, &mut self.databases, self.now, self.step, &mut self.random);
        self.services.iter_mut().for_each(|service| service.autoscale(self.now));
        for process in &mut self.processes {
            let mut outside = Outside {
                now: self.now,
                api: &mut self.api,
                services: &mut self.services,
                databases: &mut self.databases,
            };
            process.work(&mut outside, witness);
        }
        witness.stepped(self);
        true
    }

    /// The replica that may write everything, if there is one.
    pub fn holder(&self) -> Option<&Process> {
        self.processes.iter().find(|process| process.holds(self.now))
    }
}

/// What the status of a plan says is normal that has long stood at its weight.
fn normals(setup: &ServiceSetup, rates: &[f64], demand: f64) -> Normals {
    let databases = || setup.plan.databases.iter().zip(&setup.databases);
    let rates = databases().filter_map(|(database, place)| {
        Some((GuardKey::new(&database.name, Signal::ConnectionRate), *rates.get(*place)?))
    });
    let share = setup.weight.percent() / 100.0;
    let sides =
        databases().filter(|(database, _)| database.by_side && (LEAST..=1.0 - LEAST).contains(&share));
    let normal = BySide {
        legacy: demand * setup.legacy.connects_per_request,
        kubernetes: demand * setup.kubernetes.connects_per_request,
    };
    Normals {
        rates: rates.collect(),
        sides: sides.map(|(database, _)| (database.name.clone(), normal)).collect(),
        lessons: Vec::new(),
    }
}

/// With a smaller share of the traffic a side does not show what is normal for it.
const LEAST: f64 = 0.005;

/// Lets sides and databases be used to what they carry at the begin; the connects of each database, and the
/// demand of each service.
fn settle(scenario: &Scenario, services: &mut [Service], databases: &mut [Database]) -> (Vec<f64>, Vec<f64>) {
    let mut quiet = fastrand::Rng::with_seed(0);
    let mut connects: Vec<f64> = vec![0.0; databases.len()];
    let mut demands = Vec::new();
    for (setup, service) in scenario.services.iter().zip(services) {
        let mut calm = setup.demand;
        calm.noise = 0.0;
        let demand = crate::demand::Demand::new(calm).at(scenario.begins, &mut quiet);
        demands.push(demand);
        let share = service.share();
        for (side, share) in service.sides.iter_mut().zip([1.0 - share, share]) {
            side.settle(demand * share);
        }
        let each = demand
            * ((1.0 - share) * setup.legacy.connects_per_request
                + share * setup.kubernetes.connects_per_request);
        for place in &setup.databases {
            if let Some(connects) = connects.get_mut(*place) {
                *connects += each;
            }
        }
    }
    for ((database, connects), setup) in databases.iter_mut().zip(&mut connects).zip(&scenario.databases) {
        database.settle(*connects);
        *connects += setup.others;
    }
    (connects, demands)
}

/// What the status says of a plan that has long stood at its weight.
fn standing(setup: &ServiceSetup, now: Time) -> State {
    let plan = &setup.plan;
    // Of several stages at the same weight the first: those that follow are still ahead.
    let last = plan.stage_at(setup.weight);
    let weight = last.and_then(|last| plan.stages.get(last)).map(|stage| stage.weight);
    let stage = plan.stages.iter().position(|stage| Some(stage.weight) == weight);
    let present = stage.and_then(|index| plan.stages.get(index));
    State {
        intended: Some(setup.weight),
        stage,
        stage_since: now - Duration::from_hours(48),
        soaked: present.map(|stage| stage.soak).unwrap_or_default(),
        periods: Periods {
            peaks: vec![setup.peak.unwrap_or_default(); present.map_or(0, |stage| stage.peaks as usize)],
            now: None,
        },
        proven: plan
            .stages
            .iter()
            .take(stage.map_or(0, |stage| stage + 1))
            .map(|stage| stage.name.clone())
            .collect(),
        joined: plan.instance_keys().collect(),
        peaks: Peaks(
            setup
                .peak
                .map(|requests_per_second| Peak { at: now - Duration::from_hours(24), requests_per_second })
                .into_iter()
                .collect(),
        ),
        ..State::default()
    }
}
