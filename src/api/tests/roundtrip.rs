use std::collections::BTreeMap;
use std::time::Duration;

use proptest::collection::{btree_map, btree_set, vec};
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

use super::spec;
use crate::api::parse::parse;
use crate::api::render::{Engine, StatusInput, render};
use crate::api::{number, restore, schema};
use crate::core::guard::{Level, Signal, Tripped};
use crate::core::peaks::{Peak, Peaks};
use crate::core::periods::{Period, Periods};
use crate::core::plan::Plan;
use crate::core::prediction::{Expected, Foreseen, Taught};
use crate::core::reason::Reason;
use crate::core::report::{Condition, Report};
use crate::core::side::BySide;
use crate::core::state::{
    Answered, ByHand, Command, GuardKey, Halt, Move, PutBack, Raise, Retreat, State, Strain, Volatile,
};
use crate::core::surge::{Surge, Trial, Whose};
use crate::core::time::Time;
use crate::core::weight::Weight;

fn time() -> impl Strategy<Value = Time> {
    // 1970 (but for its first day, so that no offset leads before the epoch) to 2100.
    (86_400_000..4_102_444_800_000_u64).prop_map(Time::from_millis)
}

fn weight() -> impl Strategy<Value = Weight> {
    (0..=10_000_u16).prop_map(Weight::from_hundredths)
}

fn reason() -> impl Strategy<Value = Reason> {
    select(Reason::ALL)
}

fn text() -> impl Strategy<Value = String> {
    "[ -~äß€]{0,80}"
}

fn key() -> impl Strategy<Value = GuardKey> {
    ("[a-z]{1,9}", select(Signal::ALL.to_vec()))
        .prop_map(|(database, signal)| GuardKey::new(database, signal))
}

fn tripped() -> impl Strategy<Value = Tripped> {
    let level = select(vec![Level::Clear, Level::Pause, Level::Rollback]);
    let baseline = of(prop::num::f64::POSITIVE | prop::num::f64::ZERO);
    (level, time(), baseline).prop_map(|(level, since, baseline)| Tripped { level, since, baseline })
}

fn amount() -> impl Strategy<Value = f64> {
    prop::num::f64::POSITIVE | prop::num::f64::ZERO
}

fn periods() -> impl Strategy<Value = Periods> {
    let now = of((time(), 0..90_000_000_u64, amount()));
    (vec(amount(), 0..=31), now).prop_map(|(peaks, now)| {
        let now = now.map(|(since, watched, highest)| Period {
            since,
            watched: Duration::from_millis(watched),
            highest,
        });
        Periods { peaks, now }
    })
}

fn surge() -> impl Strategy<Value = Surge> {
    let number = || prop::num::f64::POSITIVE | prop::num::f64::ZERO;
    let trial = (time(), select(Signal::ALL.to_vec()), number(), number(), number());
    (select(Whose::ALL.to_vec()), time(), of((number(), number())), of(trial)).prop_map(
        |(whose, since, normal, trial)| Surge {
            whose,
            since,
            normal: normal.map(|(legacy, kubernetes)| BySide { legacy, kubernetes }),
            trial: trial.map(|(at, signal, before, predicted, enough)| Trial {
                at,
                signal,
                before,
                predicted,
                enough,
            }),
        },
    )
}

fn foreseen() -> impl Strategy<Value = Foreseen> {
    let taught = of((2..=10_u32, amount()));
    let expected = (amount(), amount(), amount(), taught).prop_map(|(each, noise, others, taught)| {
        let taught = taught.map(|(steps, demand)| Taught { steps, demand });
        Expected { each, noise, others, taught }
    });
    (time(), weight(), btree_map("[a-z]{1,9}", expected, 1..4)).prop_map(|(at, to, by)| Foreseen {
        at,
        to,
        by,
    })
}

prop_compose! {
    fn progress()(
        intended in of(weight()),
        raise in of((weight(), weight(), time())),
        stage in of(0..3_usize),
        stage_since in time(),
        soaked in 0..10_000_000_000_u64,
        periods in periods(),
        shift in -10_000..=10_000_i16,
        proven in btree_set("[a-z]{1,9}", 0..4),
        spent in btree_set("[a-z]{1,9}", 0..4),
        approved in of("[a-z]{1,9}"),
        joined in btree_set("[a-z]{1,9}/[a-z:/.0-9]{1,30}", 0..4),
        last_step in of(time()),
    ) -> State {
        State {
            intended,
            raise: raise.map(|(from, to, at)| Raise { from, to, at }),
            stage,
            stage_since,
            soaked: Duration::from_millis(soaked),
            periods,
            shift,
            proven, spent, approved, joined, last_step,
            ..State::default()
        }
    }
}

prop_compose! {
    fn state()(
        progress in progress(),
        guards in btree_map(key(), tripped(), 0..5),
        surges in btree_map("[a-z]{1,9}", surge(), 0..3),
        strain in of((prop::num::f64::POSITIVE | prop::num::f64::ZERO, of(time()))),
        retreat in of((weight(), time(), of(key()), any::<bool>())),
        by_hand in of((weight(), time(), text())),
        cooldown_until in of(time()),
        retreats in vec(time(), 0..5),
        retreats_ever in any::<u32>(),
        put_backs in vec((time(), text()), 0..4),
        halt in of((reason(), text(), time())),
        commands in btree_map(select(Command::ALL.to_vec()), (text(), time(), text()), 0..4),
        history in vec((time(), weight(), weight(), reason()), 0..=20),
        peaks in vec((time(), prop::num::f64::POSITIVE | prop::num::f64::ZERO), 0..=17),
        floors in btree_map("[a-z]{1,9}", 1..10_000_u32, 0..4),
        foreseen in of(foreseen()),
    ) -> State {
        State {
            guards,
            surges,
            strain: strain.map(|(before, seen)| Strain { before, seen }),
            retreat: retreat.map(|(target, since, guard, arrived)| Retreat { target, since, guard, arrived }),
            rolled_back_by_hand: by_hand.map(|(target, since, reason)| ByHand { target, since, reason }),
            cooldown_until,
            retreats: retreats.into(),
            retreats_ever,
            put_backs: put_backs.into_iter().map(|(at, instance)| PutBack { at, instance }).collect(),
            halt: halt.map(|(reason, message, since)| Halt { reason, message, since }),
            commands: commands
                .into_iter()
                .map(|(command, (value, at, answer))| (command, Answered { value, at, answer }))
                .collect(),
            history: history.into_iter().map(|(at, from, to, reason)| Move { at, from, to, reason }).collect(),
            peaks: Peaks(
                peaks.into_iter().map(|(at, requests_per_second)| Peak { at, requests_per_second }).collect(),
            ),
            floors,
            foreseen,
            ..progress
        }
    }
}

fn plan() -> Plan {
    parse(&spec()).unwrap().plan
}

fn status(plan: &Plan, state: &State, offset: i64) -> Value {
    let spec = spec();
    let report = Report::default();
    let acceptance =
        Condition { kind: "Accepted", status: true, reason: Reason::Accepted, message: "accepted".into() };
    render(&StatusInput {
        engine: Some(Engine {
            plan,
            spec: &spec,
            generation: 3,
            state,
            report: &report,
            seen: &[],
            pods: &[],
            lacks: &BTreeMap::new(),
            rooms: &BTreeMap::new(),
        }),
        acceptance: &acceptance,
        generation: 3,
        epoch: 7,
        now: Time::from_millis(1_800_000_000_000),
        offset,
        previous: None,
    })
}

proptest! {
    #[test]
    fn state_to_status_to_state_is_the_identity(state in state(), offset in -80_000_000..80_000_000_i64) {
        let plan = plan();
        let status = status(&plan, &state, offset);
        let object = json!({"spec": spec(), "status": &status});
        prop_assert_eq!(schema::problems(&object), vec![], "the status fits its own schema");
        // Over the wire: as text, with numbers as the API server spells them.
        let stored: Value = serde_json::from_str(&status.to_string()).unwrap();
        let (again, problems) = restore::state(&stored, &plan, offset);
        prop_assert_eq!(problems, vec![]);
        prop_assert_eq!(&again, &State { volatile: Volatile::default(), ..state });
        prop_assert_eq!(number::normal(stored.clone()), stored, "a status is written in its normal form");
    }

    #[test]
    fn no_status_whatever_it_holds_stops_the_reading(
        state in state(), broken in vec((any::<prop::sample::Index>(), 0..5_usize), 1..4),
    ) {
        let plan = plan();
        let mut status = status(&plan, &state, 0);
        let names: Vec<String> = status.as_object().unwrap().keys().cloned().collect();
        for (index, with) in broken {
            status[index.get(&names)] = [json!(7), json!("x"), json!([1, {}]), json!({"at": []}), Value::Null][with].clone();
        }
        restore::state(&status, &plan, 0);
        restore::accepted(&status);
        restore::epoch(&status);
    }
}

#[test]
fn no_status_is_a_plan_that_was_never_seen() {
    for nothing in [json!(null), json!({}), json!({"conditions": []}), json!([]), json!("x")] {
        assert_eq!(restore::state(&nothing, &plan(), 5), (State::default(), vec![]));
    }
}

#[test]
fn what_cannot_be_read_is_reported_and_the_rest_is_kept() {
    let status = json!({
        "weight": {"intended": 10, "inventedLater": true},
        "inventedLater": {"x": 1},
        "stage": {"name": "tenth", "index": 7, "since": "2026-01-01T00:00:00Z", "soaked": "soon"},
        "history": [
            {"at": "2026-01-01T00:00:00Z", "from": 1, "to": 10, "reason": "Raising"},
            {"at": "2026-01-01T00:00:00Z", "from": 1, "to": 10, "reason": "InventedLater"},
            7,
        ],
        "trips": [{"database": "accounts", "signal": "ConnectionRate", "level": "Worse", "since": "never"}],
        "cooldown": "long",
        "demand": {"requestsPerSecond": "many", "window": [
            {"at": "2026-01-01T00:00:00Z", "requestsPerSecond": 812.5},
            {"at": "2026-01-01T00:00:00Z", "requestsPerSecond": -1},
            {"at": "noon", "requestsPerSecond": 900},
            {"at": "2026-01-01T00:00:00Z"},
        ]},
        "accepted": {"generation": 2, "spec": {"any": "thing"}},
        "epoch": 4,
    });
    let (state, problems) = restore::state(&status, &plan(), 0);
    let fields: Vec<_> = problems.iter().map(|problem| problem.field.as_str()).collect();
    assert_eq!(
        fields,
        [
            "status.cooldown",
            "status.trips[0].level",
            "status.trips[0].since",
            "status.history[2]",
            "status.history[1]",
            "status.demand.window[1]",
            "status.demand.window[2]",
            "status.demand.window[3]",
            "status.stage.soaked",
        ]
    );
    let at = Time::from_millis(1_767_225_600_000);
    let one = Weight::from_hundredths(100);
    let ten = Weight::from_hundredths(1000);
    assert_eq!(
        state,
        State {
            intended: Some(ten),
            stage: Some(1), // by its name: its place may have changed
            stage_since: at,
            history: [Move { at, from: one, to: ten, reason: Reason::Raising }].into(),
            peaks: Peaks([Peak { at, requests_per_second: 812.5 }].into()),
            // A trip survives whatever else is wrong with it.
            guards: [(
                GuardKey::new("accounts", Signal::ConnectionRate),
                Tripped { level: Level::Pause, since: Time::default(), baseline: None },
            )]
            .into(),
            ..State::default()
        }
    );
    assert_eq!(restore::accepted(&status).unwrap().spec, json!({"any": "thing"}));
    assert_eq!(restore::epoch(&status), Some(4));
}

#[test]
fn a_stage_that_is_gone_is_taken_by_its_weight_and_soaks_anew() {
    let status = json!({"weight": {"intended": 12.5}, "stage": {"name": "gone", "soaked": "5m"}});
    let (state, problems) = restore::state(&status, &plan(), 0);
    assert_eq!((state.stage, state.soaked, problems.len()), (Some(1), Duration::ZERO, 1));
}
