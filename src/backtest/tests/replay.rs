//! When the plan would have paused or retreated.

use std::time::Duration;

use super::{ABSOLUTE, database, half, incident, plan, record, second};
use crate::backtest::replay::{Outcome, Scene, Trip};
use crate::backtest::weeks::{Alarm, Week, alarms, weeks};
use crate::backtest::{caught, record::Record};
use crate::core::capacity::Capacity;
use crate::core::guard::{Level, Signal};
use crate::core::weight::Weight;

const DAY: u64 = 86_400;

fn replayed(guards: &str, record: &Record) -> Outcome {
    let plan = plan(guards);
    Scene::new(&plan, database(&plan), half(), record).replay(record)
}

/// 300/s, and 2000/s in the surge.
fn surge(from: u64, to: u64) -> impl Fn(u64) -> Option<f64> {
    move |at| Some(if (from..to).contains(&at) { 2000.0 } else { 300.0 })
}

#[test]
fn a_surge_pauses_after_3_s_and_retreats_after_8_s_as_in_life() {
    let outcome = replayed(ABSOLUTE, &record(3600, 1, surge(1000, 1060)));
    assert_eq!(
        outcome.trips,
        [Trip {
            signal: Signal::ConnectionRate,
            // The sample at 1000 is of the second before it.
            began: second(1002),
            value: 2000.0,
            highest: 2000.0,
            baseline: Some(300.0),
            level: Level::Rollback,
            rollback_at: Some(second(1007)),
            // Still tripped at the last proven stage: on to 0.
            retreat: Some((half(), Weight::ZERO)),
            ended: Some(second(1119)),
        }]
    );
    // The cooldown runs 30 minutes from the retreat's last step.
    assert!(
        outcome.held > Duration::from_mins(30) && outcome.held < Duration::from_mins(32),
        "{:?}",
        outcome.held
    );
}

#[test]
fn a_plan_that_says_nothing_of_legacy_walks_back_slowly_as_in_life() {
    let mut plan = plan(ABSOLUTE);
    plan.capacity = Capacity::default();
    let record = record(3600, 1, surge(1000, 1060));
    let outcome = Scene::new(&plan, database(&plan), half(), &record).replay(&record);
    // 5 points every 5 s from 1007 on: at 10 after eight steps, at 1 after two more, and the surge ends.
    let retreats: Vec<_> = outcome.trips.iter().map(|trip| trip.retreat).collect();
    assert_eq!(retreats, [Some((half(), Weight::from_percent(1.0)))]);
}

#[test]
fn each_breach_counts_once_and_each_retreat_begins_at_the_same_weight() {
    let short = |at: u64| {
        let surges = (1000..1015).contains(&at) || (2000..2015).contains(&at) || (3000..3005).contains(&at);
        Some(if surges { 2000.0 } else { 300.0 })
    };
    let outcome = replayed(ABSOLUTE, &record(4000, 1, short));
    let seen: Vec<_> = outcome.trips.iter().map(|trip| (trip.began, trip.level, trip.retreat)).collect();
    let tenth = Weight::from_percent(10.0);
    assert_eq!(
        seen,
        [
            (second(1002), Level::Rollback, Some((half(), tenth))),
            (second(2002), Level::Rollback, Some((half(), tenth))),
            (second(3002), Level::Pause, None),
        ]
    );
}

#[test]
fn the_replay_stands_where_it_is_told_and_never_rises() {
    // At the second of three stages, without soak and approval: in life the third would begin.
    let plan = plan(ABSOLUTE);
    let recorded = record(1200, 1, surge(1000, 1015));
    let tenth = Weight::from_percent(10.0);
    let trips = Scene::new(&plan, database(&plan), tenth, &recorded).replay(&recorded).trips;
    assert_eq!(
        trips.iter().map(|trip| trip.retreat).collect::<Vec<_>>(),
        [Some((tenth, Weight::from_percent(1.0)))]
    );
}

#[test]
fn what_was_not_recorded_is_unknown_and_no_alarm() {
    let gap = |at: u64| (!(990..1070).contains(&at)).then(|| surge(1000, 1060)(at)).flatten();
    let recorded = record(3600, 1, gap);
    assert_eq!(replayed(ABSOLUTE, &recorded).trips, []);
    assert_eq!((recorded.gaps().count, recorded.gaps().longest), (1, Duration::from_secs(81)));
    assert_eq!(recorded.watched(), Duration::from_secs(3599 - 80));
    // A surge that a gap interrupts is one alarm: unknown is never clear.
    let holed = |at: u64| (!(1010..1100).contains(&at)).then(|| surge(1000, 1200)(at)).flatten();
    let outcome = replayed(ABSOLUTE, &record(3600, 1, holed));
    assert_eq!(outcome.trips.iter().map(|trip| trip.began).collect::<Vec<_>>(), [second(1002)]);
}

#[test]
fn a_coarse_record_shows_what_lasts_a_sample_and_no_shorter() {
    let recorded = record(7200, 15, surge(3000, 3030));
    let outcome = replayed(ABSOLUTE, &recorded);
    let seen: Vec<_> = outcome.trips.iter().map(|trip| (trip.began, trip.level)).collect();
    assert_eq!(seen, [(second(3000), Level::Rollback)]);
    assert_eq!(replayed(ABSOLUTE, &record(7200, 15, surge(3001, 3014))).trips, []);
}

#[test]
fn the_default_guard_compares_with_the_baseline_once_it_is_learned() {
    // 1.5 times the 300/s that are normal; in the first 15 minutes nothing is.
    let twice =
        |at: u64| Some(if (300..320).contains(&at) || (3000..3020).contains(&at) { 600.0 } else { 300.0 });
    let outcome = replayed("[]", &record(4000, 1, twice));
    let seen: Vec<_> = outcome.trips.iter().map(|trip| (trip.began, trip.level, trip.baseline)).collect();
    assert_eq!(seen, [(second(3002), Level::Pause, Some(300.0))]);
}

#[test]
fn guards_that_trip_together_are_one_alarm_and_weeks_count_them() {
    let trip = |began: u64, ended: u64, level| Trip {
        signal: Signal::ConnectionRate,
        began: second(began),
        value: 0.0,
        highest: 0.0,
        baseline: None,
        level,
        rollback_at: None,
        retreat: None,
        ended: Some(second(ended)),
    };
    let trips = [
        trip(100, 200, Level::Pause),
        trip(150, 300, Level::Rollback),
        trip(300, 310, Level::Pause),
        trip(8 * DAY, 8 * DAY + 50, Level::Pause),
    ];
    let found = alarms(&trips, &[incident(250, 350)]);
    let alarm = |began: u64, ended: u64, level, wrong| Alarm {
        began: second(began),
        level,
        ended: Some(second(ended)),
        wrong,
    };
    assert_eq!(
        found,
        [
            alarm(100, 300, Level::Rollback, true),
            alarm(300, 310, Level::Pause, false),
            alarm(8 * DAY, 8 * DAY + 50, Level::Pause, true),
        ]
    );
    let week = |begins: u64, watched: u64, pauses, retreats, longest| Week {
        begins: second(begins),
        watched: Duration::from_secs(watched),
        pauses,
        retreats,
        wrong: 1,
        longest: Duration::from_secs(longest),
    };
    let recorded = record(10 * DAY + 1, 60, |_| Some(1.0));
    assert_eq!(
        weeks(&recorded, &found),
        [week(0, 7 * DAY - 60, 1, 1, 200), week(7 * DAY, 3 * DAY + 60, 1, 0, 50)]
    );
}

#[test]
fn an_incident_is_caught_by_an_alarm_that_is_on_in_it() {
    let outcome = replayed(ABSOLUTE, &record(3600, 1, surge(1000, 1060)));
    let after = |seconds| Some(Duration::from_secs(seconds));
    assert_eq!(caught(&incident(990, 1100), &outcome.trips), (after(12), after(17)));
    assert_eq!(caught(&incident(1005, 1100), &outcome.trips), (after(0), after(2)));
    assert_eq!(caught(&incident(990, 1004), &outcome.trips), (after(12), None));
    assert_eq!(caught(&incident(1200, 1300), &outcome.trips), (None, None));
    assert_eq!(caught(&incident(900, 1001), &outcome.trips), (None, None));
}
