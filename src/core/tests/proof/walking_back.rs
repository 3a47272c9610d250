//! A person's wish to go back: by `rollback`, by `targetStage`, and by both.

use crossfade_core::reason::Reason;
use crossfade_core::report::Phase;
use crossfade_core::state::{ByHand, Retreat};
use crossfade_core::weight::Weight;

use crate::build::{Case, NOW, ago, moved, percent, rate, seconds, stage, standing_at, told};

fn by_hand(case: Case, target: u16) -> Case {
    case.but(|case| {
        let (target, since) = (percent(target), ago(seconds(30)));
        case.state.rolled_back_by_hand = Some(ByHand { target, since, reason: "enough".into() });
    })
}

fn target(case: Case, name: &str) -> Case {
    case.but(|case| case.plan.target_stage = Some(name.into()))
}

/// The move that is made now.
fn step(case: &Case) -> Option<(f64, Reason)> {
    let state = case.decide().state;
    let step = state.history.back().filter(|step| step.at == NOW)?;
    Some((step.to.percent(), step.reason))
}

#[test]
fn the_lower_of_both_wishes_is_gone_to() {
    let at = || standing_at(20);
    assert_eq!(step(&by_hand(at(), 10)), Some((10.0, Reason::RollbackByHand)));
    assert_eq!(step(&target(at(), "tenth")), Some((10.0, Reason::TargetStageLowered)));
    assert_eq!(step(&target(by_hand(at(), 10), "canary")), Some((1.0, Reason::TargetStageLowered)));
    assert_eq!(step(&target(by_hand(at(), 1), "tenth")), Some((1.0, Reason::RollbackByHand)));
    assert_eq!(step(&target(by_hand(at(), 10), "tenth")), Some((10.0, Reason::RollbackByHand)));
    assert_eq!(step(&target(by_hand(at(), 20), "half")), None, "it stands there");
    let held = target(by_hand(at(), 10), "canary").but(|case| case.plan.paused = true);
    assert_eq!(step(&held), Some((10.0, Reason::RollbackByHand)), "a pause holds targetStage alone");
}

#[test]
fn the_last_bit_is_gone_too_where_it_fits() {
    let near = target(standing_at(10), "tenth").but(|case| {
        case.state.intended = Some(Weight::from_hundredths(1_025));
    });
    assert_eq!(step(&near), Some((10.0, Reason::TargetStageLowered)));
}

#[test]
fn a_guard_s_retreat_goes_first_until_it_has_arrived() {
    let retreat = |arrived| {
        by_hand(standing_at(20), 10).but(|case| {
            let since = ago(seconds(30));
            case.state.retreat = Some(Retreat { target: percent(10), since, guard: Some(rate()), arrived });
            case.state.guards.insert(
                rate(),
                crossfade_core::guard::Tripped {
                    level: crossfade_core::guard::Level::Rollback,
                    since,
                    baseline: None,
                },
            );
            case.seen.judgements[0].1.resume = false;
        })
    };
    assert_eq!(step(&retreat(false)), Some((10.0, Reason::GuardRollback)));
    assert_eq!(step(&retreat(true)), Some((10.0, Reason::RollbackByHand)));
    let unsettled = by_hand(standing_at(20), 10).but(|case| {
        case.state.volatile.settled = false;
        case.seen.instances[1].reading = None;
    });
    assert_eq!(step(&unsettled), None);
}

#[test]
fn each_step_waits_for_the_one_before() {
    let waiting = |ago_seconds| {
        by_hand(standing_at(50), 10).but(|case| {
            case.state.last_step = Some(ago(seconds(ago_seconds)));
            case.state.history = [moved(ago(seconds(ago_seconds)), 75, 50, Reason::RollbackByHand)].into();
        })
    };
    assert_eq!(step(&waiting(4)), None);
    assert_eq!(step(&waiting(5)), Some((25.0, Reason::RollbackByHand)));
}

#[test]
fn a_stage_beyond_the_target_that_has_not_risen_is_left_without_a_move() {
    let entered = |name: &str| {
        target(standing_at(10), name).but(|case| {
            case.plan.stages.insert(2, stage("again", 10));
            case.state.stage = Some(2);
        })
    };
    let left = |case: &Case| {
        let state = case.decide().state;
        (state.stage, state.history.len())
    };
    assert_eq!(left(&entered("tenth")), (Some(1), 0));
    assert_eq!(left(&entered("again")), (Some(2), 0));
    assert_eq!(left(&entered("half")), (Some(2), 0));
    for hold in [true, false] {
        let held = entered("tenth").but(|case| {
            case.plan.paused = hold;
            case.seen.wishes.hold = (!hold).then(String::new);
        });
        assert_eq!(left(&held), (Some(2), 0));
    }
}

#[test]
fn a_change_of_the_phase_is_told_and_a_change_of_its_reason_is_recorded() {
    let was = |phase, reason| {
        standing_at(50).but(|case| case.state.volatile.told = Some((phase, Some(reason)))).decide()
    };
    let same = was(Phase::Soaking, Reason::Soaking);
    assert!(told(&same.actions).is_empty());
    let other_reason = was(Phase::Soaking, Reason::OutOfSync);
    assert!(told(&other_reason.actions).is_empty());
    assert!(!other_reason.actions.is_empty());
    assert_eq!(told(&was(Phase::Paused, Reason::Held).actions), [Reason::Soaking]);
    let first = standing_at(50).decide();
    assert!(told(&first.actions).is_empty(), "the first phase of a process is no change");
}
