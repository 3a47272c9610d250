//! What is drift and what is not: whose write it was, and whether it leads where it should.

use crossfade_core::guard::Level;
use crossfade_core::reason::Reason;
use crossfade_core::route::{Outcome, Purpose};
use crossfade_core::state::{Halt, PutBack};

use crate::build::{Case, NOW, ago, percent, rate, reading, seconds, standing_at};

/// The last order to the first instance, which then stands somewhere.
fn ordered(case: Case, order: u16, outcome: Outcome, stands: u16) -> Case {
    case.but(|case| case.order(0, order, Purpose::Retreat, outcome)).found(0, stands)
}

/// Its outcome was taken in by an earlier turn.
fn remembered(case: Case) -> Case {
    case.but(|case| {
        let number = case.state.volatile.orders;
        case.state.volatile.remembered.insert("edge/a".into(), number);
    })
}

fn halts(case: &Case) -> Option<Reason> {
    case.decide().state.halt.map(|Halt { reason, .. }| reason)
}

fn more_servers(weight: u16) -> Case {
    standing_at(10).but(|case| {
        let (_, reading) = case.seen.instances[0].reading.as_mut().unwrap();
        reading.kubernetes_up = 5;
        reading.weight = percent(weight);
    })
}

#[test]
fn what_an_order_made_of_an_instance_is_what_it_should_look_like_from_then_on() {
    let done = || Outcome::Done(reading(percent(25)));
    let at_25 = || standing_at(50).but(|case| case.state.intended = Some(percent(25)));
    // It was set to 25, and then somebody set it to where it stood before.
    let raised = ordered(at_25(), 25, done(), 50);
    assert_eq!(raised.decide().state.put_backs.len(), 1);
    assert_eq!(ordered(at_25(), 25, done(), 25).decide().state.put_backs.len(), 0);
    assert_eq!(ordered(at_25(), 25, done(), 25).decide().state.volatile.ours["edge/a"], reading(percent(25)));
}

#[test]
fn an_order_that_failed_may_have_been_carried_out_then_or_later() {
    let failed = || Outcome::Failed { at: ago(seconds(0)) };
    // Whatever it stands at when the failure is first known is not held against anybody.
    let at_once = ordered(standing_at(50), 25, failed(), 60);
    assert_eq!((at_once.decide().state.put_backs.len(), halts(&at_once)), (0, None));
    // Later only what the order would have made.
    let late = remembered(ordered(standing_at(50), 25, failed(), 25));
    assert_eq!(halts(&late), None);
    let other = remembered(ordered(standing_at(50), 25, failed(), 20));
    assert_eq!(halts(&other), Some(Reason::LoweredByHand));
    let rise = remembered(ordered(standing_at(50), 50, failed(), 60));
    assert_eq!(rise.decide().state.put_backs.len(), 1);
}

#[test]
fn while_an_order_is_on_its_way_nothing_is_drift() {
    let pending = ordered(standing_at(50), 50, Outcome::Pending, 20);
    assert_eq!((halts(&pending), pending.decide().state.intended), (None, Some(percent(50))));
    let raised = ordered(standing_at(50), 50, Outcome::Pending, 80);
    assert_eq!(raised.decide().state.put_backs, []);
}

#[test]
fn an_instance_that_has_not_joined_does_not_drift() {
    let stranger = standing_at(50).found(0, 20).but(|case| {
        case.state.joined.remove("edge/a");
    });
    assert_eq!(halts(&stranger), None);
}

#[test]
fn what_leads_towards_the_plan_s_weight_is_no_drift_however_it_came() {
    for (intended, was, is) in [(60, 50, 55), (60, 50, 60), (40, 50, 45), (40, 50, 40)] {
        let case = standing_at(50).found(0, is).but(|case| {
            case.state.intended = Some(percent(intended));
            case.state.volatile.ours.insert("edge/a".into(), reading(percent(was)));
        });
        let state = case.decide().state;
        assert_eq!((state.halt, state.put_backs.len()), (None, 0), "{was} to {is}, meant {intended}");
    }
    let beyond = standing_at(50).found(0, 61).but(|case| case.state.intended = Some(percent(60)));
    assert_eq!(beyond.decide().state.put_backs.len(), 1);
    let below = standing_at(50).found(0, 39).but(|case| case.state.intended = Some(percent(40)));
    assert_eq!(halts(&below), Some(Reason::LoweredByHand));
}

#[test]
fn shares_are_set_anew_when_servers_come_but_up_only_when_nothing_stands_against_it() {
    let put_back = [(0, percent(10), Purpose::PutBack)];
    assert_eq!(more_servers(12).writes(), put_back);
    assert_eq!(more_servers(8).writes(), put_back);
    let paused = |weight| more_servers(weight).but(|case| case.plan.paused = true).writes();
    assert_eq!(paused(12), put_back);
    assert_eq!(paused(8), []);
    let unrecorded = more_servers(8).but(|case| case.seen.recorded = false);
    assert_eq!(unrecorded.writes(), []);
    let unsettled = more_servers(12).but(|case| {
        case.state.volatile.settled = false;
        case.seen.instances[1].reading = None;
    });
    assert_eq!(unsettled.writes(), []);
    let fewer = more_servers(12).but(|case| {
        case.seen.instances[0].reading.as_mut().unwrap().1.legacy_up = 3;
    });
    assert_eq!(fewer.writes(), []);
}

/// At 0 % by a retreat, and raised again and again: the plan has halted, and its last put-back was a while ago.
fn fought(ago_seconds: u64) -> Case {
    standing_at(0).found(0, 50).but(|case| {
        let since = ago(seconds(60));
        case.state.halt = Some(Halt { reason: Reason::Drift, message: String::new(), since });
        case.order(0, 0, Purpose::Retreat, Outcome::Done(reading(percent(0))));
        case.seen.instances[0].order.as_mut().unwrap().at = ago(seconds(ago_seconds));
    })
}

#[test]
fn a_breach_is_answered_once_in_the_time_of_a_step_however_often_another_writer_raises() {
    let brake = [(0, percent(0), Purpose::Retreat)];
    assert_eq!(fought(60).writes(), [], "no guard is at its rollback level");
    assert_eq!(fought(60).at_level(&rate(), Level::Pause).writes(), []);
    let breached = |ago_seconds| fought(ago_seconds).breaching(&rate());
    assert_eq!(breached(5).writes(), brake);
    assert_eq!(breached(4).writes(), []);
    assert_eq!(breached(4).decide().again, Some(NOW + seconds(1)));
    // The put-back that is one too many halts the plan, and brakes all the same.
    let last = |case: Case| {
        case.but(|case| {
            case.state.halt = None;
            let here = || PutBack { at: ago(seconds(100)), instance: "edge/a".into() };
            case.state.put_backs = [here(), here(), here()].into();
        })
    };
    assert_eq!((last(fought(60)).writes(), halts(&last(fought(60)))), (vec![], Some(Reason::Drift)));
    assert_eq!(
        (last(breached(60)).writes(), halts(&last(breached(60)))),
        (brake.into(), Some(Reason::Drift))
    );
}

#[test]
fn an_instance_that_left_the_plan_is_forgotten_and_the_others_are_not() {
    let case = standing_at(50).but(|case| {
        case.state.joined.insert("edge/gone".into());
        case.state.volatile.ours.insert("edge/gone".into(), reading(percent(50)));
    });
    let state = case.decide().state;
    assert_eq!(state.joined, ["edge/a".to_owned(), "edge/b".to_owned()].into());
    assert_eq!(state.volatile.ours.len(), 2);
}
