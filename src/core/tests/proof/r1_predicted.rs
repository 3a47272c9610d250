//! R1 and R3: what each side's requests cost a database bounds a raise, and a step back.

use std::time::Duration;

use crossfade_core::connects::{Cost, Tally};
use crossfade_core::peaks::{Peak, Peaks};
use crossfade_core::prediction::{Expected, Foreseen, Missing, Rates};
use crossfade_core::reason::Reason;
use crossfade_core::report::{self, DatabaseReport};
use crossfade_core::side::BySide;
use crossfade_core::time::Time;
use proptest::prelude::*;

use crate::build::{Case, NOW, ago, minutes, percent, rate, seconds, standing_at};

/// So many requests per second, of which `kubernetes` percent go there, each at so many connects, for `span`
/// until `end`; and `others` connects per second.
pub fn tally(tally: &mut Tally, end: Time, span: Duration, kubernetes: u16, costs: [f64; 2], others: f64) {
    let share = f64::from(kubernetes) / 100.0;
    let requests = BySide { legacy: 1_000.0 * (1.0 - share), kubernetes: 1_000.0 * share };
    let connects = BySide { legacy: requests.legacy * costs[0], kubernetes: requests.kubernetes * costs[1] };
    let all = connects.legacy + connects.kubernetes + others;
    for second in (0..span.as_secs()).rev() {
        tally.push(end - seconds(second), seconds(1), all, connects, Some(requests));
    }
}

/// At 10 %, soaked, the next stage at 50 %; asked for 1,000 requests/s, of which each costs so many
/// connects on legacy, and so many on Kubernetes.
fn costing(legacy: f64, kubernetes: f64) -> Case {
    standing_at(10).soaked().but(|case| {
        case.plan.databases[0].by_side = true;
        let mut known = Tally::default();
        tally(&mut known, NOW, minutes(5), 10, [legacy, kubernetes], 0.0);
        case.seen.tallies = vec![known];
    })
}

fn rises(case: &Case) -> bool {
    case.decide().state.raise.is_some()
}

fn peak(case: &mut Case, requests_per_second: f64) {
    case.state.peaks = Peaks([Peak { at: ago(minutes(30)), requests_per_second }].into());
    case.plan.capacity.legacy = None;
}

fn first(case: &Case) -> (Reason, String) {
    let report = report::of(&case.plan, &case.state, &case.seen, case.now);
    let blocker = report.blocked_by.first().unwrap();
    (blocker.reason, blocker.message.clone())
}

fn of_database(case: &Case) -> DatabaseReport {
    report::of(&case.plan, &case.state, &case.seen, case.now).databases.remove(0)
}

/// To a thousandth.
fn shown(case: &Case) -> Result<[String; 2], Missing> {
    let rates = of_database(case).predicted.unwrap().rates;
    rates.map(|Rates { now, peak }| [format!("{now:.3}"), format!("{peak:.3}")])
}

#[test]
fn nothing_rises_to_a_rate_at_which_the_guard_would_not_clear() {
    // At 50 %: 500 requests/s at 0.3, and as many at 0.8; the guard clears below 600.
    assert!(rises(&costing(0.3, 0.8)));
    let over = costing(0.3, 0.91);
    assert!(!rises(&over));
    assert_eq!(
        first(&over),
        (
            Reason::ConnectionsPredicted,
            "the next step waits: at 50 % database accounts is predicted to get 605 connects/s at what is asked for \
             now, and the guard's resume threshold is 600: make connections cost less (pool them), or raise the \
             thresholds"
                .into()
        )
    );
    assert!(
        rises(&costing(0.3, 0.91).but(|case| case.plan.databases[0].guards[0].resume.test =
            crossfade_core::guard::Test::BelowBaseline(1.2))),
        "only absolute thresholds are asked"
    );
    assert!(rises(&costing(0.3, 0.91).but(|case| case.plan.databases[0].guards.clear())));
}

#[test]
fn nothing_rises_to_a_rate_that_the_peak_would_bring_over_the_pause_threshold_or_the_capacity() {
    let at_peak = |requests, cost| costing(0.3, cost).but(|case| peak(case, requests));
    assert!(rises(&at_peak(1_400.0, 0.8)), "770");
    let over = at_peak(1_500.0, 0.8);
    assert!(!rises(&over), "825");
    assert!(first(&over).1.contains("825 connects/s at the peak, and the guard's pause threshold is 800"));
    let proven = |capacity| {
        at_peak(1_400.0, 0.8).but(|case| case.plan.databases[0].connection_rate_capacity = Some(capacity))
    };
    assert!(rises(&proven(1_284.0)));
    assert!(!rises(&proven(1_283.0)));
    let says = first(&proven(1_283.0)).1;
    assert!(says.contains("that is over 60 % of its connectionRateCapacity, 1283: "), "{says}");
    let just = costing(0.5, 0.5).but(|case| {
        peak(case, 1_200.0);
        case.plan.databases[0].connection_rate_capacity = Some(1_000.0);
    });
    assert!(rises(&just), "60 % of it may be asked for");
}

#[test]
fn connects_of_others_stay_as_they_are() {
    let with_others = |others: f64| {
        costing(0.3, 0.8).but(|case| {
            let mut known = Tally::default();
            tally(&mut known, NOW, minutes(5), 10, [0.3, 0.8], others);
            case.seen.tallies = vec![known];
        })
    };
    assert_eq!(shown(&with_others(40.0)), Ok(["590.000".into(), "590.000".into()]));
    assert!(rises(&with_others(40.0)));
    assert!(!rises(&with_others(60.0)));
    let peak = with_others(40.0).but(|case| peak(case, 1_300.0));
    assert_eq!(shown(&peak), Ok(["590.000".into(), "755.000".into()]));
}

#[test]
fn a_recorded_raise_that_is_too_much_by_now_is_not_written() {
    let raising = |cost| costing(0.3, cost).with_a_recorded_raise_to(50);
    assert_eq!(raising(0.8).writes().len(), 2);
    let over = raising(0.91);
    assert_eq!((over.writes().len(), over.decide().state.raise), (0, None));
}

#[test]
fn what_is_not_known_is_not_asked_and_status_says_which() {
    let unasked = |case: &Case| {
        assert!(rises(case));
        shown(case).unwrap_err()
    };
    let dear = || costing(0.3, 9.0);
    assert_eq!(unasked(&dear().but(|case| case.seen.tallies = vec![Tally::default()])), Missing::Requests);
    let seen_for = |span, kubernetes, costs| {
        dear().but(|case| {
            let mut known = Tally::default();
            tally(&mut known, NOW, span, kubernetes, costs, 0.0);
            case.seen.tallies = vec![known];
        })
    };
    assert_eq!(unasked(&seen_for(seconds(59), 10, [0.3, 9.0])), Missing::Requests);
    assert!(shown(&seen_for(seconds(60), 10, [0.3, 9.0])).is_ok());
    assert_eq!(unasked(&seen_for(minutes(5), 0, [0.3, 9.0])), Missing::Kubernetes);
    assert_eq!(unasked(&seen_for(minutes(5), 100, [0.3, 9.0])), Missing::Legacy);
    // Kubernetes was asked for 19 of the last seconds, and for 20.
    let brief = |asked: u64| {
        dear().but(|case| {
            let mut known = Tally::default();
            tally(&mut known, ago(seconds(asked)), minutes(4), 0, [0.3, 9.0], 0.0);
            tally(&mut known, NOW, seconds(asked), 10, [0.3, 9.0], 0.0);
            case.seen.tallies = vec![known];
        })
    };
    assert_eq!(unasked(&brief(19)), Missing::Kubernetes);
    assert!(shown(&brief(20)).is_ok());
    // 99 connects in 5 minutes.
    assert_eq!(unasked(&seen_for(minutes(5), 10, [0.3, 0.0033])), Missing::Kubernetes);
    let silent = dear().but(|case| case.plan.capacity = crossfade_core::capacity::Capacity::default());
    assert_eq!(unasked(&silent), Missing::Demand);
    let old = dear().but(|case| {
        let mut known = Tally::default();
        tally(&mut known, ago(seconds(16)), minutes(5), 10, [0.3, 9.0], 0.0);
        case.seen.tallies = vec![known];
    });
    assert_eq!(unasked(&old), Missing::Requests);
    let together = dear().but(|case| case.plan.databases[0].by_side = false);
    assert!(rises(&together));
    assert_eq!(of_database(&together).predicted, None);
}

#[test]
fn what_was_full_or_unwatched_is_no_part_of_the_mean() {
    let mut known = Tally::default();
    tally(&mut known, ago(minutes(4)), minutes(5), 10, [0.9, 0.9], 0.0);
    tally(&mut known, NOW, seconds(90), 10, [0.3, 0.5], 0.0);
    let costs = known.known(NOW).per_request;
    // Of the first five minutes one is left.
    let mean = |old: f64, new: f64, seconds_old: f64| (old * seconds_old + new * 90.0) / (seconds_old + 90.0);
    let near = |cost: Option<Cost>, expected: f64| (cost.unwrap().each - expected).abs() < 0.02;
    assert!(near(costs.legacy, mean(0.9, 0.3, 60.0)), "{costs:?}");
    let lately = known.known(NOW).lately;
    assert!(near(lately.kubernetes, 0.5) && near(lately.legacy, 0.3), "{lately:?}");
}

#[test]
fn what_is_predicted_of_a_raise_is_recorded_with_it_and_counts_from_when_it_was_read_back() {
    let begins = costing(0.3, 0.5);
    let state = begins.decide().state;
    let foreseen = state.foreseen.clone().unwrap();
    assert_eq!(
        (state.raise.map(|raise| raise.to), foreseen.at, foreseen.to),
        (Some(percent(50)), NOW, percent(50))
    );
    let Expected { each, others, taught, .. } = foreseen.by["accounts"];
    assert_eq!((format!("{each:.3}"), others, taught), ("0.400".into(), 0.0, None));
    let unknown = begins.clone().but(|case| case.seen.tallies = vec![Tally::default()]).decide().state;
    assert!(unknown.raise.is_some() && unknown.foreseen.is_none());
    // However long it takes to be read back: until then nothing is compared.
    let arrived = begins.with_a_raise_in_flight_to(50).but(|case| {
        case.state.foreseen = Some(Foreseen { at: ago(minutes(9)), ..foreseen });
        case.plan.stages.retain(|stage| stage.weight <= percent(50));
    });
    assert_eq!(arrived.decide().state.foreseen.unwrap().at, ago(minutes(9)));
    let arrived = arrived.but(|case| {
        for instance in 0..2 {
            let stands = crate::build::reading(percent(50));
            case.seen.instances[instance].reading = Some((NOW, stands.clone()));
            let done = crossfade_core::route::Outcome::Done(stands);
            case.order(instance, 50, crossfade_core::route::Purpose::Raise, done);
        }
    });
    let state = arrived.decide().state;
    assert_eq!((state.foreseen.unwrap().at, state.raise, state.volatile.saw_raise), (NOW, None, Some(NOW)));
}

/// At 50 %, a rollback threshold crossed; so many connects/s are answered at most.
pub fn retreating(legacy: f64, kubernetes: f64, capacity: f64) -> Case {
    standing_at(50).breaching(&rate()).but(|case| {
        case.plan.databases[0].by_side = true;
        case.plan.databases[0].connection_rate_capacity = Some(capacity);
        let mut known = Tally::default();
        tally(&mut known, NOW, minutes(5), 50, [legacy, kubernetes], 0.0);
        case.seen.tallies = vec![known];
    })
}

fn falls_to(case: &Case) -> u16 {
    let mut to: Vec<u16> = case.writes().iter().map(|(_, weight, _)| weight.hundredths()).collect();
    to.dedup();
    to.first().copied().unwrap_or(5_000)
}

#[test]
fn a_step_back_to_a_legacy_that_costs_more_stays_within_the_database_s_budget() {
    // 2,000/s now; each point of 10 requests/s costs 10 more; 0.85 of the capacity less 2,000 is left.
    assert_eq!(falls_to(&retreating(2.5, 1.5, 2_470.6)), 4_000);
    assert_eq!(falls_to(&retreating(2.5, 1.5, 2_000.0)), 5_000, "nothing is left");
    assert_eq!(falls_to(&retreating(2.5, 1.5, 10_000.0)), 2_500, "the largest step");
    assert_eq!(falls_to(&retreating(1.5, 2.5, 2_000.0)), 2_500, "legacy costs less");
    let unknown = retreating(2.5, 1.5, 2_000.0);
    assert_eq!(falls_to(&unknown.clone().but(|case| case.seen.tallies = vec![Tally::default()])), 2_500);
    assert_eq!(
        falls_to(&unknown.clone().but(|case| case.plan.databases[0].connection_rate_capacity = None)),
        2_500
    );
    assert_eq!(falls_to(&unknown.but(|case| case.plan.databases[0].by_side = false)), 2_500);
}

#[test]
fn a_surge_of_kubernetes_is_not_held_back_by_what_it_cost_before() {
    let surging = retreating(0.6, 0.5, 800.0).but(|case| {
        let mut known = Tally::default();
        tally(&mut known, ago(seconds(8)), minutes(5), 50, [0.6, 0.5], 0.0);
        tally(&mut known, NOW, seconds(8), 50, [0.6, 2.0], 0.0);
        case.seen.tallies = vec![known];
    });
    assert_eq!(falls_to(&surging), 2_500);
}

proptest! {
    #[test]
    fn no_raise_begins_that_is_predicted_to_cross_a_threshold(
        costs in [0.0..2.0_f64, 0.0..2.0],
        others in 0.0..300.0_f64,
        highest in 1_000.0..3_000.0_f64,
        capacity in proptest::option::of(500.0..3_000.0_f64),
    ) {
        let case = costing(costs[0], costs[1]).but(|case| {
            let mut known = Tally::default();
            tally(&mut known, NOW, minutes(5), 10, costs, others);
            case.seen.tallies = vec![known];
            case.plan.databases[0].connection_rate_capacity = capacity;
            peak(case, highest);
        });
        let each = 0.5 * costs[0] + 0.5 * costs[1];
        let (now, at_peak) = (1_000.0 * each + others, highest * each + others);
        let too_much = now >= 600.0 || at_peak >= 800.0 || capacity.is_some_and(|most| at_peak > 0.6 * most);
        let near = [(now, 600.0), (at_peak, 800.0), (at_peak, 0.6 * capacity.unwrap_or_default())];
        prop_assume!(near.iter().all(|(rate, limit)| (rate - limit).abs() > 1e-6));
        // A side that hardly connects is not known.
        prop_assume!(costs.iter().all(|cost| cost * 1_000.0 * 0.1 * 250.0 > 100.0));
        prop_assert_eq!(rises(&case), !too_much);
    }
}

#[test]
fn connects_of_a_side_that_nobody_asks_are_no_cost() {
    let mut known = Tally::default();
    let (connects, asked) =
        (BySide { legacy: 300.0, kubernetes: 90.0 }, |kubernetes| BySide { legacy: 900.0, kubernetes });
    for second in (0..60).rev() {
        let kubernetes = if second < 30 { 100.0 } else { 0.0 };
        known.push(ago(seconds(second)), seconds(1), 390.0, connects, Some(asked(kubernetes)));
    }
    let cost = known.known(NOW).per_request.kubernetes.unwrap();
    assert_eq!(
        (format!("{:.3}", cost.each), format!("{:.0}", cost.counted)),
        ("0.900".into(), "2700".into())
    );
}
