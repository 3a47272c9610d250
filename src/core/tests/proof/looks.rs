//! R4: what the samples themselves say of whose surge it is: the means before and after a step, what is normal
//! of them, and how far chance moves them.

use std::time::Duration;

use crossfade_core::engine::Engine;
use crossfade_core::guard::{Guard, Level, Signal, Test, Tripped};
use crossfade_core::meter::{Observation, Reading, Sample};
use crossfade_core::plan::Database;
use crossfade_core::seen::Authority;
use crossfade_core::side::BySide;
use crossfade_core::state::State;
use crossfade_core::surge::{Look, Mean};
use crossfade_core::time::Time;
use crossfade_core::watch::Watch;

use crate::build::{NOW, condition, minutes, plan, rate_guard, reading, seconds};
use crate::sampled::millis;

/// A database with a guard on its rate and one on what fails, watched.
struct Watched {
    watch: Watch,
    now: Time,
}

fn failures_guard() -> Guard {
    let failures = |percent, per_second| Test::Failures { percent, per_second };
    Guard {
        signal: Signal::FailedConnections,
        pause: vec![condition(failures(0.1, 5.0), 3, 5)],
        rollback: vec![condition(failures(1.0, 20.0), 5, 8)],
        resume: condition(Test::FailuresBelow { percent: 0.02 }, 60, 60),
    }
}

fn watched(every: Duration, by_side: bool) -> Watched {
    let database = Database {
        name: "accounts".into(),
        every,
        guards: vec![rate_guard(), failures_guard()],
        connection_rate_capacity: None,
        by_side,
    };
    Watched { watch: Watch::new(&database, NOW), now: NOW }
}

fn rate(rate: f64) -> Sample {
    Sample { connection_rate: Some(rate), ..Sample::default() }
}

fn failing(percent: f64, per_second: f64) -> Sample {
    Sample { failed_percent: Some(percent), failed_rate: Some(per_second), ..Sample::default() }
}

impl Watched {
    fn takes(&mut self, after: Duration, sample: Sample) {
        self.takes_returning(after, sample, None);
    }

    fn takes_returning(&mut self, after: Duration, mut sample: Sample, returning_until: Option<Time>) {
        self.now = self.now + after;
        sample.at = self.now;
        let reading = Reading::Sample(sample);
        self.watch.observe(&Observation { reading, returning_until }, self.now);
    }

    fn goes_down(&mut self) {
        let reading = Reading::Down { since: self.now, error: "refused".into() };
        self.watch.observe(&Observation { reading, returning_until: None }, self.now);
    }

    /// What is seen while a guard is tripped.
    fn look(&mut self) -> Look {
        self.watch.look(true, self.now)
    }

    /// These values, each after so many milliseconds, and the mean rate that is seen then.
    fn means(&mut self, values: &[(u64, f64)]) -> Option<String> {
        for (after, value) in values {
            self.takes(millis(*after), rate(*value));
        }
        self.look().rate.map(shown)
    }
}

/// To a hundredth.
fn shown(Mean { now, normal, noise }: Mean) -> String {
    format!("{now:.2}, usually {normal:.2}, give or take {noise:.2}")
}

#[test]
fn a_mean_is_of_the_last_five_seconds_each_value_by_the_time_that_it_covers() {
    let means = |values: &[(u64, f64)]| watched(seconds(1), false).means(values);
    let second = |value| (1_000, value);
    let of = |now: &str, noise: &str| Some(format!("{now}, usually 0.00, give or take {noise}"));
    let four = [1_000.0, 2_000.0, 3_000.0, 4_000.0].map(second);
    assert_eq!(means(&four), None, "four seconds are not five");
    let six = [90_000.0, 1_000.0, 2_000.0, 3_000.0, 4_000.0, 5_000.0].map(second);
    assert_eq!(means(&six), of("3000.00", "24.49"));
    // (2 x 4,000 + 3 x 1,000) / 5.
    let uneven = [second(90_000.0), (2_000, 4_000.0), second(1_000.0), second(1_000.0), second(1_000.0)];
    assert_eq!(means(&uneven), of("2200.00", "20.98"));
    // Half a value short still counts, and no more than half.
    assert_eq!(means(&[(920, 2_000.0); 6]), of("2000.00", "20.85"));
    assert_eq!(means(&[(850, 2_000.0); 5]), None);
}

#[test]
fn what_came_five_seconds_ago_is_no_part_of_it_and_what_is_missing_is_not_made_up() {
    // Nobody saw most of what lies between the second and the third.
    let mut watched = watched(millis(700), false);
    let gap = [(2_100, 9_000.0), (2_100, 9_000.0), (2_900, 1_000.0), (2_100, 1_000.0)];
    assert_eq!(watched.means(&gap), None);
}

#[test]
fn a_slow_sampler_s_mean_is_of_two_values() {
    let mut watched = watched(seconds(4), false);
    let values = [(4_000, 9_000.0), (4_000, 1_000.0), (4_000, 3_000.0)];
    let expected = "2000.00, usually 0.00, give or take 15.81";
    assert_eq!(watched.means(&values), Some(expected.into()));
}

#[test]
fn chance_moves_a_rate_as_a_count_or_as_it_was_seen_to_vary_if_that_is_more() {
    let after = |usual: [f64; 3], span: u64| {
        let mut watched = watched(seconds(1), false);
        (0..span).for_each(|_| usual.iter().for_each(|value| watched.takes(seconds(1), rate(*value))));
        watched.means(&[(1_000, 2_000.0); 5])
    };
    // The root of 2,000 over five seconds.
    let steady = "2000.00, usually 1000.00, give or take 20.00";
    assert_eq!(after([1_000.0; 3], 320), Some(steady.into()));
    // 200 x 1.4826, at twice the normal, over the root of five.
    let varied = "2000.00, usually 1000.00, give or take 265.22";
    assert_eq!(after([800.0, 1_000.0, 1_200.0], 320), Some(varied.into()));
    // Before 15 minutes nothing is normal, and nothing varies from it.
    let young = "2000.00, usually 0.00, give or take 20.00";
    assert_eq!(after([800.0, 1_000.0, 1_200.0], 60), Some(young.into()));
}

#[test]
fn of_what_fails_the_share_that_usually_does_is_normal() {
    let failures = |usual: f64, sample: Sample| {
        let mut watched = watched(seconds(1), false);
        (0..120).for_each(|_| watched.takes(seconds(1), failing(usual, 10.0)));
        (0..5).for_each(|_| watched.takes(seconds(1), sample.clone()));
        watched.look().failures.map(shown)
    };
    // A quarter of the share: a quarter of them.
    assert_eq!(failures(1.0, failing(4.0, 40.0)), Some("40.00, usually 10.00, give or take 2.83".into()));
    assert_eq!(failures(2.0, failing(1.0, 40.0)), Some("40.00, usually 40.00, give or take 2.83".into()));
    assert_eq!(failures(1.0, failing(0.0, 40.0)), Some("40.00, usually 0.00, give or take 2.83".into()));
    // Values that cover more count for more.
    let mut uneven = watched(seconds(1), false);
    uneven.takes(seconds(1), failing(0.0, 0.0));
    for (after, per_second) in [(2, 40.0), (1, 10.0), (1, 10.0), (1, 10.0)] {
        uneven.takes(seconds(after), failing(1.0, per_second));
    }
    let expected = "22.00, usually 0.00, give or take 2.10";
    assert_eq!(uneven.look().failures.map(shown), Some(expected.into()));
}

#[test]
fn a_full_database_is_saturated_for_five_seconds() {
    let mut watched = watched(seconds(1), false);
    watched.takes(seconds(1), Sample { saturated: true, ..rate(1.0) });
    let saturated = [0, 1, 1, 1, 1, 1].map(|after| {
        if after > 0 {
            watched.takes(seconds(after), rate(100.0));
        }
        watched.look().saturated
    });
    assert_eq!(saturated, [true, true, true, true, true, false]);
}

#[test]
fn a_database_that_is_down_or_has_just_come_back_says_nothing() {
    let full = || {
        let mut watched = watched(seconds(1), false);
        (0..5).for_each(|_| watched.takes(seconds(1), Sample { saturated: true, ..rate(2_000.0) }));
        assert_ne!(watched.look(), Look::default());
        watched
    };
    let mut down = full();
    down.goes_down();
    assert_eq!(down.look(), Look::default());
    let mut back = full();
    let until = Some(back.now + seconds(60));
    back.takes_returning(seconds(1), rate(2_000.0), until);
    assert_eq!(back.look(), Look::default());
    let mut old = full();
    old.now = old.now + seconds(3);
    assert_ne!(old.look(), Look::default());
    old.now = old.now + millis(1);
    assert_eq!(old.look(), Look::default());
}

#[test]
fn a_side_s_mean_begins_anew_after_what_nobody_saw() {
    let by_side = || Sample { by_side: Some(BySide { legacy: 100.0, kubernetes: 50.0 }), ..rate(150.0) };
    let known = || {
        let mut watched = watched(seconds(1), true);
        watched.watch.see_shares(Some(BySide { legacy: 0.75, kubernetes: 0.25 }));
        (0..5).for_each(|_| watched.takes(seconds(1), by_side()));
        let costs = watched.look().sides.map(|sides| (sides.legacy.counted, sides.kubernetes.counted));
        assert_eq!(costs, Some((500.0, 250.0)));
        watched
    };
    let mut seen = known();
    seen.takes(seconds(3), by_side());
    assert!(seen.look().sides.is_some());
    let mut gap = known();
    gap.takes(millis(3_001), by_side());
    assert_eq!(gap.look().sides, None);
    let mut down = known();
    down.goes_down();
    down.takes(seconds(1), by_side());
    assert_eq!(down.look().sides, None);
    let mut back = known();
    let until = Some(back.now + seconds(2));
    back.takes_returning(seconds(1), by_side(), until);
    back.takes(seconds(1), by_side());
    assert_eq!(back.look().sides, None);
}

#[test]
fn in_calm_nobody_looks_and_from_the_sample_on_that_pauses_or_with_a_tripped_guard_it_is_looked() {
    let mut engine = Engine::new(plan(), State::default(), NOW);
    engine.set_authority(Authority::Holder);
    let mut now = NOW;
    let mut looks = |value: f64| {
        now = now + seconds(1);
        for instance in 0..2 {
            engine.read(instance, Ok(reading(crate::build::percent(10))), now);
        }
        let reading = Reading::Sample(Sample { at: now, of_max: Some(20.0), ..rate(value) });
        engine.observe("accounts", &Observation { reading, returning_until: None }, now);
        engine.decide(now);
        engine.seen().looks[0].rate.map(|mean| mean.now)
    };
    for _ in 0..minutes(2).as_secs() {
        assert_eq!(looks(100.0), None);
    }
    let surge = [1_000.0; 5].map(&mut looks);
    assert_eq!(surge, [None, None, Some(640.0), Some(820.0), Some(1_000.0)]);
    // Quiet again, but not for long enough to clear.
    assert_eq!(looks(500.0), Some(900.0));
    assert_eq!(looks(500.0), Some(800.0));
}

#[test]
fn a_guard_that_trips_again_owes_its_whole_resume_time() {
    let mut watched = watched(seconds(1), false);
    let guard = rate_guard();
    let mut judged = |value: f64, tripped: bool| {
        watched.takes(seconds(1), rate(value));
        let level = if tripped { Level::Pause } else { Level::Clear };
        let tripped = Tripped { level, ..Tripped::default() };
        watched.watch.judge(&guard, &tripped, watched.now).resume
    };
    let first = (1..=90).find(|_| judged(100.0, true));
    assert_eq!(first, Some(57));
    // It clears; minutes later the rate is high again, for longer than anything looks back.
    (0..200).for_each(|_| assert!(!judged(2_000.0, false)));
    let again = (1..=90).find(|_| judged(100.0, true));
    assert_eq!(again, Some(57));
}
