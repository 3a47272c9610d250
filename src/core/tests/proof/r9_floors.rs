//! R9: the floor of what runs the pods is raised before the weight, kept while the weight stands, and not
//! given back within ten minutes, nor while a guard is tripped.

use std::collections::BTreeMap;

use crossfade_core::action::Action;
use crossfade_core::capacity::{Figure, Kubernetes, Source, Takeover, Workload};
use crossfade_core::engine::Engine;
use crossfade_core::floor::{Floor, Found};
use crossfade_core::guard::{Judgement, Level};
use crossfade_core::load::{Flow, Load};
use crossfade_core::reason::Reason;
use crossfade_core::report::{self, Who};
use crossfade_core::state::Retreat;
use crossfade_core::time::Time;
use proptest::prelude::*;

use crate::build::{
    Case, NOW, ago, capacity, declared, minutes, percent, rate, reading, seconds, standing_at,
};

/// Neither a breach nor clear.
const NOISY: Judgement = Judgement {
    value: Some(700.0),
    unknown: None,
    baseline: None,
    pause: false,
    rollback: false,
    resume: false,
};

fn workload(name: &str, each: f64, max_replicas: u32) -> Workload {
    Workload {
        name: name.into(),
        requests_per_second_per_pod: each,
        connections_per_pod: None,
        warm_up: seconds(60),
        max_replicas,
        floor: true,
    }
}

/// At `weight`, soaked; asked for 950 requests/s, of which legacy can carry all; pods carry 100 each, and so
/// many are warm.
fn with_pods(weight: u16, pods: f64) -> Case {
    standing_at(weight).soaked().but(|case| {
        case.plan.capacity = capacity(declared(950.0), declared(1_000.0));
        case.plan.capacity.kubernetes =
            Some(Kubernetes { workloads: vec![workload("mail", 100.0, 50)], headroom: 0.2 });
        case.seen.figures.measured.insert(Figure::Pods(0), (NOW, pods));
    })
}

fn floors(case: &Case) -> BTreeMap<String, u32> {
    case.decide().state.floors
}

fn mail(pods: u32) -> BTreeMap<String, u32> {
    [("mail".to_owned(), pods)].into()
}

fn rises(case: &Case) -> bool {
    case.decide().state.raise.is_some()
}

fn stands(case: &mut Case, pods: u32) {
    let found = Found { pods: Some(pods), object: "Deployment mail".into(), before: Some(1), lack: None };
    case.seen.figures.floors.insert(0, (NOW, found));
}

fn first(case: &Case) -> (Reason, String, Who) {
    let report = report::of(&case.plan, &case.state, &case.seen, case.now);
    let first = report.blocked_by.first().unwrap();
    (first.reason, first.message.clone(), first.who)
}

#[test]
fn the_floor_is_raised_for_the_next_step_and_the_step_waits_for_its_pods() {
    // At 50 %: (475 + half of 475) / 0.95 = 750, which is 8 pods of 100, and one more.
    let waiting = with_pods(10, 2.0);
    let decision = waiting.decide();
    assert_eq!((decision.state.floors.clone(), decision.state.raise), (mail(9), None));
    assert!(decision.actions.iter().any(|action| matches!(action, Action::Record { .. })));
    let waiting = waiting.but(|case| case.state.floors = mail(9));
    assert_eq!(
        first(&waiting),
        (
            Reason::CapacityShort,
            "the next step waits: Kubernetes can carry 200 requests/s by warm pods, and must be able to carry 750 \
             with its headroom, a surge and spec.takeover.kubernetes: the floor of mail at 9 pods stands or is \
             being raised, and its pods are awaited until they are ready and warm"
                .into(),
            Who::Nobody
        )
    );
    // Pods that an autoscaler may take away again are no floor.
    let warm = waiting.but(|case| {
        case.seen.figures.measured.insert(Figure::Pods(0), (NOW, 9.0));
    });
    assert!(!rises(&warm));
    let says = "the next step waits: the floor of workload mail is being raised";
    assert_eq!(first(&warm), (Reason::CapacityShort, says.into(), Who::Nobody));
    assert!(!rises(&warm.clone().but(|case| stands(case, 7))));
    assert!(rises(&warm.clone().but(|case| stands(case, 8))), "one more is none that the raise waits for");
    let old = warm.but(|case| {
        stands(case, 9);
        case.seen.figures.floors.get_mut(&0).unwrap().0 = ago(seconds(46));
    });
    assert!(!rises(&old), "what was seen long ago may be otherwise now");
}

#[test]
fn what_keeps_the_floor_from_being_raised_is_told() {
    let lacking = with_pods(10, 2.0).but(|case| {
        case.state.floors = mail(9);
        stands(case, 2);
        case.seen.figures.floors.get_mut(&0).unwrap().1.lack = Some("kustomize-controller sets it".into());
    });
    let (_, message, who) = first(&lacking);
    assert!(message.ends_with(": kustomize-controller sets it"), "{message}");
    assert_eq!(who, Who::Person);
    let warm = lacking.but(|case| {
        case.seen.figures.measured.insert(Figure::Pods(0), (NOW, 9.0));
    });
    assert_eq!(
        first(&warm),
        (Reason::CapacityShort, "the next step waits: kustomize-controller sets it".into(), Who::Person)
    );
}

#[test]
fn several_workloads_share_what_is_needed_by_what_they_can_carry_at_most() {
    let shared = with_pods(10, 2.0).but(|case| {
        let side = case.plan.capacity.kubernetes.as_mut().unwrap();
        // 1,000 and 500 at most: two thirds and one third of 750.
        side.workloads = vec![workload("mail", 100.0, 10), workload("more", 50.0, 10)];
        case.seen.figures.measured.insert(Figure::Pods(1), (NOW, 0.0));
    });
    assert_eq!(floors(&shared), [("mail".to_owned(), 6), ("more".to_owned(), 6)].into());
    let most = shared.but(|case| {
        let side = case.plan.capacity.kubernetes.as_mut().unwrap();
        side.workloads = vec![workload("mail", 100.0, 6)];
    });
    assert_eq!(floors(&most), mail(6), "never more than the workload may have");
}

#[test]
fn only_what_is_to_be_raised_next_asks_for_a_floor() {
    // For 10 %: 95 x 1.5 = 143.
    let present = mail(3);
    let waits = |change: fn(&mut Case)| floors(&with_pods(10, 2.0).but(change));
    assert_eq!(waits(|case| case.state.soaked = seconds(0)), present, "the soak is not done");
    assert_eq!(waits(|case| case.plan.stages[2].approval = true), present, "nobody approved");
    assert_eq!(waits(|case| case.plan.target_stage = Some("tenth".into())), present);
    assert_eq!(waits(|case| case.plan.paused = true), present);
    assert_eq!(waits(|case| case.state.intended = None), BTreeMap::new(), "nothing is known yet");
    assert_eq!(
        waits(|case| case.plan.capacity.kubernetes.as_mut().unwrap().workloads[0].floor = false),
        [].into()
    );
    // A ramp asks for its next step, while it waits for its time too. 20 %: 190 x 1.5 = 285.
    let ramp = with_pods(10, 2.0).with_a_ramp(10, 600).but(|case| {
        case.state.stage = Some(2);
        case.state.last_step = Some(ago(seconds(1)));
    });
    assert_eq!(floors(&ramp), mail(4));
}

#[test]
fn a_floor_is_given_back_ten_minutes_after_the_weight_has_fallen() {
    let mut fallen = with_pods(10, 9.0).but(|case| {
        case.plan.paused = true;
        case.state.floors = mail(9);
    });
    fallen.state = fallen.decide().state;
    assert_eq!(fallen.state.floors, mail(9));
    let after = |case: &Case, span| {
        let later = case.clone().but(|case| case.now = NOW + span);
        later.decide()
    };
    let shortly = std::time::Duration::from_millis(599_999);
    assert_eq!(after(&fallen, shortly).state.floors, mail(9));
    let given = after(&fallen, minutes(10));
    assert_eq!(given.state.floors, mail(3), "down to what the present weight needs");
    assert!(given.actions.iter().any(|action| matches!(action, Action::Record { .. })));
    // A weight that falls further begins anew.
    let further = fallen.clone().but(|case| {
        let at = NOW + minutes(4);
        case.state.history.push_back(crate::build::moved(at, 50, 10, Reason::GuardRollback));
    });
    assert_eq!(after(&further, minutes(13)).state.floors, mail(9));
    assert_eq!(after(&further, minutes(14)).state.floors, mail(3));
    // What is needed again in between begins anew.
    let mut again = fallen.clone().but(|case| case.state.floors = mail(3));
    again.now = NOW + minutes(9);
    again.state = again.decide().state;
    again.state.floors = mail(9);
    assert_eq!(after(&again, minutes(10)).state.floors, mail(9));
    // At 0 % nothing is needed, whatever the demand.
    let zero = fallen.but(|case| {
        case.state.intended = Some(percent(0));
        case.state.stage = None;
        case.plan.capacity.demand.as_mut().unwrap().from = Source::Measured;
    });
    assert_eq!(after(&zero, minutes(10)).state.floors, BTreeMap::new());
}

#[test]
fn nothing_is_given_back_while_a_guard_is_tripped_or_nobody_knows_the_demand() {
    let long_ago = |case: &mut Case| {
        case.plan.paused = true;
        case.state.floors = mail(9);
        case.state.volatile.floors_too_high_since = Some(ago(minutes(60)));
    };
    assert_eq!(floors(&with_pods(10, 9.0).but(long_ago)), mail(3));
    for level in [Level::Pause, Level::Rollback] {
        let tripped =
            with_pods(10, 9.0).at_level(&rate(), level).judged(&rate(), NOISY).but(long_ago).decide().state;
        assert_eq!((tripped.floors, tripped.volatile.floors_too_high_since), (mail(9), None));
    }
    let unknown = with_pods(10, 9.0).but(long_ago).but(|case| {
        case.plan.capacity.demand.as_mut().unwrap().from = Source::Measured;
    });
    assert_eq!(floors(&unknown), mail(9));
}

#[test]
fn nothing_is_given_back_to_a_kubernetes_that_fails_outright_until_it_is_left() {
    let failing = |weight: u16, arrived: bool| {
        with_pods(10, 9.0).but(|case| {
            case.plan.paused = true;
            case.state.intended = Some(percent(weight));
            for seen in &mut case.seen.instances {
                seen.reading = Some((NOW, reading(percent(weight))));
                case.state.volatile.ours.insert(seen.key.clone(), reading(percent(weight)));
            }
            // Nothing fits.
            case.plan.capacity.legacy.as_mut().unwrap().capacity = declared(1.0);
            case.state.floors = mail(9);
            case.state.volatile.floors_too_high_since = Some(ago(minutes(60)));
            let flow = |failed| Flow { requests: 100.0, failed };
            case.seen.figures.load = Some((NOW, Load { legacy: flow(0.0), kubernetes: flow(100.0) }));
            case.seen.figures.failing_since = Some(ago(minutes(60)));
            let (target, since) = (percent(0), ago(minutes(60)));
            case.state.retreat = Some(Retreat { target, since, guard: None, arrived });
        })
    };
    assert_eq!(floors(&failing(10, false)), mail(9));
    assert_eq!(floors(&failing(0, true)), BTreeMap::new());
}

#[test]
fn what_the_shell_finds_of_a_floor_is_seen_and_one_that_nobody_promised_is_not_shown() {
    let case = with_pods(10, 9.0);
    let mut engine = Engine::new(case.plan.clone(), case.state.clone(), NOW);
    assert_eq!(engine.report(NOW).floors, []);
    let found = Found { pods: Some(3), object: "Deployment mail".into(), before: Some(1), lack: None };
    engine.floor(0, found.clone(), NOW);
    assert_eq!(engine.report(NOW).floors, [Floor { workload: "mail".into(), pods: 0, found: Some(found) }]);
}

#[test]
fn a_floor_that_stands_as_it_should_is_recorded_once_and_one_that_goes_again() {
    let actions = |case: &mut Case, change: fn(&mut Case)| {
        case.state = case.decide().state;
        change(case);
        case.decide().actions.len()
    };
    let mut stays = with_pods(10, 9.0).but(|case| {
        case.plan.paused = true;
        stands(case, 3);
    });
    assert_eq!(actions(&mut stays, |_| ()), 0);
    let found_anew = |case: &mut Case| case.state.volatile.floors_found.clear();
    assert_eq!(actions(&mut stays, found_anew), 0);
    let gone = |case: &mut Case| {
        case.state.floors.insert("old".into(), 4);
    };
    assert_eq!(actions(&mut stays, gone), 1);
}

#[test]
fn a_floor_stands_high_enough_where_it_carries_just_what_is_needed_or_can_go_no_higher() {
    let rising = |demand: f64, pods: u32| {
        with_pods(10, 99.0).but(|case| {
            case.plan.capacity.takeover = Takeover { legacy: 0.0, kubernetes: 0.0 };
            case.plan.capacity.demand.as_mut().unwrap().from = declared(demand);
            case.plan.capacity.legacy.as_mut().unwrap().capacity = declared(1e9);
            stands(case, pods);
        })
    };
    // 1.5 times half of 800.
    assert_eq!([5, 6].map(|pods| rises(&rising(800.0, pods))), [false, true]);
    // 1.5 times half of 8,000 are 60 pods, of which 50 may be asked for; more are there.
    assert_eq!([49, 50].map(|pods| rises(&rising(8_000.0, pods))), [false, true]);
}

#[test]
fn what_stands_raised_and_was_not_stored_as_promised_is_kept_for_ten_minutes_too() {
    let restarted = with_pods(10, 9.0).but(|case| {
        case.plan.paused = true;
        stands(case, 9);
    });
    let adopted = restarted.decide();
    assert_eq!(adopted.state.floors, mail(9));
    assert!(adopted.actions.iter().any(|action| matches!(action, Action::Record { .. })));
    // Once only: what is found later is on its way down.
    let lowered = restarted.clone().but(|case| {
        case.state = adopted.state;
        case.state.floors = mail(3);
    });
    assert_eq!(floors(&lowered), mail(3));
    let theirs = restarted.but(|case| case.seen.figures.floors.get_mut(&0).unwrap().1.before = None);
    assert_eq!(floors(&theirs), mail(3), "nobody raised it for this plan");
}

#[test]
fn what_the_plan_no_longer_names_is_given_back_at_once() {
    let renamed = with_pods(10, 9.0).but(|case| {
        case.state.floors = [("mail".to_owned(), 9), ("old".to_owned(), 4)].into();
    });
    assert_eq!(floors(&renamed), mail(9));
    let without = renamed.but(|case| case.plan.capacity.kubernetes = None);
    assert_eq!(floors(&without), BTreeMap::new());
}

#[test]
fn the_report_shows_what_is_promised_and_what_was_found() {
    let case = with_pods(10, 2.0).but(|case| {
        case.state.floors = mail(9);
        stands(case, 4);
    });
    let report = report::of(&case.plan, &case.state, &case.seen, case.now);
    let found = Found { pods: Some(4), object: "Deployment mail".into(), before: Some(1), lack: None };
    assert_eq!(report.floors, [Floor { workload: "mail".into(), pods: 9, found: Some(found) }]);
}

proptest! {
    /// Whatever weights a plan goes through, and whatever trips: each raise finds a floor that carries it,
    /// and no floor sinks within ten minutes of what was needed, or of a trip.
    #[test]
    fn a_floor_stands_before_the_weight_and_is_not_given_back_early(
        steps in proptest::collection::vec((0..4_usize, 0..900_u64, any::<bool>(), any::<bool>()), 1..40),
    ) {
        let mut case = with_pods(1, 50.0);
        let mut busy: Time = NOW;
        for (stage, wait, tripped, paused) in steps {
            case.now = case.now + seconds(wait);
            let now = case.now;
            let at = case.plan.stages[stage].weight;
            case.state.stage = Some(stage);
            case.state.intended = Some(at);
            case.plan.paused = paused;
            if tripped {
                case = case.at_level(&rate(), Level::Pause).judged(&rate(), NOISY);
            } else {
                case.state.guards.clear();
            }
            let before = case.state.floors.get("mail").copied().unwrap_or_default();
            case.state = case.decide().state;
            let after = case.state.floors.get("mail").copied().unwrap_or_default();
            let share = at.percent() / 100.0 * 950.0;
            prop_assert!(f64::from(after) * 100.0 >= share * 1.5, "{after} pods for {share}");
            if after < before {
                prop_assert!(!tripped && now.since(busy) >= minutes(10), "{before} to {after}");
            }
            if tripped || after > before {
                busy = now;
            }
            case.state.raise = None;
        }
    }
}
