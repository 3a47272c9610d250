//! One property per rule, over random worlds: `laws` says what is checked at every decision.

use std::time::Duration;

use crossfade_core::reason::Reason;
use crossfade_core::report::Phase;
use crossfade_core::state::Command;
use proptest::prelude::*;

use crate::balancer::Hands;
use crate::build::{minutes, percent, plan, seconds};
use crate::world::{Api, Database, World};

#[derive(Clone, Debug)]
enum Event {
    Wait(u64),
    Database(Database),
    Hands(usize, Hands),
    Reload(usize),
    SomebodySets(usize, u16),
    Servers(usize, u32, u16),
    Api(Api),
    Crash,
    DieAfter(usize),
    ChangeLease,
    Pause(bool),
    Hold(bool),
    Target(Option<&'static str>),
    Approve,
    Rollback,
    Resume,
    OtherRaises(bool),
    Reject(bool),
}

/// So many cases, or as many as `PROPTEST_CASES` asks for.
pub fn config(cases: u32) -> ProptestConfig {
    #[allow(clippy::disallowed_methods)] // a test may be asked for more
    let asked = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok());
    let cases = asked.unwrap_or(cases);
    ProptestConfig { cases, max_shrink_iters: 2000, failure_persistence: None, ..ProptestConfig::default() }
}

fn event() -> impl Strategy<Value = Event> {
    let database = prop_oneof![
        4 => Just(Database::Rate(100.0)),
        2 => Just(Database::Rate(1000.0)),
        3 => Just(Database::Rate(2000.0)),
        1 => Just(Database::Full),
        1 => Just(Database::Silent),
        1 => Just(Database::Down),
    ];
    let hands = prop_oneof![3 => Just(Hands::Well), 1 => Just(Hands::Refuse), 1 => Just(Hands::Lost), 1 => Just(Hands::Late)];
    let target = prop_oneof![2 => Just(None), 1 => Just(Some("canary")), 1 => Just(Some("tenth")), 1 => Just(Some("half"))];
    let api = prop_oneof![2 => Just(Api::Up), 1 => Just(Api::Slow), 1 => Just(Api::Away)];
    prop_oneof![
        12 => (1_u64..40).prop_map(Event::Wait),
        2 => (60_u64..400).prop_map(Event::Wait),
        6 => database.prop_map(Event::Database),
        4 => (0_usize..2, hands).prop_map(|(instance, hands)| Event::Hands(instance, hands)),
        1 => (0_usize..2).prop_map(Event::Reload),
        2 => (0_usize..2, 0_u16..=100).prop_map(|(instance, weight)| Event::SomebodySets(instance, weight)),
        1 => (0_usize..2, 1_u32..5, 0_u16..=100).prop_map(|(instance, up, weight)| Event::Servers(instance, up, weight)),
        3 => api.prop_map(Event::Api),
        2 => Just(Event::Crash),
        2 => (0_usize..5).prop_map(Event::DieAfter),
        2 => Just(Event::ChangeLease),
        1 => any::<bool>().prop_map(Event::Pause),
        1 => any::<bool>().prop_map(Event::Hold),
        1 => target.prop_map(Event::Target),
        2 => Just(Event::Approve),
        1 => Just(Event::Rollback),
        2 => Just(Event::Resume),
        1 => any::<bool>().prop_map(Event::OtherRaises),
        1 => any::<bool>().prop_map(Event::Reject),
    ]
}

fn happen(world: &mut World, event: &Event) {
    let stamp = world.now.as_millis();
    let command = |world: &mut World, command, value: String| {
        world.wishes.commands.insert(command, value);
    };
    match event.clone() {
        Event::Wait(span) => world.run(seconds(span)),
        Event::Database(database) => world.database = database,
        Event::Hands(instance, hands) => world.balancers[instance].hands = hands,
        Event::Reload(instance) => world.balancers[instance].reload(),
        Event::SomebodySets(instance, weight) => world.balancers[instance].set(percent(weight)),
        Event::Servers(instance, up, weight) => {
            let reading = &mut world.balancers[instance].reading;
            reading.kubernetes_up = up;
            reading.weight = percent(weight);
        }
        Event::Api(api) => world.set_api(api),
        Event::Crash => world.crash(),
        Event::DieAfter(actions) => world.dies_after = Some(actions),
        Event::ChangeLease => world.change_lease(),
        Event::Pause(paused) => world.change_plan(|plan| plan.paused = paused),
        Event::Hold(hold) => world.wishes.hold = hold.then(|| "by hand".to_owned()),
        Event::Target(stage) => world.change_plan(|plan| plan.target_stage = stage.map(str::to_owned)),
        Event::Approve => {
            let token = world.engine().report(world.now).approval_token;
            command(world, Command::Approve, format!("half/{token}"));
        }
        Event::Rollback => command(world, Command::Rollback, format!("{stamp} enough")),
        Event::Resume => command(world, Command::Resume, format!("{stamp} go on")),
        Event::OtherRaises(raises) => {
            let other = raises.then(|| "other".to_owned());
            world.each_engine(|engine| engine.set_others_raising(other.clone()));
        }
        Event::Reject(rejected) => {
            let why = rejected.then(|| (Reason::InvalidSpec, "spec.stages is wrong".to_owned()));
            world.each_engine(|engine| engine.set_rejected(why.clone()));
        }
    }
}

fn world(weight: u16, ramp: bool, approval: bool) -> World {
    let mut plan = plan();
    for stage in &mut plan.stages {
        stage.soak = seconds(30);
        stage.approval = approval && stage.name == "half";
        stage.ramp = ramp.then_some(crossfade_core::plan::Ramp { step: percent(12), every: seconds(7) });
    }
    World::new(plan, percent(weight))
}

/// Everything is put right by whoever can.
fn heal(world: &mut World) {
    world.database = Database::Rate(100.0);
    world.set_api(Api::Up);
    world.dies_after = None;
    for balancer in &mut world.balancers {
        balancer.hands = Hands::Well;
        balancer.reading.kubernetes_up = 4;
    }
    world.wishes.hold = None;
    world.change_plan(|plan| {
        plan.paused = false;
        plan.target_stage = None;
        for stage in &mut plan.stages {
            stage.approval = false;
        }
    });
    world.each_engine(|engine| {
        engine.set_others_raising(None);
        engine.set_rejected(None);
    });
    world.run(seconds(30));
    world.wishes.commands.insert(Command::Resume, format!("{} healed", world.now.as_millis()));
}

proptest! {
    #![proptest_config(config(150))]

    #[test]
    fn every_rule_holds_at_every_decision_whatever_happens(
        weight in prop_oneof![Just(0_u16), Just(10), Just(50), Just(60)],
        ramp: bool,
        approval: bool,
        events in prop::collection::vec(event(), 1..60),
    ) {
        let mut world = world(weight, ramp, approval);
        for event in &events {
            happen(&mut world, event);
            world.run(seconds(1));
        }
        prop_assert!(world.decisions > 0 || world.engine.is_none());
    }
}

proptest! {
    #![proptest_config(config(30))]

    #[test]
    fn whatever_happened_a_plan_completes_once_all_is_well_again(
        ramp: bool,
        events in prop::collection::vec(event(), 1..25),
    ) {
        let mut world = world(10, ramp, false);
        for event in &events {
            happen(&mut world, event);
            world.run(seconds(1));
        }
        heal(&mut world);
        world.run(minutes(10));
        let cooldown = world.engine().state().cooldown_until.map_or(Duration::ZERO, |until| until.since(world.now));
        let bound = cooldown + minutes(30);
        let completed = |world: &World| world.engine().report(world.now).phase == Phase::Completed;
        let took = world.run_until(bound, completed);
        prop_assert!(took.is_some(), "{:#?}", world.engine().report(world.now));
        prop_assert_eq!(world.weights(), vec![percent(100); 2]);
    }
}
