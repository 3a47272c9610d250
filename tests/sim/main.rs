//! thin
#![allow(missing_docs, clippy::print_stdout, clippy::disallowed_methods, clippy::disallowed_macros)]
use crossfade_sim::laws::Laws;
use crossfade_sim::seeds;
use crossfade_sim::world::World;
use std::collections::BTreeMap;
use std::time::Instant;
fn main() {
    let args: Vec<u64> = std::env::args().skip(1).filter_map(|a| a.parse().ok()).collect();
    let (from, count) = (args[0], args[1]);
    if args.get(2) == Some(&2) {
        let scenario = seeds::scenario(from);
        let mut laws = Laws::new(&scenario, true);
        let mut trace = crossfade_sim::trace::Trace::new(&scenario, count as usize);
        let mut world = World::new(&scenario);
        while world.go_on(&mut (&mut laws, &mut trace)) && laws.violations.is_empty() {}
        for setup in &scenario.services {
            println!(
                "{:?} {:?} {:?} at {:?}",
                setup.databases, setup.plan.stages, setup.plan.rollback, setup.weight
            );
        }
        for line in trace.lines() {
            println!("{}", line.chars().take(330).collect::<String>());
        }
        for v in &laws.violations {
            println!("{:?} {v}", v.at.since(scenario.begins));
        }
        return;
    }
    if args.get(2) == Some(&3) {
        for broken in crossfade_sim::broken::Broken::ALL {
            let began = Instant::now();
            let mut other = BTreeMap::new();
            let mut caught = None;
            for seed in from..from + count {
                let trial = crossfade_sim::trial::run(&seeds::scenario(seed), Some(broken), &mut ());
                if let Some(v) = trial.violation {
                    if v.rule == broken.rule() {
                        caught = Some((seed, v));
                        break;
                    }
                    *other.entry(v.rule).or_insert(0) += 1;
                }
            }
            println!(
                "{}: {:?} others {other:?} {:?}",
                broken.name(),
                caught.map(|(s, v)| (s, v.message.chars().take(150).collect::<String>())),
                began.elapsed()
            );
        }
        return;
    }
    let began = Instant::now();
    let mut decisions = 0;
    let mut time = 0.0;
    let mut by: BTreeMap<String, (u32, Vec<u64>, String)> = BTreeMap::new();
    for seed in from..from + count {
        let scenario = seeds::scenario(seed);
        time += scenario.lasts.as_secs_f64();
        let mut laws = Laws::new(&scenario, args.get(2) == Some(&1) || seed % 16 == 0);
        let mut world = World::new(&scenario);
        while world.go_on(&mut laws) && laws.violations.is_empty() {}
        decisions += laws.decisions;
        if let Some(v) = laws.violations.first() {
            let text = v.message.chars().filter(|c| !c.is_ascii_digit()).take(40).collect::<String>();
            let e = by.entry(format!("{} {}", v.rule, text)).or_insert((
                0,
                vec![],
                format!("{v} at {:?}", v.at.since(scenario.begins)).chars().take(700).collect(),
            ));
            e.0 += 1;
            e.1.push(seed);
        }
    }
    let took = began.elapsed().as_secs_f64();
    println!(
        "{count} seeds in {took:.1} s: {:.0}/s, {:.0} decisions/s, {:.0} decisions/seed, {:.0} s/seed",
        count as f64 / took,
        decisions as f64 / took,
        decisions as f64 / count as f64,
        time / count as f64
    );
    for (k, (n, seeds, ex)) in by {
        println!("{n} x {k}: {:?}\n    {ex}", &seeds[..seeds.len().min(8)]);
    }
}
