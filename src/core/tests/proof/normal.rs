//! What is normal: baselines, trends, slopes, failures; exact numbers.

use crossfade_core::guard::{Guard, Level, Signal, Test, Tripped, Unknown};

use crate::build::{NOW, condition, max_guard, minutes, seconds};
use crate::sampled::{Sampled, millis, pauses, resumes, rolls_back, sampled};

pub fn relative_guard() -> Guard {
    Guard {
        signal: Signal::ConnectionRate,
        pause: vec![condition(Test::AboveBaseline(1.5), 3, 3), condition(Test::Trend(12.0), 0, 0)],
        rollback: vec![condition(Test::Above(5000.0), 8, 10)],
        resume: condition(Test::BelowBaseline(1.2), 57, 60),
    }
}

#[test]
fn a_baseline_is_learned_after_fifteen_minutes_and_is_the_median() {
    let mut sampled = sampled(relative_guard(), seconds(1));
    sampled.quiet(seconds(1), 100.0, seconds(899));
    assert_eq!(sampled.judge().unknown, Some(Unknown::Learning { until: NOW + minutes(15) }));
    sampled.sample(seconds(1), 9000.0, false);
    assert_eq!(sampled.judge().baseline, Some(100.0));
    assert_eq!(sampled.judge().unknown, None);
}

#[test]
fn while_a_baseline_is_learned_absolute_thresholds_work_from_the_first_sample() {
    let mut sampled = sampled(relative_guard(), seconds(1));
    assert_eq!(sampled.trips_on(seconds(1), 6000.0, 20, rolls_back), Some(8));
    assert!(matches!(sampled.judge().unknown, Some(Unknown::Learning { .. })));
}

#[test]
fn the_last_minute_is_not_normal_yet() {
    let mut sampled = sampled(relative_guard(), seconds(1));
    sampled.quiet(seconds(1), 100.0, minutes(15));
    sampled.quiet(seconds(1), 140.0, minutes(7));
    assert_eq!(sampled.judge().baseline, Some(100.0));
    sampled.quiet(seconds(1), 140.0, minutes(2));
    assert_eq!(sampled.judge().baseline, Some(140.0));
}

#[test]
fn one_and_a_half_times_the_baseline_trips_on_the_third_second() {
    let mut sampled = sampled(relative_guard(), seconds(1));
    sampled.quiet(seconds(1), 100.0, minutes(16));
    assert_eq!(sampled.trips_on(seconds(1), 151.0, 9, pauses), Some(3));
}

#[test]
fn a_relative_test_looks_at_means_of_a_second_however_fast_samples_come() {
    let mut sampled = sampled(relative_guard(), millis(100));
    sampled.quiet(millis(100), 100.0, minutes(16));
    // Bursts of a tenth of a second, fifteen times as high: their mean is 2.4 times normal.
    let mut paused = None;
    for place in 0..60 {
        let value = if place % 10 == 0 { 1500.0 } else { 100.0 };
        if sampled.sample(millis(100), value, false).pause {
            paused = Some(place + 1);
            break;
        }
    }
    assert_eq!(paused, Some(30));
}

#[test]
fn after_a_time_without_samples_a_relative_test_counts_anew() {
    let mut sampled = sampled(relative_guard(), millis(100));
    sampled.quiet(millis(100), 100.0, minutes(16));
    sampled.now = sampled.now + minutes(5);
    assert_eq!(sampled.trips_on(millis(100), 900.0, 60, pauses), Some(30));
}

#[test]
fn five_per_second_and_one_batch_of_thirty_is_nothing() {
    let mut sampled = sampled(relative_guard(), seconds(1));
    sampled.quiet(seconds(1), 5.0, minutes(16));
    assert!(!sampled.sample(seconds(1), 30.0, false).pause);
    assert_eq!(sampled.trips_on(seconds(1), 5.0, 60, pauses), None);
}

#[test]
fn the_trend_sums_deviations_in_sigmas_and_forgets_one_and_a_half_a_second() {
    let mut sampled = sampled(relative_guard(), seconds(1));
    sampled.quiet(seconds(1), 1000.0, minutes(16));
    // B = 1000, sigma = 150: each 1450 adds 3 - 1.5; the eighth reaches 12.
    assert_eq!(sampled.trips_on(seconds(1), 1450.0, 20, pauses), Some(8));
}

#[test]
fn a_small_deviation_never_adds_up() {
    let mut sampled = sampled(relative_guard(), seconds(1));
    sampled.quiet(seconds(1), 1000.0, minutes(16));
    assert_eq!(sampled.trips_on(seconds(1), 1224.0, 300, pauses), None);
}

#[test]
fn the_spread_of_the_seconds_counts_for_sigma() {
    let mut sampled = sampled(relative_guard(), seconds(1));
    // A third each of 650, 1000, 1350: MAD 350, sigma 1.4826 x 350 = 519.
    for place in 0..1000 {
        sampled.sample(seconds(1), 650.0 + 350.0 * f64::from(place % 3), false);
    }
    assert_eq!(sampled.trips_on(seconds(1), 1450.0, 60, pauses), None);
}

#[test]
fn a_full_database_teaches_nothing_and_does_not_clear_a_guard() {
    let mut sampled = sampled(relative_guard(), seconds(1)).tripped();
    sampled.quiet(seconds(1), 1000.0, minutes(16));
    for second in 1..3600 {
        let judgement = sampled.sample(seconds(1), 1.0, true);
        // The quiet minute before it is forgotten with the fourth second.
        assert_eq!(judgement.resume, second < 4, "{second}");
        assert_eq!(judgement.baseline, Some(1000.0));
    }
}

#[test]
fn a_frozen_baseline_survives_a_restart_and_the_full_resume_time_is_owed() {
    let mut sampled = sampled(relative_guard(), seconds(1));
    sampled.tripped = Tripped { level: Level::Pause, since: NOW, baseline: Some(100.0) };
    sampled.watch.baseline(Signal::ConnectionRate).freeze(Some(100.0));
    assert_eq!(sampled.trips_on(seconds(1), 110.0, 90, resumes), Some(57));
    assert_eq!(sampled.judge().baseline, Some(100.0));
    assert_eq!(sampled.judge().unknown, None);
}

#[test]
fn a_baseline_goes_on_after_a_trip_where_it_stood_still() {
    let mut sampled = sampled(relative_guard(), seconds(1));
    sampled.quiet(seconds(1), 100.0, minutes(16));
    sampled.watch.baseline(Signal::ConnectionRate).freeze(Some(100.0));
    sampled.quiet(seconds(1), 900.0, minutes(120));
    sampled.watch.baseline(Signal::ConnectionRate).thaw();
    sampled.quiet(seconds(1), 100.0, minutes(2));
    assert_eq!(sampled.judge().baseline, Some(100.0));
    assert_eq!(sampled.judge().unknown, None);
}

#[test]
fn connections_that_fill_up_trip_before_they_are_many() {
    let mut filling = sampled(max_guard(), seconds(1));
    filling.quiet(seconds(1), 40.0, minutes(1));
    // One percent a second from 40 on: counts from above 50, and then for 3 s.
    let paused = (41..70).find(|value| filling.sample(seconds(1), f64::from(*value), false).pause);
    assert_eq!(paused, Some(53));
    // Three percent a second: the line over 10 s leads to 100 within 20 s from the 7th second on,
    // and that for 8 of 10 s.
    let mut fast = sampled(max_guard(), seconds(1));
    fast.quiet(seconds(1), 41.0, minutes(1));
    let rolled = (1..15).find(|step| fast.sample(seconds(1), 41.0 + 3.0 * f64::from(*step), false).rollback);
    assert_eq!(rolled, Some(14));
}

#[test]
fn a_slow_rise_is_not_full_soon() {
    let mut sampled = sampled(max_guard(), seconds(1));
    let paused =
        (0..900).find(|step| sampled.sample(seconds(1), 51.0 + f64::from(*step) * 0.02, false).pause);
    assert_eq!(paused, None);
}

fn failure_guard() -> Guard {
    Guard {
        signal: Signal::FailedConnections,
        pause: vec![condition(Test::Failures { percent: 0.1, per_second: 5.0 }, 3, 5)],
        rollback: vec![condition(Test::Failures { percent: 1.0, per_second: 20.0 }, 5, 8)],
        resume: condition(Test::FailuresBelow { percent: 0.02 }, 60, 60),
    }
}

#[test]
fn failures_count_above_their_own_normal_and_need_a_rate() {
    let mut sampled = sampled(failure_guard(), seconds(1));
    // 30 % of all connects are bare health checks that fail: that becomes normal.
    sampled.quiet(seconds(1), 30.0, minutes(3));
    assert_eq!(sampled.judge().baseline, Some(30.0));
    assert_eq!(sampled.trips_on(seconds(1), 30.05, 60, pauses), None);
    assert_eq!(sampled.trips_on(seconds(1), 31.5, 60, rolls_back), Some(5));
    let mut few = Sampled { now: NOW, ..crate::sampled::sampled(failure_guard(), seconds(1)) };
    // 0.4 % of few connects: 4 per second.
    assert_eq!(few.trips_on(seconds(1), 0.4, 60, pauses), None);
}

#[test]
fn failures_while_tripped_do_not_become_normal() {
    let mut sampled = sampled(failure_guard(), seconds(1));
    sampled.quiet(seconds(1), 0.0, minutes(2));
    sampled.quiet(seconds(1), 5.0, seconds(10));
    sampled.watch.baseline(Signal::FailedConnections).freeze(Some(0.0));
    sampled.quiet(seconds(1), 5.0, minutes(30));
    assert!(sampled.judge().rollback);
    assert_eq!(sampled.judge().baseline, Some(0.0));
}
