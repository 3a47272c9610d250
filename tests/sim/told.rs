//! What the runner says.

use std::time::Duration;

use crossfade_sim::broken::Broken;
use crossfade_sim::coverage::{Coverage, Visit};
use crossfade_sim::laws::{Laws, Rule, Violation};
use crossfade_sim::scenario::Scenario;
use crossfade_sim::shrink;
use crossfade_sim::trace::Trace;
use crossfade_sim::world::World;

/// Runs that shrinking may take.
const BUDGET: usize = 1_500;
/// The longest line of a trace.
const WIDE: usize = 300;

pub fn progress(done: u64, of: u64, took: Duration) {
    println!("{done} of {of} seeds, {:.0}/s", done as f64 / took.as_secs_f64());
}

pub fn rate(seeds: u64, decisions: u64, took: Duration, threads: usize) {
    let seconds = took.as_secs_f64();
    println!(
        "{seeds} seeds in {seconds:.1} s on {threads} threads: {:.0} seeds/s, {:.0} decisions/s, {:.0} decisions/seed",
        seeds as f64 / seconds,
        decisions as f64 / seconds,
        decisions as f64 / seeds.max(1) as f64,
    );
}

pub fn failed(seed: u64, violation: Option<&Violation>) {
    match violation {
        Some(violation) => {
            let text: String = violation.to_string().chars().take(600).collect();
            println!("seed {seed} breaks {text}");
        }
        None => println!("seed {seed} panics"),
    }
}

/// The smallest scenario that breaks the same rule.
pub fn shrink(scenario: Scenario, broken: Option<Broken>, rule: Rule) -> Scenario {
    let (events, lasts) = (scenario.events.len(), scenario.lasts);
    let small = shrink::shrink(scenario, broken, rule, BUDGET);
    println!("shrunk from {events} events in {lasts:?} to {} in {:?}", small.events.len(), small.lasts);
    small
}

/// What happened, the last lines.
pub fn trace(scenario: &Scenario, broken: Option<Broken>, lines: usize) {
    let mut laws = Laws::new(scenario, scenario.seed.is_multiple_of(crossfade_sim::trial::THOROUGH));
    let mut trace = Trace::new(scenario, lines);
    let mut world = World::new(scenario).breaking(broken);
    while world.go_on(&mut (&mut laws, &mut trace)) && laws.violations.is_empty() {}
    for line in trace.lines() {
        println!(
            "{}",
            line.chars().take(if line.contains("breaks") { 9999 } else { WIDE }).collect::<String>()
        );
    }
    for violation in &laws.violations {
        println!("{:>9.3}  {violation}", violation.at.since(scenario.begins).as_secs_f64());
    }
}

/// Says what was not visited, and what should not have been; whether all is well.
pub fn gaps(coverage: &Coverage) -> bool {
    let (missing, unknown) = coverage.gaps();
    let list = |title: &str, visits: &[Visit]| {
        for (kind, name, sort) in visits {
            println!("{title}: {kind:?} {name} {sort}");
        }
    };
    list("declared reachable and never visited", &missing);
    list("visited and not declared (src/sim/coverage/declared.rs)", &unknown);
    missing.is_empty() && unknown.is_empty()
}
