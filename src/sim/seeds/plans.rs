//! Random plans.

use std::time::Duration;

use crossfade_core::capacity::Capacity;
use crossfade_core::defaults;
use crossfade_core::guard::{Condition, Guard, Signal, Test};
use crossfade_core::plan::{Database, Plan, Ramp, Rollback, RollbackTo, Route, Stage, When};
use crossfade_core::weight::Weight;
use fastrand::Rng;

use super::{between, one_in, pick, usual};
use crate::scenario::ServiceSetup;

/// A plan, and which of the world's databases stand behind its own. Its guards are set later.
pub fn plan(random: &mut Rng, databases: usize, step: Duration, calm: bool) -> (Plan, Vec<usize>) {
    let behind: Vec<usize> = match (databases, random.u8(0..3)) {
        (1, _) => vec![0],
        (_, 0) => vec![0, 1],
        (_, 1) => vec![1],
        _ => vec![0],
    };
    let stages = stages(random, calm);
    let approvals = stages.iter().filter(|stage| stage.approval);
    let approvals = approvals.filter(|_| calm || random.bool()).map(|stage| stage.name.clone()).collect();
    let names = ["edge", "gateway"];
    let routes = names.iter().take(*pick(random, &[1, 1, 1, 2])).map(|name| Route {
        name: (*name).to_owned(),
        instances: ["a", "b", "c"]
            .iter()
            .take(*pick(random, &[1, 1, 2, 2, 3]))
            .map(|name| (*name).to_owned())
            .collect(),
    });
    let routes = routes.collect();
    // Whoever tells the sides apart mostly does so everywhere.
    let by_side = random.bool();
    let own = behind.iter().map(|place| Database {
        name: format!("db-{place}"),
        every: Duration::from_millis(*pick(random, &[200, 500, 1000, 1000, 1000, 2000])).max(step),
        guards: Vec::new(),
        connection_rate_capacity: None,
        by_side,
    });
    let plan = Plan {
        paused: false,
        target_stage: None,
        approvals,
        stages,
        routes,
        databases: own.collect(),
        rollback: Rollback {
            to: if one_in(random, 4) { RollbackTo::Zero } else { RollbackTo::Previous },
            max_step: percent(*pick(random, &[5, 10, 25, 25, 50])),
            every: Duration::from_secs(*pick(random, &[1, 2, 5, 5, 8])),
            when: if one_in(random, 3) { When::Always } else { When::Attributed },
        },
        capacity: Capacity::default(),
    };
    (plan, behind)
}

fn percent(percent: u16) -> Weight {
    Weight::from_hundredths(percent * 100)
}

fn stages(random: &mut Rng, calm: bool) -> Vec<Stage> {
    let names = ["canary", "tenth", "half", "full"];
    let count = random.usize(1..=names.len());
    let mut weights: Vec<u16> =
        (0..count).map(|_| *pick(random, &[1, 5, 10, 20, 30, 50, 50, 75, 100])).collect();
    weights.sort_unstable();
    let ramped = random.bool();
    weights
        .iter()
        .zip(names)
        .map(|(weight, name)| Stage {
            name: name.into(),
            weight: percent(*weight),
            ramp: (ramped && random.bool()).then(|| Ramp {
                step: percent(*pick(random, &[5, 10, 25])),
                every: Duration::from_secs(random.u64(1..8)),
            }),
            soak: Duration::from_secs(*pick(random, &[0, 3, 5, 10, 20, if calm { 5 } else { 60 }])),
            peaks: 0,
            approval: one_in(random, 5),
        })
        .collect()
}

/// Sets the guards of all plans, by what their databases usually see.
pub fn set_guards(random: &mut Rng, setups: &mut [ServiceSetup], databases: usize) {
    let usual: Vec<f64> = (0..databases).map(|place| usual(setups, place)).collect();
    for setup in setups {
        for (database, place) in setup.plan.databases.iter_mut().zip(&setup.databases) {
            let usual = usual.get(*place).copied().unwrap_or(100.0);
            database.guards = guards(random, usual, setup.standing);
            database.connection_rate_capacity =
                one_in(random, 2).then(|| (usual * between(random, 3.0, 10.0)).round());
        }
    }
}

/// Guards over a database that usually sees so many connects per second.
pub fn guards(random: &mut Rng, usual: f64, learned: bool) -> Vec<Guard> {
    let resume = *pick(random, &[5, 10, 20]);
    let rate = if learned && one_in(random, 4) {
        Guard {
            signal: Signal::ConnectionRate,
            pause: vec![lasts(Test::AboveBaseline(1.5), 3, 3), lasts(Test::Trend(12.0), 0, 0)],
            rollback: if random.bool() {
                vec![lasts(Test::Above((usual * between(random, 2.5, 4.0)).round() + 50.0), 4, 5)]
            } else {
                vec![]
            },
            resume: lasts(Test::BelowBaseline(1.2), resume, resume + 1),
        }
    } else {
        let pause = usual * between(random, 1.5, 2.5) + 10.0;
        Guard {
            signal: Signal::ConnectionRate,
            pause: vec![lasts(Test::Above(pause.round()), *pick(random, &[0, 2, 3]), 3)],
            rollback: vec![lasts(
                Test::Above((pause * between(random, 1.0, 1.8)).round()),
                random.u64(2..6),
                *pick(random, &[6, 8]),
            )],
            resume: lasts(
                Test::Below((pause * between(random, 0.7, 0.95)).round()),
                resume,
                resume + random.u64(0..4),
            ),
        }
    };
    let mut guards = vec![rate];
    match random.u8(0..6) {
        0 => guards.push(defaults::guard(Signal::ConnectionsOfMax)),
        1 => guards.push(Guard {
            signal: Signal::ConnectionsOfMax,
            pause: vec![lasts(Test::Above(70.0), 0, 0)],
            rollback: vec![lasts(Test::Above(85.0), 3, 3)],
            resume: lasts(Test::Below(60.0), 10, 10),
        }),
        2 => guards.push(defaults::guard(Signal::FailedConnections)),
        3 if learned => guards = defaults::guards(),
        4 => {
            guards.push(defaults::guard(Signal::ConnectionsOfMax));
            guards.push(Guard {
                resume: lasts(Test::FailuresBelow { percent: 0.02 }, 10, 10),
                ..defaults::guard(Signal::FailedConnections)
            });
        }
        _ => {}
    }
    guards
}

fn lasts(test: Test, seconds: u64, within: u64) -> Condition {
    Condition {
        test,
        lasting: Duration::from_secs(seconds),
        within: Duration::from_secs(within.max(seconds)),
    }
}
