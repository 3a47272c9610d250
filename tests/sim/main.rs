//! Random worlds by the million, all rules checked at every step: `make sim SEEDS=1000000`.
//!
//! Prints rate and coverage. A violation ends it with exit code 1, after its seed, the smallest scenario
//! that still breaks the same rule, and what happened there up to the violation.
#![allow(missing_docs, clippy::print_stdout, clippy::disallowed_methods, clippy::disallowed_macros)]
#![allow(clippy::disallowed_types)]

mod args;
mod told;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crossfade_sim::broken::Broken;
use crossfade_sim::coverage::Coverage;
use crossfade_sim::laws::Violation;
use crossfade_sim::seeds;
use crossfade_sim::trial;

use args::Args;

/// So many seeds must visit all that is declared.
const ENOUGH: u64 = 20_000;

/// What the threads share.
struct Run {
    args: Args,
    next: AtomicU64,
    done: AtomicU64,
    decisions: AtomicU64,
    stop: AtomicBool,
    coverage: Mutex<Coverage>,
    failed: Mutex<Vec<(u64, Option<Violation>)>>,
}

fn main() -> ExitCode {
    let args = match Args::parse(std::env::args().skip(1)) {
        Ok(args) => args,
        Err(why) => {
            println!("{why}");
            return ExitCode::from(2);
        }
    };
    if let Some(seed) = args.seed {
        return one(seed, &args);
    }
    let run = Run {
        next: AtomicU64::new(args.from),
        args,
        done: AtomicU64::new(0),
        decisions: AtomicU64::new(0),
        stop: AtomicBool::new(false),
        coverage: Mutex::default(),
        failed: Mutex::default(),
    };
    let began = Instant::now();
    thread::scope(|scope| {
        let workers: Vec<_> = (0..run.args.threads).map(|_| scope.spawn(|| work(&run))).collect();
        let mut said = Instant::now();
        while !workers.iter().all(thread::ScopedJoinHandle::is_finished) {
            thread::sleep(Duration::from_millis(50));
            if said.elapsed() >= Duration::from_secs(10) {
                said = Instant::now();
                told::progress(run.done.load(Ordering::Relaxed), run.args.seeds, began.elapsed());
            }
        }
    });
    let (done, decisions) = (run.done.into_inner(), run.decisions.into_inner());
    told::rate(done, decisions, began.elapsed(), run.args.threads);
    let mut failed = run.failed.into_inner().unwrap_or_default();
    failed.sort_by_key(|(seed, _)| *seed);
    if !failed.is_empty() {
        if run.args.all {
            println!("\n{}", run.coverage.into_inner().unwrap_or_default().table());
            return ExitCode::FAILURE;
        }
        return failed.first().map_or(ExitCode::FAILURE, |(seed, _)| one(*seed, &run.args));
    }
    let coverage = run.coverage.into_inner().unwrap_or_default();
    println!("\n{}", coverage.table());
    if run.args.broken.is_none() && done >= ENOUGH && !told::gaps(&coverage) {
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

fn work(run: &Run) {
    let mut coverage = Coverage::default();
    while !run.stop.load(Ordering::Relaxed) {
        let first = run.next.fetch_add(BATCH, Ordering::Relaxed);
        let end = run.args.from + run.args.seeds;
        if first >= end {
            break;
        }
        for seed in first..(first + BATCH).min(end) {
            let scenario = seeds::scenario(seed);
            coverage.begin(&scenario);
            let trial =
                catch_unwind(AssertUnwindSafe(|| trial::run(&scenario, run.args.broken, &mut coverage)));
            let failed = match trial {
                Ok(trial) => {
                    run.decisions.fetch_add(trial.decisions, Ordering::Relaxed);
                    trial.violation.map(Some)
                }
                Err(_) => Some(None),
            };
            run.done.fetch_add(1, Ordering::Relaxed);
            if let Some(violation) = failed {
                told::failed(seed, violation.as_ref());
                run.stop.store(!run.args.all, Ordering::Relaxed);
                if let Ok(mut all) = run.failed.lock() {
                    all.push((seed, violation));
                }
                if !run.args.all {
                    break;
                }
            }
        }
    }
    if let Ok(mut all) = run.coverage.lock() {
        all.add(&coverage);
    }
}

/// One seed, told in full.
fn one(seed: u64, args: &Args) -> ExitCode {
    let scenario = seeds::scenario(seed);
    let Some(violation) = trial::run(&scenario, args.broken, &mut ()).violation else {
        if args.trace {
            told::trace(&scenario, args.broken, args.lines);
        }
        println!("seed {seed} breaks no rule");
        return ExitCode::SUCCESS;
    };
    told::failed(seed, Some(&violation));
    let small = if args.whole { scenario } else { told::shrink(scenario, args.broken, violation.rule) };
    keep(seed, &small, args.broken);
    told::trace(&small, args.broken, args.lines);
    ExitCode::FAILURE
}

/// Where a failing scenario is kept.
fn keep(_seed: u64, scenario: &crossfade_sim::scenario::Scenario, _broken: Option<Broken>) {
    println!("{scenario:#?}");
}

/// Seeds that a thread takes at once.
const BATCH: u64 = 16;
