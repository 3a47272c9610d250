//! How many decisions a second: `cargo run --release --example speed` in `src/core`. One plan with
//! two instances and one database, nothing changing but the noise of the samples: each decision
//! takes a sample in. The fastest of some rounds, as the machine has other things to do too.
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout)]
// It looks at the core from outside, with a clock.
#![allow(clippy::disallowed_methods, clippy::disallowed_macros)]

#[path = "../tests/proof/build.rs"]
#[allow(dead_code)]
mod build;

use std::hint::black_box;
use std::time::{Duration, Instant};

use crossfade_core::action::Action;
use crossfade_core::decide::decide;
use crossfade_core::defaults;
use crossfade_core::engine::Engine;
use crossfade_core::guard::Guard;
use crossfade_core::meter::{Observation, Reading, Sample};
use crossfade_core::seen::Authority;
use crossfade_core::state::State;
use crossfade_core::time::Time;

const ROUNDS: u32 = 200;
const DECISIONS: u32 = 5_000;

fn main() {
    let second = Duration::from_secs(1);
    let absolute = || vec![build::rate_guard(), build::max_guard()];
    report("decide alone", decide_alone());
    report("sample, judge and decide: the three default guards", sampled(defaults::guards(), second));
    report("sample, judge and decide: two absolute guards", sampled(absolute(), second));
    report(
        "sample, judge and decide: the three default guards at 10 Hz",
        sampled(defaults::guards(), second / 10),
    );
}

fn decide_alone() -> Duration {
    let case = build::standing_at(100).soaked();
    let mut state = case.decide().state;
    fastest(|| state = black_box(decide(&case.plan, std::mem::take(&mut state), &case.seen, case.now)).state)
}

/// One decision per sample; each instance is read every two seconds.
fn sampled(guards: Vec<Guard>, every: Duration) -> Duration {
    let mut plan = build::plan();
    plan.databases[0].guards = guards;
    plan.databases[0].every = every;
    let mut engine = Engine::new(plan, State::default(), build::NOW);
    engine.set_authority(Authority::Holder);
    let (mut now, rates) = (build::NOW, noise());
    let mut rates = rates.iter().cycle();
    let mut once = || {
        now = now + every;
        observe(&mut engine, now, *rates.next().unwrap());
        if now.as_millis().is_multiple_of(2000) {
            for instance in 0..2 {
                engine.read(instance, Ok(build::reading(build::percent(100))), now);
            }
        }
        for action in engine.decide(now) {
            if let Action::Record { revision } = action {
                engine.recorded(revision);
            }
        }
    };
    // Until every baseline is learned and the last stage is done.
    for _ in 0..20 * 60 * 10 {
        once();
    }
    fastest(once)
}

fn observe(engine: &mut Engine, now: Time, rate: f64) {
    let sample = Sample {
        by_side: None,
        at: now,
        connection_rate: Some(rate),
        of_max: Some(rate / 5.0),
        failed_percent: Some(rate / 10_000.0),
        failed_rate: Some(rate / 1_000_000.0),
        saturated: false,
    };
    engine.observe("accounts", &Observation { reading: Reading::Sample(sample), returning_until: None }, now);
}

/// About what 100 connects per second are from second to second: normal, with a deviation of 10.
fn noise() -> Vec<f64> {
    let mut state = 1_u64;
    let mut uniform = || {
        // Knuth's generator (MMIX).
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f64 / f64::from(1 << 24)
    };
    (0..4099).map(|_| 100.0 + 10.0 * ((0..12).map(|_| uniform()).sum::<f64>() - 6.0)).collect()
}

fn fastest(mut once: impl FnMut()) -> Duration {
    let mut round = || {
        let began = Instant::now();
        (0..DECISIONS).for_each(|_| once());
        began.elapsed()
    };
    (0..ROUNDS).map(|_| round()).min().unwrap() / DECISIONS
}

fn report(what: &str, each: Duration) {
    println!("{what}: {each:?} each, {:.0} per second", 1.0 / each.as_secs_f64());
}
