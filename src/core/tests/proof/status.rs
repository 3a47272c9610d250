//! What the status says: phase, conditions, and when things end.

use crossfade_core::guard::{Level, Test, Tripped, Unknown};
use crossfade_core::reason::Reason;
use crossfade_core::report::{Phase, Report, Who};
use crossfade_core::state::{ByHand, Halt, Raise, Retreat};
use crossfade_core::time::Time;

use crate::build::{Case, NOW, ago, condition, minutes, percent, rate, seconds, standing_at};

/// What the status says of a case as it is, nothing decided.
fn report(case: &Case) -> Report {
    crossfade_core::report::of(&case.plan, &case.state, &case.seen, case.now)
}

/// `Ready`, `Reconciling`, `Stalled`, `GuardsClear`, `RoutesInSync`, `CapacityReserved`, `RolledBack`.
fn conditions(case: &Case) -> [bool; 7] {
    let report = report(case);
    let kinds: Vec<&str> = report.conditions.iter().map(|condition| condition.kind).collect();
    assert_eq!(
        kinds,
        ["Ready", "Reconciling", "Stalled", "GuardsClear", "RoutesInSync", "CapacityReserved", "RolledBack"]
    );
    std::array::from_fn(|place| report.conditions[place].status)
}

const READY: [bool; 7] = [true, false, false, true, true, true, false];

fn completed() -> Case {
    standing_at(100).soaked()
}

#[test]
fn a_reason_is_written_by_its_name() {
    assert_eq!(Reason::LegacyFull.to_string(), "LegacyFull");
}

#[test]
fn every_phase_has_a_name_of_its_own() {
    let all = [
        (Phase::Pending, "Pending"),
        (Phase::Shifting, "Shifting"),
        (Phase::Soaking, "Soaking"),
        (Phase::AwaitingApproval, "AwaitingApproval"),
        (Phase::Paused, "Paused"),
        (Phase::RollingBack, "RollingBack"),
        (Phase::RolledBack, "RolledBack"),
        (Phase::Completed, "Completed"),
    ];
    for (phase, name) in all {
        assert_eq!(phase.name(), name);
    }
}

#[test]
fn a_plan_whose_last_stage_has_soaked_at_its_weight_is_completed() {
    assert_eq!(report(&completed()).phase, Phase::Completed);
    assert_eq!(conditions(&completed()), READY);
    assert_eq!(report(&completed()).conditions[0].reason, Reason::Completed);
    let not_yet = [
        completed().but(|case| case.state.soaked = minutes(9)),
        completed().but(|case| case.state.intended = Some(percent(99))),
        completed().but(|case| case.state.stage = Some(2)),
        completed().with_a_raise_in_flight_to(100),
    ];
    for (place, case) in not_yet.iter().enumerate() {
        assert_ne!(report(case).phase, Phase::Completed, "case {place}");
        assert_ne!(report(case).conditions[0].reason, Reason::Completed, "case {place}");
    }
}

#[test]
fn a_soak_ends_when_what_is_left_of_it_has_passed_and_only_while_it_runs() {
    let soaking = standing_at(50).but(|case| case.state.soaked = minutes(4));
    assert_eq!(report(&soaking).soak_ends, Some(NOW + minutes(6)));
    assert_eq!(report(&soaking).phase, Phase::Soaking);
    assert_eq!(report(&soaking).blocked_by[0].until, Some(NOW + minutes(6)));
    assert_eq!(report(&soaking.clone().soaked()).soak_ends, None);
    let paused = report(&soaking.but(|case| case.plan.paused = true));
    assert_eq!(paused.soak_ends, None);
    let soak = paused.blocked_by.iter().find(|blocker| blocker.reason == Reason::Soaking);
    assert_eq!(soak.map(|blocker| blocker.until), Some(None), "it waits, and nobody knows until when");
}

#[test]
fn a_route_that_fails_says_so_and_not_that_it_is_waited_for() {
    let waiting = standing_at(50).but(|case| case.state.volatile.settled = false);
    let reasons = |case: &Case| -> Vec<Reason> {
        report(case).blocked_by.iter().map(|blocker| blocker.reason).collect()
    };
    assert!(reasons(&waiting).contains(&Reason::ReadingRoutes));
    let failing = waiting.failing(0);
    assert!(!reasons(&failing).contains(&Reason::ReadingRoutes));
    assert!(reasons(&failing).contains(&Reason::RouteFailing));
}

#[test]
fn what_a_stage_waits_for_is_its_record_its_ramp_its_soak_its_approval_or_its_target() {
    let first = |case: &Case| report(case).blocked_by.first().map(|blocker| (blocker.reason, blocker.who));
    let recording = standing_at(10).with_a_recorded_raise_to(50);
    assert_eq!(first(&recording), Some((Reason::Recording, Who::Nobody)));
    let written = standing_at(10).with_a_raise_in_flight_to(50);
    assert!(report(&written).blocked_by.iter().all(|blocker| blocker.reason == Reason::OutOfSync));

    let half_way = standing_at(30).with_a_ramp(5, 60).but(|case| {
        case.state.stage = Some(2);
        case.state.last_step = Some(ago(seconds(20)));
    });
    assert_eq!(first(&half_way), Some((Reason::RampWaiting, Who::Nobody)));
    assert_eq!(report(&half_way).blocked_by[0].until, Some(NOW + seconds(40)));
    let due = half_way.clone().but(|case| case.state.last_step = Some(ago(seconds(60))));
    assert_eq!(first(&due), None);
    assert_eq!(report(&due).phase, Phase::Shifting);
    let there = half_way.but(|case| {
        case.state.stage = Some(1);
        case.state.intended = Some(percent(10));
    });
    assert!(report(&there).blocked_by.iter().any(|blocker| blocker.reason == Reason::Soaking));

    let approval = standing_at(50).soaked().but(|case| case.plan.stages[3].approval = true);
    assert_eq!(first(&approval), Some((Reason::AwaitingApproval, Who::Person)));
    assert_eq!(report(&approval).phase, Phase::AwaitingApproval);
    let target = approval.but(|case| case.plan.target_stage = Some("half".into()));
    assert_eq!(first(&target).map(|(reason, _)| reason), Some(Reason::TargetStageReached));
    assert_eq!(report(&target).phase, Phase::Soaking);
    let at_target = standing_at(10).soaked().but(|case| case.plan.target_stage = Some("half".into()));
    assert_eq!(first(&at_target), None, "the target itself may be entered");
}

#[test]
fn what_waits_for_a_person_is_ready_and_what_ends_by_itself_is_reconciling() {
    let held = standing_at(50).but(|case| case.seen.wishes.hold = Some("lunch".into()));
    assert_eq!(report(&held).phase, Phase::Paused);
    assert_eq!(conditions(&held), READY);
    let paused = standing_at(50).but(|case| case.plan.paused = true);
    assert_eq!(conditions(&paused), READY);

    let tripped = standing_at(50).at_level(&rate(), Level::Pause);
    assert_eq!(report(&tripped).phase, Phase::Paused);
    assert_eq!(conditions(&tripped), [false, true, false, false, true, true, false]);
    let both = tripped.but(|case| case.plan.paused = true);
    assert_eq!(conditions(&both), [false, true, false, false, true, true, false]);

    let cooling = standing_at(50).but(|case| case.state.cooldown_until = Some(NOW + minutes(5)));
    assert_eq!(report(&cooling).phase, Phase::RolledBack);
    assert_eq!(conditions(&cooling), [false, true, false, true, true, true, true]);
    let pending = standing_at(50).but(|case| case.state.intended = None);
    assert_eq!(report(&pending).phase, Phase::Pending);
    assert!(conditions(&pending)[1]);
}

#[test]
fn what_only_a_person_ends_is_stalled_and_nothing_else() {
    let halted = standing_at(50).but(|case| {
        case.state.halt = Some(Halt { reason: Reason::Drift, message: "a writer".into(), since: NOW });
    });
    assert_eq!(report(&halted).phase, Phase::Paused);
    assert_eq!(conditions(&halted), [false, false, true, true, false, true, false]);
    let rejected = standing_at(50).but(|case| {
        case.seen.rejected = Some((Reason::InvalidSpec, "spec.stages is wrong".into()));
    });
    assert_eq!(conditions(&rejected)[..3], [false, false, true]);
    let approval = standing_at(50).soaked().but(|case| case.plan.stages[3].approval = true);
    assert_eq!(conditions(&approval), READY);
    let after_a_retreat = approval.clone().but(|case| case.state.retreats_ever = 1);
    assert_eq!(conditions(&after_a_retreat)[..3], [false, false, true]);
    let soaking = standing_at(50).but(|case| case.state.retreats_ever = 1);
    assert_eq!(conditions(&soaking), READY);
}

#[test]
fn a_retreat_and_a_walk_back_are_told_until_they_are_over() {
    let retreat = |arrived| Retreat { target: percent(10), since: NOW, guard: Some(rate()), arrived };
    let going = standing_at(50).but(|case| case.state.retreat = Some(retreat(false)));
    assert_eq!(report(&going).phase, Phase::RollingBack);
    assert!(conditions(&going)[6]);
    let there = standing_at(10).but(|case| case.state.retreat = Some(retreat(true)));
    assert_eq!(report(&there).phase, Phase::RolledBack);
    assert!(conditions(&there)[6]);
    let by_hand = |weight: u16| {
        standing_at(weight).but(|case| {
            let reason = "enough".to_owned();
            case.state.rolled_back_by_hand = Some(ByHand { target: percent(10), since: NOW, reason });
        })
    };
    assert_eq!(report(&by_hand(50)).phase, Phase::RollingBack);
    assert_eq!(report(&by_hand(10)).phase, Phase::RolledBack);
}

#[test]
fn data_that_is_unknown_pauses_after_a_minute_and_a_database_that_is_down_at_once() {
    let stale = |since: Time| standing_at(50).unknown(&rate(), Unknown::Stale { since });
    let young = stale(ago(seconds(59)));
    assert_ne!(report(&young).phase, Phase::Paused);
    assert!(!conditions(&young)[3]);
    let old = stale(ago(seconds(60)));
    assert_eq!(report(&old).phase, Phase::Paused);
    assert!(conditions(&old)[1]);
    let down = standing_at(50).unknown(&rate(), Unknown::Down { since: NOW, error: "refused".into() });
    assert_eq!(report(&down).phase, Phase::Paused);
    assert_eq!(report(&down).blocked_by[0].reason, Reason::DatabaseDown);
    let learning = standing_at(50).unknown(&rate(), Unknown::Learning { until: NOW + minutes(3) });
    assert_ne!(report(&learning).phase, Phase::Paused);
    assert_eq!(report(&learning).blocked_by[0].until, Some(NOW + minutes(3)));
}

#[test]
fn a_raise_without_anything_against_it_is_shifting() {
    let written = standing_at(10).but(|case| {
        case.state.raise = Some(Raise { from: percent(10), to: percent(10), at: NOW });
    });
    let report = report(&written);
    assert_eq!(report.phase, Phase::Shifting);
    assert_eq!(report.conditions[0].reason, Reason::Raising);
}

#[test]
fn a_tripped_guard_says_where_it_stands_and_what_clears_it() {
    let said = |case: &Case| report(case).blocked_by[0].clone();
    let tripped = standing_at(50).at_level(&rate(), Level::Pause);
    assert_eq!(
        said(&tripped).message,
        "ConnectionRate of database accounts is tripped, at 100.0 now; it clears below 600 for 57 of 60 s"
    );
    assert_eq!((said(&tripped).since, said(&tripped).who), (Some(ago(minutes(1))), Who::Nobody));
    let unbroken = tripped.clone().but(|case| {
        case.plan.databases[0].guards[0].resume = condition(Test::BelowBaseline(1.2), 60, 60);
    });
    assert!(said(&unbroken).message.ends_with("; it clears below 1.2 x its baseline for 60 s"));
}

#[test]
fn a_new_normal_is_offered_after_a_quarter_of_an_hour_to_a_guard_that_has_a_baseline() {
    let tripped = |minutes_ago: u64, baseline: Option<f64>| {
        standing_at(50).but(|case| {
            let since = ago(minutes(minutes_ago));
            case.state.guards.insert(rate(), Tripped { level: Level::Pause, since, baseline });
        })
    };
    let offered = |case: &Case| {
        let first = report(case).blocked_by[0].clone();
        assert_eq!(first.who == Who::Person, first.message.contains("accept-baseline"));
        first.who == Who::Person
    };
    assert!(offered(&tripped(15, Some(100.0))));
    assert!(!offered(&tripped(14, Some(100.0))));
    assert!(!offered(&tripped(15, None)));
}
