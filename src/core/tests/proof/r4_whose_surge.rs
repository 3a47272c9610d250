//! R4: only what Kubernetes alone causes is walked back, where the sides are told apart.

use crossfade_core::guard::{Judgement, Level};
use crossfade_core::plan::When;
use crossfade_core::reason::Reason;
use crossfade_core::report::{self, Phase, Who};
use crossfade_core::seen::Wishes;
use crossfade_core::side::BySide;
use crossfade_core::sides::Cost;
use crossfade_core::state::{Command, Move};
use crossfade_core::surge::{Look, Mean, Surge, Whose};
use proptest::prelude::*;

use crate::build::{
    Case, NOW, ago, minutes, moved, of_max, percent, rate, seconds, standing_at, told, writes,
};

/// A side that costs so many times its usual 1,000 connects/s, at a share of a half.
pub fn cost(times: f64) -> Cost {
    Cost { counted: 2_500.0 * times, share_seconds: 2.5, normal: Some(1_000.0) }
}

/// What the samples say: of the sides, and of connects per second, of which 1,000 are normal.
pub fn look(sides: Option<(f64, f64)>, rate: f64) -> Look {
    let sides =
        sides.map(|(legacy, kubernetes)| BySide { legacy: cost(legacy), kubernetes: cost(kubernetes) });
    let normal = sides.map(|_| BySide { legacy: 1_000.0, kubernetes: 1_000.0 });
    let rate = Some(Mean { now: rate, normal: 1_000.0, noise: 10.0 });
    Look { sides, normal, rate, failures: None, saturated: false }
}

/// A breach at weight 50, of which the samples say this.
pub fn breach(look: Look) -> Case {
    standing_at(50).breaching(&rate()).but(|case| {
        case.plan.rollback.when = When::Attributed;
        case.plan.databases[0].by_side = look.sides.is_some();
        case.seen.looks = vec![look];
    })
}

/// Legacy costs so many times the usual, Kubernetes so many.
fn sides(legacy: f64, kubernetes: f64) -> Case {
    breach(look(Some((legacy, kubernetes)), 500.0 * (legacy + kubernetes)))
}

/// It was judged so before.
fn judged_before(case: Case, whose: Whose) -> Case {
    case.at_level(&rate(), Level::Rollback).but(|case| {
        let surge = Surge { whose, since: ago(seconds(30)), normal: None, trial: None };
        case.state.surges.insert("accounts".into(), surge);
    })
}

fn whose(case: &Case) -> Option<Whose> {
    case.decide().state.surges.get("accounts").map(|surge| surge.whose)
}

#[test]
fn the_side_that_rose_is_named_and_a_little_rise_with_the_other_s_is_none() {
    for (legacy, kubernetes, expected) in [
        (1.0, 3.0, Whose::Kubernetes),
        (1.0, 1.25, Whose::Kubernetes),
        (3.0, 1.0, Whose::Legacy),
        (3.0, 3.0, Whose::Common),
        (1.5, 1.5, Whose::Common),
        // A third of the other's rise, and less.
        (2.7, 6.0, Whose::Common),
        (2.6, 6.0, Whose::Kubernetes),
        (6.0, 2.7, Whose::Common),
        (6.0, 2.6, Whose::Legacy),
        // A fifth more is none.
        (1.19, 1.3, Whose::Kubernetes),
        (1.0, 1.2, Whose::Unmeasured),
    ] {
        assert_eq!(whose(&sides(legacy, kubernetes)), Some(expected), "{legacy} {kubernetes}");
    }
}

#[test]
fn a_rise_that_chance_may_make_is_none() {
    // 100 are usual in these seconds: 130 may be chance, 131 are not.
    for (counted, expected) in [(130.0, Whose::Unmeasured), (131.0, Whose::Kubernetes)] {
        let case = sides(1.0, 1.0).but(|case| {
            let kubernetes = Cost { counted, share_seconds: 0.1, normal: Some(1_000.0) };
            let quiet = Cost { counted: 4_900.0, share_seconds: 4.9, normal: Some(1_000.0) };
            case.seen.looks[0].sides = Some(BySide { legacy: quiet, kubernetes });
        });
        assert_eq!(whose(&case), Some(expected), "{counted}");
    }
}

#[test]
fn a_normal_below_20_connects_per_second_counts_as_20() {
    for (times, expected) in [(39.0, Whose::Kubernetes), (23.0, Whose::Unmeasured)] {
        let case = sides(1.0, 1.0).but(|case| {
            let side = |now: f64| Cost { counted: 50.0 * now, share_seconds: 50.0, normal: Some(1.0) };
            case.seen.looks[0].sides = Some(BySide { legacy: side(1.0), kubernetes: side(times) });
        });
        assert_eq!(whose(&case), Some(expected), "{times}");
    }
}

#[test]
fn a_surge_of_kubernetes_is_walked_back_in_the_same_turn() {
    let decision = sides(1.0, 4.0).decide();
    assert_eq!(decision.state.intended, Some(percent(25)));
    assert_eq!(writes(&decision.actions).len(), 2);
    assert_eq!(decision.state.retreats.len(), 1);
}

#[test]
fn what_is_not_kubernetes_is_held_without_step_retreat_or_cooldown() {
    let others = breach(look(Some((1.0, 1.0)), 2_500.0));
    for (case, reason) in [
        (sides(4.0, 4.0), Reason::SurgeCommon),
        (sides(4.0, 1.0), Reason::SurgeLegacy),
        (others, Reason::SurgeElsewhere),
    ] {
        let decision = case.decide();
        let state = &decision.state;
        assert_eq!(writes(&decision.actions), [], "{reason}");
        assert_eq!((state.intended, &state.retreat), (Some(percent(50)), &None), "{reason}");
        assert_eq!((state.retreats.len(), state.retreats_ever, state.cooldown_until), (0, 0, None));
        assert!(told(&decision.actions).contains(&reason), "{:?}", decision.actions);
        let report = report::of(&case.plan, state, &case.seen, NOW);
        assert_eq!(report.phase, Phase::Paused);
        assert_eq!(report.blocked_by[0].reason, reason);
        assert_eq!((report.blocked_by[0].who, report.blocked_by[0].since), (Who::Person, Some(NOW)));
        let clear = report.conditions.iter().find(|condition| condition.kind == "GuardsClear").unwrap();
        assert_eq!((clear.status, clear.reason), (false, reason));
    }
}

#[test]
fn it_is_said_by_which_figures() {
    let says = |case: &Case| {
        let state = case.decide().state;
        report::of(&case.plan, &state, &case.seen, NOW).blocked_by.remove(0).message
    };
    assert_eq!(
        says(&sides(4.0, 3.0)),
        "the surge of database accounts is both sides', in connects of what is usual: legacy 4.0 times, \
         Kubernetes 3.0 times; moving traffic does not help, so nothing moves: shed what is optional, give the \
         database room, and find what changed on both"
    );
    assert_eq!(
        says(&sides(4.0, 1.0)),
        "the surge of database accounts is legacy's, in connects of what is usual: legacy 4.0 times, Kubernetes \
         1.0 times; moving traffic there would make it worse, so nothing moves: shed what is optional, give the \
         database room, and find what changed on legacy"
    );
    assert_eq!(
        says(&breach(look(Some((1.0, 1.0)), 2_500.0))),
        "the surge of database accounts is of users of neither side, in connects of what is usual: legacy 1.0 \
         times, Kubernetes 1.0 times; moving traffic does not help, so nothing moves: find who else connects, or \
         name all users of both sides in spec.databases[].users"
    );
}

#[test]
fn whoever_wants_every_surge_walked_back_gets_it() {
    for case in [sides(4.0, 4.0), sides(4.0, 1.0), judged_before(sides(4.0, 4.0), Whose::Common)] {
        let decision = case.but(|case| case.plan.rollback.when = When::Always).decide();
        assert_eq!(decision.state.intended, Some(percent(25)));
        assert_eq!(decision.state.surges, [].into());
    }
}

#[test]
fn an_answer_changes_only_when_another_is_clear() {
    for (before, legacy, kubernetes, expected) in [
        // A third of the rise, when nothing is known; less while it counted, more while it did not.
        (Whose::Common, 2.3, 6.0, Whose::Common),
        (Whose::Common, 2.2, 6.0, Whose::Kubernetes),
        (Whose::Common, 6.0, 2.2, Whose::Legacy),
        (Whose::Kubernetes, 3.0, 6.0, Whose::Kubernetes),
        (Whose::Kubernetes, 3.2, 6.0, Whose::Common),
        (Whose::Legacy, 6.0, 3.0, Whose::Legacy),
        (Whose::Legacy, 6.0, 3.2, Whose::Common),
        (Whose::Unmeasured, 1.0, 3.0, Whose::Kubernetes),
        (Whose::Neither, 3.0, 3.0, Whose::Common),
        (Whose::Unmeasured, 2.7, 6.0, Whose::Common),
        (Whose::Neither, 6.0, 2.7, Whose::Common),
        // A side that counted counts on though it has almost fallen back, and one that did not does not.
        (Whose::Common, 1.1, 1.3, Whose::Common),
        (Whose::Common, 1.3, 1.1, Whose::Common),
        (Whose::Legacy, 1.1, 1.3, Whose::Common),
        (Whose::Legacy, 1.3, 1.1, Whose::Legacy),
        (Whose::Kubernetes, 1.3, 1.1, Whose::Common),
        (Whose::Kubernetes, 1.1, 1.3, Whose::Kubernetes),
        (Whose::Common, 1.15, 1.0, Whose::Common),
        (Whose::Common, 1.0, 1.15, Whose::Common),
        // It is over: the answer stands until the guard is clear.
        (Whose::Common, 1.0, 1.0, Whose::Common),
        (Whose::Common, 0.9, 1.1, Whose::Common),
        (Whose::Kubernetes, 1.0, 1.0, Whose::Kubernetes),
        (Whose::Legacy, 1.0, 1.1, Whose::Legacy),
    ] {
        let case = judged_before(sides(legacy, kubernetes), before);
        assert_eq!(whose(&case), Some(expected), "{before:?} {legacy} {kubernetes}");
    }
}

#[test]
fn an_answer_that_stays_is_not_stored_again() {
    let case = judged_before(sides(4.0, 4.0), Whose::Common);
    assert_eq!(case.decide().state.surges, case.state.surges);
    let other = judged_before(sides(1.0, 4.0), Whose::Common).decide().state.surges["accounts"];
    assert_eq!((other.whose, other.since), (Whose::Kubernetes, NOW));
}

#[test]
fn what_was_normal_is_remembered_with_the_answer() {
    let surge = sides(4.0, 4.0).decide().state.surges["accounts"];
    let normal = Some(BySide { legacy: 1_000.0, kubernetes: 1_000.0 });
    assert_eq!(surge, Surge { whose: Whose::Common, since: NOW, normal, trial: None });
}

#[test]
fn a_full_database_lets_each_side_in_alike_so_that_the_sides_still_compare() {
    for (legacy, kubernetes, expected) in [
        // Six times as many from Kubernetes, of which a fifth is let in.
        (0.2, 1.2, Whose::Kubernetes),
        (1.2, 0.2, Whose::Legacy),
        (0.8, 0.8, Whose::Common),
        (4.0, 4.0, Whose::Common),
        // A fifth more is none.
        (1.0, 1.2, Whose::Common),
        (1.2, 1.0, Whose::Common),
        (1.0, 1.21, Whose::Kubernetes),
        (1.21, 1.0, Whose::Legacy),
    ] {
        let case = sides(legacy, kubernetes).but(|case| case.seen.looks[0].saturated = true);
        let case = case.but(|case| case.seen.looks[0].rate = None);
        assert_eq!(whose(&case), Some(expected), "{legacy} {kubernetes}");
    }
}

#[test]
fn of_a_full_database_a_few_connects_name_no_side() {
    for (counted, expected) in [(18.0, Whose::Common), (19.0, Whose::Kubernetes)] {
        let case = sides(1.0, 1.0).but(|case| {
            let look = &mut case.seen.looks[0];
            (look.saturated, look.rate) = (true, None);
            look.sides.as_mut().unwrap().kubernetes =
                Cost { counted, share_seconds: 0.005, normal: Some(1_000.0) };
        });
        assert_eq!(whose(&case), Some(expected), "{counted}");
    }
}

#[test]
fn nothing_is_judged_before_a_restart_has_settled() {
    let unread = sides(4.0, 4.0).but(|case| {
        case.state.volatile.settled = false;
        case.seen.instances[1].reading = None;
    });
    assert_eq!(whose(&unread), None);
}

#[test]
fn only_what_is_held_is_told_as_such() {
    assert_eq!(told(&sides(1.0, 4.0).decide().actions), [Reason::GuardRollback; 2]);
    assert_eq!(told(&breach(look(None, 2_500.0)).decide().actions), [Reason::GuardRollback; 2]);
}

#[test]
fn a_retreat_stands_while_its_surge_is_common_and_goes_on_when_it_is_kubernetes_alone() {
    let under_way = |legacy| {
        judged_before(sides(legacy, 4.0), Whose::Kubernetes).but(|case| {
            case.state.retreat = Some(crossfade_core::state::Retreat {
                target: percent(10),
                since: ago(seconds(30)),
                guard: Some(rate()),
                arrived: false,
            });
            case.state.last_step = Some(ago(seconds(30)));
        })
    };
    assert_eq!(under_way(1.0).decide().state.intended, Some(percent(25)));
    let held = under_way(4.0).decide();
    assert_eq!(held.state.intended, Some(percent(50)));
    assert!(held.state.retreat.is_some());
    assert_eq!(held.state.volatile.told, Some((Phase::Paused, Some(Reason::SurgeCommon))));
}

#[test]
fn of_two_databases_the_one_that_kubernetes_overruns_is_answered() {
    let case = sides(4.0, 4.0).but(|case| {
        let mut other = case.plan.databases[0].clone();
        other.name = "mail".into();
        case.plan.databases.push(other);
        let breached = case.seen.judgements[0].1.clone();
        let key = crossfade_core::state::GuardKey::new("mail", crossfade_core::guard::Signal::ConnectionRate);
        case.seen.judgements.push((key, breached));
        case.seen.looks.push(look(Some((1.0, 4.0)), 2_500.0));
    });
    let decision = case.decide();
    assert_eq!(decision.state.intended, Some(percent(25)));
    assert_eq!(decision.state.retreat.unwrap().guard.unwrap().database, "mail");
    assert_eq!(decision.state.surges["accounts"].whose, Whose::Common);
}

#[test]
fn at_the_end_of_a_retreat_it_goes_on_only_for_kubernetes() {
    let arrived = |legacy| {
        judged_before(sides(legacy, 4.0), Whose::Kubernetes).but(|case| {
            case.state.retreat = Some(crossfade_core::state::Retreat {
                target: percent(50),
                since: ago(minutes(2)),
                guard: Some(rate()),
                arrived: true,
            });
            case.state.last_step = Some(ago(minutes(1)));
        })
    };
    assert_eq!(arrived(1.0).decide().state.intended, Some(percent(25)));
    assert_eq!(arrived(4.0).decide().state.intended, Some(percent(50)));
}

#[test]
fn an_answer_is_forgotten_when_its_guards_are_clear_and_stands_while_nothing_is_known() {
    let clear = judged_before(sides(4.0, 4.0), Whose::Common)
        .judged(&rate(), Judgement { value: Some(100.0), resume: true, ..Judgement::default() });
    assert_eq!(clear.decide().state.surges, [].into());
    let stale = crossfade_core::guard::Unknown::Stale { since: ago(seconds(10)) };
    let unknown = judged_before(sides(4.0, 4.0), Whose::Common)
        .unknown(&rate(), stale)
        .but(|case| case.seen.looks = vec![Look::default()]);
    assert_eq!(whose(&unknown), Some(Whose::Common));
    let restarted =
        judged_before(sides(4.0, 4.0), Whose::Common).but(|case| case.seen.looks = vec![Look::default()]);
    assert_eq!(whose(&restarted), Some(Whose::Common), "its normals are not learned yet");
    assert_eq!(restarted.decide().state.intended, Some(percent(50)));
}

#[test]
fn a_lowered_target_stage_waits_for_the_end_of_a_surge_that_is_not_kubernetes_and_a_rollback_by_hand_does_not()
 {
    let lowered = |case: Case| case.but(|case| case.plan.target_stage = Some("tenth".into()));
    assert_eq!(lowered(sides(4.0, 4.0)).decide().state.intended, Some(percent(50)));
    assert_eq!(lowered(standing_at(50)).decide().state.intended, Some(percent(25)));
    let by_hand = sides(4.0, 4.0).but(|case| {
        let commands = [(Command::Rollback, "2026 enough".to_owned())].into();
        case.seen.wishes = Wishes { commands, ..Wishes::default() };
    });
    assert_eq!(by_hand.decide().state.intended, Some(percent(25)));
}

#[test]
fn a_rise_of_ours_a_moment_ago_is_the_cause_where_nothing_tells_the_sides_apart() {
    let raised = |look, before: u64, reason| {
        breach(look).but(|case| {
            case.state.history = [moved(ago(seconds(before)), 10, 50, reason)].into();
        })
    };
    let unknown = || look(None, 2_500.0);
    assert_eq!(whose(&raised(unknown(), 60, Reason::Raising)), Some(Whose::Kubernetes));
    assert_eq!(whose(&raised(unknown(), 61, Reason::Raising)), Some(Whose::Judging));
    assert_eq!(whose(&raised(unknown(), 30, Reason::PutBack)), Some(Whose::Judging));
    let known = look(Some((1.0, 1.0)), 2_500.0);
    assert_eq!(whose(&raised(known, 30, Reason::Raising)), Some(Whose::Neither));
    let down = Move { from: percent(60), ..moved(ago(seconds(30)), 60, 50, Reason::Raising) };
    let fell = breach(unknown()).but(|case| case.state.history = [down].into());
    assert_eq!(whose(&fell), Some(Whose::Judging));
    let under_way = standing_at(10).but(|case| case.seen.looks = vec![unknown()]).breaching(&rate());
    let under_way = under_way.but(|case| case.plan.rollback.when = When::Attributed);
    assert_eq!(whose(&under_way.clone().with_a_raise_in_flight_to(50)), Some(Whose::Kubernetes));
    assert_eq!(
        whose(&under_way.with_a_recorded_raise_to(50)),
        Some(Whose::Judging),
        "nothing was written yet"
    );
}

#[test]
fn where_no_rate_is_above_normal_the_brake_goes_all_the_same_unless_the_database_is_full() {
    let quiet = |saturated| {
        breach(look(None, 1_100.0)).breaching(&of_max()).but(|case| case.seen.looks[0].saturated = saturated)
    };
    assert_eq!(whose(&quiet(false)), Some(Whose::Unmeasured));
    assert_eq!(quiet(false).decide().state.intended, Some(percent(25)));
    assert_eq!(whose(&quiet(true)), Some(Whose::Common));
    assert_eq!(quiet(true).decide().state.intended, Some(percent(50)));
}

proptest! {
    #[test]
    fn nothing_moves_for_what_both_sides_share_and_something_does_for_kubernetes_alone(
        times in 1.6..20.0_f64,
        skew in 0.75..1.33_f64,
    ) {
        let common = sides(1.0 + (times - 1.0) * skew, times).decide();
        prop_assert_eq!(common.state.intended, Some(percent(50)));
        prop_assert_eq!(writes(&common.actions), []);
        let alone = sides(1.0 + (times - 1.0) * 0.3, times).decide();
        prop_assert_eq!(alone.state.intended, Some(percent(25)));
    }
}
