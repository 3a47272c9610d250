//! A scenario that is written reads back equal.

use std::time::Duration;

use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::select;

use crate::core::capacity::{Capacity, Demand, Kubernetes, Legacy, Source, Takeover, Workload};
use crate::core::defaults;
use crate::core::guard::{Condition, Guard, Signal, Test};
use crate::core::plan::{Database, Plan, Ramp, Rollback, RollbackTo, Route, Stage, When};
use crate::core::time::Time;
use crate::core::weight::Weight;
use crate::scenario::{load, read, render};
use crate::sim::autoscaler::AutoscalerSetup;
use crate::sim::scenario::{
    DatabaseSetup, DemandSetup, Event, Hands, Mode, Scenario, ServiceSetup, SideSetup, What, Which,
};

fn span() -> impl Strategy<Value = Duration> {
    (1..10_000_000_u64).prop_map(Duration::from_millis)
}

fn weight() -> impl Strategy<Value = Weight> {
    (0..=10_000_u16).prop_map(Weight::from_hundredths)
}

fn number() -> impl Strategy<Value = f64> {
    prop_oneof![0.001..10_000.0_f64, select(vec![0.1, 1.0, 1e-3, 2600.0])]
}

fn guards() -> impl Strategy<Value = Vec<Guard>> {
    let held = |test, seconds: u64| Condition {
        test,
        lasting: Duration::from_secs(seconds),
        within: Duration::from_secs(seconds),
    };
    let rate = (1.0..1000.0_f64, any::<bool>()).prop_map(move |(level, relative)| {
        let (pause, rollback, resume) = if relative {
            let rollback = held(Test::AboveBaseline(2.25), 8);
            let rollback = if level > 500.0 { vec![rollback] } else { vec![] };
            (Test::AboveBaseline(1.5), rollback, Test::BelowBaseline(1.25))
        } else {
            let rollback =
                vec![Condition { within: Duration::from_secs(10), ..held(Test::Above(level * 2.0), 8) }];
            (Test::Above(level), rollback, Test::Below(level / 2.0))
        };
        Guard {
            signal: Signal::ConnectionRate,
            pause: vec![held(pause, 3)],
            rollback,
            resume: held(resume, 60),
        }
    });
    let of_max = select(vec![true, false]);
    (of(rate), of_max).prop_map(|(rate, of_max)| {
        let rate = rate.unwrap_or_else(|| defaults::guard(Signal::ConnectionRate));
        let mut guards = vec![rate];
        if of_max {
            guards.push(defaults::guard(Signal::ConnectionsOfMax));
        }
        guards.push(defaults::guard(Signal::FailedConnections));
        guards
    })
}

fn plan() -> impl Strategy<Value = Plan> {
    let stages = vec((1..100_u16, any::<bool>(), of(1..60_u64), 0..100_u64), 1..4).prop_map(|raw| {
        let mut weights: Vec<u16> = raw.iter().map(|(weight, ..)| *weight).collect();
        weights.sort_unstable();
        raw.into_iter()
            .zip(weights)
            .enumerate()
            .map(|(place, ((_, approval, ramp, soak), weight))| Stage {
                name: format!("stage-{place}"),
                weight: Weight::from_hundredths(weight * 100),
                ramp: ramp.map(|every| Ramp {
                    step: Weight::from_hundredths(505),
                    every: Duration::from_secs(every),
                }),
                soak: Duration::from_mins(soak),
                peaks: 0,
                approval,
            })
            .collect::<Vec<_>>()
    });
    (stages, guards(), any::<[bool; 3]>(), 1..4_usize, 1..10_u64).prop_map(
        |(stages, guards, [paused, zero, target], lanes, every)| Plan {
            paused,
            target_stage: target.then(|| "stage-0".to_owned()),
            approvals: if paused { ["stage-0".to_owned()].into() } else { [].into() },
            stages,
            routes: vec![Route {
                name: "edge".into(),
                instances: (0..lanes).map(|lane| format!("lb-{lane}")).collect(),
            }],
            databases: vec![Database {
                name: "accounts".into(),
                every: Duration::from_secs(1),
                guards,
                connection_rate_capacity: paused.then_some(2600.5),
                by_side: target,
            }],
            rollback: Rollback {
                to: if zero { RollbackTo::Zero } else { RollbackTo::Previous },
                max_step: Weight::from_hundredths(2550),
                every: Duration::from_secs(every),
                when: if zero { When::Always } else { When::Attributed },
            },
            capacity: capacity(every, zero),
        },
    )
}

fn capacity(number: u64, declared: bool) -> Capacity {
    let measured = Source::Declared { requests_per_second: 600.0, until: None };
    let until = Some(Time::from_millis(1_738_000_000_000 + number));
    Capacity {
        demand: (number != 1).then(|| Demand {
            from: if declared { measured } else { Source::Route(0) },
            surge_factor: 1.25,
            peak_window: Duration::from_hours(24 + number),
        }),
        legacy: (number > 2).then(|| Legacy {
            capacity: if declared {
                Source::Declared { requests_per_second: 8000.0, until }
            } else {
                Source::Route(0)
            },
            requests_per_second_per_server: if declared { 0.0 } else { 212.5 },
            connections_per_server: (!declared && number > 4).then_some(40.0),
            headroom: 0.25,
        }),
        kubernetes: (number != 1).then(|| Kubernetes {
            workloads: vec![Workload {
                name: "pods".into(),
                requests_per_second_per_pod: 132.5,
                connections_per_pod: declared.then_some(10.0),
                warm_up: Duration::from_secs(number),
                max_replicas: 80,
                floor: declared,
            }],
            headroom: 0.25,
        }),
        takeover: Takeover { legacy: 0.5, kubernetes: 0.25 },
        balance: None,
    }
}

fn side() -> impl Strategy<Value = SideSetup> {
    (0..100_u32, number(), number(), span(), 0.0..1.0_f64, span()).prop_map(
        |(servers, each, connects, warm_up, cold, patience)| SideSetup {
            servers,
            requests_per_second_per_server: each,
            connects_per_request: connects.min(1000.0),
            warm_up,
            cold,
            patience,
        },
    )
}

fn service() -> impl Strategy<Value = ServiceSetup> {
    let demand = (number(), 0.0..1.0_f64, 0.0..2.0_f64, 0.0..0.5_f64, 0..4_u32).prop_map(
        |(requests_per_second, trough, weekend, noise, retries)| DemandSetup {
            requests_per_second,
            trough,
            weekend,
            noise,
            retries,
        },
    );
    (plan(), weight(), any::<bool>(), demand, side(), side()).prop_map(
        |(plan, weight, standing, demand, legacy, kubernetes)| ServiceSetup {
            name: "mail/mail".into(),
            plan,
            databases: vec![0],
            weight,
            standing,
            peak: standing.then_some(12_000.5),
            demand,
            legacy,
            kubernetes,
            autoscaler: standing.then_some(AutoscalerSetup { least: 2, most: 80, target: 0.5 }),
            ingress: standing,
        },
    )
}

fn what() -> impl Strategy<Value = What> {
    let side = || select(vec![Which::Legacy, Which::Kubernetes]);
    let (service, database, instance) = (0, 0, 0);
    prop_oneof![
        (side(), number(), span()).prop_map(move |(side, times, over)| What::Connects {
            service,
            side,
            times,
            over
        }),
        (number(), span()).prop_map(move |(times, over)| What::Demand { service, times, over }),
        (side(), 0..100_u32).prop_map(move |(side, up)| What::Servers { service, side, up }),
        Just(What::Replaced { service }),
        (side(), number()).prop_map(move |(side, each)| What::PerServer {
            service,
            side,
            requests_per_second: each
        }),
        (number(), span()).prop_map(move |(each, span)| What::Burst {
            database,
            connects_per_second: each,
            span
        }),
        number().prop_map(move |times| What::ConnectCost { database, times }),
        (1..9_999_u32).prop_map(move |maximum| What::MaxConnections { database, maximum }),
        (span(), any::<bool>()).prop_map(move |(span, failover)| What::Restart { database, span, failover }),
        Just(What::FlushStatus { database }),
        span().prop_map(move |span| What::Blind { database, span }),
        span().prop_map(move |span| What::MonitorRefused { database, span }),
        span().prop_map(move |span| What::MonitorCrowdedOut { database, span }),
        weight().prop_map(move |configured| What::Reload { service, instance, configured }),
        weight().prop_map(move |weight| What::Set { service, instance, weight }),
        (select(vec![Hands::Well, Hands::Refuse, Hands::Lost, Hands::Late]), span())
            .prop_map(move |(hands, span)| What::Hands { service, instance, hands, span }),
        (select(vec![Mode::Up, Mode::Slow, Mode::Lost, Mode::Away]), span())
            .prop_map(|(mode, span)| What::Api { mode, span }),
        Just(What::Touch { service }),
        span().prop_map(|span| What::Crash { replica: 1, span }),
        (0..99_u32, span()).prop_map(|(actions, span)| What::CrashAfter { actions, span }),
        span().prop_map(|span| What::Freeze { replica: 0, span }),
        (-999..999_i64).prop_map(|seconds| What::ClockStep { replica: 0, seconds }),
        any::<bool>().prop_map(|stolen| What::LeaseLost { stolen }),
        plan().prop_map(move |plan| What::Plan { service, plan: Box::new(plan) }),
        any::<bool>().prop_map(move |paused| What::Pause { service, paused }),
        of(Just("stage-0".to_owned())).prop_map(move |stage| What::TargetStage { service, stage }),
        of("[ -~]{1,20}").prop_map(move |reason| What::Hold { service, reason }),
        Just(What::Approve { service, stage: "stage-0".into() }),
        Just(What::Rollback { service }),
        Just(What::Resume { service }),
        Just(What::AcceptBaseline { service, database: "accounts".into() }),
        any::<bool>().prop_map(move |rejected| What::Reject { service, rejected }),
    ]
}

fn scenario() -> impl Strategy<Value = Scenario> {
    let event =
        (0..3600_u64, of((1..60_u64, 3600..7200_u64)), what()).prop_map(|(after, every, what)| Event {
            after: Duration::from_secs(after),
            every: every.map(|(every, until)| (Duration::from_secs(every), Duration::from_secs(until))),
            what,
        });
    let begins = prop_oneof![
        (0..14_000_u64).prop_map(|minutes| crate::sim::scenario::MONDAY + Duration::from_mins(minutes)),
        (0..4_102_444_800_000_u64).prop_map(Time::from_millis),
    ];
    (any::<u64>(), begins, service(), vec(event, 0..6), number(), 1..9_999_u32).prop_map(
        |(seed, begins, service, events, each, maximum)| Scenario {
            seed,
            begins,
            lasts: Duration::from_hours(2),
            step: Duration::from_millis(250),
            replicas: 2,
            databases: vec![DatabaseSetup {
                name: "accounts".into(),
                connects_per_second: each,
                max_connections: maximum,
                held: Duration::from_millis(1500),
                others: each / 3.0,
            }],
            services: vec![service],
            events,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]
    #[test]
    fn a_scenario_that_is_written_reads_back_equal(scenario in scenario()) {
        let text = render(&scenario);
        let file = read(&text).map_err(|problems| TestCaseError::fail(format!("{problems:#?}\n{text}")))?;
        let loaded = load(&file, &[]);
        let loaded = loaded.map_err(|problems| TestCaseError::fail(format!("{problems:#?}\n{text}")))?;
        prop_assert_eq!(&loaded.scenario, &scenario, "{}", text);
        prop_assert!(!text.starts_with('#'), "{}", text);
    }
}

#[test]
fn what_no_plan_can_say_is_told_at_the_head_of_the_file() {
    let mut scenario = load(&read("scenario: {name: a, lasts: 1m}").unwrap(), &[]).unwrap().scenario;
    let guards = &mut scenario.services[0].plan.databases[0].guards;
    let full = Condition {
        test: Test::FullWithin(Duration::from_secs(9)),
        lasting: Duration::from_secs(3),
        within: Duration::from_secs(3),
    };
    guards[1].pause = vec![full];
    let text = render(&scenario);
    assert!(text.starts_with("# not as it was played: ConnectionsOfMax of database accounts\n"), "{text}");
}
