//! The tests over samples: windows, jitter, gaps, baselines, trends, slopes; exact numbers.

use std::time::Duration;

use crossfade_core::guard::{Condition, Guard, Judgement, Signal, Test, Tripped, Unknown};
use crossfade_core::meter::{Observation, Reading, Sample};
use crossfade_core::plan::Database;
use crossfade_core::time::Time;
use crossfade_core::watch::Watch;

use crate::build::{NOW, condition, max_guard, minutes, rate_guard, seconds};

/// One database with one guard, sampled at times that the test chooses.
struct Sampled {
    watch: Watch,
    guard: Guard,
    now: Time,
    tripped: Tripped,
}

fn millis(count: u64) -> Duration {
    Duration::from_millis(count)
}

fn sampled(guard: Guard, every: Duration) -> Sampled {
    let database = Database { name: "accounts".into(), every, guards: vec![guard.clone()] };
    Sampled { watch: Watch::new(&database, NOW), guard, now: NOW, tripped: Tripped::default() }
}

impl Sampled {
    fn sample(&mut self, after: Duration, value: f64, saturated: bool) -> Judgement {
        self.now = self.now + after;
        let mut sample = Sample { at: self.now, saturated, ..Sample::default() };
        match self.guard.signal {
            Signal::ConnectionRate => sample.connection_rate = Some(value),
            Signal::ConnectionsOfMax => sample.of_max = Some(value),
            Signal::FailedConnections => {
                sample.failed_percent = Some(value);
                sample.failed_rate = Some(value * 10.0);
            }
        }
        let observation = Observation { reading: Reading::Sample(sample), returning_until: None };
        self.watch.observe(&observation, self.now);
        self.judge()
    }

    fn judge(&self) -> Judgement {
        self.watch.judge(&self.guard, &self.tripped, self.now)
    }

    /// The number of samples of `value` after which `what` is first true, if within `most`.
    fn trips_on(
        &mut self,
        every: Duration,
        value: f64,
        most: u32,
        what: fn(&Judgement) -> bool,
    ) -> Option<u32> {
        (1..=most).find(|_| what(&self.sample(every, value, false)))
    }

    fn quiet(&mut self, every: Duration, value: f64, span: Duration) {
        let end = self.now + span;
        while self.now < end {
            self.sample(every, value, false);
        }
    }
}

fn pauses(judgement: &Judgement) -> bool {
    judgement.pause
}

fn rolls_back(judgement: &Judgement) -> bool {
    judgement.rollback
}

fn resumes(judgement: &Judgement) -> bool {
    judgement.resume
}

fn rate_above(limit: f64, lasting: Duration) -> Guard {
    Guard { pause: vec![Condition { test: Test::Above(limit), lasting, within: lasting }], ..rate_guard() }
}

#[test]
fn three_seconds_at_one_hertz_trip_on_the_third_sample() {
    let mut sampled = sampled(rate_guard(), seconds(1));
    sampled.quiet(seconds(1), 100.0, minutes(2));
    assert_eq!(sampled.trips_on(seconds(1), 801.0, 9, pauses), Some(3));
}

#[test]
fn a_value_at_its_threshold_is_not_above_it() {
    let mut sampled = sampled(rate_guard(), seconds(1));
    assert_eq!(sampled.trips_on(seconds(1), 800.0, 90, pauses), None);
}

#[test]
fn one_value_below_starts_three_seconds_anew() {
    let mut sampled = sampled(rate_guard(), seconds(1));
    let paused = [900.0, 900.0, 100.0, 900.0, 900.0, 900.0]
        .map(|value| sampled.sample(seconds(1), value, false).pause);
    assert_eq!(paused, [false, false, false, false, false, true]);
}

#[test]
fn jitter_of_five_percent_moves_the_trip_by_no_sample() {
    for jitter in [[950, 950, 950], [1050, 1050, 1050], [950, 1050, 950], [1050, 950, 1000]] {
        let mut sampled = sampled(rate_guard(), seconds(1));
        sampled.quiet(seconds(1), 100.0, minutes(2));
        let paused = jitter.map(|after| sampled.sample(millis(after), 900.0, false).pause);
        assert_eq!(paused, [false, false, true], "{jitter:?}");
    }
}

#[test]
fn eight_of_ten_seconds_trip_whichever_two_are_missing() {
    for first in 0..9 {
        for second in first + 1..10 {
            let mut sampled = sampled(rate_guard(), seconds(1));
            sampled.quiet(seconds(1), 100.0, minutes(1));
            let mut last = Judgement::default();
            for place in 0..10 {
                let value = if place == first || place == second { 100.0 } else { 2000.0 };
                last = sampled.sample(seconds(1), value, false);
            }
            assert!(last.rollback, "{first} and {second}");
        }
    }
}

#[test]
fn seven_of_ten_seconds_do_not() {
    let mut sampled = sampled(rate_guard(), seconds(1));
    for round in 0..10 {
        for place in 0..10 {
            let value = if place < 7 { 2000.0 } else { 100.0 };
            assert!(!sampled.sample(seconds(1), value, false).rollback, "{round} {place}");
        }
    }
}

#[test]
fn a_resume_takes_fifty_seven_of_sixty_seconds() {
    let mut calm = sampled(rate_guard(), seconds(1));
    calm.quiet(seconds(1), 2000.0, minutes(2));
    assert_eq!(calm.trips_on(seconds(1), 100.0, 90, resumes), Some(57));
    let mut noisy = sampled(rate_guard(), seconds(1));
    noisy.quiet(seconds(1), 2000.0, minutes(2));
    // Four of each sixty stand above.
    let resumed = (0..600)
        .any(|place| noisy.sample(seconds(1), if place % 15 == 0 { 900.0 } else { 100.0 }, false).resume);
    assert!(!resumed);
    let resumed = (0..600)
        .any(|place| noisy.sample(seconds(1), if place % 20 == 0 { 900.0 } else { 100.0 }, false).resume);
    assert!(resumed);
}

#[test]
fn a_tenth_of_a_second_between_samples_takes_thirty_of_them() {
    let mut sampled = sampled(rate_above(800.0, seconds(3)), millis(100));
    sampled.quiet(millis(100), 100.0, seconds(20));
    // Half a sample short counts, so the thirtieth at the latest.
    assert_eq!(sampled.trips_on(millis(100), 900.0, 60, pauses), Some(30));
}

#[test]
fn a_minute_between_samples_trips_an_absolute_guard_on_the_first_and_a_relative_one_on_the_third() {
    let mut absolute = sampled(rate_guard(), minutes(1));
    absolute.quiet(minutes(1), 100.0, minutes(20));
    assert_eq!(absolute.trips_on(minutes(1), 900.0, 5, pauses), Some(1));
    let mut relative = sampled(relative_guard(), minutes(1));
    relative.quiet(minutes(1), 100.0, minutes(20));
    assert_eq!(relative.trips_on(minutes(1), 900.0, 5, pauses), Some(3));
}

#[test]
fn two_seconds_are_not_three() {
    let mut sampled = sampled(rate_guard(), seconds(2));
    assert_eq!(sampled.trips_on(seconds(2), 900.0, 5, pauses), Some(2));
}

#[test]
fn one_sample_after_a_time_without_any_stands_for_no_more_than_itself() {
    let mut sampled = sampled(max_guard(), seconds(1));
    sampled.quiet(seconds(1), 20.0, minutes(1));
    assert!(!sampled.sample(seconds(30), 90.0, false).rollback);
    assert!(!sampled.sample(seconds(1), 90.0, false).rollback);
    assert!(sampled.sample(seconds(1), 90.0, false).rollback);
}

#[test]
fn a_lost_sample_delays_neither_a_trip_nor_a_resume() {
    let mut sampled = sampled(rate_guard(), seconds(1));
    sampled.quiet(seconds(1), 2000.0, minutes(1));
    let spans = (0..30).map(|_| millis(2000));
    let resumed: Vec<bool> = spans.map(|after| sampled.sample(after, 100.0, false).resume).collect();
    assert_eq!(resumed.iter().position(|resume| *resume), Some(27));
}

#[test]
fn a_sample_that_comes_late_or_twice_is_dropped() {
    let mut sampled = sampled(rate_guard(), seconds(1));
    sampled.quiet(seconds(1), 100.0, minutes(1));
    let before = sampled.watch.clone();
    sampled.sample(seconds(0), 5000.0, false);
    assert_eq!(sampled.watch, before);
}

#[test]
fn data_is_unknown_after_three_periods_and_never_clear_nor_a_breach() {
    let mut sampled = sampled(rate_guard(), seconds(1));
    sampled.quiet(seconds(1), 2000.0, minutes(1));
    let last = sampled.now;
    sampled.now = last + seconds(3);
    assert!(sampled.judge().rollback);
    sampled.now = last + millis(3001);
    let judgement = sampled.judge();
    assert_eq!(
        judgement,
        Judgement {
            value: Some(2000.0),
            unknown: Some(Unknown::Stale { since: last }),
            ..Judgement::default()
        }
    );
}

#[test]
fn before_the_first_sample_data_is_unknown() {
    let sampled = sampled(rate_guard(), seconds(1));
    assert_eq!(sampled.judge().unknown, Some(Unknown::Stale { since: NOW }));
}

fn relative_guard() -> Guard {
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
    let mut sampled = sampled(relative_guard(), seconds(1));
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
    sampled.tripped =
        Tripped { level: crossfade_core::guard::Level::Pause, since: NOW, baseline: Some(100.0) };
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
    let mut few = Sampled { now: NOW, ..self::sampled(failure_guard(), seconds(1)) };
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

#[test]
fn a_database_that_is_down_or_just_back_says_nothing() {
    let mut sampled = sampled(rate_guard(), seconds(1));
    sampled.quiet(seconds(1), 2000.0, minutes(1));
    sampled.now = sampled.now + seconds(1);
    let down = Observation {
        reading: Reading::Down { since: sampled.now, error: "refused".into() },
        returning_until: None,
    };
    sampled.watch.observe(&down, sampled.now);
    let unknown = Unknown::Down { since: sampled.now, error: "refused".into() };
    assert_eq!(sampled.judge().unknown, Some(unknown));
    let until = sampled.now + minutes(1);
    for _ in 0..59 {
        sampled.now = sampled.now + seconds(1);
        let sample = Sample { at: sampled.now, connection_rate: Some(9000.0), ..Sample::default() };
        sampled.watch.observe(
            &Observation { reading: Reading::Sample(sample), returning_until: Some(until) },
            sampled.now,
        );
        assert_eq!(sampled.judge().unknown, Some(Unknown::Returning { until }));
        assert!(!sampled.judge().rollback);
    }
    assert_eq!(sampled.trips_on(seconds(1), 9000.0, 20, rolls_back), Some(8));
}
