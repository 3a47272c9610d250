//! How many decisions a second: `cargo run --release --example speed` in `src/core`. One plan with
//! two instances and two guards at one sample a second, nothing changing: each decision takes a
//! sample in.
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout)]
// It looks at the core from outside, with a clock.
#![allow(clippy::disallowed_methods, clippy::disallowed_macros)]

#[path = "../tests/proof/build.rs"]
#[allow(dead_code)]
mod build;

use std::hint::black_box;
use std::time::Instant;

use crossfade_core::decide::decide;
use crossfade_core::engine::Engine;
use crossfade_core::meter::{Observation, Reading, Sample};
use crossfade_core::seen::Authority;
use crossfade_core::state::State;

const DECISIONS: u32 = 1_000_000;

fn main() {
    let case = build::standing_at(100).soaked();
    let mut state = case.decide().state;
    let began = Instant::now();
    for _ in 0..DECISIONS {
        state = black_box(decide(&case.plan, state, &case.seen, case.now)).state;
    }
    report("decide alone", began);

    let mut engine = Engine::new(build::plan(), State::default(), build::NOW);
    engine.set_authority(Authority::Holder);
    let mut now = build::NOW;
    let began = Instant::now();
    for second in 0..DECISIONS {
        now = now + build::seconds(1);
        let sample =
            Sample { at: now, connection_rate: Some(100.0), of_max: Some(20.0), ..Sample::default() };
        engine.observe(
            "accounts",
            &Observation { reading: Reading::Sample(sample), returning_until: None },
            now,
        );
        if second % 2 == 0 {
            for instance in 0..2 {
                engine.read(instance, Ok(build::reading(build::percent(100))), now);
            }
        }
        for action in engine.decide(now) {
            if let crossfade_core::action::Action::Record { revision } = action {
                engine.recorded(revision);
            }
        }
    }
    report("sample, judge and decide", began);
}

fn report(what: &str, began: Instant) {
    let each = began.elapsed() / DECISIONS;
    println!("{what}: {each:?} each, {:.0} per second", 1.0 / each.as_secs_f64());
}
