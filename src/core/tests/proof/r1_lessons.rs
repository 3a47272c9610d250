//! R1: which times teach what a step does, as the engine takes samples in.

use crossfade_core::capacity::{Kubernetes, Source};
use crossfade_core::connects::Tally;
use crossfade_core::engine::Engine;
use crossfade_core::meter::{Observation, Reading, Sample};
use crossfade_core::plan::Plan;
use crossfade_core::prediction::{Expected, Foreseen};
use crossfade_core::reason::Reason;
use crossfade_core::route::{self, Counted, Requests};
use crossfade_core::seen::{Authority, Wishes};
use crossfade_core::side::BySide;
use crossfade_core::state::{Command, State};
use crossfade_core::time::Time;

use crate::build::{NOW, capacity, declared, percent, plan, reading, seconds};

/// An engine, a database that does not tell the sides apart, and two load balancers that count 500 requests/s
/// each.
struct Sampled {
    engine: Engine,
    now: Time,
    counted: Counted,
    /// Requests per second that fail at each load balancer.
    failing: u64,
}

fn engine(by_side: bool) -> Sampled {
    let mut plan = plan();
    plan.databases[0].by_side = by_side;
    plan.capacity = capacity(Source::Route(0), declared(1e9));
    // So that nothing rises.
    plan.paused = true;
    let mut engine = Engine::new(plan, State::default(), NOW);
    engine.set_authority(Authority::Holder);
    Sampled { engine, now: NOW, counted: Counted::default(), failing: 0 }
}

/// The same after two steps, each a calm minute after the one before.
fn taught(by_side: bool) -> Sampled {
    let mut sampled = engine(by_side);
    for weight in [10, 20, 30] {
        sampled.calm(60, weight);
    }
    sampled
}

/// What a database says in a second in which so many connect.
fn sample(at: Time, rate: f64) -> Observation {
    let sample = Sample { at, connection_rate: Some(rate), of_max: Some(20.0), ..Sample::default() };
    Observation { reading: Reading::Sample(sample), returning_until: None }
}

impl Sampled {
    /// So many seconds go by at a weight; in each the database says something else than that 0.2 connect per
    /// request, and as many more on Kubernetes.
    fn seconds(&mut self, count: u32, weight: u16, says: impl Fn(Observation) -> Observation) {
        for _ in 0..count {
            self.now = self.now + seconds(1);
            let kubernetes = u64::from(weight) * 5;
            let add = |requests: &mut Requests, sent: u64, failed: u64| {
                (requests.all, requests.failed) = (requests.all + sent, requests.failed + failed);
            };
            add(&mut self.counted.legacy, 500 - kubernetes, self.failing);
            add(&mut self.counted.kubernetes, kubernetes, 0);
            for instance in 0..2 {
                let stands = route::Reading { counted: Some(self.counted), ..reading(percent(weight)) };
                self.engine.read(instance, Ok(stands), self.now);
            }
            let rate = 200.0 + 2.0 * f64::from(weight);
            self.engine.observe("accounts", &says(sample(self.now, rate)), self.now);
            for action in self.engine.decide(self.now) {
                if let crossfade_core::action::Action::Record { revision } = action {
                    self.engine.recorded(revision);
                }
            }
        }
    }

    fn calm(&mut self, count: u32, weight: u16) {
        self.seconds(count, weight, |calm| calm);
    }

    fn steps(&self) -> usize {
        self.engine.seen().lessons[0].steps(self.now)
    }
}

/// How many steps were learned of, of one in the midst of which something happens for a second; then, of the
/// next.
fn learned_around(happens: impl Fn(&mut Sampled)) -> (usize, usize) {
    let mut sampled = engine(false);
    sampled.calm(60, 10);
    happens(&mut sampled);
    sampled.calm(60, 20);
    let around = sampled.steps();
    sampled.calm(60, 30);
    (around, sampled.steps())
}

fn says(sampled: &mut Sampled, says: impl Fn(Observation) -> Observation) {
    sampled.seconds(1, 10, says);
}

fn but(mut observation: Observation, change: impl Fn(&mut Sample)) -> Observation {
    if let Reading::Sample(sample) = &mut observation.reading {
        change(sample);
    }
    observation
}

#[test]
fn each_step_in_calm_teaches_what_it_does() {
    assert_eq!(learned_around(|sampled| sampled.calm(1, 10)), (1, 2));
    let sampled = taught(false);
    let slope = sampled.engine.seen().lessons[0].slope(sampled.now).unwrap();
    assert_eq!((format!("{:.3}", slope.more), slope.steps), ("0.200".into(), 2));
}

#[test]
fn what_load_balancers_count_is_asked_for_steadily_each_second_once() {
    let mut sampled = engine(false);
    sampled.calm(30, 10);
    assert_eq!(sampled.engine.seen().figures.steady.highest(sampled.now), Some(1_000.0));
}

#[test]
fn what_is_late_is_waited_for() {
    let late = |_| Observation { reading: Reading::Late, returning_until: None };
    assert_eq!(learned_around(|sampled| says(sampled, late)), (1, 2));
}

#[test]
fn what_is_full_down_back_or_without_a_rate_is_not_calm() {
    assert_eq!(learned_around(|it| says(it, |calm| but(calm, |sample| sample.saturated = true))), (0, 1));
    assert_eq!(
        learned_around(|it| says(it, |calm| but(calm, |sample| sample.connection_rate = None))),
        (0, 1)
    );
    let down = |_| Observation {
        reading: Reading::Down { since: NOW, error: "gone".into() },
        returning_until: None,
    };
    assert_eq!(learned_around(|it| says(it, down)), (0, 1));
    let returning = |calm: Observation| Observation { returning_until: Some(NOW + seconds(3600)), ..calm };
    assert_eq!(learned_around(|it| says(it, returning)), (0, 1));
}

#[test]
fn a_tripped_guard_is_not_calm() {
    // 70 % of the connections pause at once, and clear after two minutes below 60 %.
    let full = |calm: Observation| but(calm, |sample| sample.of_max = Some(75.0));
    assert_eq!(learned_around(|sampled| says(sampled, full)), (0, 0));
}

#[test]
fn requests_that_fail_are_not_calm() {
    let failing = |failing: u64| {
        learned_around(move |sampled| {
            sampled.failing = failing;
            sampled.calm(1, 10);
            sampled.failing = 0;
        })
    };
    assert_eq!(failing(5), (1, 2), "a hundredth");
    assert_eq!(failing(6), (0, 1));
}

#[test]
fn another_plan_that_moves_is_not_calm() {
    let moves = |sampled: &mut Sampled| {
        sampled.engine.set_others_raising(Some("mail/other".into()));
        sampled.calm(1, 10);
        sampled.engine.set_others_raising(None);
    };
    assert_eq!(learned_around(moves), (0, 1));
    // It has moved already, by what another engine says.
    assert_eq!(learned_around(|sampled| sampled.engine.disturbed()), (0, 1));
}

#[test]
fn what_load_balancers_do_not_say_is_not_calm() {
    let silent = |sampled: &mut Sampled| {
        for _ in 0..7 {
            sampled.now = sampled.now + seconds(1);
            sampled.engine.observe("accounts", &sample(sampled.now, 220.0), sampled.now);
        }
    };
    assert_eq!(learned_around(silent), (0, 1));
    // Nobody asks for anything.
    let idle = |sampled: &mut Sampled| {
        for _ in 0..10 {
            sampled.now = sampled.now + seconds(1);
            for instance in 0..2 {
                let stands = route::Reading { counted: Some(sampled.counted), ..reading(percent(10)) };
                sampled.engine.read(instance, Ok(stands), sampled.now);
            }
            sampled.engine.observe("accounts", &sample(sampled.now, 220.0), sampled.now);
        }
    };
    assert_eq!(learned_around(idle), (0, 1));
    // They say where they stand, and not what they count.
    let uncounted = |sampled: &mut Sampled| {
        for _ in 0..7 {
            sampled.now = sampled.now + seconds(1);
            for instance in 0..2 {
                sampled.engine.read(instance, Ok(reading(percent(10))), sampled.now);
            }
            sampled.engine.observe("accounts", &sample(sampled.now, 220.0), sampled.now);
        }
    };
    assert_eq!(learned_around(uncounted), (0, 1));
}

#[test]
fn where_the_sides_are_told_apart_nothing_is_learned_and_a_new_normal_is_learned_anew() {
    let apart = taught(true);
    assert_eq!(apart.steps(), 0);
    let mut anew = taught(false);
    let commands = [(Command::AcceptBaseline, "2026-01-01T00:00:00Z accounts".to_owned())].into();
    anew.engine.set_wishes(Wishes { hold: None, commands });
    anew.calm(1, 30);
    assert_eq!(anew.steps(), 0);
    let mut replanned = taught(false);
    let plan = replanned.engine.plan().clone();
    replanned.engine.set_plan(plan.clone(), replanned.now);
    assert_eq!(replanned.steps(), 2, "the same databases behind the same routes");
    let mut apart = plan;
    apart.databases[0].by_side = true;
    replanned.engine.set_plan(apart, replanned.now);
    assert_eq!(replanned.steps(), 0);
}

#[test]
fn a_changed_plan_keeps_load_and_costs_that_it_measures_in_the_same_way() {
    let changed = |by_side, change: fn(&mut Plan)| {
        let mut sampled = engine(by_side);
        for weight in [10, 20, 30] {
            let apart = BySide { legacy: 180.0, kubernetes: 40.0 };
            sampled.seconds(60, weight, |calm| but(calm, |sample| sample.by_side = Some(apart)));
        }
        let mut plan = sampled.engine.plan().clone();
        change(&mut plan);
        sampled.engine.set_plan(plan, sampled.now);
        let seen = sampled.engine.seen();
        (sampled.steps(), seen.tallies[0] != Tally::default(), seen.figures.load.is_some())
    };
    let promises: fn(&mut Plan) = |plan| plan.capacity.takeover.legacy = 0.5;
    assert_eq!((changed(false, promises), changed(true, promises)), ((2, false, true), (0, true, true)));
    let less: fn(&mut Plan) = |plan| plan.capacity.legacy = None;
    assert_eq!((changed(false, less), changed(true, less)), ((2, false, true), (0, true, true)));
    let pods: fn(&mut Plan) =
        |plan| plan.capacity.kubernetes = Some(Kubernetes { workloads: vec![], headroom: 0.2 });
    assert_eq!((changed(false, pods), changed(true, pods)), ((2, false, true), (0, true, true)));
    let elsewhere: fn(&mut Plan) = |plan| plan.capacity.demand.as_mut().unwrap().from = declared(1_000.0);
    assert_eq!((changed(false, elsewhere), changed(true, elsewhere)), ((0, false, false), (0, false, false)));
    let rerouted: fn(&mut Plan) = |plan| plan.routes[0].name = "other".into();
    assert_eq!((changed(false, rerouted), changed(true, rerouted)), ((0, false, false), (0, false, false)));
}

#[test]
fn just_after_a_step_what_is_counted_at_two_places_does_not_fit_together() {
    let mut sampled = engine(true);
    let apart = |calm: Observation| {
        but(calm, |sample| sample.by_side = Some(BySide { legacy: 180.0, kubernetes: 40.0 }))
    };
    sampled.seconds(66, 10, apart);
    let requests = |sampled: &Sampled| sampled.engine.seen().tallies[0].known_since(NOW);
    assert_eq!(
        requests(&sampled).known,
        seconds(50),
        "the first six seconds stood for nothing: a part is not whole"
    );
    assert_eq!(requests(&sampled).covers, seconds(50));
    sampled.seconds(10, 20, apart);
    assert_eq!(requests(&sampled).known, seconds(56), "nor did those after the step");
    assert_eq!(requests(&sampled).covers, seconds(60));
    // Nor what a full database says, or one that has just come back.
    let full = |calm| but(apart(calm), |sample| sample.saturated = true);
    let until = Some(sampled.now + seconds(60));
    let back = |calm| Observation { returning_until: until, ..apart(calm) };
    sampled.seconds(10, 20, full);
    sampled.seconds(10, 20, back);
    assert_eq!(requests(&sampled).covers, seconds(60));
}

#[test]
fn after_a_restart_a_raise_is_still_compared_though_the_first_seconds_are_not_known() {
    let halted = |each: f64| {
        let mut sampled = engine(true);
        let apart = |calm: Observation| {
            but(calm, |sample| sample.by_side = Some(BySide { legacy: 180.0, kubernetes: 40.0 }))
        };
        sampled.seconds(30, 10, apart);
        // A raise to 10 % was read back half a minute ago: 0.22 connect per request is what came.
        let expected = Expected { each, noise: 0.0, others: 0.0, taught: None };
        let by = [("accounts".to_owned(), expected)].into();
        let foreseen = Foreseen { at: sampled.now - seconds(30), to: percent(10), by };
        let state = State { foreseen: Some(foreseen), ..sampled.engine.state().clone() };
        sampled.engine = Engine::new(sampled.engine.plan().clone(), state, sampled.now);
        sampled.engine.set_authority(Authority::Holder);
        sampled.seconds(90, 10, apart);
        assert_eq!(sampled.engine.state().foreseen, None, "it was compared, or is too old");
        sampled.engine.state().halt.as_ref().map(|halt| halt.reason)
    };
    assert_eq!(halted(0.1), Some(Reason::PredictionWrong));
    assert_eq!(halted(0.22), None);
}

#[test]
fn a_restart_goes_on_from_what_steps_have_taught_where_nobody_tells_the_sides_apart() {
    let taught = taught(false);
    let report = taught.engine.report(taught.now);
    let again = |by_side| {
        let mut again = engine(by_side);
        again.now = taught.now;
        let by_name = |again: &mut Sampled, name| {
            again.engine.seed_lessons(name, report.databases[0].learned.iter().copied());
            again.steps()
        };
        ["unknown", "accounts", "unknown"].map(|name| by_name(&mut again, name))
    };
    assert_eq!((again(false), again(true)), ([0, 2, 2], [0; 3]));
}
