//! One turn of the engine: what the rules read, and where they write what they decided.

use std::cell::OnceCell;
use std::time::Duration;

use crate::action::Action;
use crate::periods::Periods;
use crate::plan::{InstanceIndex, Plan};
use crate::reason::Reason;
use crate::route::{Order, Outcome, Purpose, Reading};
use crate::seen::Seen;
use crate::spare::Spare;
use crate::state::{HISTORY, Move, State};
use crate::surge::Surge;
use crate::time::Time;
use crate::weight::Weight;

/// A route's reading older than this is unknown: three of its readings at two seconds (R5).
pub const ROUTE_STALE: Duration = Duration::from_secs(6);
/// Weights this near are the same: a load balancer's weights are small integers.
pub const SAME: Weight = Weight::from_hundredths(25);

/// What is remembered of one instance, found by its name.
#[derive(Clone, Debug, PartialEq)]
pub struct Standing {
    /// Whether it is in [`State::joined`].
    joined: bool,
    /// What it looked like when it last stood as this plan wants it, of [`crate::state::Volatile::ours`].
    ours: Option<Reading>,
}

/// One turn. Every change of what is stored goes with [`Turn::record`].
pub struct Turn<'a> {
    pub plan: &'a Plan,
    pub state: &'a mut State,
    pub seen: &'a Seen,
    pub now: Time,
    /// Of each instance, by its place: what `state` says of it by its name.
    standing: Vec<Standing>,
    /// What is known of capacity by fresh data, once it was asked for.
    pub spare: OnceCell<Spare>,
    writes: Vec<Action>,
    tells: Vec<Action>,
    record: bool,
    again: Option<Time>,
}

impl<'a> Turn<'a> {
    pub fn new(plan: &'a Plan, state: &'a mut State, seen: &'a Seen, now: Time) -> Self {
        let standing = standing(state, seen);
        Self::again(plan, state, seen, now, standing)
    }

    /// A turn after another one, which found out how the instances stand.
    pub fn again(
        plan: &'a Plan,
        state: &'a mut State,
        seen: &'a Seen,
        now: Time,
        standing: Vec<Standing>,
    ) -> Self {
        debug_assert_eq!(standing, self::standing(state, seen));
        let (writes, tells) = (Vec::new(), Vec::new());
        let spare = OnceCell::new();
        Self { plan, state, seen, now, standing, spare, writes, tells, record: false, again: None }
    }

    /// Writes first, then the record, then words: towards safety, act, then record (R8). A raise is
    /// written only in a later turn, when its record is confirmed. With them, when to ask again, and how
    /// the instances stand.
    pub fn end(self) -> (Vec<Action>, Option<Time>, Vec<Standing>) {
        debug_assert_eq!(self.standing, standing(self.state, self.seen));
        let mut actions = self.writes;
        if self.record {
            actions.push(Action::Record { revision: 0 });
        }
        actions.extend(self.tells);
        (actions, self.again, self.standing)
    }

    /// The state changed in a way that must be stored.
    pub fn record(&mut self) {
        self.record = true;
    }

    /// Whether everything that was decided is stored.
    pub fn is_recorded(&self) -> bool {
        self.seen.recorded && !self.record
    }

    /// People should know.
    pub fn tell(&mut self, reason: Reason, message: impl Into<String>) {
        self.tells.push(Action::Tell { reason, message: message.into() });
    }

    /// Asks to be asked again at `at`, if that lies ahead.
    pub fn wake(&mut self, at: Time) {
        if at > self.now {
            self.again = Some(self.again.map_or(at, |again| again.min(at)));
        }
    }

    /// Whether `since + after` has come; if not, asks to be woken then.
    pub fn is_due(&mut self, since: Option<Time>, after: Duration) -> bool {
        let Some(at) = since.map(|since| since + after) else { return true };
        self.wake(at);
        at <= self.now
    }

    /// The weight at which all routes should stand; 0 before adoption.
    pub fn intended(&self) -> Weight {
        self.state.intended.unwrap_or_default()
    }

    /// Sets the weight at which all routes should stand.
    pub fn move_to(&mut self, to: Weight, reason: Reason) {
        let from = self.intended();
        self.state.intended = Some(to);
        self.state.last_step = Some(self.now);
        self.state.history.push_back(Move { at: self.now, from, to, reason });
        while self.state.history.len() > HISTORY {
            self.state.history.pop_front();
        }
        self.record();
    }

    /// After a fall: the stage that the weight stands for, its soak anew; raises are off.
    pub fn fall_back_to_stage(&mut self) {
        let weight = self.intended();
        self.state.raise = None;
        self.state.volatile.raise_in_doubt = false;
        self.state.shift = 0;
        self.soak_anew();
        let stage = self.plan.stage_at(weight);
        // Of two stages at one weight the later one may never have been entered.
        if stage < self.state.stage {
            // A retreat counted itself when it began; any other fall voids approvals by token too,
            // so that the same stage can be approved again.
            if self.state.retreat.is_none() {
                self.state.retreats_ever += 1;
            }
            self.state.stage = stage;
            self.state.stage_since = self.now;
        }
        let stands = |name: &String| {
            self.plan.stages.iter().any(|stage| &stage.name == name && stage.weight <= weight)
        };
        self.state.proven.retain(stands);
        self.record();
    }

    /// Where the weight stands in a stage: at its own, or as far from it as balance has moved the present one.
    pub fn weight_of(&self, stage: usize) -> Option<Weight> {
        let own = self.plan.stages.get(stage)?.weight;
        let shift = if self.state.stage == Some(stage) { self.state.shift } else { 0 };
        let by = Weight::from_hundredths(shift.unsigned_abs());
        Some(if shift < 0 { own.minus(by) } else { own.plus(by) })
    }

    /// Where the weight may stand at most: at the furthest stage's that is allowed, or where balance has moved
    /// it from the present one's.
    pub fn limit(&self) -> Option<Weight> {
        let furthest = self.plan.furthest();
        let present = self.state.stage.filter(|stage| *stage <= furthest && self.state.shift > 0);
        self.weight_of(furthest).max(present.and_then(|stage| self.weight_of(stage)))
    }

    /// Balance moves the weight of the present stage to `weight`; `None` is its own.
    pub fn set_shift(&mut self, weight: Option<Weight>) {
        let own = self.state.stage.and_then(|stage| self.plan.stages.get(stage)).map(|stage| stage.weight);
        // Both are at most 10,000.
        let hundredths = |weight: Weight| i16::try_from(weight.hundredths()).unwrap_or_default();
        self.state.shift = own.zip(weight).map_or(0, |(own, weight)| hundredths(weight) - hundredths(own));
    }

    /// The stage has stood for nothing yet.
    pub fn soak_anew(&mut self) {
        self.state.soaked = Duration::ZERO;
        self.state.periods = Periods::default();
        self.state.volatile.soak_counted_to = None;
    }

    /// Orders a write; it takes the place of one to the same instance ordered before in this turn.
    pub fn write(&mut self, instance: InstanceIndex, weight: Weight, purpose: Purpose) {
        let other = |action: &Action| !matches!(action, Action::Write { instance: i, .. } if *i == instance);
        self.writes.retain(other);
        self.state.volatile.orders += 1;
        let number = self.state.volatile.orders;
        self.writes.push(Action::Write { instance, number, weight, purpose });
    }

    /// The weight that was ordered for `instance` in this turn.
    pub fn written(&self, instance: InstanceIndex) -> Option<Weight> {
        self.writes.iter().find_map(|action| match action {
            Action::Write { instance: written, weight, .. } if *written == instance => Some(*weight),
            _ => None,
        })
    }

    /// What is remembered of the surge of a database, by its place in the plan.
    pub fn surge(&self, place: usize) -> Option<&Surge> {
        self.state.surges.get(&self.plan.databases.get(place)?.name)
    }

    /// Every instance with its name in state and status (`route/instance`), in the plan's order.
    pub fn instances(&self) -> impl Iterator<Item = (InstanceIndex, &'a str)> + use<'a> {
        self.seen.instances.iter().map(|seen| seen.key.as_str()).enumerate()
    }

    /// Whether an instance has stood at the plan's weight, and so may drift.
    pub fn is_joined(&self, instance: InstanceIndex) -> bool {
        self.standing.get(instance).is_some_and(|standing| standing.joined)
    }

    /// An instance stands at the plan's weight.
    pub fn join(&mut self, instance: InstanceIndex, reading: &Reading) {
        let Some((standing, seen)) = self.standing_of(instance) else { return };
        standing.joined = true;
        self.state.joined.insert(seen.key.clone());
        self.set_ours(instance, reading.clone());
    }

    /// An instance stands elsewhere, and is to join anew.
    pub fn leave(&mut self, instance: InstanceIndex) {
        let Some((standing, seen)) = self.standing_of(instance) else { return };
        standing.joined = false;
        self.state.joined.remove(&seen.key);
    }

    /// All, but this one if one is given, are to join anew.
    pub fn leave_all_but(&mut self, stays: Option<InstanceIndex>) {
        for (instance, standing) in self.standing.iter_mut().enumerate() {
            standing.joined &= Some(instance) == stays;
        }
        let stays = stays.and_then(|stays| self.seen.instances.get(stays)).map(|seen| &seen.key);
        self.state.joined.retain(|key| Some(key) == stays);
    }

    /// What an instance looked like when it last stood as this plan wants it.
    pub fn ours(&self, instance: InstanceIndex) -> Option<&Reading> {
        self.standing.get(instance)?.ours.as_ref()
    }

    /// What an instance looks like now that it stands as this plan wants it.
    pub fn set_ours(&mut self, instance: InstanceIndex, reading: Reading) {
        let Some((standing, seen)) = self.standing_of(instance) else { return };
        standing.ours = Some(reading.clone());
        self.state.volatile.ours.insert(seen.key.clone(), reading);
    }

    fn standing_of(&mut self, instance: InstanceIndex) -> Option<(&mut Standing, &'a crate::route::Seen)> {
        self.standing.get_mut(instance).zip(self.seen.instances.get(instance))
    }

    /// Forgets instances that the plan no longer names. Names are compared only if there are any.
    pub fn forget_strangers(&mut self) {
        let seen = self.seen;
        let exists = |key: &String| seen.instances.iter().any(|instance| &instance.key == key);
        let known = self.state.joined.len();
        if self.standing.iter().filter(|standing| standing.joined).count() != known {
            self.state.joined.retain(exists);
        }
        if self.state.joined.len() != known {
            self.record();
        }
        let ours = &mut self.state.volatile.ours;
        if self.standing.iter().filter(|standing| standing.ours.is_some()).count() != ours.len() {
            ours.retain(|key, _| exists(key));
        }
    }

    /// The newest reading of an instance, if it is fresh and the instance answers.
    pub fn reading(&self, instance: InstanceIndex) -> Option<&'a Reading> {
        let seen = self.seen.instances.get(instance)?;
        let (at, reading) = seen.reading.as_ref()?;
        (seen.failing.is_none() && self.now.since(*at) <= ROUTE_STALE).then_some(reading)
    }

    /// The newest order to an instance.
    pub fn order(&self, instance: InstanceIndex) -> Option<&'a Order> {
        self.seen.instances.get(instance)?.order.as_ref()
    }

    /// The order to an instance that is not answered yet.
    pub fn pending(&self, instance: InstanceIndex) -> Option<&'a Order> {
        self.order(instance).filter(|order| order.outcome == Outcome::Pending)
    }
}

/// How the instances stand.
pub fn standing(state: &State, seen: &Seen) -> Vec<Standing> {
    let standing = |seen: &crate::route::Seen| Standing {
        joined: state.joined.contains(&seen.key),
        ours: state.volatile.ours.get(&seen.key).cloned(),
    };
    seen.instances.iter().map(standing).collect()
}

/// Whether two weights are the same but for a load balancer's rounding.
pub fn same(one: Weight, other: Weight) -> bool {
    one.distance(other) <= SAME
}

/// Whether a weight is above another by more than a load balancer's rounding.
pub fn above(one: Weight, other: Weight) -> bool {
    one > other.plus(SAME)
}

/// Whether a weight is below another by more than a load balancer's rounding.
pub fn below(one: Weight, other: Weight) -> bool {
    above(other, one)
}
