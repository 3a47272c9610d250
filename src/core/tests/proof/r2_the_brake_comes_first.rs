//! R2: from the sample that completes a breach to the write, nothing is waited for.

use crossfade_core::action::Action;
use crossfade_core::guard::{Judgement, Level, Unknown};
use crossfade_core::plan::RollbackTo;
use crossfade_core::reason::Reason;
use crossfade_core::route::{Outcome, Purpose};
use crossfade_core::seen::Authority;
use crossfade_core::state::Retreat;

use crate::build::{
    Case, NOW, ago, minutes, moved, of_max, percent, rate, reading, seconds, standing_at, told, writes,
};

const BACK: Purpose = Purpose::Retreat;

#[test]
fn the_decision_that_sees_a_breach_complete_writes_to_every_instance_and_records_afterwards() {
    let decision = standing_at(50).breaching(&rate()).decide();
    let retreat = Retreat { target: percent(10), since: NOW, guard: Some(rate()), arrived: false };
    assert_eq!(decision.state.retreat, Some(retreat));
    assert_eq!(decision.state.intended, Some(percent(25)));
    assert_eq!(decision.state.history, [moved(NOW, 50, 25, Reason::GuardRollback)]);
    assert_eq!(decision.again, Some(NOW + seconds(5)));
    let write = |instance, number| Action::Write { instance, number, weight: percent(25), purpose: BACK };
    assert_eq!(decision.actions[..3], [write(0, 1), write(1, 2), Action::Record { revision: 0 }]);
    assert!(matches!(decision.actions[3], Action::Tell { reason: Reason::GuardRollback, .. }));
}

#[test]
fn nothing_delays_the_brake() {
    type Trouble = fn(Case) -> Case;
    let trouble: [(&str, Trouble); 11] = [
        ("the spec is refused", |case| {
            case.but(|case| case.seen.rejected = Some((Reason::InvalidSpec, String::new())))
        }),
        ("paused", |case| case.but(|case| case.plan.paused = true)),
        ("held", |case| case.but(|case| case.seen.wishes.hold = Some(String::new()))),
        ("the record is not stored", |case| case.but(|case| case.seen.recorded = false)),
        ("another plan rises", |case| case.but(|case| case.seen.others_raising = Some("other".into()))),
        ("a cooldown runs", |case| case.but(|case| case.state.cooldown_until = Some(NOW + minutes(30)))),
        ("a route fails", |case| case.failing(0)),
        ("a route was not read for long", |case| {
            case.but(|case| case.seen.instances[1].reading.as_mut().unwrap().0 = ago(minutes(1)))
        }),
        ("the other guard is unknown", |case| {
            case.unknown(&of_max(), Unknown::Stale { since: ago(seconds(9)) })
        }),
        ("a raise was a moment ago", |case| case.but(|case| case.state.last_step = Some(ago(seconds(1))))),
        ("the API server is away", |case| case.but(|case| case.seen.authority = Authority::LastHolder)),
    ];
    for (name, trouble) in trouble {
        let case = trouble(standing_at(50).breaching(&rate()));
        assert_eq!(case.writes(), [(0, percent(25), BACK), (1, percent(25), BACK)], "{name}");
    }
}

#[test]
fn a_raise_in_flight_is_overtaken_and_nobody_is_raised_by_the_retreat() {
    // Nothing was read back at 50 yet: the retreat goes down from 10, where both still stand.
    let case = standing_at(10).with_a_raise_in_flight_to(50).breaching(&rate());
    assert_eq!(case.writes(), [(0, percent(1), BACK), (1, percent(1), BACK)]);
    // One instance has arrived: the other is not raised to where the first falls.
    let half = standing_at(10).with_a_raise_in_flight_to(50).breaching(&rate()).but(|case| {
        case.order(0, 50, Purpose::Raise, Outcome::Done(reading(percent(50))));
        case.seen.instances[0].reading = Some((NOW, reading(percent(50))));
    });
    assert_eq!(half.writes(), [(0, percent(25), BACK), (1, percent(10), BACK)]);
}

#[test]
fn a_raise_that_is_recorded_and_not_written_is_dropped() {
    let decision = standing_at(50).with_a_recorded_raise_to(100).breaching(&rate()).decide();
    assert_eq!(decision.state.raise, None);
    assert_eq!(writes(&decision.actions), [(0, percent(25), BACK), (1, percent(25), BACK)]);
}

#[test]
fn a_joining_instance_on_its_way_up_is_lowered_at_once() {
    let case = standing_at(50).breaching(&rate()).but(|case| {
        case.state.joined.remove("edge/b");
        case.seen.instances[1].reading = Some((NOW, reading(percent(15))));
        case.order(1, 40, Purpose::Raise, Outcome::Pending);
    });
    assert_eq!(case.writes(), [(0, percent(25), BACK), (1, percent(15), BACK)]);
}

#[test]
fn a_retreat_goes_on_by_max_step_every_so_often_until_its_target() {
    let retreating = |since_step: u64| {
        standing_at(40).breaching(&rate()).at_level(&rate(), Level::Rollback).but(|case| {
            case.state.last_step = Some(ago(seconds(since_step)));
            case.state.retreat = Some(Retreat {
                target: percent(10),
                since: ago(seconds(9)),
                guard: Some(rate()),
                arrived: false,
            });
        })
    };
    assert_eq!(retreating(4).writes(), []);
    assert_eq!(retreating(4).decide().again, Some(NOW + seconds(1)));
    let decision = retreating(5).decide();
    assert_eq!(writes(&decision.actions), [(0, percent(15), BACK), (1, percent(15), BACK)]);
    assert!(!decision.state.retreat.unwrap().arrived);
    let near = retreating(5).but(|case| case.state.intended = Some(percent(15)));
    let decision = near.decide();
    assert_eq!(decision.state.intended, Some(percent(10)));
    assert!(decision.state.retreat.unwrap().arrived);
}

#[test]
fn a_retreat_to_zero_goes_to_zero() {
    let case = standing_at(20).breaching(&rate()).but(|case| case.plan.rollback.to = RollbackTo::Zero);
    assert_eq!(case.writes(), [(0, percent(0), BACK), (1, percent(0), BACK)]);
}

#[test]
fn when_the_guard_of_a_retreat_falls_silent_another_that_is_breached_carries_it_on() {
    let case = standing_at(50)
        .at_level(&rate(), Level::Rollback)
        .unknown(&rate(), Unknown::Stale { since: ago(seconds(5)) })
        .breaching(&of_max())
        .but(|case| {
            case.state.last_step = Some(ago(seconds(5)));
            case.state.retreat = Some(Retreat {
                target: percent(10),
                since: ago(seconds(9)),
                guard: Some(rate()),
                arrived: false,
            });
        });
    let decision = case.decide();
    assert_eq!(writes(&decision.actions), [(0, percent(25), BACK), (1, percent(25), BACK)]);
    assert_eq!(decision.state.retreat.unwrap().guard, Some(of_max()));
}

fn arrived_at_ten(since_step: u64) -> Case {
    standing_at(10).at_level(&rate(), Level::Rollback).but(|case| {
        case.state.last_step = Some(ago(seconds(since_step)));
        case.state.retreat =
            Some(Retreat { target: percent(10), since: ago(minutes(1)), guard: Some(rate()), arrived: true });
    })
}

#[test]
fn at_its_target_a_retreat_goes_further_only_for_a_breach_that_was_measured_wholly_there() {
    let down = [(0, percent(1), BACK), (1, percent(1), BACK)];
    assert_eq!(arrived_at_ten(10).breaching(&rate()).writes(), []);
    assert_eq!(arrived_at_ten(11).breaching(&rate()).writes(), down);
    let over_the_pause_threshold = Judgement { value: Some(900.0), pause: true, ..Judgement::default() };
    assert_eq!(arrived_at_ten(600).judged(&rate(), over_the_pause_threshold).writes(), []);
}

#[test]
fn at_the_target_of_one_guard_the_breach_of_another_leads_further() {
    let case = arrived_at_ten(11).judged(&rate(), Judgement::default()).breaching(&of_max());
    assert_eq!(case.writes(), [(0, percent(1), BACK), (1, percent(1), BACK)]);
}

#[test]
fn what_another_holder_has_lowered_a_moment_ago_counts_as_a_part_of_the_step() {
    let found = |from: u16| {
        standing_at(30).breaching(&rate()).but(|case| {
            case.state.last_step = Some(ago(seconds(2)));
            case.state.history.push_back(moved(ago(seconds(2)), from, 30, Reason::Adopted));
        })
    };
    assert_eq!(found(55).writes(), []);
    assert_eq!(found(55).decide().again, Some(NOW + seconds(3)));
    assert!(found(55).decide().state.retreat.is_some());
    assert_eq!(found(45).writes(), [(0, percent(20), BACK), (1, percent(20), BACK)]);
}

#[test]
fn a_person_who_lowers_below_the_target_of_a_retreat_is_not_overruled() {
    let case = standing_at(5).breaching(&rate()).at_level(&rate(), Level::Rollback).but(|case| {
        case.state.retreat = Some(Retreat {
            target: percent(10),
            since: ago(minutes(1)),
            guard: Some(rate()),
            arrived: false,
        });
    });
    assert_eq!(case.writes(), []);
    assert_eq!(case.decide().state.intended, Some(percent(5)));
}

#[test]
fn at_weight_zero_there_is_nothing_to_retreat_from() {
    let decision = standing_at(0).breaching(&rate()).decide();
    assert_eq!(decision.state.retreat, None);
    assert_eq!(decision.state.retreats_ever, 0);
    assert_eq!(writes(&decision.actions), []);
    assert_eq!(told(&decision.actions)[0], Reason::GuardRollback);
}

#[test]
fn an_instance_whose_write_failed_is_written_again_after_a_second() {
    let failed = |at| {
        standing_at(25).but(|case| {
            case.seen.instances[0].reading = Some((ago(seconds(2)), reading(percent(50))));
            case.order(0, 25, BACK, Outcome::Failed { at });
            case.seen.instances[0].failing = Some((at, "refused".into()));
        })
    };
    assert_eq!(failed(ago(seconds(1))).writes(), [(0, percent(25), BACK)]);
    let young = failed(NOW - std::time::Duration::from_millis(999));
    assert_eq!(young.writes(), []);
    assert_eq!(young.decide().again, Some(NOW + std::time::Duration::from_millis(1)));
}

#[test]
fn a_step_is_also_for_an_instance_that_another_writer_keeps_high() {
    // Halted by drift: the rise is left alone, until a guard asks for a retreat to where it was told
    // to stand before.
    let case = standing_at(50).breaching(&rate()).but(|case| {
        case.state.halt = Some(crossfade_core::state::Halt {
            reason: Reason::Drift,
            message: "another writer".into(),
            since: ago(minutes(1)),
        });
        case.order(0, 25, BACK, Outcome::Done(reading(percent(25))));
        case.seen.instances[0].reading = Some((NOW, reading(percent(80))));
    });
    assert_eq!(case.writes(), [(0, percent(25), BACK), (1, percent(25), BACK)]);
}
