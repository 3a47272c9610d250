//! R1: the weight rises only in the clear.

use crossfade_core::action::Action;
use crossfade_core::guard::{Level, Unknown};
use crossfade_core::reason::Reason;
use crossfade_core::route::{Outcome, Purpose};
use crossfade_core::seen::Authority;
use crossfade_core::state::{ByHand, Halt, Raise, Retreat};
use crossfade_core::weight::Weight;

use crate::build::{
    Case, NOW, ago, minutes, moved, of_max, percent, rate, reading, seconds, stage, standing_at, told, writes,
};

fn ready_to_rise() -> Case {
    standing_at(10).soaked()
}

#[test]
fn in_the_clear_the_next_stage_begins_and_its_raise_is_recorded_before_anything_is_written() {
    let decision = ready_to_rise().decide();
    assert_eq!(decision.state.raise, Some(Raise { from: percent(10), to: percent(50), at: NOW }));
    assert_eq!(decision.state.stage, Some(2));
    assert_eq!(decision.state.intended, Some(percent(10)));
    assert_eq!(decision.actions[0], Action::Record { revision: 0 });
    assert_eq!(writes(&decision.actions), []);
}

#[test]
fn nothing_rises_while_anything_stands_against_it() {
    type Against = fn(Case) -> Case;
    let against: [(&str, Against); 19] = [
        ("the soak is not done", |case| case.but(|case| case.state.soaked = minutes(9))),
        ("the spec is refused", |case| {
            case.but(|case| case.seen.rejected = Some((Reason::InvalidSpec, "spec.stages".into())))
        }),
        ("paused by spec", |case| case.but(|case| case.plan.paused = true)),
        ("held", |case| case.but(|case| case.seen.wishes.hold = Some("lunch".into()))),
        ("at targetStage", |case| case.but(|case| case.plan.target_stage = Some("tenth".into()))),
        ("not approved", |case| case.but(|case| case.plan.stages[2].approval = true)),
        ("a guard is paused", |case| case.at_level(&rate(), Level::Pause).judged(&rate(), busy())),
        ("another guard is paused", |case| case.at_level(&of_max(), Level::Pause).judged(&of_max(), busy())),
        ("stale data", |case| case.unknown(&rate(), Unknown::Stale { since: ago(seconds(4)) })),
        ("database down", |case| {
            case.unknown(&rate(), Unknown::Down { since: ago(seconds(4)), error: "gone".into() })
        }),
        ("database just back", |case| case.unknown(&rate(), Unknown::Returning { until: NOW + seconds(9) })),
        ("watched too shortly", |case| case.unknown(&rate(), Unknown::Young { until: NOW + seconds(1) })),
        ("no baseline yet", |case| case.unknown(&rate(), Unknown::Learning { until: NOW + seconds(9) })),
        ("another plan rises", |case| case.but(|case| case.seen.others_raising = Some("other".into()))),
        ("cooldown", |case| case.but(|case| case.state.cooldown_until = Some(NOW + seconds(1)))),
        ("rolled back by hand", |case| {
            case.but(|case| {
                let back = ByHand { target: percent(10), since: NOW, reason: String::new() };
                case.state.rolled_back_by_hand = Some(back);
            })
        }),
        ("halted by drift", |case| {
            case.but(|case| {
                let halt = Halt { reason: Reason::Drift, message: "another".into(), since: NOW };
                case.state.halt = Some(halt);
            })
        }),
        ("a route fails", |case| case.failing(1)),
        ("a route was read too long ago", |case| {
            case.but(|case| case.seen.instances[0].reading.as_mut().unwrap().0 = ago(seconds(7)))
        }),
    ];
    for (name, against) in against {
        let decision = against(ready_to_rise()).decide();
        assert_eq!(writes(&decision.actions), [], "{name}");
        assert_eq!(decision.state.raise, None, "{name}");
        assert_eq!(decision.state.stage, Some(1), "{name}");
        // What stands against a raise also stops one that is recorded and not yet written.
        if !matches!(name, "the soak is not done" | "not approved" | "at targetStage") {
            let begun = against(standing_at(10)).with_a_recorded_raise_to(50);
            assert_eq!(begun.writes(), [], "{name}");
            assert_eq!(begun.decide().state.raise, None, "{name}");
        }
    }
}

fn busy() -> crossfade_core::guard::Judgement {
    crossfade_core::guard::Judgement { value: Some(700.0), ..Default::default() }
}

#[test]
fn without_the_lease_nothing_rises() {
    for authority in [Authority::None, Authority::LastHolder] {
        let case = standing_at(10).with_a_recorded_raise_to(50).but(|case| case.seen.authority = authority);
        assert_eq!(case.writes(), []);
    }
}

#[test]
fn a_recorded_raise_is_written_to_every_instance_once_its_record_is_stored() {
    let case = standing_at(10).with_a_recorded_raise_to(50);
    assert_eq!(case.clone().but(|case| case.seen.recorded = false).writes(), []);
    assert_eq!(case.writes(), [(0, percent(50), Purpose::Raise), (1, percent(50), Purpose::Raise)]);
}

#[test]
fn a_raise_ends_when_every_instance_was_read_back_at_its_weight() {
    let done = |case: &mut Case, instance: usize| {
        case.order(instance, 50, Purpose::Raise, Outcome::Done(reading(percent(50))));
        case.seen.instances[instance].reading = Some((NOW, reading(percent(50))));
    };
    let half = standing_at(10).with_a_raise_in_flight_to(50).but(|case| done(case, 0));
    assert_eq!(half.decide().state.raise, Some(Raise { from: percent(10), to: percent(50), at: NOW }));
    let decision = half.but(|case| done(case, 1)).decide();
    assert_eq!(decision.state.raise, None);
    assert_eq!(decision.state.last_step, Some(NOW));
    assert_eq!(decision.state.history, [moved(NOW, 10, 50, Reason::Raising)]);
    assert_eq!(told(&decision.actions)[0], Reason::Raising);
}

#[test]
fn a_ramp_rises_by_its_step_and_waits_for_its_time() {
    let case = standing_at(10).soaked().with_a_ramp(3, 60).but(|case| {
        case.state.stage = Some(2);
        case.state.soaked = seconds(0);
        case.state.last_step = Some(ago(seconds(59)));
    });
    assert!(case.is_still());
    assert_eq!(case.decide().again, Some(NOW + seconds(1)));
    let due = case.but(|case| case.state.last_step = Some(ago(seconds(60))));
    assert_eq!(due.decide().state.raise, Some(Raise { from: percent(10), to: percent(13), at: NOW }));
}

#[test]
fn the_last_step_of_a_ramp_ends_at_the_stage() {
    let case = standing_at(49).with_a_ramp(3, 60).but(|case| case.state.stage = Some(2));
    assert_eq!(case.decide().state.raise, Some(Raise { from: percent(49), to: percent(50), at: NOW }));
}

#[test]
fn a_lowered_target_stage_at_the_same_weight_keeps_an_entered_stage_from_rising() {
    // `half` was entered and has not risen yet; then the target was lowered to `tenth`.
    let case = standing_at(10).but(|case| {
        case.state.stage = Some(2);
        case.plan.target_stage = Some("tenth".into());
    });
    assert!(case.is_still());
    assert_eq!(case.decide().state.stage, Some(1));
    let begun = standing_at(10).with_a_recorded_raise_to(50).but(|case| {
        case.plan.target_stage = Some("tenth".into());
    });
    assert_eq!(begun.writes(), []);
    assert_eq!(begun.decide().state.raise, None);
}

#[test]
fn two_stages_of_one_weight_are_left_and_entered_without_a_write() {
    let case = standing_at(100).but(|case| {
        case.plan.stages.push(stage("done", 100));
        case.state.stage = Some(3);
    });
    let decision = case.soaked().decide();
    assert_eq!(decision.state.stage, Some(4));
    assert_eq!(decision.state.raise, None);
    assert_eq!(writes(&decision.actions), []);
}

#[test]
fn a_raise_of_less_than_a_load_balancer_can_tell_is_done_when_it_is_stored() {
    let nearly = standing_at(50).but(|case| {
        case.state.intended = Some(Weight::from_hundredths(4_981));
        case.state.stage = Some(2);
        case.state.raise = Some(Raise { from: Weight::from_hundredths(4_981), to: percent(50), at: NOW });
    });
    let decision = nearly.decide();
    assert_eq!((decision.state.intended, decision.state.raise), (Some(percent(50)), None));
    assert_eq!(writes(&decision.actions), []);
    let unrecorded = nearly.but(|case| case.seen.recorded = false).decide();
    assert!(unrecorded.state.raise.is_some());
}

#[test]
fn servers_that_come_up_are_given_their_share_only_if_it_does_not_raise_the_weight_against_r1() {
    let fewer_legacy_servers = |case: &mut Case| {
        // Set with two of four legacy servers up; the other two have come: the share has fallen.
        for (key, ours) in &mut case.state.volatile.ours {
            assert!(key.starts_with("edge/"));
            ours.legacy_up = 2;
        }
        for seen in &mut case.seen.instances {
            let (_, reading) = seen.reading.as_mut().unwrap();
            reading.weight = percent(33);
        }
    };
    let case = standing_at(50).but(fewer_legacy_servers);
    assert_eq!(case.writes(), [(0, percent(50), Purpose::PutBack), (1, percent(50), Purpose::PutBack)]);
    let paused = case.at_level(&rate(), Level::Pause).judged(&rate(), busy());
    assert_eq!(paused.writes(), []);
}

#[test]
fn a_joining_instance_rises_only_in_the_clear_and_after_the_record() {
    let case = standing_at(50).found(1, 10).but(|case| {
        case.state.joined.remove("edge/b");
        case.state.volatile.ours.remove("edge/b");
    });
    assert_eq!(case.writes(), [(1, percent(35), Purpose::Raise)]);
    assert_eq!(case.clone().but(|case| case.seen.recorded = false).writes(), []);
    assert_eq!(case.clone().but(|case| case.plan.paused = true).writes(), []);
    let over_target = case.but(|case| {
        case.plan.target_stage = Some("tenth".into());
        case.state.last_step = Some(NOW);
    });
    assert_eq!(over_target.writes(), []);
}

#[test]
fn a_retreat_that_has_arrived_still_keeps_the_weight_down() {
    let case = ready_to_rise().at_level(&rate(), Level::Rollback).judged(&rate(), busy()).but(|case| {
        case.state.retreat =
            Some(Retreat { target: percent(10), since: ago(minutes(1)), guard: Some(rate()), arrived: true });
    });
    assert!(case.is_still());
}

#[test]
fn a_raise_whose_stage_was_taken_out_of_the_plan_is_dropped() {
    let case = standing_at(10).with_a_recorded_raise_to(50).but(|case| {
        case.plan.stages.truncate(2);
        case.state.stage = Some(1);
    });
    let decision = case.decide();
    assert_eq!((decision.state.raise, decision.state.intended), (None, Some(percent(10))));
    assert_eq!(writes(&decision.actions), []);
}

#[test]
fn an_instance_that_joined_within_a_rounding_of_the_weight_is_in_sync() {
    let near = Weight::from_hundredths(983);
    let case = ready_to_rise().but(|case| {
        case.order(0, 10, Purpose::Raise, Outcome::Done(reading(near)));
        case.seen.instances[0].order.as_mut().unwrap().weight = near;
        case.seen.instances[0].reading = Some((NOW, reading(near)));
        case.state.volatile.ours.insert("edge/a".into(), reading(near));
    });
    assert_eq!(case.decide().state.raise, Some(Raise { from: percent(10), to: percent(50), at: NOW }));
}

#[test]
fn servers_that_went_after_a_restart_keep_no_plan_from_going_on() {
    // Found at the plan's weight, no order given since; then half of the Kubernetes servers go.
    let case = ready_to_rise().but(|case| {
        for seen in &mut case.seen.instances {
            let (_, reading) = seen.reading.as_mut().unwrap();
            (reading.weight, reading.kubernetes_up) = (percent(5), 2);
        }
    });
    assert_eq!(case.decide().state.raise, Some(Raise { from: percent(10), to: percent(50), at: NOW }));
}

#[test]
fn a_stage_without_a_soak_and_one_at_the_same_weight_are_passed_at_once() {
    let case = ready_to_rise().but(|case| {
        case.plan.stages.insert(2, stage("again", 10));
        case.plan.stages[2].soak = seconds(0);
    });
    let decision = case.decide();
    assert_eq!(decision.state.stage, Some(3));
    assert!(decision.state.proven.contains("again"));
    assert_eq!(decision.state.raise, Some(Raise { from: percent(10), to: percent(50), at: NOW }));
}
