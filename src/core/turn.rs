//! One turn of the engine: what the rules read, and where they write what they decided.

use std::time::Duration;

use crate::action::Action;
use crate::plan::{InstanceIndex, Plan};
use crate::reason::Reason;
use crate::route::{Order, Outcome, Purpose, Reading};
use crate::seen::Seen;
use crate::state::{HISTORY, Move, State};
use crate::time::Time;
use crate::weight::Weight;

/// A route's reading older than this is unknown: three of its readings at two seconds (R5).
pub const ROUTE_STALE: Duration = Duration::from_secs(6);
/// Weights this near are the same: a load balancer's weights are small integers.
pub const SAME: Weight = Weight::from_hundredths(25);

/// One turn. Every change of what is stored goes with [`Turn::record`].
pub struct Turn<'a> {
    pub plan: &'a Plan,
    pub state: &'a mut State,
    pub seen: &'a Seen,
    pub now: Time,
    writes: Vec<Action>,
    tells: Vec<Action>,
    record: bool,
    again: Option<Time>,
}

impl<'a> Turn<'a> {
    pub fn new(plan: &'a Plan, state: &'a mut State, seen: &'a Seen, now: Time) -> Self {
        Self { plan, state, seen, now, writes: Vec::new(), tells: Vec::new(), record: false, again: None }
    }

    /// Writes first, then the record, then words: towards safety, act, then record (R8). A raise is
    /// written only in a later turn, when its record is confirmed. With them, when to ask again.
    pub fn end(self) -> (Vec<Action>, Option<Time>) {
        let mut actions = self.writes;
        if self.record {
            actions.push(Action::Record { revision: 0 });
        }
        actions.extend(self.tells);
        (actions, self.again)
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
        self.state.soaked = Duration::ZERO;
        self.state.volatile.soak_counted_to = None;
        let stage = self.plan.stage_at(weight);
        if self.state.stage != stage {
            // A retreat counted itself when it began; any other fall voids approvals by token too,
            // so that the same stage can be approved again.
            if self.state.retreat.is_none() && self.state.stage > stage {
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

    /// Every instance with its name in state and status (`route/instance`), in the plan's order.
    pub fn instances(&self) -> impl Iterator<Item = (InstanceIndex, &'a str)> + use<'a> {
        self.seen.instances.iter().map(|seen| seen.key.as_str()).enumerate()
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
