//! R3: a step back is as far as legacy can carry it, and its pools fill gently.

use crossfade_core::capacity::{Figure, Source};
use crossfade_core::guard::Level;
use crossfade_core::load::{Flow, Load};
use crossfade_core::peaks::Peak;
use crossfade_core::reason::Reason;
use crossfade_core::report::{self, Phase};
use crossfade_core::state::ByHand;
use crossfade_core::weight::Weight;

use crate::build::{Case, NOW, ago, capacity, declared, minutes, percent, rate, seconds, standing_at};
use crate::sampled::millis;

/// At 50 %, asked for 10,000 requests/s, with a legacy that can carry so many.
fn with_legacy(ready: f64) -> Case {
    standing_at(50).but(|case| case.plan.capacity = capacity(declared(10_000.0), declared(ready)))
}

/// Where the next step of a retreat goes.
fn falls_to(case: Case) -> String {
    case.breaching(&rate()).decide().state.intended.unwrap().to_string()
}

fn loaded(legacy: f64, kubernetes: f64) -> Load {
    let flow = |requests| Flow { requests, failed: 0.0 };
    Load { legacy: flow(legacy), kubernetes: flow(kubernetes) }
}

#[test]
fn a_step_is_the_smaller_of_what_fits_and_the_largest_step() {
    // 0.95 x 10,600 is more than all; a half is there already.
    assert_eq!(falls_to(with_legacy(10_600.0)), "25");
    // 0.95 x 6,000 = 5,700, of which 5,000 are used: 7 points.
    assert_eq!(falls_to(with_legacy(6_000.0)), "43");
    // The incident of January 2025: 0.95 x 8,000 = 7,600.
    let whole = |case: &mut Case| case.plan.rollback.max_step = percent(100);
    assert_eq!(falls_to(with_legacy(8_000.0).but(whole)), "24");
    assert_eq!(falls_to(with_legacy(12_000.0).but(whole)), "10", "the retreat's target");
}

#[test]
fn what_legacy_is_truly_asked_for_counts_if_it_is_more_than_its_share() {
    let asked = |legacy: f64, kubernetes: f64| {
        with_legacy(8_000.0).but(|case| {
            case.plan.capacity.demand.as_mut().unwrap().from = Source::Route(0);
            case.seen.figures.load = Some((NOW, loaded(legacy, kubernetes)));
            case.plan.rollback.max_step = percent(100);
        })
    };
    assert_eq!(falls_to(asked(5_000.0, 5_000.0)), "24");
    assert_eq!(falls_to(asked(7_000.0, 3_000.0)), "44");
    // What has just been moved does not show yet.
    assert_eq!(falls_to(asked(3_000.0, 7_000.0)), "24");
}

#[test]
fn if_nothing_fits_nothing_moves_and_the_status_says_what_is_missing() {
    let full = with_legacy(5_000.0).breaching(&rate());
    let decision = full.decide();
    assert_eq!(decision.state.intended, Some(percent(50)));
    assert_eq!(full.writes(), []);
    let retreat = decision.state.retreat.clone().unwrap();
    assert!(!retreat.arrived);
    assert_eq!((decision.state.retreats.len(), decision.state.cooldown_until), (1, None));
    let report = report::of(&full.plan, &decision.state, &full.seen, NOW);
    assert_eq!((report.phase, report.blocked_by[0].reason), (Phase::RolledBack, Reason::LegacyFull));
    assert_eq!(
        report.blocked_by[0].message,
        "ConnectionRate of database accounts is tripped, and legacy, which can carry 5000 requests/s, can take \
         nothing more: bring legacy servers up, or shed load"
    );
    let reserved = report.conditions.iter().find(|condition| condition.kind == "CapacityReserved").unwrap();
    assert_eq!((reserved.status, reserved.reason), (false, Reason::LegacyFull));
    // As soon as something fits, it goes on.
    let room = Case { state: decision.state, ..full }.but(|case| {
        case.plan.capacity = capacity(declared(10_000.0), declared(6_000.0));
    });
    assert_eq!(room.decide().state.intended, Some(percent(43)));
}

#[test]
fn a_step_is_five_points_at_most_while_it_is_not_known_what_legacy_can_carry() {
    let unknown = |change: fn(&mut Case)| falls_to(standing_at(50).but(change));
    assert_eq!(unknown(|case| case.plan.capacity.legacy = None), "45");
    assert_eq!(unknown(|case| case.plan.capacity.demand = None), "45");
    assert_eq!(unknown(|case| case.plan.capacity = capacity(Source::Route(0), declared(9e9))), "45");
    assert_eq!(unknown(|case| case.plan.capacity = capacity(declared(1.0), Source::Measured)), "45");
    let expired = || Source::Declared { requests_per_second: 9e9, until: Some(NOW) };
    assert_eq!(
        falls_to(standing_at(50).but(|case| case.plan.capacity = capacity(declared(1.0), expired()))),
        "45"
    );
    let smaller = standing_at(50).but(|case| {
        case.plan.capacity.legacy = None;
        case.plan.rollback.max_step = percent(2);
    });
    assert_eq!(falls_to(smaller), "48");
}

#[test]
fn the_peak_stands_for_a_demand_that_is_not_known() {
    let restarted = standing_at(50).but(|case| {
        case.plan.capacity = capacity(Source::Route(0), declared(8_000.0));
        case.plan.rollback.max_step = percent(100);
        case.state.peaks.0.push_back(Peak { at: ago(minutes(5)), requests_per_second: 10_000.0 });
    });
    assert_eq!(falls_to(restarted), "24");
}

#[test]
fn what_was_last_known_of_legacy_counts_for_ten_minutes() {
    let measured = |ago_seconds: u64| {
        standing_at(50).but(|case| {
            case.plan.capacity = capacity(declared(10_000.0), Source::Measured);
            case.seen.figures.measured.insert(Figure::LegacyCapacity, (ago(seconds(ago_seconds)), 6_000.0));
        })
    };
    assert_eq!(falls_to(measured(600)), "43");
    assert_eq!(falls_to(measured(601)), "45");
}

#[test]
fn legacy_s_servers_that_are_up_are_those_that_every_load_balancer_sees() {
    let up = |first: u32, second: u32| {
        standing_at(50).but(|case| {
            case.plan.capacity = capacity(declared(10_000.0), Source::Route(0));
            case.plan.capacity.legacy.as_mut().unwrap().requests_per_second_per_server = 1_000.0;
            for (instance, up) in [first, second].into_iter().enumerate() {
                case.seen.instances[instance].reading.as_mut().unwrap().1.legacy_up = up;
            }
        })
    };
    assert_eq!(falls_to(up(6, 6)), "43");
    assert_eq!(falls_to(up(7, 6)), "43");
    assert_eq!(falls_to(up(6, 5)), "50");
}

#[test]
fn filling_legacy_s_pools_takes_a_fifth_of_what_the_database_can_answer_for_five_seconds() {
    let pools = |connections: f64, rate: f64| {
        with_legacy(100_000.0).but(|case| {
            let legacy = case.plan.capacity.legacy.as_mut().unwrap();
            legacy.connections_per_server = Some(connections);
            legacy.requests_per_second_per_server = 100.0;
            case.plan.databases[0].connection_rate_capacity = Some(rate);
        })
    };
    // 40 connections for 100 requests/s; 2,600 connects/s: 2,600 / (10,000 x 0.4) = 65 points.
    assert_eq!(falls_to(pools(40.0, 2_600.0)), "25");
    assert_eq!(falls_to(pools(400.0, 2_600.0)), "43.5");
    assert_eq!(falls_to(pools(400.0, 800.0)), "48");
}

#[test]
fn a_fall_within_the_time_of_a_step_counts_as_a_part_of_it() {
    let fell = |case: Case| {
        case.but(|case| {
            case.state.history = [crate::build::moved(ago(seconds(3)), 54, 50, Reason::LoweredByHand)].into();
        })
    };
    // Of five points four are used up; of 25, too.
    assert_eq!(falls_to(fell(standing_at(50).but(|case| case.plan.capacity.legacy = None))), "49");
    assert_eq!(falls_to(fell(with_legacy(10_600.0))), "29");
    // The room that is left is what is left.
    assert_eq!(falls_to(fell(with_legacy(6_000.0))), "43");
}

#[test]
fn a_person_s_walk_back_and_a_route_that_is_lowered_go_as_far_as_fits_too() {
    let by_hand = |case: Case| {
        case.but(|case| {
            let (target, reason) = (percent(10), String::new());
            case.state.rolled_back_by_hand = Some(ByHand { target, since: ago(minutes(1)), reason });
        })
    };
    assert_eq!(by_hand(with_legacy(6_000.0)).decide().state.intended, Some(percent(43)));
    let full = by_hand(with_legacy(5_000.0)).decide();
    assert_eq!((full.state.intended, full.state.history.len()), (Some(percent(50)), 0));
    let joining = |ready: f64| {
        with_legacy(ready).found(0, 80).but(|case| {
            case.state.joined.remove("edge/a");
        })
    };
    let to = |ready: f64| joining(ready).writes().first().map(|(_, weight, _)| *weight);
    assert_eq!(to(10_600.0), Some(percent(55)));
    // One of two stands at 80, so that legacy has 35 % as it stands: 3,990 less 3,500, all of it this one's.
    assert_eq!(to(4_200.0), Some(Weight::from_hundredths(7_020)));
    assert_eq!(to(3_600.0), None);
}

/// A retreat from 50 % that is under way, while people read this of it.
fn under_way(ready: f64, said: Reason) -> Case {
    with_legacy(ready).at_level(&rate(), Level::Rollback).but(|case| {
        let (target, since) = (percent(10), ago(minutes(2)));
        case.state.retreat =
            Some(crossfade_core::state::Retreat { target, since, guard: Some(rate()), arrived: false });
        case.state.volatile.told = Some((Phase::RolledBack, Some(said)));
    })
}

fn says(case: &Case) -> Reason {
    report::of(&case.plan, &case.state, &case.seen, NOW).blocked_by[0].reason
}

#[test]
fn that_legacy_is_full_is_said_on_for_half_a_minute_or_until_a_step_has_fitted() {
    for (full, step, said, expected) in [
        (29_999, 30_000, Reason::LegacyFull, Reason::LegacyFull),
        (29_999, 29_999, Reason::LegacyFull, Reason::LegacyFull),
        (29_999, 29_998, Reason::LegacyFull, Reason::GuardRollback),
        (30_000, 30_000, Reason::LegacyFull, Reason::GuardRollback),
        (1_000, 30_000, Reason::GuardRollback, Reason::GuardRollback),
    ] {
        // There is room by now.
        let case = under_way(9_000.0, said).but(|case| {
            case.state.volatile.full = Some(ago(millis(full)));
            case.state.last_step = Some(ago(millis(step)));
        });
        assert_eq!(says(&case), expected, "{full} {step} {said}");
    }
}

#[test]
fn when_nothing_fitted_is_remembered_and_it_is_asked_again_when_that_is_no_longer_said() {
    let after = |ready: f64| {
        let case = under_way(ready, Reason::LegacyFull).breaching(&rate()).but(|case| {
            case.state.volatile.full = Some(ago(seconds(28)));
            case.state.last_step = Some(ago(seconds(60)));
        });
        let decision = case.decide();
        (decision.state.volatile.full, decision.again)
    };
    // Readings are too old after 6 s; so much less is the next step away, and the end of what is said.
    assert_eq!(after(5_000.0), (Some(NOW), Some(NOW + millis(6_001))));
    assert_eq!(after(9_000.0), (Some(ago(seconds(28))), Some(NOW + seconds(2))));
}

#[test]
fn what_somebody_said_of_legacy_or_of_demand_counts_until_the_time_that_it_was_said_for() {
    let until = |after: u64| {
        let until = Some(NOW + millis(after));
        let legacy = Source::Declared { requests_per_second: 20_000.0, until };
        falls_to(with_legacy(0.0).but(|case| case.plan.capacity = capacity(declared(10_000.0), legacy)))
    };
    assert_eq!((until(1).as_str(), until(0).as_str()), ("25", "45"));
    let until = |after: u64| {
        let until = Some(NOW + millis(after));
        let demand = Source::Declared { requests_per_second: 10_000.0, until };
        falls_to(with_legacy(0.0).but(|case| case.plan.capacity = capacity(demand, declared(20_000.0))))
    };
    assert_eq!((until(1).as_str(), until(0).as_str()), ("25", "45"));
}

#[test]
fn that_legacy_is_full_is_not_unsaid_for_less_than_a_point_of_room() {
    let retreating = |ready: f64, said: Reason| says(&under_way(ready, said));
    // 0.95 x 5,300 is 5,035: 0.35 points; 5,400: 1.3.
    assert_eq!(retreating(5_300.0, Reason::LegacyFull), Reason::LegacyFull);
    assert_eq!(retreating(5_400.0, Reason::LegacyFull), Reason::GuardRollback);
    assert_eq!(retreating(5_300.0, Reason::GuardRollback), Reason::GuardRollback);
    assert_eq!(retreating(5_280.0, Reason::GuardRollback), Reason::LegacyFull);
}

#[test]
fn at_its_target_a_breach_leads_on_even_where_nothing_fits_yet() {
    let breached = with_legacy(5_000.0).at_level(&rate(), Level::Rollback).breaching(&rate()).but(|case| {
        let (target, since) = (percent(50), ago(minutes(2)));
        case.state.retreat =
            Some(crossfade_core::state::Retreat { target, since, guard: Some(rate()), arrived: true });
    });
    let decision = breached.decide();
    let retreat = decision.state.retreat.clone().unwrap();
    assert_eq!((retreat.target, retreat.arrived), (percent(10), false));
    assert!(
        decision.actions.iter().any(|action| matches!(action, crossfade_core::action::Action::Record { .. }))
    );
    let told = crate::build::told(&Case { state: decision.state, ..breached }.decide().actions);
    assert!(!told.contains(&Reason::GuardRollback), "said once");
}

#[test]
fn a_retreat_that_somebody_overtook_has_arrived_even_where_nothing_fits() {
    let full = with_legacy(1_000.0).at_level(&rate(), Level::Rollback).breaching(&rate());
    let overtaken = full.but(|case| {
        let (target, since) = (percent(50), ago(minutes(2)));
        case.state.retreat =
            Some(crossfade_core::state::Retreat { target, since, guard: Some(rate()), arrived: false });
    });
    assert!(overtaken.decide().state.retreat.unwrap().arrived);
}
