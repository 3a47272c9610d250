//! The engine of one plan: takes observations in, asks [`mod@crate::decide`], and remembers what it
//! ordered.
//!
//! Holds no rule of its own. Pure: every call is told the time.

mod figures;
mod tallies;

use crate::action::Action;
use crate::capacity::Source;
use crate::decide::decide_in_place;
use crate::guard::{Level, Tripped};
use crate::load::{self, Load};
use crate::meter::Observation;
use crate::periods::Periods;
use crate::plan::{InstanceIndex, Plan};
use crate::reason::Reason;
use crate::report::{self, Report};
use crate::route::{self, Order, Outcome, Reading};
use crate::seen::{Authority, Seen, Wishes};
use crate::state::{GuardKey, State, Volatile};
use crate::surge::Look;
use crate::time::Time;
use crate::turn::{self, ROUTE_STALE, Standing};
use crate::watch::Watch;

mod normals;

/// The engine of one plan.
#[derive(Clone, Debug)]
pub struct Engine {
    plan: Plan,
    state: State,
    seen: Seen,
    watches: Vec<(String, Watch)>,
    /// How far each guard has tripped, in the order of [`Seen::judgements`].
    levels: Vec<Tripped>,
    /// What each instance's counters say, by its place.
    loads: Vec<load::Meter>,
    /// Kubernetes' share of the traffic, and since when it is that.
    stood: Option<(f64, Time)>,
    /// How the instances stand by what `state` remembers of them; `None` when that is to be found out.
    standing: Option<Vec<Standing>>,
    revision: u64,
    stored: u64,
    again: Option<Time>,
}

impl Engine {
    /// An engine that goes on from `state`; from `State::default()` it adopts what it finds.
    pub fn new(plan: Plan, state: State, now: Time) -> Self {
        let mut engine = Self {
            plan: Plan { databases: Vec::new(), routes: Vec::new(), ..plan.clone() },
            state: State::default(),
            seen: Seen { recorded: true, ..Seen::default() },
            watches: Vec::new(),
            levels: Vec::new(),
            loads: Vec::new(),
            stood: None,
            standing: None,
            revision: 0,
            stored: 0,
            again: None,
        };
        engine.set_plan(plan, now);
        engine.take_over(state, now);
        engine
    }

    /// Takes a changed plan over. What is known of databases and instances that stay is kept.
    pub fn set_plan(&mut self, plan: Plan, now: Time) {
        let mut known = std::mem::take(&mut self.watches);
        self.watches = plan
            .databases
            .iter()
            .map(|database| {
                let place = known.iter().position(|(name, _)| *name == database.name);
                let mut watch =
                    place.map_or_else(|| Watch::new(database, now), |place| known.swap_remove(place).1);
                watch.configure(database);
                (database.name.clone(), watch)
            })
            .collect();
        let mut known = std::mem::take(&mut self.seen.instances);
        let fresh = |key: String| {
            let place = known.iter().position(|seen| seen.key == key);
            place.map_or_else(
                || route::Seen { key, ..route::Seen::default() },
                |place| known.swap_remove(place),
            )
        };
        self.seen.instances = plan.instance_keys().map(fresh).collect();
        self.standing = None;
        let counted = self.keep_figures(&plan);
        self.seen.judgements = plan
            .databases
            .iter()
            .flat_map(|database| {
                database.guards.iter().map(|guard| GuardKey::new(&database.name, guard.signal))
            })
            .map(|key| (key, crate::guard::Judgement::default()))
            .collect();
        self.seen.looks = vec![Look::default(); plan.databases.len()];
        self.keep_stage(&plan);
        self.keep_costs(&plan, counted);
        self.plan = plan;
        self.levels = self.read_levels();
    }

    /// Stages may be added or taken away: the present one is found again by its name.
    fn keep_stage(&mut self, plan: &Plan) {
        let Some(index) = self.state.stage else { return };
        let name = self.plan.stages.get(index).map(|stage| &stage.name);
        let place = plan.stages.iter().position(|stage| Some(&stage.name) == name);
        let weight = self.state.intended.unwrap_or_default();
        self.state.stage = place.or_else(|| plan.stage_at(weight));
        let weight_of = |plan: &Plan, index: usize| plan.stages.get(index).map(|stage| stage.weight);
        let moved = place.is_some_and(|place| weight_of(plan, place) != weight_of(&self.plan, index));
        if place.is_none() || moved {
            self.state.soaked = std::time::Duration::ZERO;
            self.state.shift = 0;
            self.state.periods = Periods::default();
        }
        // Whatever was told is told anew, and so stored.
        self.state.volatile.told = None;
    }

    /// Goes on from `state`, read fresh from status. Routes must be read again before anything is
    /// written; what the databases said stays known, so that guards are warm.
    pub fn take_over(&mut self, state: State, now: Time) {
        // Orders are numbered on, so that the outcome of an older one is still told apart.
        let orders = self.state.volatile.orders;
        self.standing = None;
        self.state =
            State { volatile: Volatile { orders, ..Volatile::default() }, ..state.by_the_clock_of(now) };
        for instance in &mut self.seen.instances {
            *instance = route::Seen { key: std::mem::take(&mut instance.key), ..route::Seen::default() };
        }
        for (key, tripped) in &self.state.guards {
            if let Some((_, watch)) = self.watches.iter_mut().find(|(name, _)| *name == key.database) {
                // If none was known, or a new normal is being learned, it is learned on.
                let baseline = watch.baseline(key.signal);
                if tripped.level != Level::Clear && tripped.baseline.is_some() {
                    baseline.freeze(tripped.baseline);
                } else {
                    baseline.thaw();
                }
            }
        }
        self.levels = self.read_levels();
        self.freeze_sides();
        self.stored = self.revision;
        self.seen.recorded = true;
        self.again = Some(now);
    }

    /// What this replica may write from now on.
    pub fn set_authority(&mut self, authority: Authority) {
        self.seen.authority = authority;
    }

    /// Why the newest spec is not accepted; `None` if it is.
    pub fn set_rejected(&mut self, rejected: Option<(Reason, String)>) {
        self.seen.rejected = rejected;
    }

    /// What people ask for by annotations.
    pub fn set_wishes(&mut self, wishes: Wishes) {
        self.seen.wishes = wishes;
    }

    /// The name of another plan that shares a database and is raising now.
    pub fn set_others_raising(&mut self, other: Option<String>) {
        self.seen.others_raising = other;
    }

    /// Whether a raise is under way.
    pub fn is_raising(&self) -> bool {
        self.state.raise.is_some()
    }

    /// What a database said.
    pub fn observe(&mut self, database: &str, observation: &Observation, now: Time) {
        if let Some(place) = self.watches.iter().position(|(name, _)| name == database) {
            self.observe_at(place, observation, now);
        }
    }

    /// What the database at `place` in the plan said.
    pub fn observe_at(&mut self, place: usize, observation: &Observation, now: Time) {
        let by_side = self.plan.databases.get(place).is_some_and(|database| database.by_side);
        let asked = by_side || self.seen.figures.load.is_some();
        let shares = if asked { self.seen.shares(now) } else { None };
        if by_side {
            self.tally(place, observation, shares, now);
        } else {
            self.learn(place, observation, shares, now);
        }
        let shares = shares.filter(|_| by_side);
        if let Some((_, watch)) = self.watches.get_mut(place) {
            watch.see_shares(shares);
            watch.observe(observation, now);
        }
    }

    /// What an instance said when it was read.
    pub fn read(&mut self, instance: InstanceIndex, result: Result<Reading, String>, now: Time) {
        let Some(seen) = self.seen.instances.get_mut(instance) else { return };
        match result {
            Ok(reading) => {
                take_reading(seen, reading, now);
                self.meter(instance, now);
            }
            Err(error) => {
                fail(seen, error, now);
            }
        }
    }

    /// What became of an order. An outcome of an older order is dropped.
    pub fn written(
        &mut self,
        instance: InstanceIndex,
        number: u64,
        result: Result<Reading, String>,
        now: Time,
    ) {
        let Some(seen) = self.seen.instances.get_mut(instance) else { return };
        let Some(order) = seen.order.as_mut().filter(|order| order.number == number) else { return };
        match result {
            Ok(reading) => {
                order.outcome = Outcome::Done(reading.clone());
                take_reading(seen, reading, now);
                self.meter(instance, now);
            }
            Err(error) => {
                order.outcome = Outcome::Failed { at: now };
                fail(seen, error, now);
            }
        }
    }

    /// Takes in what an instance has counted; the load is known when every instance's is.
    fn meter(&mut self, instance: InstanceIndex, now: Time) {
        let seen = self.seen.instances.get(instance).and_then(|seen| seen.reading.as_ref());
        let (Some(meter), Some((_, reading))) = (self.loads.get_mut(instance), seen) else { return };
        meter.read(reading, now);
        self.seen.figures.split = sum(&self.loads);
        let Some(Source::Route(route)) = self.plan.capacity.demand.map(|demand| demand.from) else { return };
        let range = self.plan.instances_of(route);
        if !range.contains(&instance) {
            return;
        }
        let before = self.seen.figures.load.map(|(at, _)| at);
        let load = sum(self.loads.get(range).unwrap_or_default());
        let figures = &mut self.seen.figures;
        figures.load = load;
        if let (Some((at, load)), Some(before)) = (load, before)
            && at != before
        {
            let span = at.since(before).min(ROUTE_STALE);
            figures.steady.push(at, load.demand(), span);
        }
        // The load is that of the time since the one before.
        let fails = load.filter(|(_, load)| load.kubernetes_fails());
        figures.failing_since = fails.and_then(|(at, _)| figures.failing_since.or(before).or(Some(at)));
        self.see_ready(now);
    }

    /// The state of `revision` is stored.
    pub fn recorded(&mut self, revision: u64) {
        self.stored = self.stored.max(revision);
        self.seen.recorded = self.stored == self.revision;
    }

    /// Decides, and remembers what was ordered.
    pub fn decide(&mut self, now: Time) -> Vec<Action> {
        self.judge(now);
        let answered = self.answered();
        let standing = self.standing.take();
        let mut standing = standing.unwrap_or_else(|| turn::standing(&self.state, &self.seen));
        let (mut actions, again) =
            decide_in_place(&self.plan, &mut self.state, &self.seen, now, &mut standing);
        self.standing = Some(standing);
        let unwatched = self.watches.iter().filter_map(|(_, watch)| watch.changes_at(now)).min();
        self.again = [again, unwatched].into_iter().flatten().min();
        for action in &mut actions {
            match action {
                Action::Write { instance, number, weight, purpose } => {
                    let order = Order {
                        number: *number,
                        weight: *weight,
                        purpose: *purpose,
                        at: now,
                        outcome: Outcome::Pending,
                    };
                    if let Some(seen) = self.seen.instances.get_mut(*instance) {
                        seen.order = Some(order);
                    }
                }
                Action::Record { revision } => {
                    self.revision += 1;
                    *revision = self.revision;
                    self.seen.recorded = false;
                }
                Action::Tell { .. } => {}
            }
        }
        // Whatever changes a level records it.
        if actions.iter().any(|action| matches!(action, Action::Record { .. })) {
            self.follow_levels();
        }
        debug_assert_eq!(self.levels, self.read_levels());
        if self.answered() != answered {
            self.relearn();
        }
        actions
    }

    fn judge(&mut self, now: Time) {
        let mut judged = self.seen.judgements.iter_mut().zip(&self.levels);
        let watches = self.plan.databases.iter().zip(&mut self.watches).zip(&mut self.seen.looks);
        for ((database, (_, watch)), look) in watches {
            let mut any_tripped = false;
            for guard in &database.guards {
                let Some(((_, judgement), tripped)) = judged.next() else { return };
                *judgement = watch.judge(guard, tripped, now);
                any_tripped |= tripped.level != Level::Clear || judgement.pause || judgement.rollback;
            }
            *look = watch.look(any_tripped, now);
        }
    }

    fn read_levels(&self) -> Vec<Tripped> {
        let keys = self.seen.judgements.iter().map(|(key, _)| key);
        keys.map(|key| self.state.guards.get(key).copied().unwrap_or_default()).collect()
    }

    /// When to decide again at the latest.
    pub fn deadline(&self) -> Option<Time> {
        self.again
    }

    /// What status says.
    pub fn report(&self, now: Time) -> Report {
        report::of(&self.plan, &self.state, &self.seen, now)
    }

    /// The plan in force.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// What is remembered.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// What is seen.
    pub fn seen(&self) -> &Seen {
        &self.seen
    }
}

/// What all of these see, if each sees something: as old as the oldest.
fn sum(loads: &[load::Meter]) -> Option<(Time, Load)> {
    let sum = |sum: Option<(Time, Load)>, load: Option<(Time, Load)>| {
        let ((one, sum), (other, load)) = sum.zip(load)?;
        Some((one.min(other), sum.plus(&load)))
    };
    loads.iter().map(load::Meter::load).reduce(sum).flatten()
}

fn fail(seen: &mut route::Seen, error: String, now: Time) {
    let since = seen.failing.as_ref().map_or(now, |(since, _)| *since);
    seen.failing = Some((since, error));
}

fn take_reading(seen: &mut route::Seen, reading: Reading, now: Time) {
    if let Some((at, before)) = &seen.reading
        && before.setting != reading.setting
    {
        seen.changed = Some((*at, now));
    }
    seen.reading = Some((now, reading));
    seen.failing = None;
}
