//! R8: record, then raise; retreat, then record. Adoption, crashes, drift.

use crossfade_core::action::Action;
use crossfade_core::engine::Engine;
use crossfade_core::reason::Reason;
use crossfade_core::report::Phase;
use crossfade_core::route::{Outcome, Purpose};
use crossfade_core::state::{Halt, PutBack, State};
use crossfade_core::time::Time;
use crossfade_core::weight::Weight;

use crate::balancer::Hands;
use crate::build::{
    Case, NOW, ago, minutes, moved, percent, plan, reading, seconds, standing_at, told, writes,
};
use crate::world::{Database, World};

fn put_back(instance: &str, at: Time) -> PutBack {
    PutBack { at, instance: instance.into() }
}

#[test]
fn a_plan_without_status_adopts_what_it_finds_and_writes_nothing() {
    let mut case = standing_at(50);
    case.state = State::default();
    case.seen.instances[1].reading = Some((NOW, reading(percent(10))));
    let decision = case.decide();
    assert_eq!(writes(&decision.actions), []);
    assert_eq!(decision.state.intended, Some(percent(50)));
    assert_eq!(decision.state.stage, Some(2));
    assert_eq!(decision.state.proven, ["canary", "tenth"].map(str::to_owned).into());
    assert_eq!(decision.actions[0], Action::Record { revision: 0 });
    // Until that is stored, nothing follows.
    let waiting = Case { state: decision.state, ..case }.but(|case| case.seen.recorded = false);
    assert_eq!(waiting.writes(), []);
    // Then the route that differs joins under R1.
    let joined = waiting.but(|case| case.seen.recorded = true).decide();
    assert_eq!(joined.state.joined, ["edge/a".to_owned()].into());
}

#[test]
fn a_plan_that_cannot_read_every_route_does_not_adopt() {
    let mut case = standing_at(50);
    case.state = State::default();
    case.seen.instances[1].reading = None;
    assert_eq!(case.decide().state.intended, None);
}

/// Restarted: what was remembered is there, nothing was read or ordered by this process.
fn restarted(weight: u16, found: [u16; 2]) -> Case {
    standing_at(weight).but(|case| {
        case.state.volatile = crossfade_core::state::Volatile::default();
        for (seen, found) in case.seen.instances.iter_mut().zip(found) {
            seen.reading = Some((NOW, reading(percent(found))));
        }
    })
}

#[test]
fn after_a_restart_a_fall_that_is_found_is_taken_over_and_starts_every_anew() {
    let decision = restarted(50, [25, 50]).decide();
    assert_eq!(decision.state.intended, Some(percent(25)));
    assert_eq!(decision.state.last_step, Some(NOW));
    assert_eq!(decision.state.history, [moved(NOW, 50, 25, Reason::Adopted)]);
    assert_eq!(decision.state.stage, Some(1));
    assert_eq!(writes(&decision.actions), [(1, percent(25), Purpose::Retreat)]);
}

#[test]
fn an_instance_found_above_the_stored_weight_is_walked_down() {
    let decision = restarted(10, [10, 100]).decide();
    assert_eq!(writes(&decision.actions), [(1, percent(75), Purpose::Retreat)]);
    assert_eq!(decision.state.intended, Some(percent(10)));
}

#[test]
fn a_raise_found_begun_is_completed_if_r1_holds_and_else_taken_back_without_cooldown() {
    let begun = |found| restarted(10, found).with_a_recorded_raise_to(50);
    let decision = begun([50, 10]).decide();
    assert_eq!(writes(&decision.actions), [(1, percent(50), Purpose::Raise)]);
    let paused = begun([50, 10]).but(|case| case.plan.paused = true).decide();
    assert_eq!(writes(&paused.actions), [(0, percent(10), Purpose::Retreat)]);
    assert_eq!(paused.state.cooldown_until, None);
    assert_eq!(paused.state.raise, None);
}

#[test]
fn a_recorded_raise_of_which_nothing_was_written_is_decided_anew() {
    let paused = restarted(10, [10, 10]).with_a_recorded_raise_to(50).but(|case| case.plan.paused = true);
    let decision = paused.decide();
    assert_eq!(decision.state.raise, None);
    assert_eq!(decision.state.intended, Some(percent(10)));
    assert_eq!(writes(&decision.actions), []);
}

#[test]
fn a_rise_by_another_writer_is_put_back_at_once() {
    let decision = standing_at(10).found(0, 50).decide();
    assert_eq!(writes(&decision.actions), [(0, percent(10), Purpose::PutBack)]);
    assert_eq!(decision.state.put_backs, [put_back("edge/a", NOW)]);
    assert_eq!(told(&decision.actions)[0], Reason::PutBack);
}

#[test]
fn a_pause_or_a_hold_does_not_stop_a_put_back() {
    let case = standing_at(10).found(0, 50).but(|case| case.plan.paused = true);
    assert_eq!(case.writes(), [(0, percent(10), Purpose::PutBack)]);
    let case = standing_at(10).found(0, 50).but(|case| case.seen.wishes.hold = Some(String::new()));
    assert_eq!(case.writes(), [(0, percent(10), Purpose::PutBack)]);
}

#[test]
fn a_rise_that_was_not_seen_within_ten_seconds_is_taken_back_step_by_step() {
    let case = standing_at(10).found(0, 100).but(|case| {
        case.seen.instances[0].changed = Some((ago(seconds(11)), NOW));
    });
    assert_eq!(case.writes(), [(0, percent(75), Purpose::Retreat)]);
}

#[test]
fn the_fourth_rise_within_ten_minutes_halts_the_plan_and_is_left() {
    let thrice = standing_at(10).found(0, 50).but(|case| {
        case.state.put_backs =
            [9, 5, 1].map(|ago_minutes| put_back("edge/a", ago(minutes(ago_minutes)))).into();
    });
    let decision = thrice.decide();
    assert_eq!(writes(&decision.actions), []);
    assert!(matches!(decision.state.halt, Some(Halt { reason: Reason::Drift, since: NOW, .. })));
    let long_ago = thrice.clone().but(|case| case.state.put_backs[0].at = ago(minutes(10)));
    assert_eq!(long_ago.writes(), [(0, percent(10), Purpose::PutBack)]);
    let elsewhere = thrice.but(|case| {
        case.state.put_backs.iter_mut().for_each(|put_back| put_back.instance = "edge/b".into());
    });
    assert_eq!(elsewhere.writes(), [(0, percent(10), Purpose::PutBack)]);
}

#[test]
fn a_fall_after_a_reload_is_kept_and_raised_again_under_r1() {
    let reloaded = standing_at(50).found(0, 10).but(|case| {
        case.seen.instances[0].reading.as_mut().unwrap().1.boot = 2;
    });
    let decision = reloaded.decide();
    assert_eq!(decision.state.intended, Some(percent(50)));
    assert_eq!(decision.state.halt, None);
    assert!(!decision.state.joined.contains("edge/a"));
    let paused = reloaded.but(|case| case.plan.paused = true);
    assert_eq!(paused.writes(), []);
}

#[test]
fn any_other_fall_is_a_retreat_by_hand_and_the_other_routes_follow() {
    let decision = standing_at(50).found(0, 20).decide();
    assert_eq!(decision.state.intended, Some(percent(20)));
    assert!(matches!(decision.state.halt, Some(Halt { reason: Reason::LoweredByHand, .. })));
    assert_eq!(writes(&decision.actions), [(1, percent(25), Purpose::Retreat)]);
}

#[test]
fn small_steps_of_another_writer_add_up() {
    let mut case = standing_at(10);
    let mut answer = Vec::new();
    for hundredths in (1000..1200).step_by(20) {
        let weight = Weight::from_hundredths(hundredths);
        case.seen.instances[0].reading = Some((NOW, reading(weight)));
        case.seen.instances[0].changed = Some((ago(seconds(2)), NOW));
        let decision = case.decide();
        answer.extend(writes(&decision.actions));
        case.state = decision.state;
        if !answer.is_empty() {
            break;
        }
    }
    assert_eq!(answer, [(0, percent(10), Purpose::PutBack)]);
}

#[test]
fn servers_that_go_down_are_no_drift() {
    let case = standing_at(50).but(|case| {
        let (_, reading) = case.seen.instances[0].reading.as_mut().unwrap();
        reading.kubernetes_up = 2;
        reading.weight = percent(33);
    });
    let decision = case.decide();
    assert_eq!(writes(&decision.actions), []);
    assert_eq!(decision.state.intended, Some(percent(50)));
}

#[test]
fn a_write_whose_answer_was_lost_is_no_drift_when_it_took_effect() {
    for (from, to, purpose) in [(50, 25, Purpose::Retreat), (10, 50, Purpose::Raise)] {
        let case = standing_at(from).but(|case| {
            case.state.intended = Some(percent(to));
            for instance in 0..2 {
                case.order(instance, to, purpose, Outcome::Failed { at: ago(seconds(1)) });
                case.seen.instances[instance].reading = Some((NOW, reading(percent(to))));
            }
        });
        let decision = case.decide();
        assert_eq!(decision.state.halt, None);
        assert_eq!(decision.state.put_backs, []);
        assert_eq!(decision.state.intended, Some(percent(to)));
    }
}

#[test]
fn outcomes_of_before_a_take_over_are_not_taken_for_newer_ones() {
    let mut world = World::new(plan(), percent(10));
    world.run(minutes(11));
    let orders = world.engine().state().volatile.orders;
    assert!(orders > 0, "a raise was written");
    let mut engine: Engine = world.engine().clone();
    engine.take_over(world.stored.clone(), world.now);
    assert_eq!(engine.state().volatile.orders, orders);
}

/// A raise and a retreat, the operator dying after so many actions of so many decisions: whatever
/// it was about to do, the world ends where it ends without.
#[test]
fn a_crash_between_any_two_actions_leads_to_the_same_end() {
    let end = |dies_at: Option<(u64, usize)>, hands: Hands| {
        let mut plan = plan();
        plan.stages.iter_mut().for_each(|stage| stage.soak = minutes(2));
        plan.stages.truncate(3);
        let mut world = World::new(plan, percent(10));
        let mut acted = 0;
        world.balancers[1].hands = hands;
        for second in 0..900 {
            world.database = Database::Rate(if (300..420).contains(&second) { 2000.0 } else { 100.0 });
            let before = world.decisions;
            world.dies_after = dies_at.filter(|(at, _)| acted == *at).map(|(_, actions)| actions);
            world.run(seconds(1));
            acted += u64::from(world.decisions > before);
        }
        assert_eq!(world.engine().report(world.now).phase, Phase::RolledBack);
        world.weights()
    };
    let without = end(None, Hands::Well);
    // The surge lasts 120 s: down to `tenth`, and as it goes on, to the stages below.
    assert_eq!(without, [Weight::ZERO; 2]);
    for at in (0..300).step_by(60).chain((298..326).step_by(2)) {
        for actions in 0..4 {
            assert_eq!(
                end(Some((at, actions)), Hands::Well),
                without,
                "died at {at} after {actions} actions"
            );
        }
    }
    assert_eq!(end(Some((309, 1)), Hands::Lost), without);
}
