//! `make bench`: how fast and how small the operator is, on the real parts, as a table in Markdown.
//!
//! It asserts nothing about time: it fails only if something could not be measured.

use std::time::Duration;

use anyhow::{Context as _, Result};

#[path = "../stage/mod.rs"]
mod stage;

mod braking;
mod ground;
mod idle;

#[tokio::main]
async fn main() -> Result<()> {
    println!("\nMeasuring takes about eight minutes.");
    let idle = idle::measure().await.context("measure an operator that has nothing to do")?;
    let crowd = idle::measure_many().await.context("measure an operator with a thousand plans")?;
    let one = braking::one_plan().await.context("measure breaches of one plan")?;
    let many = braking::many_plans().await.context("measure plans that trip at once")?;

    println!("\n{}\n", machine()?);
    println!("| what | goal | measured |");
    println!("| --- | --- | --- |");
    println!(
        "| reply that completes a breach to weight read back, 1 plan, {} breaches: p50 | | {} |",
        one.len(),
        millis(quantile(&one, 0.5)?)
    );
    println!("| the same: p99 | < 50 ms | {} |", millis(quantile(&one, 0.99)?));
    println!("| the same: worst | | {} |", millis(quantile(&one, 1.0)?));
    let rounds: Vec<String> = many.iter().map(|last| millis(*last)).collect();
    println!(
        "| the last of {} plans that trip at once, {} rounds | < 1 s | {} |",
        braking::PLANS,
        many.len(),
        rounds.join(", ")
    );
    let window = idle.window.as_secs();
    println!("| resident memory, 1 plan | < 40 MB | {:.1} MB |", idle.resident);
    println!("| share of a core, 1 plan at 1 Hz, {window} s | < 1 % | {:.2} % |", idle.core_percent);
    println!(
        "| writes to the API server while nothing changes, {window} s | the lease's only | {} of the lease, {} others |",
        idle.lease_writes,
        idle.other_writes.len()
    );
    println!(
        "| resident memory, {} plans with capacity | < 150 MB | {:.1} MB |",
        idle::PLANS,
        crowd.resident
    );
    println!(
        "| share of a core, {} plans with capacity at 1 Hz, {} s | < 5 % | {:.1} % |",
        idle::PLANS,
        crowd.window.as_secs(),
        crowd.core_percent
    );
    println!(
        "| writes to the API server by them, {} s | the lease's only | {} of the lease, {} others |",
        crowd.window.as_secs(),
        crowd.lease_writes,
        crowd.other_writes.len()
    );
    for write in idle.other_writes.iter().chain(crowd.other_writes.iter().take(5)) {
        println!("\nwritten besides the lease: {write}");
    }
    Ok(())
}

/// Where this was measured.
fn machine() -> Result<String> {
    let cores = std::thread::available_parallelism().context("count the cores")?;
    let info = std::fs::read_to_string("/proc/cpuinfo").context("read /proc/cpuinfo")?;
    let model = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let model = model.map_or("unknown processor", |(_, model)| model);
    let load = std::fs::read_to_string("/proc/loadavg").context("read /proc/loadavg")?;
    let load = load.split(' ').next().unwrap_or_default();
    let optimised = if cfg!(debug_assertions) { ", NOT optimised" } else { "" };
    Ok(format!(
        "Measured on {cores} cores of {model}, everything on this one machine{optimised}; load average {load}."
    ))
}

/// The smallest value that is not below this part of all.
fn quantile(all: &[Duration], part: f64) -> Result<Duration> {
    let mut sorted = all.to_vec();
    sorted.sort_unstable();
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // from 1 to the number of values
    let rank = ((sorted.len() as f64 * part).ceil() as usize).max(1);
    sorted.get(rank - 1).copied().context("nothing was measured")
}

fn millis(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1000.0)
}
