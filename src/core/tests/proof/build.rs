//! Fixtures that read as sentences: a plan, a state, what is seen, and a moment.

use std::time::Duration;

use crossfade_core::action::Action;
use crossfade_core::capacity::{Capacity, Demand, Legacy, Source, Takeover};
use crossfade_core::decide::{Decision, decide};
use crossfade_core::guard::{Condition, Guard, Judgement, Level, Signal, Test, Tripped, Unknown};
use crossfade_core::plan::{Database, Plan, Ramp, Rollback, RollbackTo, Route, Stage, When};
use crossfade_core::reason::Reason;
use crossfade_core::route::{Order, Outcome, Purpose, Reading};
use crossfade_core::seen::{Authority, Seen};
use crossfade_core::state::{GuardKey, Move, State};
use crossfade_core::time::Time;
use crossfade_core::weight::Weight;

/// The moment at which every fixture decides: an arbitrary one, late enough to look back from.
pub const NOW: Time = Time::from_millis(1_000_000_000);

pub fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

pub fn minutes(count: u64) -> Duration {
    Duration::from_mins(count)
}

pub fn ago(span: Duration) -> Time {
    NOW - span
}

pub fn percent(percent: u16) -> Weight {
    Weight::from_hundredths(percent * 100)
}

/// A test that must hold for `lasting` out of `within` seconds.
pub fn condition(test: Test, lasting: u64, within: u64) -> Condition {
    Condition { test, lasting: seconds(lasting), within: seconds(within) }
}

/// `ConnectionRate`: pause above 800 for 3 s, rollback above 1500 for 8 of 10 s, resume below 600
/// for 57 of 60 s.
pub fn rate_guard() -> Guard {
    Guard {
        signal: Signal::ConnectionRate,
        pause: vec![condition(Test::Above(800.0), 3, 3)],
        rollback: vec![condition(Test::Above(1500.0), 8, 10)],
        resume: condition(Test::Below(600.0), 57, 60),
    }
}

/// `ConnectionsOfMax` with its defaults.
pub fn max_guard() -> Guard {
    Guard {
        signal: Signal::ConnectionsOfMax,
        pause: vec![condition(Test::Above(70.0), 0, 0), condition(Test::FullWithin(seconds(60)), 3, 3)],
        rollback: vec![condition(Test::Above(85.0), 3, 3), condition(Test::FullWithin(seconds(20)), 8, 10)],
        resume: condition(Test::Below(60.0), 120, 120),
    }
}

pub fn stage(name: &str, weight: u16) -> Stage {
    Stage {
        name: name.into(),
        weight: percent(weight),
        ramp: None,
        soak: minutes(10),
        peaks: 0,
        approval: false,
    }
}

/// canary 1, tenth 10, half 50, full 100, each with a soak of 10 minutes; one database sampled
/// every second with two guards; two instances; retreats of 25 every 5 s; legacy can carry all.
pub fn plan() -> Plan {
    Plan {
        paused: false,
        target_stage: None,
        approvals: [].into(),
        stages: vec![stage("canary", 1), stage("tenth", 10), stage("half", 50), stage("full", 100)],
        routes: vec![Route { name: "edge".into(), instances: vec!["a".into(), "b".into()] }],
        databases: vec![Database {
            name: "accounts".into(),
            every: seconds(1),
            guards: vec![rate_guard(), max_guard()],
            connection_rate_capacity: None,
            by_side: false,
        }],
        rollback: Rollback {
            to: RollbackTo::Previous,
            max_step: percent(25),
            every: seconds(5),
            when: When::Always,
        },
        capacity: capacity(declared(1_000.0), declared(2_000.0)),
    }
}

/// A figure that somebody wrote down, for ever.
pub fn declared(requests_per_second: f64) -> Source {
    Source::Declared { requests_per_second, until: None }
}

/// So much is asked for, and so much can legacy carry; all of it must be able to go back.
pub fn capacity(demand: Source, legacy: Source) -> Capacity {
    Capacity {
        demand: Some(Demand { from: demand, surge_factor: 1.5, peak_window: minutes(60) }),
        legacy: Some(Legacy {
            capacity: legacy,
            requests_per_second_per_server: 300.0,
            connections_per_server: None,
            headroom: 0.2,
        }),
        kubernetes: None,
        takeover: Takeover::default(),
        balance: None,
    }
}

pub fn rate() -> GuardKey {
    GuardKey::new("accounts", Signal::ConnectionRate)
}

pub fn of_max() -> GuardKey {
    GuardKey::new("accounts", Signal::ConnectionsOfMax)
}

/// What an instance says that stands at `weight`, with every server up.
pub fn reading(weight: Weight) -> Reading {
    let setting = u64::from(weight.hundredths()) + 1;
    Reading { weight, setting, boot: 1, legacy_up: 4, kubernetes_up: 4, counted: None }
}

/// A judgement of fresh, quiet data.
pub fn quiet() -> Judgement {
    Judgement { value: Some(100.0), resume: true, ..Judgement::default() }
}

/// Everything that one decision needs.
#[derive(Clone, Debug)]
pub struct Case {
    pub plan: Plan,
    pub state: State,
    pub seen: Seen,
    pub now: Time,
}

/// A plan that stands, soaking, at `weight` on both instances for longer than anything looks back.
pub fn standing_at(weight: u16) -> Case {
    let (plan, weight) = (plan(), percent(weight));
    let mut state = State {
        intended: Some(weight),
        stage: plan.stage_at(weight),
        last_step: Some(ago(minutes(60))),
        proven: plan.stages.iter().filter(|s| s.weight < weight).map(|s| s.name.clone()).collect(),
        joined: plan.instance_keys().collect(),
        ..State::default()
    };
    state.volatile.settled = true;
    let mut seen = Seen { authority: Authority::Holder, recorded: true, ..Seen::default() };
    for key in plan.instance_keys() {
        state.volatile.ours.insert(key.clone(), reading(weight));
        seen.instances.push(crossfade_core::route::Seen {
            key,
            reading: Some((NOW, reading(weight))),
            ..crossfade_core::route::Seen::default()
        });
    }
    seen.judgements = vec![(rate(), quiet()), (of_max(), quiet())];
    Case { plan, state, seen, now: NOW }
}

impl Case {
    pub fn but(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    /// The present stage's soak is done.
    pub fn soaked(self) -> Self {
        self.but(|case| {
            let stage = &case.plan.stages[case.state.stage.unwrap()];
            case.state.soaked = stage.soak;
            case.state.proven.insert(stage.name.clone());
        })
    }

    /// On the way from where it stands to `to`: recorded, not written.
    pub fn with_a_recorded_raise_to(self, to: u16) -> Self {
        self.but(|case| {
            let from = case.state.intended.unwrap();
            case.state.stage = case.plan.stage_at(percent(to));
            case.state.raise = Some(crossfade_core::state::Raise { from, to: percent(to), at: NOW });
        })
    }

    /// As above, with the writes under way and nothing answered.
    pub fn with_a_raise_in_flight_to(self, to: u16) -> Self {
        self.with_a_recorded_raise_to(to).but(|case| {
            case.state.intended = Some(percent(to));
            for instance in 0..case.seen.instances.len() {
                case.order(instance, to, Purpose::Raise, Outcome::Pending);
            }
        })
    }

    pub fn order(&mut self, instance: usize, weight: u16, purpose: Purpose, outcome: Outcome) {
        self.state.volatile.orders += 1;
        let number = self.state.volatile.orders;
        self.seen.instances[instance].order =
            Some(Order { number, weight: percent(weight), purpose, at: ago(seconds(1)), outcome });
    }

    pub fn with_a_ramp(self, step: u16, every: u64) -> Self {
        self.but(|case| {
            for stage in &mut case.plan.stages {
                stage.ramp = Some(Ramp { step: percent(step), every: seconds(every) });
            }
        })
    }

    /// The samples of a guard's signal cross its rollback threshold now.
    pub fn breaching(self, key: &GuardKey) -> Self {
        let judgement =
            Judgement { value: Some(2000.0), pause: true, rollback: true, ..Judgement::default() };
        self.judged(key, judgement)
    }

    pub fn unknown(self, key: &GuardKey, unknown: Unknown) -> Self {
        self.judged(key, Judgement { unknown: Some(unknown), ..Judgement::default() })
    }

    pub fn judged(self, key: &GuardKey, judgement: Judgement) -> Self {
        self.but(|case| {
            let place = case.seen.judgements.iter().position(|(known, _)| known == key).unwrap();
            case.seen.judgements[place].1 = judgement;
        })
    }

    /// A guard stands at a level since a minute, whatever its samples say now.
    pub fn at_level(self, key: &GuardKey, level: Level) -> Self {
        self.but(|case| {
            let tripped = Tripped { level, since: ago(minutes(1)), baseline: None };
            case.state.guards.insert(key.clone(), tripped);
        })
    }

    /// An instance is read at another weight, set by somebody else a moment ago.
    pub fn found(self, instance: usize, weight: u16) -> Self {
        self.but(|case| {
            let seen = &mut case.seen.instances[instance];
            seen.reading = Some((NOW, reading(percent(weight))));
            seen.changed = Some((ago(seconds(2)), NOW));
        })
    }

    pub fn failing(self, instance: usize) -> Self {
        self.but(|case| {
            case.seen.instances[instance].failing = Some((ago(seconds(1)), "refused".into()));
        })
    }

    pub fn decide(&self) -> Decision {
        decide(&self.plan, self.state.clone(), &self.seen, self.now)
    }

    /// The writes that are decided on, by instance.
    pub fn writes(&self) -> Vec<(usize, Weight, Purpose)> {
        let mut writes = writes(&self.decide().actions);
        writes.sort();
        writes
    }

    /// Why nothing rises, by what people are told in status.
    pub fn is_still(&self) -> bool {
        let decision = self.decide();
        writes(&decision.actions).is_empty() && decision.state.raise.is_none()
    }
}

pub fn writes(actions: &[Action]) -> Vec<(usize, Weight, Purpose)> {
    let write = |action: &Action| match action {
        Action::Write { instance, weight, purpose, .. } => Some((*instance, *weight, *purpose)),
        _ => None,
    };
    actions.iter().filter_map(write).collect()
}

pub fn told(actions: &[Action]) -> Vec<Reason> {
    let tell = |action: &Action| match action {
        Action::Tell { reason, .. } => Some(*reason),
        _ => None,
    };
    actions.iter().filter_map(tell).collect()
}

pub fn moved(at: Time, from: u16, to: u16, reason: Reason) -> Move {
    Move { at, from: percent(from), to: percent(to), reason }
}
