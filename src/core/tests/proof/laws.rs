//! What must hold of every decision, one function per rule.

use crossfade_core::action::Action;
use crossfade_core::engine::Engine;
use crossfade_core::guard::Level;
use crossfade_core::reason::Reason;
use crossfade_core::report::Phase;
use crossfade_core::route::{Outcome, Purpose};
use crossfade_core::seen::Authority;
use crossfade_core::state::{PutBack, State, Volatile};
use crossfade_core::time::Time;
use crossfade_core::weight::Weight;

/// One decision: the engine before it and after it, what it asks for, and what was stored then.
struct Decided<'a> {
    before: &'a Engine,
    after: &'a Engine,
    actions: &'a [Action],
    stored: &'a State,
    now: Time,
}

pub fn check(before: &Engine, after: &Engine, actions: &[Action], stored: &State, now: Time) {
    let decided = Decided { before, after, actions, stored, now };
    decided.r1_raises_only_in_the_clear();
    decided.r2_brakes_first();
    decided.r5_takes_the_unknown_for_nothing();
    decided.r7_walks_and_does_not_oscillate();
    decided.r8_records_before_it_raises_and_whatever_it_changes();
    decided.r12_writes_only_what_it_may();
    decided.r13_says_why_nothing_moves();
}

impl Decided<'_> {
    fn writes(&self) -> impl Iterator<Item = (usize, Weight, Purpose)> {
        self.actions.iter().filter_map(|action| match action {
            Action::Write { instance, weight, purpose, .. } => Some((*instance, *weight, *purpose)),
            _ => None,
        })
    }

    fn last_read(&self, instance: usize) -> Option<Weight> {
        self.before.seen().instances[instance].reading.as_ref().map(|(_, reading)| reading.weight)
    }

    fn raises(&self) -> impl Iterator<Item = Weight> {
        self.writes()
            .filter(|(instance, weight, _)| self.last_read(*instance).is_none_or(|read| *weight > read))
            .map(|(_, weight, _)| weight)
    }

    fn r1_raises_only_in_the_clear(&self) {
        let (seen, plan, state) = (self.after.seen(), self.after.plan(), self.after.state());
        for weight in self.raises() {
            assert_eq!(seen.authority, Authority::Holder);
            assert!(seen.rejected.is_none() && seen.wishes.hold.is_none() && seen.others_raising.is_none());
            assert!(!plan.paused && state.halt.is_none() && state.rolled_back_by_hand.is_none());
            assert!(state.guards.values().all(|guard| guard.level == Level::Clear), "a guard is tripped");
            assert!(seen.judgements.iter().all(|(_, judged)| judged.unknown.is_none()), "data is unknown");
            assert!(state.retreat.is_none());
            assert!(state.cooldown_until.is_none_or(|until| until <= self.now), "a cooldown runs");
            assert!(weight <= plan.stages[plan.furthest()].weight, "beyond targetStage");
        }
    }

    fn r2_brakes_first(&self) {
        let (before, after) = (self.before.state(), self.after.state());
        if self.after.seen().authority == Authority::None || !after.volatile.settled {
            return;
        }
        let first_record = self.actions.iter().position(|action| matches!(action, Action::Record { .. }));
        let last_write = self.actions.iter().rposition(|action| matches!(action, Action::Write { .. }));
        if let (Some(record), Some(write)) = (first_record, last_write) {
            assert!(write < record, "a write waits behind a record");
        }
        let breached = after.guards.iter().any(|(key, guard)| {
            guard.level == Level::Rollback
                && before.guards.get(key).is_none_or(|guard| guard.level != Level::Rollback)
        });
        let intended = after.intended.unwrap_or_default();
        if !breached || before.retreat.is_some() || before.intended.unwrap_or_default() == Weight::ZERO {
            return;
        }
        let every = self.after.plan().rollback.every;
        let fell = after.history.iter().any(|step| step.to < step.from && self.now.since(step.at) < every);
        assert!(fell || intended == Weight::ZERO, "a breach and no step");
        assert!(after.retreat.is_some() || intended == Weight::ZERO);
        for (instance, seen) in self.after.seen().instances.iter().enumerate() {
            let stands_higher = self
                .last_read(instance)
                .is_some_and(|read| read > intended && read.distance(intended) > Weight::from_hundredths(25));
            if after.joined.contains(&seen.key) && stands_higher {
                let order = seen.order.as_ref().expect("an order");
                assert!(order.weight <= intended, "{} is not braked: {order:?}", seen.key);
                assert!(order.at == self.now || order.outcome == Outcome::Pending || seen.failing.is_some());
            }
        }
    }

    fn r5_takes_the_unknown_for_nothing(&self) {
        let (before, after) = (self.before.state(), self.after.state());
        for (key, judged) in &self.after.seen().judgements {
            let level = |state: &State| state.guards.get(key).map_or(Level::Clear, |guard| guard.level);
            assert!(!judged.is_blind() || level(before) == level(after), "{key:?} moved while unknown");
            // R7: a trip ends only by its resume threshold.
            assert!(level(after) != Level::Clear || level(before) == Level::Clear || judged.resume);
        }
    }

    fn r7_walks_and_does_not_oscillate(&self) {
        let state = self.after.state();
        let rollback = self.after.plan().rollback;
        let ours = |reason: Reason| matches!(reason, Reason::GuardRollback | Reason::TargetStageLowered);
        for step in state.history.iter().filter(|step| step.reason == Reason::GuardRollback) {
            let within = state.history.iter().filter(|other| {
                other.at <= step.at && step.at.since(other.at) < rollback.every && ours(other.reason)
            });
            let fallen: u16 = within.map(|step| step.from.minus(step.to).hundredths()).sum();
            assert!(fallen <= rollback.max_step.hundredths(), "{:?}", state.history);
        }
        let newest = state.history.back().filter(|step| step.at == self.now);
        if newest.is_some_and(|step| step.reason == Reason::GuardRollback) {
            let day = std::time::Duration::from_hours(24);
            let retreats = state.retreats.iter().filter(|at| self.now.since(**at) < day).count();
            let cooldown = (1800_u64 << (retreats.max(1) - 1).min(10)).min(86_400);
            let until = self.now + std::time::Duration::from_secs(cooldown);
            assert_eq!(state.cooldown_until, Some(until));
        }
    }

    fn r8_records_before_it_raises_and_whatever_it_changes(&self) {
        for weight in self.raises() {
            let allowed = self.stored.raise.map(|raise| raise.to).max(self.stored.intended);
            assert!(Some(weight) <= allowed, "{weight} was never recorded: {allowed:?}");
        }
        let [before, after] = [self.before, self.after].map(|engine| persisted(engine.state(), self.now));
        let records = self.actions.iter().filter(|action| matches!(action, Action::Record { .. })).count();
        assert!(records <= 1);
        assert!(before == after || records == 1, "changed without a record:\n{before:?}\n{after:?}");
    }

    fn r12_writes_only_what_it_may(&self) {
        match self.after.seen().authority {
            Authority::Holder => {}
            Authority::None => assert_eq!(self.actions, []),
            Authority::LastHolder => {
                for (instance, weight, purpose) in self.writes() {
                    assert_eq!(purpose, Purpose::Retreat);
                    assert!(self.after.state().retreat.is_some(), "brakes without a guard");
                    assert!(self.last_read(instance).is_none_or(|read| weight <= read));
                }
            }
        }
    }

    fn r13_says_why_nothing_moves(&self) {
        let report = self.after.report(self.now);
        let moves = self.writes().next().is_some() || self.after.state().raise.is_some();
        let silent = report.blocked_by.is_empty() && report.phase != Phase::Completed && !moves;
        assert!(!silent, "{:?} without a reason: {:?}", report.phase, self.after.state());
        let is = |kind| report.conditions.iter().any(|condition| condition.kind == kind && condition.status);
        assert!(!(is("Reconciling") && is("Stalled")));
        assert_eq!(is("Ready"), !is("Reconciling") && !is("Stalled"));
        for blocker in &report.blocked_by {
            assert!(!blocker.message.is_empty());
        }
    }
}

/// What stands in the status, but for what is recorded in parts (the soak clock), what ends by time
/// alone, and the weight of a raise, which the raise itself says.
fn persisted(state: &State, now: Time) -> State {
    let young = |put_back: &&PutBack| now.since(put_back.at) < std::time::Duration::from_mins(10);
    State {
        volatile: Volatile::default(),
        soaked: std::time::Duration::ZERO,
        put_backs: state.put_backs.iter().filter(young).cloned().collect(),
        intended: state.raise.map(|raise| raise.from).or(state.intended),
        ..state.clone()
    }
}
