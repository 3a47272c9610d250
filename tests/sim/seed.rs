//! A random world that breaks a rule, made small and kept as a scenario file: `make seed SEED=1234`.
//!
//! By itself, because rendering needs the whole library and running by the million does not.
#![allow(missing_docs, clippy::print_stdout, clippy::disallowed_methods)]

use std::fs;
use std::path::Path;

use anyhow::{Context as _, bail};
use crossfade::scenario;
use crossfade_sim::{seeds, shrink, trial};

/// Runs that shrinking may take.
const BUDGET: usize = 1_500;

fn main() -> anyhow::Result<()> {
    let seed: u64 = std::env::args().nth(1).context("which seed?")?.parse().context("a seed is a number")?;
    let whole = seeds::scenario(seed);
    let Some(violation) = trial::run(&whole, None, &mut ()).violation else {
        bail!("seed {seed} breaks no rule");
    };
    let small = shrink::shrink(whole, None, violation.rule, BUDGET);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/scenarios/seed-{seed}.yaml"));
    fs::write(&path, scenario::render(&small)).with_context(|| format!("cannot write {}", path.display()))?;
    println!("{violation}\nkept as {}", path.display());
    Ok(())
}
