//! R4: what each side's connects cost a database, as the engine learns it sample by sample.

use crossfade_core::engine::Engine;
use crossfade_core::meter::{Observation, Reading, Sample};
use crossfade_core::plan::{Plan, When};
use crossfade_core::seen::Authority;
use crossfade_core::side::BySide;
use crossfade_core::sides::Cost;
use crossfade_core::state::State;
use crossfade_core::surge::Whose;
use crossfade_core::time::Time;

use crate::build::{NOW, percent, plan, reading, seconds};

/// An engine, a database that tells the sides apart, and load balancers that obey.
struct Sampled {
    engine: Engine,
    now: Time,
}

fn told_apart() -> Plan {
    let mut plan = plan();
    plan.databases[0].by_side = true;
    plan.rollback.when = When::Attributed;
    // So that nothing rises.
    plan.paused = true;
    plan
}

fn engine(plan: Plan, weight: u16) -> Sampled {
    let mut engine = Engine::new(plan, State::default(), NOW);
    engine.set_authority(Authority::Holder);
    let mut sampled = Sampled { engine, now: NOW };
    sampled.stand(weight);
    sampled.decide();
    sampled
}

impl Sampled {
    fn stand(&mut self, weight: u16) {
        for instance in 0..2 {
            self.engine.read(instance, Ok(reading(percent(weight))), self.now);
        }
    }

    fn sample(&mut self, connects: Option<(f64, f64)>, saturated: bool) {
        self.now = self.now + seconds(1);
        let by_side = connects.map(|(legacy, kubernetes)| BySide { legacy, kubernetes });
        let rate = by_side.map_or(100.0, |by_side| by_side.legacy + by_side.kubernetes);
        let sample = Sample {
            at: self.now,
            connection_rate: Some(rate),
            of_max: Some(20.0),
            saturated,
            by_side,
            ..Sample::default()
        };
        let observation = Observation { reading: Reading::Sample(sample), returning_until: None };
        self.engine.observe("accounts", &observation, self.now);
        let weight = self.engine.state().intended.unwrap_or(percent(50));
        for instance in 0..2 {
            self.engine.read(instance, Ok(reading(weight)), self.now);
        }
        self.decide();
    }

    /// What is ordered is done at once.
    fn decide(&mut self) {
        for _ in 0..4 {
            for action in self.engine.decide(self.now) {
                match action {
                    crossfade_core::action::Action::Write { instance, number, weight, .. } => {
                        self.engine.written(instance, number, Ok(reading(weight)), self.now);
                    }
                    crossfade_core::action::Action::Record { revision } => self.engine.recorded(revision),
                    crossfade_core::action::Action::Tell { .. } => {}
                }
            }
        }
    }

    fn samples(&mut self, count: u32, legacy: f64, kubernetes: f64) {
        for _ in 0..count {
            self.sample(Some((legacy, kubernetes)), false);
        }
    }

    fn costs(&self) -> Option<BySide<Cost>> {
        self.engine.seen().looks[0].sides
    }

    fn now_per_second(&self) -> Option<(f64, f64)> {
        self.costs().map(|costs| (costs.legacy.now(), costs.kubernetes.now()))
    }

    fn normal(&self) -> Option<(f64, f64)> {
        self.engine.seen().looks[0].normal.map(|normal| (normal.legacy, normal.kubernetes))
    }
}

#[test]
fn a_cost_is_what_all_of_the_traffic_would_bring_as_a_mean_of_five_seconds() {
    let mut sampled = engine(told_apart(), 10);
    sampled.samples(4, 90.0, 20.0);
    assert_eq!(sampled.costs(), None);
    sampled.samples(1, 90.0, 20.0);
    let (legacy, kubernetes) = sampled.now_per_second().unwrap();
    assert_eq!((legacy.round(), kubernetes.round()), (100.0, 200.0));
    sampled.samples(2, 180.0, 20.0);
    assert_eq!(sampled.now_per_second().map(|now| now.0.round()), Some(140.0));
    sampled.samples(3, 180.0, 20.0);
    assert_eq!(sampled.now_per_second().map(|now| now.0.round()), Some(200.0));
}

#[test]
fn our_own_steps_are_no_surges() {
    let mut sampled = engine(told_apart(), 50);
    sampled.samples(10, 100.0, 100.0);
    sampled.stand(25);
    let at_25 = |sampled: &mut Sampled| {
        sampled.now = sampled.now + seconds(1);
        let by_side = Some(BySide { legacy: 150.0, kubernetes: 50.0 });
        let sample = Sample { at: sampled.now, connection_rate: Some(200.0), by_side, ..Sample::default() };
        let observation = Observation { reading: Reading::Sample(sample), returning_until: None };
        sampled.engine.observe("accounts", &observation, sampled.now);
        sampled.stand(25);
        sampled.engine.decide(sampled.now);
    };
    for _ in 0..8 {
        at_25(&mut sampled);
        let (legacy, kubernetes) = sampled.now_per_second().unwrap();
        assert!(legacy <= 201.0 && kubernetes <= 201.0, "{legacy} {kubernetes}");
    }
    assert_eq!(sampled.now_per_second().map(|now| now.0.round()), Some(200.0));
}

#[test]
fn nothing_is_known_while_a_side_has_next_to_no_traffic_or_the_sides_are_not_told_apart() {
    let mut without = engine(told_apart(), 0);
    without.samples(10, 200.0, 1.0);
    assert_eq!(without.costs(), None);
    let mut all = engine(told_apart(), 100);
    all.samples(10, 1.0, 200.0);
    assert_eq!(all.costs(), None);
    let mut not_asked = engine(plan(), 50);
    not_asked.samples(10, 100.0, 100.0);
    assert_eq!(not_asked.costs(), None);
    let mut not_told = engine(told_apart(), 50);
    not_told.samples(10, 100.0, 100.0);
    not_told.sample(None, false);
    assert_eq!(not_told.costs(), None);
    not_told.samples(4, 100.0, 100.0);
    assert_eq!(not_told.costs(), None, "five seconds anew");
    not_told.samples(1, 100.0, 100.0);
    assert!(not_told.costs().is_some());
}

#[test]
fn what_is_normal_is_learned_in_a_quarter_of_an_hour_and_known_from_before_at_once() {
    let mut sampled = engine(told_apart(), 50);
    sampled.samples(895, 100.0, 50.0);
    assert_eq!(sampled.normal(), None);
    sampled.samples(10, 100.0, 50.0);
    assert_eq!(sampled.normal(), Some((200.0, 100.0)));
    let mut seeded = engine(told_apart(), 50);
    seeded.engine.seed_sides("accounts", BySide { legacy: 300.0, kubernetes: 400.0 });
    seeded.engine.seed_sides("mail", BySide { legacy: 1.0, kubernetes: 1.0 });
    seeded.decide();
    assert_eq!(seeded.normal(), Some((300.0, 400.0)));
    seeded.samples(910, 100.0, 50.0);
    assert_eq!(seeded.normal(), Some((200.0, 100.0)));
}

#[test]
fn nothing_is_learned_of_a_full_database_or_while_a_guard_is_tripped() {
    let mut full = engine(told_apart(), 50);
    for _ in 0..1_000 {
        full.sample(Some((100.0, 50.0)), true);
    }
    assert_eq!(full.normal(), None);
    let mut tripped = engine(told_apart(), 50);
    tripped.samples(910, 100.0, 50.0);
    // Over the pause threshold of 800, and under that of a rollback.
    tripped.samples(2_000, 500.0, 500.0);
    assert_eq!(tripped.normal(), Some((200.0, 100.0)));
}

#[test]
fn a_surge_of_both_sides_is_held_and_one_of_kubernetes_is_not_from_the_first_sample_to_the_end() {
    for (legacy, kubernetes, weight, whose) in [
        (1_000.0, 1_000.0, 50, Some(Whose::Common)),
        (100.0, 3_000.0, 10, Some(Whose::Kubernetes)),
        (3_000.0, 100.0, 50, Some(Whose::Legacy)),
    ] {
        let mut sampled = engine(told_apart(), 50);
        sampled.engine.seed_sides("accounts", BySide { legacy: 200.0, kubernetes: 200.0 });
        sampled.samples(20, 100.0, 100.0);
        let before = sampled.engine.state().intended;
        assert_eq!(before, Some(percent(50)));
        for _ in 0..40 {
            // Kubernetes' connects go with its traffic.
            let share = sampled.engine.state().intended.unwrap().percent() / 50.0;
            sampled.sample(Some((legacy * (2.0 - share), kubernetes * share)), false);
        }
        let state = sampled.engine.state();
        let found = state.surges.get("accounts").map(|surge| surge.whose);
        // A retreat to 0 takes its surge with it.
        assert!(found == whose || found.is_none() && whose == Some(Whose::Kubernetes), "{found:?}");
        let fell = state.intended.unwrap() < percent(50);
        assert_eq!(fell, weight < 50, "{whose:?}: {:?}", state.intended);
    }
}

#[test]
fn after_a_restart_in_a_surge_it_goes_on_from_what_was_normal_then() {
    let mut sampled = engine(told_apart(), 50);
    sampled.engine.seed_sides("accounts", BySide { legacy: 200.0, kubernetes: 200.0 });
    sampled.samples(20, 100.0, 100.0);
    sampled.samples(30, 1_000.0, 1_000.0);
    let stored = sampled.engine.state().clone();
    assert_eq!(stored.surges["accounts"].whose, Whose::Common);
    let mut again = engine(told_apart(), 50);
    again.engine.take_over(stored, again.now);
    again.stand(50);
    again.samples(30, 1_000.0, 1_000.0);
    assert_eq!(again.normal(), Some((200.0, 200.0)));
    assert_eq!(again.engine.state().intended, Some(percent(50)));
    // Then legacy calms down, and Kubernetes does not.
    again.samples(20, 100.0, 2_000.0);
    assert!(again.engine.state().intended < Some(percent(50)), "{:?}", again.engine.state().surges);
}

#[test]
fn a_replica_that_stands_by_while_a_guard_pauses_holds_what_was_normal_before() {
    let mut sampled = engine(told_apart(), 50);
    // Over the pause threshold of 800, and under that of a rollback: no surge is remembered.
    sampled.samples(20, 500.0, 500.0);
    let stored = sampled.engine.state().clone();
    assert!(stored.surges.is_empty() && !stored.guards.is_empty());
    let mut again = engine(told_apart(), 50);
    again.engine.set_authority(Authority::None);
    again.engine.take_over(stored, again.now);
    // As the shell does it.
    again.engine.seed_sides("accounts", BySide { legacy: 200.0, kubernetes: 180.0 });
    again.stand(50);
    again.samples(2_000, 500.0, 500.0);
    assert_eq!(again.normal(), Some((200.0, 180.0)));
}

#[test]
fn what_is_normal_is_told_where_the_sides_are_told_apart() {
    let told = |sampled: &Sampled| sampled.engine.report(sampled.now).databases[0].normal;
    let mut sampled = engine(told_apart(), 50);
    assert_eq!(told(&sampled), None);
    sampled.engine.seed_sides("accounts", BySide { legacy: 200.0, kubernetes: 180.0 });
    sampled.samples(1, 100.0, 100.0);
    assert_eq!(told(&sampled), Some(BySide { legacy: 200.0, kubernetes: 180.0 }));
}

#[test]
fn rate_and_failures_are_looked_at_while_a_guard_is_tripped() {
    let mut sampled = engine(plan(), 50);
    sampled.samples(910, 50.0, 50.0);
    assert_eq!(sampled.engine.seen().looks[0].rate, None);
    sampled.samples(5, 500.0, 500.0);
    let rate = sampled.engine.seen().looks[0].rate.unwrap();
    // Chance: the root of what is counted, over five seconds.
    assert_eq!((rate.now, rate.normal, rate.noise.round()), (1_000.0, 100.0, 14.0));
    assert!(!sampled.engine.seen().looks[0].saturated);
    sampled.sample(Some((500.0, 500.0)), true);
    assert!(sampled.engine.seen().looks[0].saturated);
    sampled.samples(4, 500.0, 500.0);
    assert!(sampled.engine.seen().looks[0].saturated);
    sampled.samples(1, 500.0, 500.0);
    assert!(!sampled.engine.seen().looks[0].saturated);
}

#[test]
fn shares_are_known_while_every_instance_was_read_a_moment_ago() {
    let mut sampled = engine(plan(), 50);
    let seen = sampled.engine.seen();
    assert_eq!(seen.shares(NOW + seconds(6)), Some(BySide { legacy: 0.5, kubernetes: 0.5 }));
    assert_eq!(seen.shares(NOW + seconds(7)), None);
    sampled.engine.read(0, Ok(reading(percent(100))), NOW);
    let shares = sampled.engine.seen().shares(NOW);
    assert_eq!(shares, Some(BySide { legacy: 0.25, kubernetes: 0.75 }));
    let unread = Engine::new(plan(), State::default(), NOW);
    assert_eq!(unread.seen().shares(NOW), None);
}
