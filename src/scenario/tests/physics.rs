//! What the model of the world must show to be believed: the figures of the incidents, by order of magnitude.

use std::time::Duration;

use crate::core::time::Time;
use crate::core::weight::Weight;
use crate::scenario::{load, read};
use crate::sim::evidence::{Asks, play};
use crate::sim::scenario::{Event, Scenario, What};

/// The Kubernetes side surges six times at weight 50 while legacy can carry 80 % of demand; nobody acts.
fn surge() -> Scenario {
    let text = "
scenario: {name: surge, lasts: 10m, replicas: 0}
services:
- weight: 50
  legacy: {servers: 40, requestsPerSecondPerServer: 200, cold: 0.5}
events:
- {at: 1m, connects: {side: kubernetes, times: 6}}
";
    load(&read(text).unwrap(), &[]).unwrap().scenario
}

/// Percent of requests that are answered by an error, and that users give up, over the last eight minutes.
fn failed(scenario: &Scenario) -> (f64, f64) {
    let from = Duration::from_mins(2);
    let (recording, evidence) =
        play(scenario, &Asks { tallies: vec![(0, from, scenario.lasts)], blockers: false });
    let tally = evidence.tallies[0];
    let late = |time: &&Time| time.since(scenario.begins) > from;
    let skipped = recording.times.len() - recording.times.iter().filter(late).count();
    let sum = |curve: &crate::sim::recording::Curve| {
        curve.points[skipped..].iter().map(|bucket| bucket.sum).sum::<f64>()
    };
    let curves = &recording.services[0];
    (100.0 * tally.errors / tally.requests, 100.0 * sum(&curves.failed) / sum(&curves.demand))
}

fn moved(scenario: &Scenario, percent: f64) -> Scenario {
    let mut moved = scenario.clone();
    moved.events.extend((0..2).map(|instance| Event {
        after: Duration::from_secs(80),
        every: None,
        what: What::Set { service: 0, instance, weight: Weight::from_percent(percent) },
    }));
    moved
}

/// The design's own figures: doing nothing fails 10.6 % of requests, all back at once 32 %, the bounded
/// retreat 0.0 %.
#[test]
fn doing_nothing_fails_some_all_back_at_once_more_and_what_fits_none() {
    let surge = surge();
    let round = |(errors, given_up): (f64, f64)| (errors.round(), given_up.round());
    assert_eq!(round(failed(&surge)), (34.0, 9.0));
    assert_eq!(round(failed(&moved(&surge, 0.0))), (60.0, 21.0));
    assert_eq!(round(failed(&moved(&surge, 24.5))), (0.0, 0.0));
}

/// January 2025: about half of all requests failed while both sides surged.
#[test]
fn a_surge_common_to_both_sides_fails_about_half_of_all_requests() {
    let text = "
scenario: {name: surge, lasts: 10m, replicas: 0}
events:
- {at: 1m, connects: {side: both, times: 4}}
";
    let (errors, given_up) = failed(&load(&read(text).unwrap(), &[]).unwrap().scenario);
    assert_eq!((errors.round(), given_up.round()), (42.0, 14.0));
}

/// A receiver that is new to its load carries less, for some minutes.
#[test]
fn cold_caches_make_a_move_dearer_for_a_while() {
    let text = |cold: f64| {
        format!(
            "
scenario: {{name: move, lasts: 10m, replicas: 0}}
services: [{{weight: 50, legacy: {{cold: {cold}}}}}]
events:
- {{at: 2m, setWeight: {{loadBalancer: lb-1, weight: 0}}}}
- {{at: 2m, setWeight: {{loadBalancer: lb-2, weight: 0}}}}
"
        )
    };
    let errors = |cold: f64| failed(&load(&read(&text(cold)).unwrap(), &[]).unwrap().scenario).0;
    assert!(errors(0.0) < 1e-9, "{}", errors(0.0));
    assert!((1.0..40.0).contains(&errors(1.0)), "{}", errors(1.0));
}
