//! Soak that sees peaks: a stage is proven by full days in which demand came near the highest.

use std::time::Duration;

use crossfade_core::capacity::{Figure, Source};
use crossfade_core::check::check;
use crossfade_core::peaks::MEAN;
use crossfade_core::periods::{Course, Period, Periods};
use crossfade_core::reason::Reason;
use crossfade_core::report::{self, Phase, Report};
use crossfade_core::state::{State, Volatile};
use crossfade_core::time::Time;
use proptest::prelude::*;

use crate::build::{
    Case, NOW, capacity, declared, minutes, percent, quiet, rate, reading, seconds, standing_at, told,
};

/// The world is looked at so often.
const STEP: Duration = Duration::from_secs(30);

fn hours(count: u64) -> Duration {
    Duration::from_hours(count)
}

/// At 50 with no soak but so many peaks, and a window of a week; no stage follows.
fn asked(peaks: u32) -> Case {
    standing_at(50).but(|case| {
        case.plan.stages.truncate(3);
        case.plan.stages[2].soak = Duration::ZERO;
        case.plan.stages[2].peaks = peaks;
        case.plan.databases[0].every = Duration::from_secs(10);
        case.plan.capacity = capacity(Source::Measured, declared(1e9));
        case.plan.capacity.demand.as_mut().unwrap().peak_window = hours(168);
        case.seen.figures.measured.insert(Figure::Demand, (NOW, 100.0));
    })
}

/// Time passes, while so much is asked for.
fn pass(case: &mut Case, span: Duration, demand: f64) {
    let end = case.now + span;
    while case.now < end {
        case.now = case.now + STEP;
        let weight = case.state.intended.unwrap();
        for seen in &mut case.seen.instances {
            seen.reading = Some((case.now, reading(weight)));
        }
        case.seen.figures.measured.insert(Figure::Demand, (case.now, demand));
        case.state = case.decide().state;
    }
}

/// Nobody looks, and whoever comes back goes on from what was stored.
fn restart(case: &mut Case, after: Duration) {
    case.now = case.now + after;
    let volatile = Volatile { settled: true, ours: case.state.volatile.ours.clone(), ..Volatile::default() };
    case.state.volatile = volatile;
}

fn pause(case: &mut Case, span: Duration, demand: f64) {
    case.plan.paused = true;
    pass(case, span, demand);
    case.plan.paused = false;
}

fn seen(case: &Case) -> usize {
    case.state.periods.peaks.len()
}

fn is_proven(case: &Case) -> bool {
    case.state.proven.contains("half")
}

fn report(case: &Case) -> Report {
    report::of(&case.plan, &case.state, &case.seen, case.now)
}

#[test]
fn a_period_is_a_peak_from_nine_tenths_of_the_highest_on_and_never_of_nothing() {
    let peaks = |in_it: f64, highest: f64| {
        let now = Some(Period { since: NOW, watched: hours(23), highest: in_it });
        let mut periods = Periods { peaks: Vec::new(), now };
        let course = periods.watch(hours(1), hours(24), highest, NOW + hours(24));
        assert_eq!(course, Course::Full);
        periods.peaks
    };
    assert_eq!([peaks(89.9, 100.0), peaks(90.0, 100.0)], [vec![], vec![90.0]]);
    assert_eq!(peaks(0.0, 0.0), [0.0; 0]);
}

#[test]
fn a_stage_is_proven_when_it_has_seen_as_many_full_days_with_a_peak() {
    let mut case = asked(2);
    pass(&mut case, hours(24), 100.0);
    assert_eq!((seen(&case), is_proven(&case)), (0, false), "the first look began the day");
    pass(&mut case, STEP, 100.0);
    assert_eq!((seen(&case), is_proven(&case)), (1, false));
    pass(&mut case, seconds(24 * 3600 - 30), 100.0);
    assert_eq!((seen(&case), is_proven(&case)), (1, false));
    case.now = case.now + STEP;
    case.seen.instances.iter_mut().for_each(|seen| seen.reading = Some((case.now, reading(percent(50)))));
    let decision = case.decide();
    assert!(decision.state.proven.contains("half"));
    assert_eq!(told(&decision.actions)[0], Reason::StageProven);
    let after = Case { state: decision.state, ..case.clone() };
    assert_eq!(report(&after).phase, Phase::Completed);
}

#[test]
fn a_day_that_stays_more_than_a_tenth_below_the_highest_is_no_peak() {
    for (quiet, peaks) in [(89.9, 0), (90.0, 1)] {
        let mut case = asked(2);
        pass(&mut case, hours(1), 100.0);
        case.state.periods = Periods::default();
        pass(&mut case, hours(24) + STEP, quiet);
        assert_eq!(seen(&case), peaks, "{quiet}");
    }
}

#[test]
fn a_day_that_a_later_one_outgrows_counts_no_more() {
    let mut case = asked(5);
    pass(&mut case, hours(48) + STEP, 100.0);
    assert_eq!(seen(&case), 2, "a weekend");
    pass(&mut case, hours(1), 111.0);
    assert_eq!(seen(&case), 2, "near enough");
    pass(&mut case, hours(1), 150.0);
    assert_eq!(seen(&case), 0, "Monday");
    pass(&mut case, hours(22), 100.0);
    assert_eq!(case.state.periods.peaks, [150.0]);
}

#[test]
fn two_hours_of_a_day_may_pass_unwatched_and_no_more() {
    let day = |unwatched: u64| {
        let mut case = asked(2);
        pass(&mut case, hours(20), 100.0);
        pause(&mut case, seconds(unwatched), 100.0);
        pass(&mut case, seconds(4 * 3600 + 30 - unwatched), 100.0);
        seen(&case)
    };
    // The clock has stood from the last look before the pause to the first after it.
    assert_eq!((day(7170), day(7200)), (1, 0));
    let mut restarted = asked(2);
    pass(&mut restarted, hours(10), 100.0);
    restart(&mut restarted, hours(1));
    pass(&mut restarted, hours(13) + STEP, 100.0);
    assert_eq!(seen(&restarted), 1);
    let mut away = asked(2);
    pass(&mut away, hours(10), 100.0);
    restart(&mut away, hours(3));
    pass(&mut away, hours(24), 100.0);
    assert_eq!(seen(&away), 0);
    pass(&mut away, STEP, 100.0);
    assert_eq!(seen(&away), 1, "another day began");
}

#[test]
fn what_came_while_the_clock_stood_or_before_the_period_was_not_seen() {
    let mut paused = asked(1);
    pass(&mut paused, hours(12), 80.0);
    pause(&mut paused, hours(1), 100.0);
    pass(&mut paused, hours(11) + STEP, 80.0);
    assert_eq!(seen(&paused), 0, "it was asked for, and shown to nobody's clock");
    let mut tripped = asked(1);
    pass(&mut tripped, hours(12), 100.0);
    let storm = crossfade_core::guard::Judgement { pause: true, resume: false, ..quiet() };
    tripped = tripped.judged(&rate(), storm);
    pass(&mut tripped, hours(1), 900.0);
    tripped = tripped.judged(&rate(), quiet());
    pass(&mut tripped, hours(11) + STEP, 100.0);
    assert_eq!(tripped.state.periods.peaks, [100.0], "a storm is no peak");
    let began = |before: u64| {
        let mut periods = Periods { peaks: vec![], now: Some(Period { since: NOW, ..Period::default() }) };
        periods.take(NOW + minutes(5) - Duration::from_millis(before), minutes(5), 9.0);
        periods.now.unwrap().highest
    };
    assert_eq!((began(0).to_string(), began(1).to_string()), ("9".into(), "0".into()));
}

#[test]
fn the_period_is_the_window_if_that_is_shorter_than_a_day() {
    let mut case = asked(1);
    case.plan.capacity.demand.as_mut().unwrap().peak_window = hours(6);
    pass(&mut case, hours(6), 100.0);
    assert_eq!(seen(&case), 0);
    pass(&mut case, STEP, 100.0);
    assert_eq!(seen(&case), 1);
    let mut unwatched = asked(1);
    unwatched.plan.capacity.demand.as_mut().unwrap().peak_window = hours(6);
    pass(&mut unwatched, hours(5), 100.0);
    pause(&mut unwatched, minutes(30), 100.0);
    pass(&mut unwatched, minutes(31), 100.0);
    assert_eq!(seen(&unwatched), 0);
}

#[test]
fn a_retreat_and_another_stage_begin_anew() {
    let with_peaks = || {
        asked(5).but(|case| {
            case.state.periods = Periods { peaks: vec![1.0; 3], now: Some(Period::default()) };
        })
    };
    let retreated = with_peaks().breaching(&rate()).decide();
    assert_eq!(retreated.state.periods, Periods::default());
    let entered = with_peaks().but(|case| {
        case.plan.stages[2].peaks = 3;
        case.plan.stages.push(crate::build::stage("full", 100));
        case.state.proven.insert("half".into());
    });
    let entered = entered.decide();
    assert_eq!((entered.state.stage, entered.state.periods), (Some(3), Periods::default()));
}

#[test]
fn status_says_how_many_were_seen_and_when_the_next_can_have_been() {
    let case = asked(5).but(|case| {
        case.plan.stages[2].soak = hours(30);
        case.state.soaked = hours(3);
        case.state.periods.peaks = vec![1.0; 2];
        case.state.periods.now = Some(Period { since: NOW - hours(9), ..Period::default() });
    });
    let said = report(&case);
    let words: Vec<_> = said.blocked_by.iter().map(|blocker| (blocker.reason, blocker.until)).collect();
    let [soak, peak] = [NOW + hours(27), NOW + hours(15)];
    assert_eq!(words, [(Reason::Soaking, Some(soak)), (Reason::AwaitingPeak, Some(peak))]);
    assert_eq!(
        said.blocked_by[1].message,
        "2 of 5 peaks seen; another is with each full 24 h in which demand comes within 10 % of the highest of \
         spec.demand.peakWindow"
    );
    assert_eq!((said.phase, said.soak_ends), (Phase::Soaking, Some(NOW + hours(15 + 48))));
    let soaked = case.clone().but(|case| case.state.soaked = hours(30));
    let soon = soaked.clone().but(|case| {
        let since = NOW - hours(24) + Duration::from_secs(2);
        case.state.periods.now = Some(Period { since, watched: hours(24), ..Period::default() });
    });
    assert_eq!(soon.decide().again, Some(NOW + Duration::from_secs(2)));
    assert_eq!(report(&soaked).blocked_by[0].reason, Reason::AwaitingPeak);
    assert!(report(&soaked).conditions[0].status, "that it waits for a day is what was asked");
    let held = report(&soaked.but(|case| case.plan.paused = true));
    assert_eq!((held.blocked_by[1].until, held.soak_ends), (None, None));
    let one = asked(1).but(|case| case.state.soaked = hours(30));
    assert!(report(&one).blocked_by[0].message.starts_with("0 of 1 peak seen; "));
    let on_the_way = asked(1).but(|case| case.state.intended = Some(percent(40)));
    assert!(report(&on_the_way).blocked_by.iter().all(|blocker| blocker.reason != Reason::AwaitingPeak));
}

#[test]
fn the_period_is_stored_at_each_sixtieth_and_with_each_peak() {
    let at = |watched: Duration, counted_to: Duration| {
        let case = asked(2).but(|case| {
            case.state.periods.now = Some(Period { since: NOW - watched, watched, highest: 7.0 });
            case.state.volatile.soak_counted_to = Some(NOW - counted_to);
            case.state.volatile.told = Some((Phase::Soaking, Some(Reason::AwaitingPeak)));
        });
        !case.decide().actions.is_empty()
    };
    // A sixtieth of a day is 24 minutes.
    assert!(!at(Duration::from_millis(1_429_999), Duration::from_secs(10)));
    assert!(at(Duration::from_secs(1_430), Duration::from_secs(10)));
    assert!(at(hours(24), Duration::from_secs(10)), "a full one");
    assert!(!at(hours(20), Duration::from_secs(10)), "the part has just begun");
}

#[test]
fn peaks_are_refused_where_demand_is_not_watched_and_beyond_what_is_kept() {
    let fields = |case: Case| {
        let problems = check(&case.but(|case| case.plan.databases[0].every = Duration::from_secs(1)).plan);
        problems.into_iter().map(|problem| problem.field).collect::<Vec<_>>()
    };
    assert_eq!(fields(asked(31)), Vec::<String>::new());
    assert_eq!(fields(asked(32)), ["spec.stages[2].soak.peaks"]);
    let written_down = asked(1).but(|case| case.plan.capacity.demand.as_mut().unwrap().from = declared(9.0));
    assert_eq!(fields(written_down), ["spec.stages[2].soak.peaks"]);
    let nothing = asked(1).but(|case| case.plan.capacity = crossfade_core::capacity::Capacity::default());
    assert_eq!(fields(nothing), ["spec.stages[2].soak.peaks"]);
}

/// What happened in a stretch of time.
#[derive(Clone, Copy, Debug)]
enum Stretch {
    /// The clock runs, at this demand.
    Runs(u64, f64),
    /// The plan is paused.
    Paused(u64, f64),
    /// Nobody looks.
    Away(u64),
}

/// When the world was looked at, whether the soak clock could run then, and the demand.
type Look = (Time, bool, f64);

/// The most days that do not overlap, were watched but for two hours, and came within a tenth of `highest`.
fn days(looks: &[Look], highest: f64) -> u32 {
    let mut found = 0;
    let mut free_from = Time::default();
    let near: Vec<Time> = (0..looks.len())
        .filter(|place| is_near(looks, *place, highest))
        .map(|place| looks[place].0)
        .collect();
    for (end, ..) in looks {
        if end.as_millis() < hours(24).as_millis().try_into().unwrap() || *end - hours(24) < free_from {
            continue;
        }
        let is_within = |at: Time| at > *end - hours(24) && at <= *end;
        let watched = looks.iter().filter(|(at, runs, _)| *runs && is_within(*at)).count();
        // One look more or less at each end of what was not watched.
        let full = STEP * u32::try_from(watched).unwrap() + STEP * 40 >= hours(22);
        if full && near.iter().any(|at| is_within(*at)) {
            found += 1;
            free_from = *end;
        }
    }
    found
}

/// Whether a look saw a demand within a tenth of `highest`, and is part of a mean that counts: one that ends while
/// the clock runs or with the look that stops it, wherever in the five minutes before it began.
fn is_near(looks: &[Look], place: usize, highest: f64) -> bool {
    let (at, _, demand) = looks[place];
    let around = &looks[place.saturating_sub(1)..looks.len().min(place + 11)];
    demand >= 0.9 * highest
        && around.iter().any(|(look, runs, _)| *runs && *look + STEP >= at && *look < at + MEAN)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    /// Nothing is proven by fewer days than that, however they were paused, broken off or outgrown.
    #[test]
    fn no_stage_is_proven_before_as_many_full_days_near_the_highest(
        peaks in 1..3_u32,
        stretches in prop::collection::vec(prop_oneof![
            8 => (3..16_u64, 60.0..100.0).prop_map(|(hours, demand)| Stretch::Runs(hours, demand)),
            1 => (1..4_u64, 60.0..120.0).prop_map(|(hours, demand)| Stretch::Paused(hours, demand)),
            1 => (1..4_u64).prop_map(Stretch::Away),
        ], 6..14),
    ) {
        let mut case = asked(peaks);
        let mut looks: Vec<Look> = Vec::new();
        'run: for stretch in stretches {
            let (length, demand, runs) = match stretch {
                Stretch::Runs(length, demand) => (length, demand, true),
                Stretch::Paused(length, demand) => (length, demand, false),
                Stretch::Away(length) => {
                    restart(&mut case, hours(length));
                    continue;
                }
            };
            case.plan.paused = !runs;
            let end = case.now + hours(length);
            while case.now < end {
                pass(&mut case, STEP, demand);
                looks.push((case.now, runs, demand));
                if is_proven(&case) {
                    break 'run;
                }
            }
        }
        if is_proven(&case) {
            let highest = case.state.peaks.highest(hours(168), case.now).unwrap().requests_per_second;
            let days = days(&looks, highest);
            prop_assert!(days >= peaks, "{days} of {peaks}, {:?}", case.state.periods);
        }
    }
}

#[test]
fn a_state_from_a_late_clock_has_no_period_ahead() {
    let periods = Periods { peaks: vec![], now: Some(Period { since: NOW + hours(1), ..Period::default() }) };
    let state = State { periods, ..State::default() }.by_the_clock_of(NOW);
    assert_eq!(state.periods.now.map(|period| period.since), Some(NOW));
}
