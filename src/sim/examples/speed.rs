//! How fast the world goes: `cargo run --release -p crossfade-sim --example speed [DAYS]`; fewer than 30 days
//! for a tool that counts instructions.
#![allow(
    missing_docs,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::disallowed_macros
)]

use std::time::{Duration, Instant};

use crossfade_core::capacity::{Capacity, Demand, Legacy, Source, Takeover};
use crossfade_core::defaults;
use crossfade_core::plan::{Database, Plan, Rollback, RollbackTo, Route, Stage, When};
use crossfade_core::weight::Weight;
use crossfade_sim::recording::Recording;
use crossfade_sim::scenario::{DatabaseSetup, DemandSetup, MONDAY, Scenario, ServiceSetup, SideSetup};
use crossfade_sim::world::World;

fn main() {
    let days = std::env::args().nth(1).map_or(30, |days| days.parse().expect("the days as a number"));
    let stage = |name: &str, weight: u16, approval| Stage {
        name: name.into(),
        weight: Weight::from_hundredths(weight * 100),
        ramp: None,
        soak: Duration::from_hours(2),
        peaks: 0,
        approval,
    };
    let plan = Plan {
        paused: false,
        target_stage: None,
        approvals: [].into(),
        stages: vec![stage("canary", 1, false), stage("half", 50, false), stage("full", 100, true)],
        routes: vec![Route { name: "edge".into(), instances: vec!["a".into(), "b".into()] }],
        databases: vec![Database {
            name: "accounts".into(),
            every: Duration::from_secs(1),
            guards: defaults::guards(),
            connection_rate_capacity: Some(2600.0),
            by_side: false,
        }],
        rollback: Rollback {
            to: RollbackTo::Previous,
            max_step: Weight::from_hundredths(2500),
            every: Duration::from_secs(5),
            when: When::Always,
        },
        capacity: Capacity {
            demand: Some(Demand {
                from: Source::Route(0),
                surge_factor: 1.5,
                peak_window: Duration::from_hours(168),
            }),
            legacy: Some(Legacy {
                capacity: Source::Route(0),
                requests_per_second_per_server: 265.0,
                connections_per_server: Some(40.0),
                headroom: 0.2,
            }),
            kubernetes: None,
            takeover: Takeover::default(),
            balance: None,
        },
    };
    let side = SideSetup {
        servers: 40,
        requests_per_second_per_server: 265.0,
        connects_per_request: 0.1,
        warm_up: Duration::from_mins(1),
        cold: 0.0,
        patience: Duration::from_secs(2),
    };
    let scenario = Scenario {
        seed: 1,
        begins: MONDAY,
        lasts: Duration::from_hours(days * 24),
        step: Duration::from_secs(1),
        replicas: 1,
        databases: vec![DatabaseSetup {
            name: "accounts".into(),
            connects_per_second: 2600.0,
            max_connections: 4000,
            held: Duration::from_secs(1),
            others: 0.0,
        }],
        services: vec![ServiceSetup {
            name: "mail/mail".into(),
            plan,
            databases: vec![0],
            weight: Weight::from_hundredths(5000),
            standing: true,
            peak: None,
            demand: DemandSetup {
                requests_per_second: 10_000.0,
                trough: 0.4,
                weekend: 0.6,
                noise: 0.02,
                retries: 2,
            },
            legacy: side,
            kubernetes: side,
            autoscaler: None,
            ingress: false,
        }],
        events: vec![],
    };
    let began = Instant::now();
    let mut recording = Recording::new(&scenario);
    World::new(&scenario).run(&mut recording);
    let span = began.elapsed();
    let each = recording.decisions as f64 / span.as_secs_f64();
    println!("{days} days at 1 s, with their curves: {span:.2?}, {each:.0} decisions per second");
    let began = Instant::now();
    World::new(&Scenario { replicas: 0, ..scenario.clone() }).run(&mut ());
    println!("the world alone: {:.2?}", began.elapsed());
}
