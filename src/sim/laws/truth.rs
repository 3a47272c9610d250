//! What is true in the world, kept apart from what any engine believes.

use std::time::Duration;

use crossfade_core::state::Command;
use crossfade_core::time::Time;
use crossfade_core::weight::Weight;

use super::crossed;
use super::few::Few;
use super::foretold::Foretold;
use super::known::Known;
use super::sided::Sided;
use crate::api::Object;
use crate::scenario::{Event, Scenario, What};
use crate::world::World;

/// A span of a condition, since when it has held without a break; `None` while it does not.
#[derive(Clone, Copy, Debug, Default)]
pub struct Since(Option<Time>);

impl Since {
    /// It holds now, or does not.
    pub fn is(&mut self, holds: bool, now: Time) {
        self.0 = if holds { self.0.or(Some(now)) } else { None };
    }

    /// For how long it has held, if it does, counted from `not_before` at the earliest.
    pub fn lasts(&self, not_before: Time, now: Time) -> Option<Duration> {
        self.0.map(|since| now.since(since.max(not_before)))
    }

    /// Since when it has held.
    pub fn since(&self) -> Option<Time> {
        self.0
    }
}

/// The longest sampling period of a random plan.
const ASKED: Duration = Duration::from_secs(2);

/// What is true of a database.
#[derive(Clone, Debug, Default)]
pub struct Database {
    /// It answers its monitors.
    pub heard: Since,
    /// It does not.
    pub silent: Since,
    /// It is full, or refuses connects for want of connections.
    pub full: Since,
    /// When it last was.
    pub was_full: Time,
    /// When it last came back, or its counters began anew.
    pub anew: Time,
    /// Its monitors' standing connection is lost, and they have heard nothing since; when that last was.
    pub lost: bool,
    pub returned: Time,
    /// Counted connects per second, and connections in percent of the maximum.
    pub values: [f64; 2],
}

/// What is true of one guard: since when its absolute thresholds are crossed, by the true values.
#[derive(Clone, Debug, Default)]
pub struct Guard {
    /// Over the limit of a pause.
    pub pause: Since,
    /// Over the limit of a rollback.
    pub rollback: Since,
    /// Under the limit of its resume.
    pub resume: Since,
}

/// What is true of a service.
#[derive(Clone, Debug, Default)]
pub struct Service {
    /// What people asked for, newest last, by [`Object::asked`].
    pub asked: Vec<Object>,
    /// The guards, in the order of the newest plan.
    pub guards: Vec<Guard>,
    /// Each load balancer: when it was last changed by something else than a fresh write of an operator,
    /// or did not do at once what it was told.
    pub disturbed: Vec<Time>,
    /// The weights at the end of the last step.
    pub weights: Vec<Weight>,
    /// The latest end of a cooldown that was ever stored.
    pub cooldown: Option<Time>,
    pub version: u64,
    /// When people last asked for something else.
    pub asked_at: Time,
    /// What can be known of its capacity.
    pub known: Known,
    /// Whose surge it is.
    pub sided: Sided,
    /// Its ready pods.
    pub few: Few,
    /// What truly came to its databases.
    pub foretold: Foretold,
}

/// What is true of a replica.
#[derive(Clone, Debug, Default)]
pub struct Replica {
    /// It runs, and does not stand still.
    pub awake: Since,
    /// When it last wrote the lease, and when it took it from another.
    pub renewed: Option<Time>,
    pub took: Option<Time>,
    /// From when on its claim counts: one that was made where there was none waits for the claim before it.
    pub counts_from: Time,
    /// It can reach the API server.
    pub looks: Since,
    /// Since when it may write each plan, by its own clock and with its status taken over.
    pub charge: Vec<Since>,
    /// What it was last told that people ask for of each plan, and when.
    pub told: Vec<(u64, Time)>,
}

/// All that is true.
#[derive(Clone, Debug, Default)]
pub struct Truth {
    /// How far the world goes at once.
    pub step: Duration,
    /// The databases.
    pub databases: Vec<Database>,
    /// The services.
    pub services: Vec<Service>,
    /// The replicas.
    pub replicas: Vec<Replica>,
    /// From when on nothing happens any more.
    pub quiet: Option<Time>,
    /// A wall clock stepped.
    pub clock_stepped: bool,
    lease: Option<String>,
    leases: u64,
    holder: Option<usize>,
    now: Time,
}

impl Truth {
    /// What is true as `scenario` begins.
    pub fn new(scenario: &Scenario) -> Self {
        let quiet =
            scenario.events.iter().try_fold(Duration::ZERO, |quiet, event| Some(quiet.max(end(event)?)));
        Self {
            step: scenario.step,
            databases: vec![Database::default(); scenario.databases.len()],
            services: scenario
                .services
                .iter()
                .map(|setup| Service {
                    disturbed: vec![scenario.begins; setup.plan.instances().count()],
                    sided: Sided::new(scenario, setup),
                    ..Service::default()
                })
                .collect(),
            replicas: vec![
                Replica {
                    charge: vec![Since::default(); scenario.services.len()],
                    told: vec![(0, scenario.begins); scenario.services.len()],
                    ..Replica::default()
                };
                scenario.replicas
            ],
            quiet: quiet.map(|quiet| scenario.begins + quiet),
            clock_stepped: scenario.events.iter().any(|event| matches!(event.what, What::ClockStep { .. })),
            lease: None,
            leases: 0,
            holder: None,
            now: scenario.begins,
        }
    }

    /// From when on a replica counts what a database says: a minute after it, or the replica's own
    /// connection to it, came back.
    pub fn counts(&self, database: usize, replica: usize) -> Time {
        let (Some(database), Some(replica)) = (self.databases.get(database), self.replicas.get(replica))
        else {
            return Time::default();
        };
        let awake = replica.awake.since().unwrap_or_default();
        // One that was lost while the replica stood still is back when the replica asks again.
        let missed = awake.since(database.returned) < MISSED;
        let back = if missed { awake.max(database.returned) } else { database.returned };
        database.anew.max(back + RETURNING)
    }

    /// What people asked for, as `asked` names it.
    pub fn asked(&self, service: usize, asked: u64) -> Option<&Object> {
        self.services.get(service)?.asked.iter().rev().find(|object| object.asked == asked)
    }

    /// Takes in what people ask for now; called before anything is judged by it.
    pub fn see_object(&mut self, service: usize, object: &Object) {
        let Some(truth) = self.services.get_mut(service) else { return };
        if truth.asked.last().is_some_and(|known| known.asked == object.asked) {
            return;
        }
        let changed = truth.asked.last().is_none_or(|known| known.generation != object.generation);
        truth.asked_at = self.now;
        if object.wishes.commands.contains_key(&Command::AcceptBaseline) {
            truth.sided.forget();
        }
        truth.asked.push(Object { status: None, ..object.clone() });
        if changed {
            let guards: usize = object.plan.databases.iter().map(|database| database.guards.len()).sum();
            truth.guards = vec![Guard::default(); guards];
        }
    }

    /// Takes in the step that is over.
    pub fn step(&mut self, world: &World) {
        let now = world.now;
        self.now = now;
        for (service, object) in world.api.objects.iter().enumerate() {
            self.see_object(service, object);
        }
        self.see_databases(world);
        for (index, service) in world.services.iter().enumerate() {
            let Some(truth) = self.services.get_mut(index) else { continue };
            let weights = service.balancers.iter().map(crate::balancer::Balancer::weight);
            if truth.weights.len() != service.balancers.len() {
                truth.weights = weights.clone().collect();
            }
            let all = truth.weights.iter_mut().zip(weights).zip(&mut truth.disturbed).zip(&service.balancers);
            for (place, (((before, after), disturbed), balancer)) in all.enumerate() {
                let ours = service.landed.iter().filter(|landed| landed.instance == place);
                let fresh = ours.clone().any(|landed| landed.by.is_some());
                let late = ours.clone().any(|landed| landed.by.is_none());
                let well = balancer.hands(now) == crate::scenario::Hands::Well;
                if late
                    || !well
                    || (*before != after && !fresh)
                    || service.late.iter().any(|(_, at, _)| *at == place)
                {
                    *disturbed = now;
                }
                *before = after;
            }
            crossed::see(truth, &service.databases, &self.databases, now, world);
            truth.sided.step(service, world);
            if let Some(object) = truth.asked.last() {
                let peaks = world.api.objects.get(index).and_then(|object| object.status.as_ref());
                let peaks = peaks.into_iter().flat_map(|status| &status.peaks.0);
                truth.known.peak = peaks.map(|peak| peak.requests_per_second).reduce(f64::max);
                truth.known.step(service, &object.plan, now, self.step);
                truth.few.step(service, &object.plan, now);
                truth.foretold.step(service, &object.plan, world);
            }
        }
        self.see_replicas(world);
        self.see_status(world);
    }

    fn see_databases(&mut self, world: &World) {
        let now = world.now;
        for (truth, database) in self.databases.iter_mut().zip(&world.databases) {
            let heard = database.is_heard(now);
            truth.heard.is(heard, now);
            truth.silent.is(database.is_silent(now), now);
            // Lost until every monitor has had its turn to hear it again.
            let back = truth.heard.lasts(Time::default(), now).is_some_and(|heard| heard >= ASKED);
            truth.lost = !back && (truth.lost || database.is_lost(now));
            if truth.lost {
                truth.returned = now;
            }
            truth.anew = database.anew;
            truth.values = crossed::values(database);
            truth.full.is(truth.values[1] >= 91.0 || database.flow().refused > 25.0, now);
            if truth.full.since().is_some() {
                truth.was_full = now;
            }
        }
    }

    fn see_replicas(&mut self, world: &World) {
        let now = world.now;
        let found = world.api.lease.as_ref();
        let version = found.map(|found| &found.version);
        if version != self.lease.as_ref() {
            let made = std::mem::replace(&mut self.leases, world.api.leases) != world.api.leases;
            self.lease = version.cloned();
            let holder = found.and_then(|found| found.record.holder.as_deref());
            let number = holder
                .and_then(|holder| holder.strip_prefix("replica-")?.split('-').next()?.parse::<usize>().ok());
            if let Some(replica) = number.and_then(|number| self.replicas.get_mut(number)) {
                replica.renewed = Some(now);
                if made {
                    replica.counts_from = now + CLAIM;
                }
                if number != self.holder {
                    replica.took = Some(now);
                }
                self.holder = number;
            }
        }
        for (truth, process) in self.replicas.iter_mut().zip(&world.processes) {
            let awake = process.is_alive() && now >= process.frozen_until;
            truth.awake.is(awake, now);
            truth.looks.is(
                awake && now >= process.cut_until && world.api.mode(now) == crate::scenario::Mode::Up,
                now,
            );
            for (mind, told) in process.minds.iter().zip(&mut truth.told) {
                if told.0 != mind.asked {
                    *told = (mind.asked, now);
                }
            }
            let rights = process.rights(now);
            for (service, charge) in truth.charge.iter_mut().enumerate() {
                let holds = process.minds.get(service).is_some_and(|mind| mind.is_in_charge(rights));
                charge.is(awake && holds, now);
            }
        }
    }

    fn see_status(&mut self, world: &World) {
        for (truth, object) in self.services.iter_mut().zip(&world.api.objects) {
            if truth.version != object.version {
                truth.version = object.version;
                let stored = object.status.as_ref().and_then(|status| status.cooldown_until);
                truth.cooldown = truth.cooldown.max(stored);
            }
        }
    }
}

/// How long the data of a database that came back does not count, and a little more.
const RETURNING: Duration = Duration::from_secs(62);
/// How long a claim on the lease is good for (DESIGN, section 3).
pub const CLAIM: Duration = Duration::from_secs(10);
/// The longest time that a replica stands still, and a little more.
const MISSED: Duration = Duration::from_secs(90);

/// When what an event does has ended; `None` if it never does.
fn end(event: &Event) -> Option<Duration> {
    let last = event.every.map_or(event.after, |(_, last)| last.max(event.after));
    let span = match event.what {
        What::Connects { over, .. } | What::Demand { over, .. } => over,
        What::Burst { span, .. }
        | What::Blind { span, .. }
        | What::MonitorRefused { span, .. }
        | What::MonitorCrowdedOut { span, .. }
        | What::Hands { span, .. }
        | What::Api { span, .. } => {
            if span.is_zero() {
                return None;
            }
            span
        }
        // What was restarted has ended its storm and counts again a minute later.
        What::Restart { span, .. } => span + Duration::from_secs(70),
        What::Crash { span, .. }
        | What::CrashAfter { span, .. }
        | What::Freeze { span, .. }
        | What::Stop { span, .. }
        | What::Cut { span, .. }
        | What::Unwatched { span, .. } => span,
        // A stolen claim is waited for.
        What::LeaseLost { .. } => Duration::from_secs(12),
        _ => Duration::ZERO,
    };
    // A late write lands after three seconds.
    Some(last + span + Duration::from_secs(4))
}
