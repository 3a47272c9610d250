//! The engine by its own interface: what it keeps, what it forgets, and what it passes on.

use std::time::Duration;

use crossfade_core::action::Action;
use crossfade_core::engine::Engine;
use crossfade_core::guard::{Level, Test, Unknown};
use crossfade_core::meter::{Observation, Reading, Sample};
use crossfade_core::plan::Plan;
use crossfade_core::reason::Reason;
use crossfade_core::route;
use crossfade_core::seen::{Authority, Wishes};
use crossfade_core::state::{Command, State};
use crossfade_core::time::Time;

use crate::build::{NOW, ago, condition, minutes, moved, percent, plan, rate, reading, seconds, stage};

/// An engine that is fed once a second and whose records are stored at once.
struct Driven {
    engine: Engine,
    now: Time,
}

fn standing(plan: Plan, weight: u16) -> Driven {
    let weight = percent(weight);
    let state = State {
        intended: Some(weight),
        stage: plan.stage_at(weight),
        joined: plan.instance_keys().collect(),
        last_step: Some(ago(minutes(60))),
        ..State::default()
    };
    let mut engine = Engine::new(plan, state, NOW);
    engine.set_authority(Authority::Holder);
    let mut driven = Driven { engine, now: NOW };
    driven.read(weight.hundredths() / 100);
    driven
}

impl Driven {
    fn read(&mut self, weight: u16) {
        for instance in 0..self.engine.seen().instances.len() {
            self.engine.read(instance, Ok(reading(percent(weight))), self.now);
        }
    }

    fn sample(&mut self, database: &str, rate: f64) {
        let sample =
            Sample { at: self.now, connection_rate: Some(rate), of_max: Some(20.0), ..Sample::default() };
        let observation = Observation { reading: Reading::Sample(sample), returning_until: None };
        self.engine.observe(database, &observation, self.now);
    }

    /// So many seconds at `rate` on every database, the instances standing where they stand.
    fn run(&mut self, count: u64, rate: f64) -> &mut Self {
        for _ in 0..count {
            self.now = self.now + seconds(1);
            let names: Vec<String> =
                self.engine.plan().databases.iter().map(|database| database.name.clone()).collect();
            for name in names {
                self.sample(&name, rate);
            }
            for instance in 0..self.engine.seen().instances.len() {
                let stands = self.engine.seen().instances[instance].reading.clone();
                if let Some((_, reading)) = stands {
                    self.engine.read(instance, Ok(reading), self.now);
                }
            }
            self.decide();
        }
        self
    }

    fn decide(&mut self) -> Vec<Action> {
        let actions = self.engine.decide(self.now);
        for action in &actions {
            match action {
                Action::Record { revision } => self.engine.recorded(*revision),
                Action::Tell { .. } | Action::Write { .. } => {}
            }
        }
        actions
    }

    fn blockers(&self) -> Vec<Reason> {
        self.engine.report(self.now).blocked_by.iter().map(|blocker| blocker.reason).collect()
    }

    fn level(&self) -> Level {
        self.engine.state().guards.get(&rate()).map_or(Level::Clear, |guard| guard.level)
    }

    fn baseline(&self) -> Option<f64> {
        self.engine.seen().judgements[0].1.baseline
    }
}

/// The first guard pauses above 1.5 times its baseline.
fn relative() -> Plan {
    let mut plan = plan();
    plan.databases[0].guards[0].pause = vec![condition(Test::AboveBaseline(1.5), 3, 3)];
    plan.databases[0].guards[0].resume = condition(Test::BelowBaseline(1.2), 57, 60);
    plan
}

#[test]
fn a_changed_plan_keeps_what_each_database_is_known_for() {
    let mut two = plan();
    let mut other = two.databases[0].clone();
    other.name = "other".into();
    two.databases.push(other);
    let mut driven = standing(two.clone(), 10);
    for _ in 0..5 {
        driven.now = driven.now + seconds(1);
        driven.sample("accounts", 100.0);
        driven.sample("other", 300.0);
    }
    two.databases.reverse();
    driven.engine.set_plan(two, driven.now);
    driven.decide();
    let values: Vec<(String, Option<f64>)> = driven
        .engine
        .seen()
        .judgements
        .iter()
        .filter(|(key, _)| key.signal == rate().signal)
        .map(|(key, judgement)| (key.database.clone(), judgement.value))
        .collect();
    assert_eq!(values, [("other".to_owned(), Some(300.0)), ("accounts".to_owned(), Some(100.0))]);
}

#[test]
fn a_changed_plan_keeps_what_instances_that_stay_were_read_at() {
    let mut driven = standing(plan(), 10);
    driven.engine.read(1, Ok(reading(percent(7))), driven.now);
    let mut swapped = plan();
    swapped.routes[0].instances = vec!["b".into(), "c".into()];
    driven.engine.set_plan(swapped, driven.now);
    let instances = &driven.engine.seen().instances;
    assert_eq!(instances[0].key, "edge/b");
    assert_eq!(instances[0].reading.as_ref().unwrap().1.weight, percent(7));
    assert_eq!(instances[1], route::Seen { key: "edge/c".into(), ..route::Seen::default() });
}

#[test]
fn the_present_stage_is_found_again_by_its_name_and_its_soak_goes_on() {
    let mut driven = standing(plan(), 10);
    driven.run(60, 100.0);
    let soaked = driven.engine.state().soaked;
    assert!(soaked >= seconds(50), "{soaked:?}");
    let mut more = plan();
    more.stages.insert(1, stage("fifth", 5));
    driven.engine.set_plan(more.clone(), driven.now);
    assert_eq!(driven.engine.state().stage, Some(2));
    assert_eq!(driven.engine.state().soaked, soaked);

    more.stages[2].name = "renamed".into();
    driven.engine.set_plan(more.clone(), driven.now);
    assert_eq!(driven.engine.state().stage, Some(2), "by its weight, if its name is gone");
    assert_eq!(driven.engine.state().soaked, Duration::ZERO);

    driven.run(60, 100.0);
    more.stages[2].weight = percent(12);
    driven.engine.set_plan(more, driven.now);
    assert_eq!(driven.engine.state().stage, Some(2));
    assert_eq!(driven.engine.state().soaked, Duration::ZERO, "another weight is another soak");
}

#[test]
fn what_was_told_is_told_anew_under_a_changed_plan() {
    let mut driven = standing(plan(), 10);
    driven.run(10, 100.0);
    assert_eq!(driven.decide(), []);
    driven.engine.set_plan(plan(), driven.now);
    let records = |action: &Action| matches!(action, Action::Record { .. });
    assert!(driven.decide().iter().any(records));
}

#[test]
fn a_takeover_goes_on_from_the_status_reads_again_and_numbers_its_orders_on() {
    let mut driven = standing(plan(), 50);
    driven.run(10, 100.0).run(8, 2000.0);
    let orders = driven.engine.state().volatile.orders;
    assert!(orders > 0);
    let stored = State { intended: Some(percent(25)), stage: Some(1), ..State::default() };
    driven.engine.take_over(stored.clone(), driven.now);
    let state = driven.engine.state();
    assert_eq!((state.intended, state.stage, &state.guards), (Some(percent(25)), Some(1), &stored.guards));
    assert_eq!(state.volatile.orders, orders);
    assert_eq!(driven.engine.deadline(), Some(driven.now));
    for (seen, key) in driven.engine.seen().instances.iter().zip(["edge/a", "edge/b"]) {
        assert_eq!(*seen, route::Seen { key: key.into(), ..route::Seen::default() });
    }
    assert!(driven.engine.seen().recorded);
}

#[test]
fn a_takeover_goes_on_from_the_frozen_baseline_of_a_trip_and_thaws_others() {
    let mut driven = standing(relative(), 10);
    driven.run(16 * 60, 100.0);
    assert_eq!(driven.baseline(), Some(100.0));
    let mut stored = driven.engine.state().clone();
    let tripped = crossfade_core::guard::Tripped { level: Level::Pause, since: NOW, baseline: Some(60.0) };
    stored.guards.insert(rate(), tripped);
    driven.engine.take_over(stored.clone(), driven.now);
    driven.read(10);
    driven.run(3, 100.0);
    assert_eq!(driven.baseline(), Some(60.0));
    // It is above 1.5 times 60 only from 90 on, and clear only below 72.
    driven.run(120, 80.0);
    assert_eq!(driven.level(), Level::Pause);

    stored.guards.insert(rate(), crossfade_core::guard::Tripped::default());
    driven.engine.take_over(stored.clone(), driven.now);
    driven.read(10);
    driven.run(1, 100.0);
    assert_eq!(driven.baseline(), Some(100.0));

    // A new normal is being learned: nothing is frozen.
    let learning = crossfade_core::guard::Tripped { level: Level::Pause, since: NOW, baseline: None };
    stored.guards.insert(rate(), learning);
    driven.engine.take_over(stored, driven.now);
    driven.read(10);
    driven.run(1, 100.0);
    assert_eq!(driven.baseline(), Some(100.0));
}

#[test]
fn a_seeded_baseline_serves_until_an_own_one_is_learned() {
    let mut driven = standing(relative(), 10);
    driven.run(10, 100.0);
    assert!(matches!(driven.engine.seen().judgements[0].1.unknown, Some(Unknown::Learning { .. })));
    driven.engine.seed_baseline(&rate(), 90.0);
    driven.run(1, 100.0);
    assert_eq!(driven.engine.seen().judgements[0].1.unknown, None);
    assert_eq!(driven.baseline(), Some(90.0));
}

#[test]
fn a_baseline_stands_still_while_its_guard_is_tripped_and_moves_again_when_it_is_clear() {
    let mut driven = standing(relative(), 10);
    driven.run(16 * 60, 100.0).run(3, 160.0);
    assert_eq!(driven.level(), Level::Pause);
    driven.run(20 * 60, 140.0);
    assert_eq!((driven.level(), driven.baseline()), (Level::Pause, Some(100.0)));
    driven.run(57, 110.0);
    assert_eq!(driven.level(), Level::Clear);
    driven.run(16 * 60, 110.0);
    assert_eq!(driven.baseline(), Some(110.0));
}

#[test]
fn a_trend_begins_anew_when_its_guard_is_clear() {
    let mut plan = relative();
    plan.databases[0].guards[0].pause = vec![condition(Test::Trend(12.0), 0, 0)];
    let mut driven = standing(plan, 10);
    driven.run(16 * 60, 100.0).run(12, 160.0);
    assert_eq!(driven.level(), Level::Pause);
    driven.run(60, 100.0);
    assert_eq!(driven.level(), Level::Clear);
    driven.run(60, 100.0);
    assert_eq!(driven.level(), Level::Clear);
}

#[test]
fn accept_baseline_learns_that_database_anew_and_no_other() {
    let mut two = relative();
    let mut other = two.databases[0].clone();
    other.name = "other".into();
    two.databases.push(other);
    let mut driven = standing(two, 10);
    driven.run(16 * 60, 100.0);
    let commands = [(Command::AcceptBaseline, "2025-01-08T12:00:00Z accounts".to_owned())];
    driven.engine.set_wishes(Wishes { hold: None, commands: commands.into() });
    driven.run(2, 100.0);
    let unknown = |driven: &Driven, place: usize| driven.engine.seen().judgements[place].1.unknown.clone();
    assert!(matches!(unknown(&driven, 0), Some(Unknown::Learning { .. })));
    assert_eq!(unknown(&driven, 2), None);
    driven.run(15 * 60, 100.0);
    assert_eq!(unknown(&driven, 0), None, "it was learned anew once, not again and again");
}

#[test]
fn what_the_engine_is_told_of_the_world_keeps_the_weight_and_is_shown() {
    let mut driven = standing(plan(), 10);
    driven.run(10, 100.0);
    let calm = driven.blockers();
    assert_eq!(calm, [Reason::Soaking]);

    driven.engine.set_rejected(Some((Reason::RouteTaken, "edge belongs to another".into())));
    assert_eq!(driven.blockers(), [Reason::RouteTaken, Reason::Soaking]);
    driven.engine.set_rejected(None);

    driven.engine.set_others_raising(Some("mail/other".into()));
    assert_eq!(driven.blockers(), [Reason::AnotherPlanRaising, Reason::Soaking]);
    driven.engine.set_others_raising(None);

    driven.engine.set_wishes(Wishes { hold: Some("lunch".into()), ..Wishes::default() });
    assert_eq!(driven.blockers()[0], Reason::Held);
    driven.engine.set_wishes(Wishes::default());

    driven.engine.set_authority(Authority::None);
    assert_eq!(driven.blockers()[0], Reason::NotLeader);
    driven.engine.set_authority(Authority::Holder);
    assert_eq!(driven.blockers(), calm);
}

#[test]
fn a_raise_under_way_is_told_to_the_neighbours() {
    let mut driven = standing(plan(), 10);
    assert!(!driven.engine.is_raising());
    driven.run(10 * 60 + 5, 100.0);
    assert!(driven.engine.is_raising());
    driven.read(50);
    driven.run(1, 100.0);
    // Nobody answered the orders: it goes on.
    assert!(driven.engine.is_raising());
    for instance in 0..2 {
        let number = driven.engine.seen().instances[instance].order.as_ref().unwrap().number;
        driven.engine.written(instance, number, Ok(reading(percent(50))), driven.now);
    }
    driven.run(1, 100.0);
    assert!(!driven.engine.is_raising());
    assert_eq!(driven.engine.state().history.back(), Some(&moved(driven.now, 10, 50, Reason::Raising)));
}

#[test]
fn the_deadline_is_the_earliest_moment_at_which_anything_changes_by_itself() {
    let mut driven = standing(plan(), 10);
    driven.run(10, 100.0);
    // The readings and the samples are unknown after 6 and 3 s.
    assert_eq!(driven.engine.deadline(), Some(driven.now + Duration::from_millis(3001)));
    driven.now = driven.now + Duration::from_millis(3001);
    assert_ne!(driven.decide(), []);
    assert_eq!(driven.blockers()[0], Reason::DataUnknown);
    assert_eq!(driven.engine.deadline(), Some(driven.now + Duration::from_secs(3)), "the readings");
}

#[test]
fn an_instance_that_fails_is_known_to_fail_since_its_first_failure() {
    let mut driven = standing(plan(), 10);
    driven.run(2, 100.0);
    let first = driven.now;
    driven.engine.read(0, Err("refused".into()), first);
    driven.now = driven.now + seconds(2);
    driven.engine.read(0, Err("timed out".into()), driven.now);
    assert_eq!(driven.engine.seen().instances[0].failing, Some((first, "timed out".into())));
    driven.engine.read(0, Ok(reading(percent(10))), driven.now);
    assert_eq!(driven.engine.seen().instances[0].failing, None);
}

#[test]
fn a_setting_that_changed_is_remembered_with_both_its_readings() {
    let mut driven = standing(plan(), 10);
    let before = driven.now;
    driven.now = driven.now + seconds(1);
    driven.engine.read(0, Ok(reading(percent(10))), driven.now);
    assert_eq!(driven.engine.seen().instances[0].changed, None);
    let last = driven.now;
    driven.now = driven.now + seconds(1);
    driven.engine.read(0, Ok(reading(percent(30))), driven.now);
    assert_eq!(driven.engine.seen().instances[0].changed, Some((last, driven.now)));
    assert_ne!(before, last);
}

#[test]
fn an_outcome_of_an_older_order_is_dropped() {
    let mut driven = standing(plan(), 50);
    driven.run(10, 100.0).run(8, 2000.0);
    let order = driven.engine.seen().instances[0].order.clone().unwrap();
    driven.engine.written(0, order.number - 1, Ok(reading(percent(1))), driven.now);
    driven.engine.written(0, order.number + 1, Err("late".into()), driven.now);
    assert_eq!(driven.engine.seen().instances[0].order, Some(order));
    assert_eq!(driven.engine.seen().instances[0].reading.as_ref().unwrap().1.weight, percent(50));
}

#[test]
fn only_the_newest_revision_that_is_stored_is_recorded() {
    let mut driven = standing(plan(), 10);
    let revision = |actions: &[Action]| {
        actions.iter().find_map(|action| match action {
            Action::Record { revision } => Some(*revision),
            _ => None,
        })
    };
    let first = revision(&driven.engine.decide(driven.now)).unwrap();
    assert!(!driven.engine.seen().recorded);
    driven.engine.set_wishes(Wishes { hold: Some("lunch".into()), ..Wishes::default() });
    let second = revision(&driven.engine.decide(driven.now)).unwrap();
    assert!(second > first);
    driven.engine.recorded(first);
    assert!(!driven.engine.seen().recorded);
    driven.engine.recorded(second);
    assert!(driven.engine.seen().recorded);
    driven.engine.recorded(first);
    assert!(driven.engine.seen().recorded);
}
