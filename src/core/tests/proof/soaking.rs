//! The soak clock to the second, what stands against a raise, and which guards are remembered.

use std::time::Duration;

use crossfade_core::guard::{Level, Signal, Tripped};
use crossfade_core::reason::Reason;
use crossfade_core::report;
use crossfade_core::state::{GuardKey, Retreat};

use crate::build::{Case, NOW, ago, minutes, percent, rate, seconds, standing_at, told};

/// At 50 since long, its soak of ten minutes counted so far, to a moment so long ago.
fn soaking(soaked: Duration, counted_to: Duration) -> Case {
    standing_at(50).but(|case| {
        case.state.soaked = soaked;
        case.state.volatile.soak_counted_to = Some(ago(counted_to));
        case.state.volatile.told = Some((report::Phase::Soaking, Some(Reason::Soaking)));
    })
}

fn soaked(case: &Case) -> Duration {
    case.decide().state.soaked
}

fn records(case: &Case) -> bool {
    !case.decide().actions.is_empty()
}

fn reasons(case: &Case) -> Vec<Reason> {
    let report = report::of(&case.plan, &case.state, &case.seen, case.now);
    report.blocked_by.iter().map(|blocker| blocker.reason).collect()
}

#[test]
fn the_clock_counts_what_was_watched_and_no_more_than_six_seconds_at_once() {
    assert_eq!(soaked(&soaking(minutes(1), seconds(2))), seconds(62));
    assert_eq!(soaked(&soaking(minutes(1), seconds(6))), seconds(66));
    assert_eq!(soaked(&soaking(minutes(1), seconds(60))), seconds(66));
    let slow = soaking(minutes(1), seconds(60)).but(|case| case.plan.databases[0].every = seconds(10));
    assert_eq!(soaked(&slow), seconds(90), "three periods of the slowest database");
    let begins = soaking(minutes(1), seconds(2)).but(|case| case.state.volatile.soak_counted_to = None);
    assert_eq!(soaked(&begins), minutes(1));
    assert_eq!(begins.decide().state.volatile.soak_counted_to, Some(NOW));
}

#[test]
fn the_plan_is_asked_again_when_the_soak_ends() {
    let nearly = soaking(seconds(595), seconds(2));
    assert_eq!(nearly.decide().again, Some(NOW + seconds(3)));
}

#[test]
fn the_end_of_a_soak_is_told_and_recorded_once() {
    let last = |case: Case| case.but(|case| case.plan.stages.truncate(3));
    let nearly = last(soaking(seconds(599), seconds(2)));
    let decision = nearly.decide();
    assert_eq!(decision.state.soaked, minutes(10));
    assert!(told(&decision.actions).contains(&Reason::StageProven));
    assert!(decision.state.proven.contains("half"));
    let not_yet = soaking(seconds(597), seconds(2));
    assert!(!told(&not_yet.decide().actions).contains(&Reason::StageProven));
    let untold = soaking(minutes(10), seconds(2)).decide();
    assert!(untold.state.proven.contains("half"), "soaked, but never told");
    let again = last(standing_at(50).soaked());
    assert!(!told(&again.decide().actions).contains(&Reason::StageProven));
}

#[test]
fn the_clock_is_recorded_at_each_twentieth_and_when_it_stops() {
    // A twentieth of ten minutes is half a minute.
    assert!(!records(&soaking(seconds(27), seconds(2))));
    assert!(records(&soaking(seconds(28), seconds(2))));
    assert!(!records(&soaking(seconds(30), seconds(2))));
    // Of a short soak not more often than each five seconds.
    let short =
        |soaked| soaking(seconds(soaked), seconds(1)).but(|case| case.plan.stages[2].soak = seconds(40));
    assert!(!records(&short(2)));
    assert!(records(&short(4)));
    let stops = soaking(minutes(1), seconds(2)).but(|case| case.plan.paused = true);
    let decision = stops.decide();
    assert_eq!((decision.state.soaked, decision.state.volatile.soak_counted_to), (minutes(1), None));
    assert!(!decision.actions.is_empty());
}

#[test]
fn the_clock_asks_to_be_asked_at_its_end() {
    let end = NOW + seconds(1);
    assert_eq!(soaking(seconds(597), seconds(2)).decide().again, Some(end));
}

#[test]
fn a_cooldown_another_plan_and_a_rejected_spec_do_not_stop_the_clock() {
    let runs: [fn(&mut Case); 3] = [
        |case| case.state.cooldown_until = Some(NOW + minutes(5)),
        |case| case.seen.others_raising = Some("other".into()),
        |case| case.seen.rejected = Some((Reason::InvalidSpec, "wrong".into())),
    ];
    for change in runs {
        assert_eq!(soaked(&soaking(minutes(1), seconds(2)).but(change)), seconds(62));
    }
    let stops: [fn(&mut Case); 3] = [
        |case| case.seen.wishes.hold = Some("lunch".into()),
        |case| case.seen.instances[0].failing = Some((NOW, "refused".into())),
        |case| case.seen.judgements[0].1.unknown = Some(crossfade_core::guard::Unknown::Stale { since: NOW }),
    ];
    for change in stops {
        assert_eq!(soaked(&soaking(minutes(1), seconds(2)).but(change)), minutes(1));
    }
}

#[test]
fn a_retreat_is_in_the_way_until_it_has_arrived_and_a_cooldown_until_it_is_over() {
    let retreat = |arrived| {
        standing_at(50).but(|case| {
            case.state.retreat =
                Some(Retreat { target: percent(10), since: NOW, guard: Some(rate()), arrived });
        })
    };
    assert_eq!(reasons(&retreat(false))[0], Reason::GuardRollback);
    assert_eq!(reasons(&retreat(true)), [Reason::Soaking]);
    let cooling = |until| standing_at(50).but(|case| case.state.cooldown_until = Some(until));
    assert_eq!(reasons(&cooling(NOW + Duration::from_millis(1)))[0], Reason::Cooldown);
    assert_eq!(reasons(&cooling(NOW)), [Reason::Soaking]);
}

#[test]
fn a_target_below_the_weight_or_below_the_stage_is_in_the_way() {
    let target = |stage: usize, weight: u16| {
        standing_at(10).but(|case| {
            case.plan.target_stage = Some("tenth".into());
            case.state.stage = Some(stage);
            case.state.intended = Some(percent(weight));
        })
    };
    assert!(reasons(&target(2, 10)).contains(&Reason::TargetStageLowered));
    assert!(reasons(&target(1, 11)).contains(&Reason::TargetStageLowered));
    assert!(!reasons(&target(1, 10)).contains(&Reason::TargetStageLowered));
}

#[test]
fn a_guard_that_is_no_longer_configured_is_forgotten_and_no_other() {
    let gone = GuardKey::new("accounts", Signal::FailedConnections);
    let case = standing_at(50).but(|case| {
        let tripped = Tripped { level: Level::Pause, since: ago(minutes(1)), baseline: None };
        case.state.guards.insert(gone.clone(), tripped);
        case.state.guards.insert(rate(), tripped);
        case.seen.judgements[0].1.resume = false;
    });
    let decision = case.decide();
    assert_eq!(decision.state.guards.keys().collect::<Vec<_>>(), [&rate()]);
    assert!(!decision.actions.is_empty());
}
