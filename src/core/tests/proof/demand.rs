//! Demand: from the load balancers' counters, over means of five minutes, to the peak of the window.

use std::time::Duration;

use crossfade_core::capacity::{Figure, Source};
use crossfade_core::engine::Engine;
use crossfade_core::guard::Level;
use crossfade_core::load::{Flow, Load, Meter};
use crossfade_core::peaks::{Peak, Peaks};
use crossfade_core::reason::Reason;
use crossfade_core::route::{Counted, Reading, Requests};
use crossfade_core::state::State;
use crossfade_core::time::Time;

use crate::build::{Case, NOW, ago, capacity, declared, percent, plan, rate, reading, seconds, standing_at};

fn counted(legacy: [u64; 2], kubernetes: [u64; 2]) -> Reading {
    let requests = |[all, failed]: [u64; 2]| Requests { all, failed };
    let counted = Counted { legacy: requests(legacy), kubernetes: requests(kubernetes) };
    Reading { counted: Some(counted), ..reading(percent(50)) }
}

fn flow(requests: f64, failed: f64) -> Flow {
    Flow { requests, failed }
}

fn at(millis: u64) -> Time {
    NOW + Duration::from_millis(millis)
}

#[test]
fn the_load_is_what_was_counted_since_the_reading_before() {
    let mut meter = Meter::default();
    meter.read(&counted([100, 1], [50, 0]), at(0));
    assert_eq!(meter.load(), None);
    meter.read(&counted([300, 3], [150, 50]), at(2_000));
    let load = Load { legacy: flow(100.0, 1.0), kubernetes: flow(50.0, 25.0) };
    assert_eq!(meter.load(), Some((at(2_000), load)));
    assert_eq!((load.demand(), load.failing()), (150.0, 26.0 / 150.0));
    assert!(Load::default().failing() <= 0.0);
    let mut twice = Meter::default();
    twice.read(&counted([0, 0], [0, 0]), at(0));
    twice.read(&counted([100, 150], [0, 0]), at(1_000));
    assert_eq!(twice.load().unwrap().1.legacy, flow(100.0, 100.0), "counted as failed twice");
    // A reading that follows at once (a write's) says little.
    meter.read(&counted([301, 3], [150, 50]), at(2_999));
    assert_eq!(meter.load(), Some((at(2_000), load)));
    meter.read(&counted([302, 3], [150, 50]), at(3_000));
    assert_eq!(meter.load().unwrap().1, Load { legacy: flow(2.0, 0.0), kubernetes: flow(0.0, 0.0) });
}

#[test]
fn a_process_that_restarted_or_was_cleared_counts_anew() {
    let mut meter = Meter::default();
    meter.read(&counted([1_000, 0], [0, 0]), at(0));
    meter.read(&counted([1_200, 0], [0, 0]), at(2_000));
    let before = meter.load();
    let reloaded = Reading { boot: 2, ..counted([5_000, 0], [0, 0]) };
    meter.read(&reloaded, at(4_000));
    assert_eq!(meter.load(), before);
    meter.read(&Reading { boot: 2, ..counted([5_300, 0], [0, 0]) }, at(6_000));
    assert_eq!(meter.load().unwrap().1.legacy, flow(150.0, 0.0));
    meter.read(&Reading { boot: 2, ..counted([10, 0], [0, 0]) }, at(8_000));
    assert_eq!(meter.load().unwrap().0, at(6_000), "cleared");
    meter.read(&Reading { boot: 2, ..counted([30, 0], [0, 0]) }, at(10_000));
    assert_eq!(meter.load().unwrap().1.legacy, flow(10.0, 0.0));
    meter.read(&Reading { counted: None, ..reading(percent(50)) }, at(12_000));
    assert_eq!(meter.load(), None);
}

#[test]
fn demand_is_the_sum_over_the_load_balancers_of_its_route_once_each_is_known() {
    let mut plan = plan();
    plan.routes.push(crossfade_core::plan::Route { name: "other".into(), instances: vec!["c".into()] });
    plan.capacity = capacity(Source::Route(0), declared(1.0));
    let mut engine = Engine::new(plan, State::default(), NOW);
    engine.read(0, Ok(counted([0, 0], [0, 0])), at(0));
    engine.read(0, Ok(counted([200, 2], [100, 0])), at(2_000));
    engine.read(1, Ok(counted([0, 0], [0, 0])), at(2_500));
    engine.read(2, Ok(counted([0, 0], [0, 0])), at(2_500));
    assert_eq!(engine.seen().figures.load, None);
    engine.read(1, Ok(counted([40, 0], [20, 4])), at(4_500));
    let both = Load { legacy: flow(120.0, 1.0), kubernetes: flow(60.0, 2.0) };
    assert_eq!(engine.seen().figures.load, Some((at(2_000), both)), "as old as the oldest");
    engine.read(2, Ok(counted([9_000, 0], [0, 0])), at(4_500));
    assert_eq!(engine.seen().figures.load, Some((at(2_000), both)), "another route does not count");
}

/// A plan at 50 % that reads its demand at the load balancers.
fn asked(requests: f64, failed: f64, at: Time) -> Case {
    standing_at(50).but(|case| {
        case.plan.capacity = capacity(Source::Route(0), declared(1e9));
        case.seen.figures.load =
            Some((at, Load { legacy: flow(requests, failed), kubernetes: flow(0.0, 0.0) }));
    })
}

/// The peaks after readings each two seconds for so long.
fn after(minutes: u64, asked: impl Fn(u64) -> Case) -> State {
    let mut state = asked(0).state;
    for second in (0..=minutes * 60).step_by(2) {
        let case = Case { state, now: NOW + seconds(second), ..asked(second) };
        state = case.decide().state;
    }
    state
}

#[test]
fn the_peak_is_a_mean_of_five_minutes() {
    let steady =
        |second: u64| asked(if second % 60 < 30 { 100.0 } else { 300.0 }, 0.0, NOW + seconds(second));
    assert_eq!(after(4, steady).peaks, Peaks::default());
    let peaks = after(5, steady).peaks.0;
    assert_eq!(peaks.len(), 1);
    assert_eq!((peaks[0].at, peaks[0].requests_per_second.round()), (NOW + seconds(300), 200.0));
}

#[test]
fn what_the_shell_measures_has_a_peak_too_and_what_is_written_down_has_none() {
    let measured = |second: u64| {
        standing_at(50).but(|case| {
            case.plan.capacity = capacity(Source::Measured, declared(1e9));
            let at = NOW + seconds(second - second % 16);
            case.seen.figures.measured.insert(Figure::Demand, (at, 70.0));
        })
    };
    assert_eq!(after(4, measured).peaks, Peaks::default());
    assert_eq!(after(6, measured).peaks.0[0].requests_per_second.to_string(), "70");
    assert_eq!(after(6, |_| standing_at(50)).peaks, Peaks::default());
}

#[test]
fn what_comes_while_a_guard_is_tripped_or_requests_fail_is_no_peak() {
    let storm = |second: u64| asked(900.0, 9.1, NOW + seconds(second));
    assert_eq!(after(6, storm).peaks, Peaks::default());
    let few = |second: u64| asked(900.0, 9.0, NOW + seconds(second));
    assert_eq!(after(6, few).peaks.0.len(), 1);
    let tripped = |second: u64| asked(900.0, 0.0, NOW + seconds(second)).at_level(&rate(), Level::Pause);
    let state = after(6, |second| {
        let judged = crossfade_core::guard::Judgement { resume: false, ..crate::build::quiet() };
        tripped(second).judged(&rate(), judged)
    });
    assert_eq!(state.peaks, Peaks::default());
}

#[test]
fn time_that_nobody_measured_is_not_in_a_mean() {
    let gap =
        |second: u64| asked(100.0, 0.0, NOW + seconds(if second < 200 { second } else { second + 500 }));
    let state = after(5, gap);
    assert_eq!(state.peaks, Peaks::default());
    assert_eq!(state.volatile.mean.covered, seconds(298));
}

#[test]
fn a_window_keeps_at_most_seventeen_peaks_and_forgets_the_oldest() {
    let window = Duration::from_hours(16);
    let mut peaks = Peaks::default();
    let mut stored = 0;
    for hour in 0..40_u32 {
        for quarter in 0..4_u32 {
            let at = NOW + Duration::from_mins(u64::from(hour * 60 + quarter * 15));
            stored +=
                u32::from(peaks.push(Peak { at, requests_per_second: f64::from(1_000 - hour) }, window));
            assert!(peaks.0.len() <= 17, "{}", peaks.0.len());
        }
    }
    assert_eq!(stored, 41, "once for each part; the first began in the middle of an hour");
    let now = NOW + Duration::from_mins(39 * 60 + 45);
    assert_eq!(peaks.highest(window, now).map(|peak| peak.requests_per_second), Some(976.0));
    assert_eq!(peaks.highest(window, now + window), None);
}

#[test]
fn a_peak_that_grows_by_a_tenth_is_stored_and_a_smaller_one_changes_nothing() {
    let window = Duration::from_hours(160);
    let push = |peaks: &mut Peaks, minutes: u64, requests_per_second: f64| {
        peaks.push(Peak { at: NOW + Duration::from_mins(minutes), requests_per_second }, window)
    };
    let mut peaks = Peaks::default();
    assert!(push(&mut peaks, 0, 100.0));
    assert!(!push(&mut peaks, 5, 90.0));
    assert!(!push(&mut peaks, 10, 110.0), "kept, and stored with the next change");
    assert_eq!(peaks.0[0], Peak { at: NOW + Duration::from_mins(10), requests_per_second: 110.0 });
    assert!(push(&mut peaks, 15, 122.0));
    let mut small = Peaks::default();
    assert!(push(&mut small, 0, 10.0));
    assert!(!push(&mut small, 5, 11.0), "a tenth is not more than a tenth");
    assert!(!push(&mut small, 10, 11.0));
    assert_eq!(small.0[0].at, NOW + Duration::from_mins(5), "the first of equals");
}

#[test]
fn a_peak_as_old_as_the_window_is_forgotten() {
    let window = Duration::from_hours(16);
    let mut peaks = Peaks::default();
    peaks.push(Peak { at: NOW, requests_per_second: 9.0 }, window);
    peaks.push(Peak { at: NOW + window, requests_per_second: 1.0 }, window);
    assert_eq!(peaks.0.len(), 1);
}

#[test]
fn the_plan_is_asked_again_when_what_is_known_grows_old_or_lasts_long_enough() {
    let quiet = |case: Case| {
        case.but(|case| {
            case.plan.stages.truncate(3);
            case.seen.instances.clear();
            case.seen.judgements.clear();
        })
    };
    let again = |case: Case| quiet(case.soaked()).decide().again.map(|at| at.since(NOW));
    let load = asked(100.0, 0.0, NOW);
    assert_eq!(again(load.clone()), Some(Duration::from_millis(6_001)));
    let failing = load.but(|case| case.seen.figures.failing_since = Some(ago(seconds(2))));
    assert_eq!(again(failing), Some(seconds(3)));
    let until = |hours: u64| Source::Declared {
        requests_per_second: 9e9,
        until: Some(NOW + Duration::from_hours(hours)),
    };
    let declared = |demand, legacy| standing_at(50).but(|case| case.plan.capacity = capacity(demand, legacy));
    assert_eq!(again(declared(until(3), until(5))), Some(Duration::from_hours(3)));
    assert_eq!(again(declared(until(5), until(3))), Some(Duration::from_hours(3)));
    let measured = declared(until(5), Source::Measured).but(|case| {
        case.seen.figures.measured.insert(Figure::LegacyCapacity, (ago(seconds(5)), 9e9));
    });
    assert_eq!(again(measured), Some(Duration::from_millis(40_001)));
}

#[test]
fn a_promise_is_kept_by_what_is_asked_for_steadily_not_by_each_second() {
    let held = |steadily: f64, now: f64| {
        let case = asked(now, 0.0, NOW).but(|case| {
            case.plan.capacity = capacity(Source::Route(0), declared(1_000.0));
            for second in 1..=10 {
                case.seen.figures.steady.push(ago(seconds(10 - second)), steadily, seconds(1));
            }
        });
        let report = crossfade_core::report::of(&case.plan, &case.state, &case.seen, NOW);
        report.blocked_by.iter().all(|blocker| blocker.reason != Reason::CapacityShort)
    };
    assert!(held(940.0, 960.0), "a second above");
    assert!(!held(960.0, 940.0), "a second below");
}
