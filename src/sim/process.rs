//! A replica of the operator: its lease, its samplers and its plans. It may die, stand still, and be
//! started again; it trusts nothing but its own clock.

use std::time::Duration;

use crossfade_core::action::Action;
use crossfade_core::lease::{Answer, Lease, Next, Standing, Times};
use crossfade_core::meter::Meter;
use crossfade_core::seen::Authority;
use crossfade_core::share::{Neighbour, raising_elsewhere};
use crossfade_core::state::State;
use crossfade_core::time::Time;

use std::collections::BTreeSet;

use crate::api::{ApiServer, Call};
use crate::beat::{Asks, Beat};
use crate::broken::Broken;
use crate::database::Database;
use crate::mind::{Mind, Rights};
use crate::service::Service;
use crate::witness::{Decided, Witness};

/// The world outside a replica.
pub struct Outside<'a> {
    /// The true time.
    pub now: Time,
    /// The API server.
    pub api: &'a mut ApiServer,
    /// The services with their load balancers.
    pub services: &'a mut [Service],
    /// The databases.
    pub databases: &'a mut [Database],
}

/// A replica.
#[derive(Clone, Debug)]
pub struct Process {
    number: usize,
    /// How often it was started.
    born: u32,
    /// Dead until then.
    pub dead_until: Option<Time>,
    /// Stands still until then.
    pub frozen_until: Time,
    /// It cannot reach the API server until then.
    pub cut_until: Time,
    /// Its watch says nothing new until then.
    pub unwatched_until: Time,
    /// Which rule it breaks.
    pub broken: Option<Broken>,
    /// When it was asked to end, and for how long it is to be gone.
    stopping: Option<(Time, Duration)>,
    /// How far its clock is off, in milliseconds, and how far it will be from its next start on.
    offset: i64,
    /// See `offset`.
    pub next_offset: i64,
    /// Dies after so many actions, for so long.
    pub dies_after: Option<(u32, Duration)>,
    lease: Lease,
    lease_call: Option<Call<Answer>>,
    beats: Vec<Beat>,
    /// When floors are looked at next.
    pub(crate) floors_due: Time,
    /// Its plans, in the order of the world's services.
    pub minds: Vec<Mind>,
    endpoints: Vec<BTreeSet<String>>,
    names: Vec<String>,
}

impl Process {
    /// A replica that is started at once.
    pub fn new(number: usize, now: Time) -> Self {
        Self {
            number,
            born: 0,
            dead_until: Some(now),
            frozen_until: Time::default(),
            cut_until: Time::default(),
            unwatched_until: Time::default(),
            broken: None,
            stopping: None,
            offset: 0,
            next_offset: 0,
            dies_after: None,
            lease: Lease::new("", Times::STANDARD),
            lease_call: None,
            beats: Vec::new(),
            floors_due: Time::default(),
            minds: Vec::new(),
            endpoints: Vec::new(),
            names: Vec::new(),
        }
    }

    /// Its number.
    pub fn number(&self) -> usize {
        self.number
    }

    /// Whether it takes decisions now.
    pub fn is_deciding(&self, now: Time) -> bool {
        self.is_alive() && now >= self.frozen_until && self.stopping.is_none()
    }

    /// What its clock says.
    pub fn clock(&self, now: Time) -> Time {
        Time::from_millis(now.as_millis().saturating_add_signed(self.offset))
    }

    /// What it may do, by its own clock.
    pub fn rights(&self, now: Time) -> Rights {
        let clock = self.clock(now);
        Rights { standing: self.lease.standing(clock), clock }
    }

    /// Whether it is running.
    pub fn is_alive(&self) -> bool {
        self.dead_until.is_none()
    }

    /// Dies, for `span`.
    pub fn die(&mut self, now: Time, span: Duration) {
        self.dead_until = Some(now + span);
        (self.dies_after, self.stopping) = (None, None);
        self.minds.clear();
        self.beats.clear();
        self.lease_call = None;
    }

    /// Is asked to end, and to be started again after `span`.
    pub fn stop(&mut self, now: Time, span: Duration) {
        if self.is_alive() && self.stopping.is_none() {
            self.stopping = Some((now, span));
        }
    }

    /// Does what there is to do.
    pub fn work<W: Witness>(&mut self, outside: &mut Outside<'_>, witness: &mut W) {
        outside.api.cut = outside.now < self.cut_until;
        self.live(outside, witness);
        outside.api.cut = false;
    }

    fn live<W: Witness>(&mut self, outside: &mut Outside<'_>, witness: &mut W) {
        let now = outside.now;
        if now < self.frozen_until {
            return;
        }
        if let Some(until) = self.dead_until {
            // Without the API server it cannot start: it would know of no plan.
            if now < until || !outside.api.is_watched(now) {
                return;
            }
            self.start(outside);
        }
        self.hold_the_lease(outside);
        if let Some((since, span)) = self.stopping {
            self.wind_down(outside, since, span);
            return;
        }
        self.watch(outside);
        self.sample(outside);
        self.keep_floors(outside);
        // What is decided is carried out at once, and its outcome decided on.
        for _ in 0..MOST_ROUNDS {
            if !self.round(outside, witness) {
                break;
            }
        }
    }

    /// Nothing is decided any more: what was ordered is written and stored, then the lease is released.
    fn wind_down(&mut self, outside: &mut Outside<'_>, since: Time, span: Duration) {
        let now = outside.now;
        self.work_lanes(outside);
        if now.since(since) < GRACE && !self.minds.iter().all(Mind::is_idle) {
            return;
        }
        if let Some(release) = self.lease.release(self.clock(now)) {
            outside.api.ask_lease(now, &release);
        }
        self.die(now, span);
    }

    fn work_lanes(&mut self, outside: &mut Outside<'_>) {
        let now = outside.now;
        let rights = self.rights(now);
        for mind in &mut self.minds {
            if let Some(service) = outside.services.get_mut(mind.service) {
                mind.drive(service, now, rights);
            }
            mind.record(outside.api, now, rights);
        }
    }

    fn start(&mut self, outside: &Outside<'_>) {
        self.dead_until = None;
        self.born += 1;
        self.offset = self.next_offset;
        let now = outside.now;
        let clock = self.clock(now);
        self.lease = Lease::new(format!("replica-{}-{}", self.number, self.born), Times::STANDARD);
        let objects = outside.api.objects.iter().enumerate();
        self.minds = objects
            .map(|(service, object)| Mind::new(self.number, service, object, clock, self.broken))
            .collect();
        self.names = outside.services.iter().map(|service| service.name.clone()).collect();
        self.endpoints = outside
            .services
            .iter()
            .map(|service| service.databases.iter().map(ToString::to_string).collect())
            .collect();
        self.follow(outside);
    }

    /// One beat for each database and period that a plan asks for; of its own if it tells the sides apart.
    fn follow(&mut self, outside: &Outside<'_>) {
        let mut wanted = BTreeSet::new();
        for (mind, service) in self.minds.iter().zip(outside.services.iter()) {
            for (database, place) in mind.engine.plan().databases.iter().zip(&service.databases) {
                wanted.insert(Asks::of(database, *place, mind.service));
            }
        }
        self.beats.retain(|beat| wanted.contains(&beat.asks));
        for asks in wanted {
            if !self.beats.iter().any(|beat| beat.asks == asks) {
                self.beats.push(Beat { asks, meter: Meter::new(), due: outside.now });
            }
        }
    }

    fn hold_the_lease(&mut self, outside: &mut Outside<'_>) {
        let now = outside.now;
        let clock = self.clock(now);
        // A read, then perhaps a write.
        for _ in 0..2 {
            if let Some(call) = self.lease_call.take() {
                if !call.is_over(now) {
                    self.lease_call = Some(call);
                    break;
                }
                let sent = self.clock(call.sent);
                self.lease.answer(call.end(now).unwrap_or(Answer::None), sent, clock);
            }
            let next = self.lease.next(clock);
            if matches!(next, Next::Wait(_)) {
                break;
            }
            self.lease_call = Some(outside.api.ask_lease(now, &next));
        }
        if let Some(call) = self.lease_call.take_if(|call| call.is_over(now)) {
            let sent = self.clock(call.sent);
            self.lease.answer(call.end(now).unwrap_or(Answer::None), sent, clock);
        }
        let standing = self.lease.standing(clock);
        self.minds.iter_mut().for_each(|mind| mind.stand(standing));
    }

    fn watch(&mut self, outside: &mut Outside<'_>) {
        if !outside.api.is_watched(outside.now) || outside.now < self.unwatched_until {
            return;
        }
        let clock = self.clock(outside.now);
        let mut changed = false;
        for (mind, object) in self.minds.iter_mut().zip(&outside.api.objects) {
            changed |= mind.watch(object, clock);
        }
        if changed {
            self.follow(outside);
        }
        for (mind, service) in self.minds.iter_mut().zip(outside.services.iter()) {
            mind.count_pods(&service.sides[1], outside.now, clock);
        }
    }

    fn sample(&mut self, outside: &Outside<'_>) {
        let now = outside.now;
        let clock = self.clock(now);
        for beat in self.beats.iter_mut().filter(|beat| beat.due <= now) {
            beat.due = now + beat.asks.every;
            let Some(database) = outside.databases.get(beat.asks.database) else { continue };
            let observation = beat.meter.observe(&database.answer(now, beat.asks.users), clock);
            for (mind, service) in self.minds.iter_mut().zip(outside.services.iter()) {
                for (place, behind) in service.databases.iter().enumerate() {
                    let asks = |named| Asks::of(named, *behind, mind.service) == beat.asks;
                    if mind.engine.plan().databases.get(place).is_some_and(asks) {
                        mind.engine.observe_at(place, &observation, clock);
                        mind.touched = true;
                    }
                }
            }
        }
    }

    /// Lets lanes and recorders work and plans decide; whether anything was decided.
    fn round<W: Witness>(&mut self, outside: &mut Outside<'_>, witness: &mut W) -> bool {
        let clock = self.clock(outside.now);
        self.work_lanes(outside);
        let mut acted = false;
        for place in 0..self.minds.len() {
            if self.minds.get(place).is_some_and(|mind| mind.is_due(clock)) {
                acted |= self.decide(place, outside, witness);
                if self.dead_until.is_some() {
                    return false;
                }
            }
        }
        acted
    }

    fn decide<W: Witness>(&mut self, place: usize, outside: &mut Outside<'_>, witness: &mut W) -> bool {
        let now = outside.now;
        let clock = self.clock(now);
        let other = self.raising_elsewhere(place);
        let Some(mind) = self.minds.get_mut(place) else { return false };
        mind.engine.set_others_raising(other);
        // Whoever may do nothing changes nothing.
        let may = mind.engine.seen().authority != Authority::None;
        let looks = W::LOOKS_BACK && may && witness.looks_back();
        let before: Option<State> = looks.then(|| mind.engine.state().clone());
        let raising = mind.engine.is_raising();
        let actions = mind.decide(clock);
        if raising && !mind.engine.is_raising() {
            self.disturb(place);
        }
        let standing = self.lease.standing(clock);
        let Some(mind) = self.minds.get(place) else { return false };
        let decided = Decided {
            replica: self.number,
            service: mind.service,
            before: before.as_ref(),
            after: &mind.engine,
            minds: &self.minds,
            standing,
            actions: &actions,
            api: outside.api,
            services: outside.services,
            databases: outside.databases,
            now,
            clock,
        };
        witness.decided(&decided);
        for action in &actions {
            if self.act(place, action, outside) {
                return true;
            }
        }
        !actions.is_empty()
    }

    /// Carries an action out; whether it was the last in this life.
    fn act(&mut self, place: usize, action: &Action, outside: &mut Outside<'_>) -> bool {
        if let Some((left, span)) = self.dies_after {
            if left == 0 {
                self.die(outside.now, span);
                return true;
            }
            self.dies_after = Some((left - 1, span));
        }
        if let Some(mind) = self.minds.get_mut(place) {
            mind.act(action);
        }
        false
    }

    fn raising_elsewhere(&self, place: usize) -> Option<String> {
        if self.minds.len() < 2 {
            return None;
        }
        let all = self.names.iter().zip(&self.minds).zip(&self.endpoints).map(|((plan, mind), databases)| {
            Neighbour { plan, databases, raising: mind.engine.is_raising() }
        });
        raising_elsewhere(self.names.get(place)?, self.endpoints.get(place)?, all).map(ToOwned::to_owned)
    }

    /// A raise has ended: the other plans on its databases hear of it.
    fn disturb(&mut self, place: usize) {
        let Some(moved) = self.endpoints.get(place).cloned() else { return };
        let all = self.minds.iter_mut().zip(&self.endpoints).enumerate();
        all.filter(|(other, (_, databases))| *other != place && !databases.is_disjoint(&moved))
            .for_each(|(_, (mind, _))| mind.engine.disturbed());
    }

    /// Whether it may write everything.
    pub fn holds(&self, now: Time) -> bool {
        self.is_alive() && matches!(self.rights(now).standing, Standing::Holder { .. })
    }
}

/// How long an end may take until the lease is released: two steps of the shell's two seconds each.
const GRACE: Duration = Duration::from_secs(4);
/// So many rounds may follow one another at one moment; more is a loop.
const MOST_ROUNDS: u32 = 8;
