//! R3's fast path where it is pods that are missing: the load balancers see servers up, which answer or let
//! wait, and what is ready behind them can carry less than half of what it is asked for.

use crossfade_core::action::Action;
use crossfade_core::capacity::{Figure, Kubernetes, Source, Workload};
use crossfade_core::engine::Engine;
use crossfade_core::load::{Flow, Load};
use crossfade_core::ready::{Now, Ready};
use crossfade_core::reason::Reason;
use crossfade_core::report::{self, Phase};
use crossfade_core::route::{Counted, Purpose, Reading, Requests};
use crossfade_core::seen::Authority;
use crossfade_core::state::{Retreat, State};
use crossfade_core::time::Time;

use crate::build::{
    Case, NOW, ago, capacity, declared, minutes, percent, plan, reading, seconds, standing_at, told,
};

fn workload(name: &str) -> Workload {
    Workload {
        name: name.into(),
        requests_per_second_per_pod: 500.0,
        connections_per_pod: None,
        warm_up: seconds(60),
        max_replicas: 40,
        floor: false,
    }
}

fn kubernetes(workloads: Vec<Workload>) -> Kubernetes {
    Kubernetes { workloads, headroom: 0.2 }
}

/// At 50 % of 10,000 requests/s, with a legacy that can carry so many; of Kubernetes' pods of 500 requests/s
/// four are left, since so many seconds ago.
fn without_pods(legacy: f64, seconds_ago: u64) -> Case {
    standing_at(50).but(|case| {
        case.plan.capacity = capacity(Source::Route(0), declared(legacy));
        case.plan.capacity.kubernetes = Some(kubernetes(vec![workload("mail")]));
        let flow = |requests| Flow { requests, failed: 0.0 };
        let figures = &mut case.seen.figures;
        figures.load = Some((NOW, Load { legacy: flow(5_000.0), kubernetes: flow(5_000.0) }));
        for figure in [Figure::Ready(0), Figure::Pods(0)] {
            figures.measured.insert(figure, (NOW, 4.0));
        }
        figures.ready.few_since = Some(ago(seconds(seconds_ago)));
    })
}

fn goes_to(case: &Case) -> String {
    case.decide().state.intended.unwrap().to_string()
}

#[test]
fn all_that_fits_legacy_moves_at_once() {
    let part = without_pods(8_000.0, 3);
    assert_eq!(goes_to(&part), "24", "0.95 x 8,000 = 7,600, in one step");
    assert_eq!(part.writes(), [(0, percent(24), Purpose::Retreat), (1, percent(24), Purpose::Retreat)]);
    let decision = part.decide();
    let retreat = Retreat { target: percent(0), since: NOW, guard: None, arrived: false };
    assert_eq!(decision.state.retreat, Some(retreat));
    assert_eq!(decision.state.cooldown_until, Some(NOW + minutes(30)));
    assert!(told(&decision.actions).contains(&Reason::KubernetesFailing));
    let says = "retreat from 50 % towards 0 %: 4 pods are ready, which can carry 2000 requests/s, and \
                Kubernetes is asked for 5000";
    let tells = |action: &Action| matches!(action, Action::Tell { message, .. } if message == says);
    assert!(decision.actions.iter().any(tells), "{:?}", decision.actions);
    assert_eq!(goes_to(&without_pods(10_600.0, 3)), "0");
}

#[test]
fn a_gap_of_less_than_three_seconds_moves_nothing() {
    assert_eq!(goes_to(&without_pods(8_000.0, 2)), "50");
    let waits = without_pods(8_000.0, 2).decide();
    assert_eq!(waits.again, Some(NOW + seconds(1)), "it is asked again when they are over");
}

#[test]
fn no_cooldown_pause_hold_or_step_stands_against_it() {
    let held = without_pods(8_000.0, 3).but(|case| {
        case.plan.paused = true;
        case.plan.rollback.max_step = percent(1);
        case.seen.wishes.hold = Some("lunch".into());
        case.state.cooldown_until = Some(NOW + minutes(20));
        case.state.last_step = Some(NOW);
    });
    assert_eq!(goes_to(&held), "24");
    let last_holder = without_pods(8_000.0, 3).but(|case| case.seen.authority = Authority::LastHolder);
    assert_eq!(goes_to(&last_holder), "24");
}

#[test]
fn what_legacy_fails_too_is_no_reason_to_move_there() {
    let failing = |failed: f64| {
        without_pods(8_000.0, 3).but(|case| {
            case.seen.figures.load.as_mut().unwrap().1.legacy = Flow { requests: 5_000.0, failed };
        })
    };
    assert_eq!(goes_to(&failing(2_500.0)), "24");
    assert_eq!(goes_to(&failing(2_501.0)), "50");
}

#[test]
fn what_is_unknown_is_not_few() {
    let pods = |age: u64| {
        without_pods(8_000.0, 90)
            .but(|case| case.seen.figures.measured.get_mut(&Figure::Ready(0)).unwrap().0 = ago(seconds(age)))
    };
    assert_eq!(goes_to(&pods(45)), "24");
    assert_eq!(goes_to(&pods(46)), "50");
    let load = |age: u64| {
        without_pods(8_000.0, 90).but(|case| case.seen.figures.load.as_mut().unwrap().0 = ago(seconds(age)))
    };
    assert_eq!(goes_to(&load(6)), "24");
    assert_eq!(goes_to(&load(7)), "50");
    let one_more = without_pods(8_000.0, 90).but(|case| {
        let both = vec![workload("mail"), workload("imap")];
        case.plan.capacity.kubernetes = Some(kubernetes(both));
    });
    assert_eq!(goes_to(&one_more), "50", "nobody counts those of the other workload");
}

#[test]
fn status_says_how_many_are_ready_and_what_they_are_asked_for() {
    let case = without_pods(5_000.0, 3);
    let state = case.decide().state;
    assert_eq!(state.intended, Some(percent(50)), "legacy is full");
    let report = report::of(&case.plan, &state, &case.seen, NOW);
    assert_eq!((report.phase, report.blocked_by[0].reason), (Phase::RolledBack, Reason::LegacyFull));
    let blocker = &report.blocked_by[1];
    assert_eq!((blocker.reason, blocker.since), (Reason::KubernetesFailing, Some(ago(seconds(3)))));
    assert_eq!(
        blocker.message,
        "4 pods are ready, which can carry 2000 requests/s, and Kubernetes is asked for 5000: find out \
         where the others went, and bring pods up"
    );
    let gone = without_pods(5_000.0, 3)
        .but(|case| case.seen.figures.measured.get_mut(&Figure::Ready(0)).unwrap().1 = 1.0);
    let report = report::of(&gone.plan, &gone.decide().state, &gone.seen, NOW);
    assert!(report.blocked_by[1].message.starts_with("1 pod is ready"), "{report:?}");
}

#[test]
fn the_retreat_ends_when_pods_are_back_and_its_cooldown_runs_on() {
    let went = without_pods(8_000.0, 3);
    let state = went.decide().state;
    let back = went.but(|case| {
        case.state = state;
        case.seen.figures.ready = Ready::default();
        case.now = NOW + seconds(1);
    });
    let after = back.decide().state;
    assert_eq!((after.retreat, after.intended), (None, Some(percent(24))));
    assert_eq!(after.cooldown_until, Some(NOW + minutes(30)));
}

#[test]
fn a_retreat_goes_on_until_there_are_a_little_more_than_half_of_what_is_asked_for() {
    let mut running = Running::with_a_legacy_of(170.0);
    // At 50 % legacy has 100 of 161.5 requests/s: a part fits, but it is asked for as much as before.
    running.goes_on(5, 100, [4, 0]);
    let retreats = |running: &Running| {
        let state = running.engine.state();
        (state.retreats.len(), state.retreat.is_some())
    };
    assert_eq!(retreats(&running), (1, true));
    for pods in [5, 4, 5, 4, 5] {
        running.goes_on(4, 100, [pods, 0]);
        assert_eq!(retreats(&running), (1, true), "{pods} pods");
    }
    running.goes_on(2, 100, [6, 0]);
    assert_eq!(retreats(&running), (1, false));
}

/// An engine at 50 % whose one load balancer counts 100 requests/s on either side, with 20 pods of two
/// workloads that carry 10 each, all ready for long.
struct Running {
    engine: Engine,
    counted: u64,
    now: Time,
    fell: bool,
    pods: [u32; 2],
}

impl Running {
    fn tell(&mut self) {
        for (place, pods) in self.pods.into_iter().enumerate() {
            // Warm they are not.
            self.engine.measured(Figure::Pods(place), 0.0, self.now);
            self.engine.measured(Figure::Ready(place), f64::from(pods), self.now);
        }
    }

    fn begin() -> Self {
        Self::with_a_legacy_of(9e9)
    }

    fn with_a_legacy_of(requests_per_second: f64) -> Self {
        let mut plan = plan();
        plan.capacity = capacity(Source::Route(0), declared(requests_per_second));
        let both =
            ["mail", "imap"].map(|name| Workload { requests_per_second_per_pod: 10.0, ..workload(name) });
        plan.capacity.kubernetes = Some(kubernetes(both.into()));
        plan.routes[0].instances.truncate(1);
        let mut engine = Engine::new(plan, State::default(), NOW);
        engine.set_authority(Authority::Holder);
        let mut running = Self { engine, counted: 0, now: NOW, fell: false, pods: [0; 2] };
        running.goes_on(20, 100, [10, 10]);
        assert!(!running.fell);
        running
    }

    /// So many seconds, with so many requests each, and so many pods of each workload that are ready.
    fn goes_on(&mut self, span: u64, requests: u64, pods: [u32; 2]) {
        for _ in 0..2 * span {
            self.now = self.now + seconds(1) / 2;
            // They are told when they change.
            if self.pods != pods {
                self.pods = pods;
                self.tell();
            }
            if self.now.as_millis().is_multiple_of(1000) {
                self.counted += requests;
                let requests = Requests { all: self.counted, failed: 0 };
                let counted = Counted { legacy: requests, kubernetes: requests };
                let reading = Reading { counted: Some(counted), ..reading(percent(50)) };
                self.engine.read(0, Ok(reading), self.now);
            }
            for action in self.engine.decide(self.now) {
                match action {
                    Action::Write { purpose, .. } => self.fell |= purpose == Purpose::Retreat,
                    Action::Record { revision } => self.engine.recorded(revision),
                    Action::Tell { .. } => {}
                }
            }
        }
    }
}

#[test]
fn pods_that_are_ready_and_cold_are_enough() {
    let mut running = Running::begin();
    running.goes_on(20, 100, [10, 10]);
    assert!(!running.fell, "none was ever warm");
    let figures = &running.engine.seen().figures;
    let known = figures.ready_now(&running.engine.plan().capacity, running.now);
    assert_eq!(known, Some(Now { pods: 20.0, carries: 200.0, asked: 100.0 }));
}

#[test]
fn pods_that_go_are_seen_by_what_is_left_of_all_workloads() {
    let mut half = Running::begin();
    half.goes_on(10, 100, [5, 0]);
    assert!(!half.fell, "50 of 100");
    let mut few = Running::begin();
    few.goes_on(3, 100, [4, 0]);
    assert!(!few.fell, "not for three seconds yet");
    few.goes_on(1, 100, [4, 0]);
    assert!(few.fell);
    assert_eq!(few.engine.state().intended, Some(percent(0)));
}

#[test]
fn a_gap_begins_when_pods_go_and_not_when_requests_are_counted_next() {
    let mut running = Running::begin();
    running.now = running.now + seconds(1) / 4;
    running.pods = [1, 1];
    running.tell();
    assert_eq!(running.engine.seen().figures.ready.few_since, Some(running.now));
}

#[test]
fn a_load_that_falls_with_the_pods_asks_for_no_more() {
    let mut running = Running::begin();
    running.goes_on(2, 100, [4, 0]);
    running.goes_on(20, 80, [4, 0]);
    assert!(!running.fell);
}

#[test]
fn a_gap_that_closes_again_and_again_moves_nothing() {
    let mut running = Running::begin();
    for _ in 0..5 {
        running.goes_on(3, 100, [1, 1]);
        running.goes_on(1, 100, [5, 5]);
    }
    assert!(!running.fell);
}

#[test]
fn a_surge_over_pods_that_are_all_there_moves_nothing() {
    let mut running = Running::begin();
    running.goes_on(20, 1_000, [10, 10]);
    assert!(!running.fell);
}

#[test]
fn another_figure_for_a_pod_loses_none() {
    let mut running = Running::begin();
    let mut plan = running.engine.plan().clone();
    for workload in &mut plan.capacity.kubernetes.as_mut().unwrap().workloads {
        workload.requests_per_second_per_pod = 2.0;
    }
    running.engine.set_plan(plan, running.now);
    running.goes_on(20, 100, [10, 10]);
    assert!(!running.fell, "40 of 100 by the new figure, with all of them there");
    // By the same figure what was seen stays seen.
    let mut running = Running::begin();
    let mut plan = running.engine.plan().clone();
    plan.paused = true;
    running.engine.set_plan(plan, running.now);
    running.goes_on(4, 100, [1, 1]);
    assert!(running.fell);
}
