//! R3's fast path: a Kubernetes side that fails outright is left at once, as far as legacy has room.

use crossfade_core::action::Action;
use crossfade_core::capacity::Source;
use crossfade_core::engine::Engine;
use crossfade_core::guard::{Judgement, Level};
use crossfade_core::load::{Flow, Load};
use crossfade_core::reason::Reason;
use crossfade_core::report::{self, Phase};
use crossfade_core::route::{Counted, Purpose, Reading, Requests};
use crossfade_core::seen::Authority;
use crossfade_core::state::{Retreat, State};

use crate::build::{
    Case, NOW, ago, capacity, declared, minutes, moved, percent, plan, quiet, rate, reading, seconds,
    standing_at, told,
};

/// At 50 % of 10,000 requests/s, with a legacy that can carry so many; Kubernetes fails since then.
pub fn failing(ready: f64, seconds_ago: u64) -> Case {
    standing_at(50).but(|case| {
        case.plan.capacity = capacity(Source::Route(0), declared(ready));
        let flow = |requests, failed| Flow { requests, failed };
        let load = Load { legacy: flow(5_000.0, 0.0), kubernetes: flow(5_000.0, 2_600.0) };
        case.seen.figures.load = Some((NOW, load));
        case.seen.figures.failing_since = Some(ago(seconds(seconds_ago)));
    })
}

fn without_servers(legacy_up: u32) -> Case {
    standing_at(50).but(|case| {
        for seen in &mut case.seen.instances {
            let (_, reading) = seen.reading.as_mut().unwrap();
            (reading.kubernetes_up, reading.legacy_up) = (0, legacy_up);
        }
    })
}

fn goes_to(case: &Case) -> String {
    case.decide().state.intended.unwrap().to_string()
}

#[test]
fn all_that_fits_legacy_moves_at_once() {
    let part = failing(8_000.0, 5);
    assert_eq!(goes_to(&part), "24", "0.95 x 8,000 = 7,600, in one step");
    assert_eq!(part.writes(), [(0, percent(24), Purpose::Retreat), (1, percent(24), Purpose::Retreat)]);
    let decision = part.decide();
    let retreat = Retreat { target: percent(0), since: NOW, guard: None, arrived: false };
    assert_eq!(decision.state.retreat, Some(retreat));
    assert_eq!((decision.state.retreats.len(), decision.state.retreats_ever), (1, 1));
    assert_eq!(decision.state.cooldown_until, Some(NOW + minutes(30)));
    assert!(told(&decision.actions).contains(&Reason::KubernetesFailing));
    let all = failing(10_600.0, 5).decide().state;
    assert_eq!((all.intended, all.retreat.map(|retreat| retreat.arrived)), (Some(percent(0)), Some(true)));
}

#[test]
fn what_fell_since_the_load_was_measured_is_no_room_any_more() {
    let fell = |before: u64| {
        failing(8_000.0, 5).but(|case| {
            case.seen.figures.load.as_mut().unwrap().0 = ago(seconds(2));
            case.state.history = [moved(ago(seconds(before)), 60, 50, Reason::GuardRollback)].into();
        })
    };
    // At 60 %, as it was measured, 26 points had room, of which 10 are used.
    assert_eq!((goes_to(&fell(1)).as_str(), goes_to(&fell(3)).as_str()), ("34", "24"));
}

#[test]
fn it_has_to_fail_for_five_seconds_by_fresh_data() {
    assert_eq!(goes_to(&failing(8_000.0, 4)), "50");
    let stale = failing(8_000.0, 9).but(|case| case.seen.figures.load.as_mut().unwrap().0 = ago(seconds(7)));
    assert_eq!(goes_to(&stale), "50");
}

#[test]
fn no_cooldown_pause_hold_or_step_stands_against_it() {
    let held = failing(8_000.0, 5).but(|case| {
        case.plan.paused = true;
        case.plan.rollback.max_step = percent(1);
        case.seen.wishes.hold = Some("lunch".into());
        case.state.cooldown_until = Some(NOW + minutes(20));
        case.state.last_step = Some(NOW);
        case.state.retreats = [ago(minutes(10))].into();
    });
    assert_eq!(goes_to(&held), "24");
    assert_eq!(held.decide().state.retreats.len(), 2);
    let last_holder = failing(8_000.0, 5).but(|case| case.seen.authority = Authority::LastHolder);
    assert_eq!(goes_to(&last_holder), "24");
}

#[test]
fn while_it_is_not_known_what_legacy_can_carry_it_goes_by_five_points() {
    let unknown = |last: u64| {
        failing(1.0, 5).but(|case| {
            case.plan.capacity.legacy = None;
            if last > 0 {
                case.state.history =
                    [crate::build::moved(ago(seconds(last)), 53, 50, Reason::KubernetesFailing)].into();
            }
        })
    };
    assert_eq!(goes_to(&unknown(0)), "45");
    assert_eq!(goes_to(&unknown(4)), "48");
    assert_eq!(goes_to(&unknown(5)), "45");
}

#[test]
fn without_any_server_kubernetes_has_no_traffic_that_could_not_fit() {
    let gone = without_servers(4).but(|case| case.plan.capacity = capacity(declared(9.0), declared(1.0)));
    assert_eq!(goes_to(&gone), "0");
    assert_eq!(goes_to(&without_servers(0)), "50", "legacy has none either");
    let one_sees_them = without_servers(4).but(|case| {
        case.seen.instances[1].reading.as_mut().unwrap().1.kubernetes_up = 1;
    });
    assert_eq!(goes_to(&one_sees_them), "50");
    let one_is_silent = without_servers(4).but(|case| case.seen.instances[1].reading = None);
    assert_eq!(goes_to(&one_is_silent), "50");
}

#[test]
fn a_guard_s_retreat_becomes_one_to_nothing_and_is_not_counted_again() {
    let going = failing(8_000.0, 5).at_level(&rate(), Level::Rollback).breaching(&rate()).but(|case| {
        let since = ago(minutes(1));
        case.state.retreat = Some(Retreat { target: percent(10), since, guard: Some(rate()), arrived: true });
        case.state.retreats = [since].into();
    });
    let state = going.decide().state;
    let onward = Retreat { target: percent(0), since: ago(minutes(1)), guard: None, arrived: false };
    assert_eq!((state.retreat, state.retreats.len(), state.intended), (Some(onward), 1, Some(percent(24))));
}

#[test]
fn one_that_was_left_stays_left_until_it_no_longer_fails() {
    let left = without_servers(4).decide().state;
    assert_eq!(left.intended, Some(percent(0)));
    let again = without_servers(4).but(|case| case.state = left).decide();
    assert!(again.state.retreat.is_some());
    assert!(!told(&again.actions).contains(&Reason::RolledBack));
}

#[test]
fn when_it_no_longer_fails_the_retreat_is_over_or_a_guard_s() {
    let over = |case: Case| {
        case.but(|case| {
            let since = ago(minutes(1));
            case.state.retreat = Some(Retreat { target: percent(0), since, guard: None, arrived: false });
            case.state.retreats = [since].into();
        })
    };
    let well = over(standing_at(50));
    assert_eq!(well.decide().state.retreat, None);
    assert!(told(&well.decide().actions).contains(&Reason::RolledBack));
    let still = Judgement { resume: false, ..quiet() };
    let guard = over(standing_at(50)).at_level(&rate(), Level::Rollback).judged(&rate(), still);
    assert_eq!(guard.decide().state.retreat.unwrap().guard, Some(rate()));
}

#[test]
fn nothing_rises_towards_a_kubernetes_that_fails_and_the_status_says_so() {
    let bottom = without_servers(4).but(|case| {
        case.state.intended = Some(percent(0));
        case.state.stage = None;
        for (instance, key) in ["edge/a", "edge/b"].into_iter().enumerate() {
            let reading = Reading { kubernetes_up: 0, ..reading(percent(0)) };
            case.state.volatile.ours.insert(key.into(), reading.clone());
            case.seen.instances[instance].reading = Some((NOW, reading));
        }
    });
    assert_eq!(bottom.decide().state.raise, None);
    let report = report::of(&bottom.plan, &bottom.state, &bottom.seen, NOW);
    assert_eq!(report.phase, Phase::Paused);
    assert_eq!(
        report.blocked_by[0].message,
        "no Kubernetes server is up in any load balancer: bring them up"
    );
    let full = failing(5_000.0, 5);
    let state = full.decide().state;
    assert_eq!(state.intended, Some(percent(50)));
    let report = report::of(&full.plan, &state, &full.seen, NOW);
    assert_eq!((report.phase, report.blocked_by[0].reason), (Phase::RolledBack, Reason::LegacyFull));
    assert!(
        report.blocked_by[0]
            .message
            .starts_with("Kubernetes fails, and legacy, which can carry 5000 requests/s")
    );
    assert_eq!(report.blocked_by[1].reason, Reason::KubernetesFailing);
}

#[test]
fn it_fails_when_over_half_of_its_requests_do_and_not_so_many_of_legacy_s() {
    let fails = |legacy: [f64; 2], kubernetes: [f64; 2]| {
        let flow = |[requests, failed]: [f64; 2]| Flow { requests, failed };
        Load { legacy: flow(legacy), kubernetes: flow(kubernetes) }.kubernetes_fails()
    };
    assert!(fails([100.0, 0.0], [100.0, 51.0]));
    assert!(!fails([100.0, 0.0], [100.0, 50.0]));
    assert!(fails([100.0, 50.0], [100.0, 100.0]));
    assert!(!fails([100.0, 51.0], [100.0, 100.0]), "a common cause");
    assert!(!fails([0.0, 0.0], [1.9, 1.9]), "a few");
    assert!(fails([0.0, 0.0], [2.0, 2.0]));
}

#[test]
fn the_engine_counts_from_the_begin_of_the_first_failing_reading() {
    let mut plan = plan();
    plan.capacity = capacity(Source::Route(0), declared(9e9));
    plan.routes[0].instances.truncate(1);
    let mut engine = Engine::new(plan, State::default(), NOW);
    engine.set_authority(Authority::Holder);
    let mut failed = 0;
    let mut since = Vec::new();
    for second in (0..=12).step_by(2) {
        failed += if (4..=10).contains(&second) { 200 } else { 0 };
        let requests = |all, failed| Requests { all, failed };
        let counted =
            Counted { legacy: requests(second * 100, 0), kubernetes: requests(second * 100, failed) };
        let at = NOW + seconds(second);
        engine.read(0, Ok(Reading { counted: Some(counted), ..reading(percent(50)) }), at);
        since.push(engine.seen().figures.failing_since.map(|since| since.since(NOW).as_secs()));
    }
    assert_eq!(since, [None, None, Some(2), Some(2), Some(2), Some(2), None]);
    assert!(engine.decide(NOW + seconds(12)).iter().all(|action| !matches!(action, Action::Write { .. })));
}
