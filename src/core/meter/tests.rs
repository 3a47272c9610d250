//! Tables and properties of the meter.

use proptest::prelude::*;

use super::{Answer, Counters, Meter, Observation, RETURNING, Reading, Sample};
use crate::side::BySide;
use crate::time::Time;

const fn at(millis: u64) -> Time {
    Time::from_millis(1_000_000 + millis)
}

fn base() -> Counters {
    Counters {
        identity: 7,
        uptime: 100,
        attempts: 1_000,
        refused: 10,
        failed: 50,
        connected: 40,
        maximum: 400,
        by_side: None,
    }
}

/// Observes each at its time and returns the last observation.
fn last(answers: &[(u64, Answer)]) -> Observation {
    let mut meter = Meter::new();
    let mut seen = None;
    for (millis, answer) in answers {
        seen = Some(meter.observe(answer, at(*millis)));
    }
    seen.expect("no answers")
}

fn counters(change: impl FnOnce(&mut Counters)) -> Answer {
    let mut counters = base();
    change(&mut counters);
    Answer::Counters(counters)
}

fn down() -> Answer {
    Answer::Down("cannot connect".to_owned())
}

fn sample(observation: Observation) -> Sample {
    match observation.reading {
        Reading::Sample(sample) => sample,
        other => panic!("no sample: {other:?}"),
    }
}

#[test]
fn the_first_sample_has_no_rate() {
    assert_eq!(
        last(&[(0, Answer::Counters(base()))]),
        Observation {
            reading: Reading::Sample(Sample { at: at(0), of_max: Some(10.0), ..Sample::default() }),
            returning_until: None,
        }
    );
}

#[test]
fn rates_count_refused_attempts_and_the_time_that_passed() {
    let next = counters(|c| {
        c.uptime += 2;
        c.attempts += 80;
        c.refused += 20;
        c.failed += 25;
    });
    assert_eq!(
        sample(last(&[(0, Answer::Counters(base())), (2_000, next)])),
        Sample {
            at: at(2_000),
            connection_rate: Some(50.0),
            of_max: Some(10.0),
            failed_percent: Some(25.0),
            failed_rate: Some(12.5),
            saturated: true,
            by_side: None,
        }
    );
}

#[test]
fn each_side_s_connects_have_a_rate_unless_one_of_their_counters_was_reset() {
    let side = |legacy, kubernetes| counters(|c| c.by_side = Some(BySide { legacy, kubernetes }));
    let by_side = |before, now| sample(last(&[(0, before), (2_000, now)])).by_side;
    let rates = Some(BySide { legacy: 40.0, kubernetes: 7.0 });
    assert_eq!(by_side(side(100, 50), side(180, 64)), rates);
    assert_eq!(by_side(side(100, 50), side(180, 4)), None);
    assert_eq!(by_side(side(100, 50), side(0, 64)), None);
    assert_eq!((by_side(counters(|_| {}), side(1, 1)), by_side(side(1, 1), counters(|_| {}))), (None, None));
}

#[test]
fn a_collapsed_counter_of_a_full_server_still_gives_the_true_rate() {
    // Measured: 100 attempts at the limit moved `Connections` by nothing.
    let full = counters(|c| {
        c.refused += 100;
        c.failed += 100;
        c.connected = 401;
    });
    assert_eq!(
        sample(last(&[(0, Answer::Counters(base())), (1_000, full)])),
        Sample {
            at: at(1_000),
            connection_rate: Some(100.0),
            of_max: Some(100.0),
            failed_percent: Some(100.0),
            failed_rate: Some(100.0),
            saturated: true,
            by_side: None,
        }
    );
}

#[test]
fn nothing_attempted_is_nothing_failed() {
    let quiet = sample(last(&[(0, Answer::Counters(base())), (1_000, Answer::Counters(base()))]));
    assert_eq!(
        (quiet.connection_rate, quiet.failed_percent, quiet.failed_rate),
        (Some(0.0), Some(0.0), Some(0.0))
    );
}

#[test]
fn failures_of_attempts_that_were_counted_before_are_all_that_there_is() {
    let later = counters(|c| c.failed += 3);
    let failed = sample(last(&[(0, Answer::Counters(base())), (1_000, later)]));
    assert_eq!(
        (failed.connection_rate, failed.failed_percent, failed.failed_rate),
        (Some(0.0), Some(100.0), Some(3.0))
    );
}

#[test]
fn ninety_percent_is_saturated_and_less_is_not() {
    for (connected, saturated) in [(359, false), (360, true), (400, true)] {
        let seen = sample(last(&[(0, counters(|c| c.connected = connected))]));
        assert_eq!(seen.saturated, saturated, "{connected} of 400");
    }
}

#[test]
fn each_counter_that_fell_loses_its_own_rate_only() {
    // (change, connection_rate, failed_percent, failed_rate), one second after the base
    type Row = (fn(&mut Counters), Option<f64>, Option<f64>, Option<f64>);
    let rows: [Row; 4] = [
        (|c| (c.attempts, c.failed) = (3, 60), None, None, Some(10.0)),
        (|c| (c.attempts, c.refused, c.failed) = (1_100, 0, 60), None, None, Some(10.0)),
        (|c| (c.attempts, c.failed) = (1_100, 0), Some(100.0), None, None),
        // As FLUSH STATUS does: `Connections` and `Uptime` are kept.
        (|c| (c.attempts, c.refused, c.failed) = (1_100, 0, 0), None, None, None),
    ];
    for (row, (change, rate, percent, failed)) in rows.into_iter().enumerate() {
        let seen = sample(last(&[(0, Answer::Counters(base())), (1_000, counters(change))]));
        assert_eq!(
            (seen.connection_rate, seen.failed_percent, seen.failed_rate, seen.saturated),
            (rate, percent, failed, false),
            "row {row}"
        );
    }
}

#[test]
fn the_sample_after_a_reset_has_rates_again() {
    let reset = |attempts| {
        counters(|c| {
            c.attempts = attempts;
            c.refused = 0;
            c.failed = 0;
        })
    };
    let seen = sample(last(&[(0, Answer::Counters(base())), (1_000, reset(1_100)), (2_000, reset(1_130))]));
    assert_eq!((seen.connection_rate, seen.failed_rate), (Some(30.0), Some(0.0)));
}

#[test]
fn refusals_since_a_reset_count_as_saturated() {
    let seen = sample(last(&[(0, Answer::Counters(base())), (1_000, counters(|c| c.refused = 2))]));
    assert!(seen.saturated);
}

#[test]
fn answers_in_the_same_millisecond_have_no_rate_and_lose_no_count() {
    let more = |n| counters(|c| c.attempts += n);
    let mut meter = Meter::new();
    meter.observe(&more(0), at(0));
    let same = sample(meter.observe(&more(40), at(0)));
    let next = sample(meter.observe(&more(60), at(1_000)));
    assert_eq!((same.connection_rate, next.connection_rate), (None, Some(60.0)));
}

#[test]
fn a_late_answer_is_no_loss_and_the_next_rate_spans_the_gap() {
    let mut meter = Meter::new();
    meter.observe(&Answer::Counters(base()), at(0));
    let late = meter.observe(&Answer::Late, at(1_000));
    assert_eq!(late, Observation { reading: Reading::Late, returning_until: None });
    let next = meter.observe(&counters(|c| c.attempts += 60), at(3_000));
    assert_eq!(next.returning_until, None);
    assert_eq!(sample(next).connection_rate, Some(20.0));
}

#[test]
fn down_is_told_since_the_first_loss_with_the_last_word() {
    let mut meter = Meter::new();
    meter.observe(&Answer::Counters(base()), at(0));
    meter.observe(&down(), at(1_000));
    let seen = meter.observe(&Answer::Down("refused".to_owned()), at(2_000));
    let told = Reading::Down { since: at(1_000), error: "refused".to_owned() };
    assert_eq!(seen, Observation { reading: told.clone(), returning_until: None });
    // While we wait for a login that is under way it is still down.
    let waiting = meter.observe(&Answer::Late, at(2_500));
    assert_eq!(waiting, Observation { reading: told, returning_until: None });
}

#[test]
fn after_a_return_the_data_does_not_count_for_a_minute_and_has_no_rate_at_first() {
    let mut meter = Meter::new();
    meter.observe(&Answer::Counters(base()), at(0));
    meter.observe(&down(), at(1_000));
    let back = meter.observe(&counters(|c| c.attempts += 500), at(5_000));
    assert_eq!(back.returning_until, Some(at(65_000)));
    assert_eq!(sample(back).connection_rate, None);
    let next = meter.observe(&counters(|c| c.attempts += 510), at(6_000));
    assert_eq!(next.returning_until, Some(at(65_000)));
    assert_eq!(sample(next).connection_rate, Some(10.0));
    let counts = meter.observe(&counters(|c| c.attempts += 520), at(65_000));
    assert_eq!(counts.returning_until, None);
}

#[test]
fn a_restart_or_another_server_begins_the_minute_anew() {
    type Change = fn(&mut Counters);
    let changes: [Change; 2] = [|c| c.uptime = 3, |c| c.identity = 8];
    for change in changes {
        let mut meter = Meter::new();
        meter.observe(&Answer::Counters(base()), at(0));
        meter.observe(&down(), at(1_000));
        meter.observe(&Answer::Counters(base()), at(2_000));
        let seen = meter.observe(&counters(change), at(30_000));
        assert_eq!(seen.returning_until, Some(at(30_000) + RETURNING));
        let seen = sample(seen);
        assert_eq!((seen.connection_rate, seen.failed_rate), (None, None));
    }
}

#[test]
fn an_uptime_that_is_set_back_by_seconds_is_no_restart() {
    let answers = [base(), Counters { uptime: base().uptime - 2, attempts: base().attempts + 7, ..base() }];
    let answers = answers.map(Answer::Counters);
    let seen = last(&[(0, answers[0].clone()), (1_000, answers[1].clone())]);
    assert_eq!(seen.returning_until, None);
    assert_eq!(sample(seen).connection_rate, Some(7.0));

    let back = Answer::Counters(Counters { uptime: base().uptime - 3, ..base() });
    assert_eq!(last(&[(0, answers[0].clone()), (1_000, back)]).returning_until, Some(at(1_000) + RETURNING));
}

#[test]
fn a_database_that_was_never_there_returns_when_it_comes() {
    let mut meter = Meter::new();
    meter.observe(&down(), at(0));
    assert_eq!(meter.observe(&Answer::Counters(base()), at(1_000)).returning_until, Some(at(61_000)));
}

#[test]
fn waiting_for_the_first_login_is_no_return() {
    let mut meter = Meter::new();
    assert_eq!(meter.observe(&Answer::Late, at(0)).reading, Reading::Late);
    assert_eq!(meter.observe(&Answer::Counters(base()), at(100)).returning_until, None);
}

#[test]
fn full_is_a_sample_of_hundred_percent_that_counts_unless_a_loss_came_before() {
    let full = |millis| Sample { at: at(millis), of_max: Some(100.0), saturated: true, ..Sample::default() };
    let mut meter = Meter::new();
    let first = meter.observe(&Answer::Full, at(0));
    assert_eq!(first, Observation { reading: Reading::Sample(full(0)), returning_until: None });
    // The first login ever is no return.
    assert_eq!(meter.observe(&Answer::Counters(base()), at(1_000)).returning_until, None);

    meter.observe(&down(), at(2_000));
    let refused = meter.observe(&Answer::Full, at(3_000));
    assert_eq!(
        refused,
        Observation { reading: Reading::Sample(full(3_000)), returning_until: Some(at(63_000)) }
    );
    let still = meter.observe(&Answer::Full, at(9_000));
    assert_eq!(still.returning_until, Some(at(63_000)));
    let back = meter.observe(&Answer::Counters(base()), at(10_000));
    assert_eq!(back.returning_until, Some(at(70_000)));
}

#[test]
fn a_lost_database_that_only_refuses_for_a_minute_is_full() {
    let mut meter = Meter::new();
    meter.observe(&Answer::Counters(base()), at(0));
    let refused = [(1_000, Some(61_000)), (60_999, Some(61_000)), (61_000, None), (90_000, None)];
    for (now, until) in refused {
        let seen = meter.observe(&Answer::Full, at(now));
        assert_eq!(seen.returning_until, until.map(at), "at {now}");
    }
    // It was gone, not full: its clients' storm is yet to come.
    meter.observe(&down(), at(91_000));
    assert_eq!(meter.observe(&Answer::Full, at(92_000)).returning_until, Some(at(152_000)));
    // So are those of one that came back.
    assert_eq!(meter.observe(&Answer::Counters(base()), at(100_000)).returning_until, Some(at(160_000)));
    assert_eq!(meter.observe(&Answer::Full, at(101_000)).returning_until, Some(at(161_000)));
}

fn any_answer() -> impl Strategy<Value = Answer> {
    let small = || prop_oneof![0..50_u64, any::<u64>()];
    let counters = (0..3_u64, small(), small(), small(), small(), small(), small()).prop_map(
        |(identity, uptime, attempts, refused, failed, connected, maximum)| {
            Answer::Counters(Counters {
                identity,
                uptime,
                attempts,
                refused,
                failed,
                connected,
                maximum,
                by_side: None,
            })
        },
    );
    prop_oneof![6 => counters, 1 => Just(Answer::Full), 1 => Just(Answer::Late), 1 => Just(down())]
}

proptest! {
    #[test]
    fn no_sequence_gives_a_negative_or_endless_value(
        answers in proptest::collection::vec((0..3_000_u64, any_answer()), 1..60),
    ) {
        let mut meter = Meter::new();
        let mut millis = 0;
        for (span, answer) in answers {
            millis += span;
            let seen = meter.observe(&answer, at(millis));
            let bounds = at(millis)..=at(millis) + RETURNING;
            let bounded = seen.returning_until.is_none_or(|until| bounds.contains(&until));
            prop_assert!(bounded, "{:?}", seen.returning_until);
            let Reading::Sample(sample) = seen.reading else { continue };
            prop_assert_eq!(sample.at, at(millis));
            for rate in [sample.connection_rate, sample.failed_rate].into_iter().flatten() {
                prop_assert!(rate.is_finite() && rate >= 0.0, "{}", rate);
            }
            for percent in [sample.of_max, sample.failed_percent].into_iter().flatten() {
                prop_assert!((0.0..=100.0).contains(&percent), "{}", percent);
            }
            prop_assert!(sample.saturated || sample.of_max.is_none_or(|percent| percent < 90.0));
        }
    }

    #[test]
    fn rates_add_up_to_what_was_counted(
        steps in proptest::collection::vec((0..2_000_u64, 0..1_000_u64, 0..1_000_u64, 0..3_u8), 1..60),
    ) {
        let mut meter = Meter::new();
        let mut now = base();
        let (mut millis, mut then) = (0, 0);
        meter.observe(&Answer::Counters(now.clone()), at(0));
        let mut counted = 0.0;
        for (span, attempts, refused, late) in steps {
            millis += span;
            now.attempts += attempts;
            now.refused += refused;
            let answer = if late == 0 { Answer::Late } else { Answer::Counters(now.clone()) };
            if let Reading::Sample(sample) = meter.observe(&answer, at(millis)).reading
                && let Some(rate) = sample.connection_rate
            {
                counted += rate * (millis - then) as f64 / 1_000.0;
                then = millis;
            }
        }
        millis += 1;
        let Reading::Sample(sample) = meter.observe(&Answer::Counters(now.clone()), at(millis)).reading else {
            return Err(TestCaseError::fail("no sample"));
        };
        counted += sample.connection_rate.unwrap_or_default() * (millis - then) as f64 / 1_000.0;
        let truth = (now.attempts - base().attempts + now.refused - base().refused) as f64;
        prop_assert!((counted - truth).abs() < 1e-6 * truth.max(1.0), "{} of {}", counted, truth);
    }
}
