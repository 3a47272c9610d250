//! `make bench`: how fast and how small the operator is, on the real parts, as a table in Markdown.
//!
//! It asserts nothing about time: it fails only if something could not be measured.

use std::time::Duration;

use anyhow::{Context as _, Result, bail};

#[path = "../stage/mod.rs"]
mod stage;

mod braking;
mod ground;
mod idle;

use idle::Idle;

/// The measurements by name.
const ALL: [&str; 4] = ["idle", "crowd", "one", "many"];

/// A line of the table: what, the goal, what was measured.
type Row = (String, &'static str, String);

#[tokio::main]
async fn main() -> Result<()> {
    let mut wanted: Vec<String> = std::env::args().skip(1).collect();
    if let Some(unknown) = wanted.iter().find(|name| !ALL.contains(&name.as_str())) {
        bail!("there is no measurement {unknown}: name some of {}, or none for all", ALL.join(", "));
    }
    if wanted.is_empty() {
        wanted = ALL.map(str::to_owned).to_vec();
    }
    println!("\nMeasuring {}: a minute to four each.", wanted.join(", "));
    let mut rows = Vec::new();
    for name in wanted {
        rows.extend(match name.as_str() {
            "idle" => idle(&idle::measure().await.context("measure an operator that has nothing to do")?),
            "crowd" => {
                crowd(&idle::measure_many().await.context("measure an operator with a thousand plans")?)
            }
            "one" => one(&braking::one_plan().await.context("measure breaches of one plan")?)?,
            _ => many(&braking::many_plans().await.context("measure plans that trip at once")?),
        });
    }
    println!("\n{}\n", machine()?);
    println!("| what | goal | measured |");
    println!("| --- | --- | --- |");
    for (what, goal, measured) in rows {
        println!("| {what} | {goal} | {measured} |");
    }
    Ok(())
}

fn idle(idle: &Idle) -> Vec<Row> {
    let window = idle.window.as_secs();
    vec![
        ("resident memory, 1 plan".into(), "< 40 MB", format!("{:.1} MB", idle.resident)),
        (
            format!("share of a core, 1 plan at 1 Hz, {window} s"),
            "< 1 %",
            format!("{:.2} %", idle.core_percent),
        ),
        (format!("writes to the API server while nothing changes, {window} s"), THE_LEASE_S, writes(idle)),
    ]
}

fn crowd(idle: &Idle) -> Vec<Row> {
    let (plans, window) = (idle::PLANS, idle.window.as_secs());
    vec![
        (
            format!("resident memory, {plans} plans with capacity"),
            "< 150 MB",
            format!("{:.1} MB", idle.resident),
        ),
        (
            format!("share of a core, {plans} plans with capacity at 1 Hz, {window} s"),
            "< 5 %",
            format!("{:.1} %", idle.core_percent),
        ),
        (format!("writes to the API server by them, {window} s"), THE_LEASE_S, writes(idle)),
    ]
}

const THE_LEASE_S: &str = "the lease's only";

fn writes(idle: &Idle) -> String {
    let others: Vec<&str> = idle.other_writes.iter().take(5).map(String::as_str).collect();
    let others = if others.is_empty() { String::new() } else { format!(": {}, ...", others.join(", ")) };
    format!("{} of the lease, {} others{others}", idle.lease_writes, idle.other_writes.len())
}

fn one(times: &[Duration]) -> Result<Vec<Row>> {
    let what = "reply that completes a breach to weight read back, 1 plan";
    Ok(vec![
        (format!("{what}, {} breaches: p50", times.len()), "", millis(quantile(times, 0.5)?)),
        ("the same: p99".into(), "< 50 ms", millis(quantile(times, 0.99)?)),
        ("the same: worst".into(), "", millis(quantile(times, 1.0)?)),
    ])
}

fn many(lasts: &[Duration]) -> Vec<Row> {
    let rounds: Vec<String> = lasts.iter().map(|last| millis(*last)).collect();
    let what = format!("the last of {} plans that trip at once, {} rounds", braking::PLANS, lasts.len());
    vec![(what, "< 1 s", rounds.join(", "))]
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
