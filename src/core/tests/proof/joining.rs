//! How an instance joins, when it leaves, and what the last holder notices.

use crossfade_core::guard::{Judgement, Level};
use crossfade_core::reason::Reason;
use crossfade_core::report;
use crossfade_core::route::{Outcome, Purpose, Reading};
use crossfade_core::seen::Authority;
use crossfade_core::state::{Raise, Retreat};
use crossfade_core::weight::Weight;

use crate::build::{
    Case, NOW, ago, capacity, declared, minutes, moved, percent, quiet, rate, reading, seconds, standing_at,
};

/// Standing at 50, the first instance not joined and read at `stands`.
fn stranger(stands: u16) -> Case {
    standing_at(50).but(|case| {
        case.state.joined.remove("edge/a");
        case.state.volatile.ours.remove("edge/a");
        case.seen.instances[0].reading = Some((NOW, reading(percent(stands))));
    })
}

fn ordered(case: Case, weight: u16, purpose: Purpose, outcome: Outcome, since: u64) -> Case {
    case.but(|case| {
        case.order(0, weight, purpose, outcome);
        case.seen.instances[0].order.as_mut().unwrap().at = ago(seconds(since));
    })
}

fn done(weight: u16) -> Outcome {
    Outcome::Done(reading(percent(weight)))
}

fn is_joined(case: &Case) -> bool {
    case.decide().state.joined.contains("edge/a")
}

/// Joined, away while the others rose: it stands at 10, as this plan last set it.
fn left_behind() -> Case {
    standing_at(50).but(|case| {
        case.seen.instances[0].reading = Some((NOW, reading(percent(10))));
        case.state.volatile.ours.insert("edge/a".into(), reading(percent(10)));
    })
}

#[test]
fn one_that_was_left_behind_joins_again_by_steps() {
    assert_eq!(left_behind().writes(), [], "that it left is stored first");
    assert!(!is_joined(&left_behind()));
    let stored = left_behind().but(|case| case.state = left_behind().decide().state);
    assert_eq!(stored.writes(), [(0, percent(35), Purpose::Raise)]);
    let raising = left_behind().but(|case| {
        case.state.raise = Some(Raise { from: percent(10), to: percent(50), at: NOW });
    });
    assert!(is_joined(&raising), "in a raise it is waited for");
    let pending = ordered(left_behind(), 30, Purpose::Raise, Outcome::Pending, 1);
    assert!(is_joined(&pending), "so it is while an order is on its way");
}

#[test]
fn what_was_ordered_to_the_plan_s_weight_and_could_not_be_met_exactly_stays() {
    let nearly = |order, outcome| {
        ordered(left_behind(), order, Purpose::Raise, outcome, 1).but(|case| {
            let number = case.state.volatile.orders;
            case.state.volatile.remembered.insert("edge/a".into(), number);
        })
    };
    assert!(is_joined(&nearly(50, done(10))));
    assert!(!is_joined(&nearly(50, Outcome::Failed { at: ago(seconds(1)) })));
    assert!(!is_joined(&nearly(10, done(10))));
}

#[test]
fn servers_that_go_down_make_no_instance_leave() {
    let short = standing_at(50).but(|case| {
        let (_, reading) = case.seen.instances[0].reading.as_mut().unwrap();
        reading.kubernetes_up = 2;
        reading.weight = percent(33);
    });
    assert!(is_joined(&short));
}

#[test]
fn a_stranger_waits_for_its_last_order_but_not_for_a_raise_that_is_too_high() {
    let lower = |purpose, weight| ordered(stranger(80), weight, purpose, Outcome::Pending, 9).writes();
    assert_eq!(lower(Purpose::Retreat, 60), []);
    assert_eq!(lower(Purpose::Raise, 50), []);
    assert_eq!(lower(Purpose::Raise, 40), []);
    assert_eq!(lower(Purpose::Raise, 60), [(0, percent(55), Purpose::Retreat)]);
}

#[test]
fn a_stranger_joins_where_the_plan_stands_unless_somebody_else_has_just_set_it() {
    assert!(is_joined(&stranger(50)));
    assert!(is_joined(&ordered(stranger(50), 75, Purpose::Retreat, done(75), 9)));
    assert!(is_joined(&ordered(stranger(50), 50, Purpose::Retreat, done(50), 9)));
    let other = || Outcome::Done(Reading { setting: 7, ..reading(percent(50)) });
    let set = ordered(stranger(50), 50, Purpose::Retreat, other(), 9);
    assert!(!is_joined(&set));
    assert_eq!(set.writes(), [(0, percent(50), Purpose::Raise)]);
    assert_eq!(set.but(|case| case.plan.paused = true).writes(), []);
}

#[test]
fn a_stranger_takes_a_step_every_so_often_and_down_at_once_after_a_raise() {
    let step = |stands, purpose, since| ordered(stranger(stands), 60, purpose, done(60), since).writes();
    assert_eq!(step(90, Purpose::Retreat, 5), [(0, percent(65), Purpose::Retreat)]);
    assert_eq!(step(90, Purpose::Retreat, 4), []);
    assert_eq!(step(90, Purpose::Raise, 4), [(0, percent(65), Purpose::Retreat)]);
    assert_eq!(step(10, Purpose::Raise, 5), [(0, percent(35), Purpose::Raise)]);
    assert_eq!(step(10, Purpose::Raise, 4), []);
    let unrecorded = ordered(stranger(10), 60, Purpose::Raise, done(60), 9);
    assert_eq!(unrecorded.but(|case| case.seen.recorded = false).writes(), []);
}

/// The last holder, in a retreat from 50 towards 25 whose last step was long ago.
fn braking(
    intended: u16,
    stands: u16,
    change: fn(&mut Case),
) -> (Weight, Vec<crossfade_core::state::Move>, bool) {
    let still = Judgement { resume: false, ..quiet() };
    let case = standing_at(50).at_level(&rate(), Level::Rollback).judged(&rate(), still).but(|case| {
        case.seen.authority = Authority::LastHolder;
        case.state.intended = Some(percent(intended));
        let since = ago(minutes(1));
        case.state.retreat = Some(Retreat { target: percent(25), since, guard: Some(rate()), arrived: true });
        case.seen.instances[0].reading = Some((NOW, reading(percent(stands))));
    });
    let state = case.but(change).decide().state;
    (state.intended.unwrap(), state.history.into(), state.retreat.unwrap().arrived)
}

/// Legacy can carry 0.95 of so many of 1,000 requests/s; `edge/a` stands at 80 %, `edge/b` at the plan's 50 %.
fn high(legacy: f64) -> Case {
    stranger(80).but(|case| case.plan.capacity = capacity(declared(1_000.0), declared(legacy)))
}

#[test]
fn a_single_instance_that_stands_too_high_takes_all_that_legacy_has_room_for() {
    // Of all traffic 65 % are Kubernetes' now. Legacy has room for 3.5 points of it: 7 of one of two.
    assert_eq!(high(405.264).writes(), [(0, percent(73), Purpose::Retreat)]);
    // What is left is 0.3 of a point: it arrives.
    let near = high(526.316).but(|case| {
        case.seen.instances[0].reading = Some((NOW, reading(Weight::from_hundredths(5_030))));
    });
    assert_eq!(near.writes(), [(0, percent(50), Purpose::Retreat)]);
    // Where it is not known what legacy can carry, 5 points are 5 points.
    let blind = stranger(80).but(|case| case.plan.capacity.legacy = None);
    assert_eq!(blind.writes(), [(0, percent(75), Purpose::Retreat)]);
    // Two share it: 80 % of all, and 3.5 points of room, are 3.5 points of each.
    let both = high(247.369).but(|case| {
        case.state.joined.clear();
        case.state.volatile.ours.clear();
        case.seen.instances[1].reading = Some((NOW, reading(percent(80))));
    });
    let each = Weight::from_hundredths(7_650);
    assert_eq!(both.writes(), [(0, each, Purpose::Retreat), (1, each, Purpose::Retreat)]);
}

#[test]
fn one_that_stands_too_low_takes_nothing_of_what_another_may_fall() {
    // Legacy has half of all, and room for 3.5 points: 7 of the one of two that falls.
    let both = high(563.158).but(|case| {
        case.state.joined.clear();
        case.state.volatile.ours.clear();
        case.seen.instances[1].reading = Some((NOW, reading(percent(20))));
    });
    assert_eq!(both.writes()[0], (0, percent(73), Purpose::Retreat));
}

#[test]
fn one_that_stands_too_high_while_legacy_is_full_says_what_helps() {
    let full = high(300.0);
    assert_eq!(full.writes(), []);
    let report = report::of(&full.plan, &full.decide().state, &full.seen, NOW);
    let blockers: Vec<_> = report.blocked_by.iter().map(|it| (it.reason, it.message.as_str())).collect();
    let words = "route edge/a stands at 80 %, above the plan's 50 %, and legacy, which can carry 300 requests/s, \
                 can take nothing more: bring legacy servers up, or shed load";
    let waits = "route edge/a does not stand at the plan's weight yet";
    assert!(blockers.contains(&(Reason::LegacyFull, words)), "{blockers:?}");
    assert!(blockers.contains(&(Reason::OutOfSync, waits)), "{blockers:?}");
    let room = high(405.264);
    let report = report::of(&room.plan, &room.state, &room.seen, NOW);
    assert!(report.blocked_by.iter().all(|it| it.reason != Reason::LegacyFull), "{:?}", report.blocked_by);
}

#[test]
fn the_last_holder_counts_a_fall_that_it_finds_as_its_own_step() {
    let same: fn(&mut Case) = |_| {};
    let fell = |to| moved(NOW, 50, to, Reason::Adopted);
    assert_eq!(braking(50, 20, same), (percent(20), vec![fell(20)], true));
    assert_eq!(braking(50, 25, same), (percent(25), vec![fell(25)], true));
    assert_eq!(braking(50, 40, same), (percent(40), vec![fell(40)], false));
    // Not below what is intended: others only follow.
    assert_eq!(braking(25, 30, same), (percent(25), vec![], true));
    assert_eq!(braking(25, 25, same), (percent(25), vec![], true));
}

#[test]
fn the_last_holder_takes_nothing_else_for_a_fall() {
    let changes: [fn(&mut Case); 4] = [
        |case| case.order(0, 50, Purpose::Retreat, Outcome::Pending),
        |case| case.state.joined.retain(|key| key != "edge/a"),
        // The same setting: servers went down.
        |case| {
            let setting = reading(percent(50)).setting;
            case.seen.instances[0].reading.as_mut().unwrap().1.setting = setting;
        },
        |case| case.seen.instances[0].reading = Some((NOW, reading(percent(60)))),
    ];
    for (place, change) in changes.into_iter().enumerate() {
        assert_eq!(braking(50, 20, change).1, [], "change {place}");
    }
}
