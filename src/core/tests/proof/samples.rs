//! The tests over samples: windows, jitter, gaps, fast and slow sampling; exact numbers.

use crossfade_core::guard::{Judgement, Unknown};
use crossfade_core::meter::{Observation, Reading, Sample};

use crate::build::{NOW, max_guard, minutes, rate_guard, seconds};
use crate::normal::relative_guard;
use crate::sampled::{millis, pauses, rate_above, resumes, rolls_back, sampled};

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
    let mut calm = sampled(rate_guard(), seconds(1)).tripped();
    calm.quiet(seconds(1), 2000.0, minutes(2));
    assert_eq!(calm.trips_on(seconds(1), 100.0, 90, resumes), Some(57));
    let mut noisy = sampled(rate_guard(), seconds(1)).tripped();
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
    let mut sampled = sampled(rate_guard(), seconds(1)).tripped();
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
    let mut sampled = sampled(rate_guard(), seconds(1));
    assert_eq!(sampled.judge().unknown, Some(Unknown::Stale { since: NOW }));
}

#[test]
fn a_guard_is_not_clear_before_it_was_watched_for_as_long_as_its_pause_takes() {
    let mut calm = sampled(rate_above(800.0, seconds(3)), seconds(1));
    let mut unknown = |after: u64| calm.sample(seconds(after), 100.0, false).unknown;
    let until = NOW + seconds(1) + seconds(3);
    for _ in 0..3 {
        assert_eq!(unknown(1), Some(Unknown::Young { until }));
    }
    assert_eq!([unknown(1), unknown(1)], [None, None]);
    let until = NOW + seconds(5) + seconds(30) + seconds(3);
    assert_eq!(unknown(30), Some(Unknown::Young { until }), "after a gap anew");

    let mut surging = sampled(rate_above(800.0, seconds(3)), seconds(1));
    assert_eq!(surging.trips_on(seconds(1), 900.0, 9, pauses), Some(3), "it trips all the same");
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
