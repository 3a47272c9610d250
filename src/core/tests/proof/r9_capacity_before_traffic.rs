//! R1 and R9: nothing rises before both sides can carry what it leads to.

use crossfade_core::capacity::{Capacity, Figure, Kubernetes, Source, Workload};
use crossfade_core::reason::Reason;
use crossfade_core::report::{self, Phase, Report};

use crate::build::{Case, NOW, ago, capacity, declared, percent, seconds, standing_at};

fn report(case: &Case) -> Report {
    report::of(&case.plan, &case.state, &case.seen, case.now)
}

fn first(case: &Case) -> Option<(Reason, String)> {
    report(case).blocked_by.first().map(|blocker| (blocker.reason, blocker.message.clone()))
}

fn rises(case: &Case) -> bool {
    case.decide().state.raise.is_some()
}

/// At 10 %, soaked, the next stage at 50 %; asked for 950 requests/s at most.
fn ready(legacy: f64) -> Case {
    standing_at(10).soaked().but(|case| case.plan.capacity = capacity(declared(950.0), declared(legacy)))
}

/// As above, with a legacy that can carry all, and so many warm pods of 100 requests/s.
fn with_pods(pods: f64) -> Case {
    ready(1_000.0).but(|case| {
        case.plan.capacity.kubernetes = Some(Kubernetes {
            workloads: vec![Workload {
                name: "mail".into(),
                requests_per_second_per_pod: 100.0,
                connections_per_pod: None,
                warm_up: seconds(60),
                max_replicas: 50,
                floor: false,
            }],
            headroom: 0.2,
        });
        case.seen.figures.measured.insert(Figure::Pods(0), (NOW, pods));
    })
}

#[test]
fn nothing_rises_while_legacy_could_not_take_over_what_was_promised() {
    assert!(rises(&ready(1_000.0)));
    assert!(!rises(&ready(999.0)));
    let half = |legacy: f64| ready(legacy).but(|case| case.plan.capacity.takeover.legacy = 0.5);
    // At 50 %: 475 of its own and half of the other 475, of 95 %. At 10 %: 855 and half of 95.
    assert!(rises(&half(950.0)));
    assert!(!rises(&half(949.0)));
    let none = ready(1.0).but(|case| case.plan.capacity = Capacity::default());
    assert!(rises(&none), "what is not asked for is not checked");
}

#[test]
fn a_legacy_that_sinks_under_its_promise_pauses_the_plan_and_says_what_is_missing() {
    let short = ready(800.0);
    assert_eq!(report(&short).phase, Phase::Paused);
    assert_eq!(
        first(&short).unwrap(),
        (
            Reason::CapacityShort,
            "legacy can carry 800 requests/s, and must be able to carry 1000 to take over what \
             spec.takeover.legacy promises at the peak: bring servers up, or promise less"
                .into()
        )
    );
    let condition = |case: &Case, kind: &str| {
        let report = report(case);
        report.conditions.iter().find(|condition| condition.kind == kind).map(|it| (it.status, it.reason))
    };
    assert_eq!(condition(&short, "CapacityReserved"), Some((false, Reason::CapacityShort)));
    assert_eq!(condition(&short, "Reconciling").map(|(is, _)| is), Some(true));
    assert_eq!(condition(&ready(1_000.0), "CapacityReserved"), Some((true, Reason::CapacityReserved)));
    let silent = ready(1.0).but(|case| case.plan.capacity = Capacity::default());
    assert_eq!(condition(&silent, "CapacityReserved"), Some((false, Reason::CapacityNotConfigured)));
    assert_eq!(condition(&silent, "Ready").map(|(is, _)| is), Some(true));
}

#[test]
fn the_soak_clock_stands_while_legacy_is_short() {
    let soaking = |legacy: f64| {
        ready(legacy).but(|case| {
            case.state.soaked = seconds(60);
            case.state.proven.clear();
            case.state.volatile.soak_counted_to = Some(ago(seconds(2)));
        })
    };
    assert_eq!(soaking(1_000.0).decide().state.soaked, seconds(62));
    assert_eq!(soaking(999.0).decide().state.soaked, seconds(60));
}

#[test]
fn the_peak_counts_not_the_moment() {
    let peak = |requests_per_second: f64, minutes_ago: u64| {
        ready(1_000.0).but(|case| {
            let at = ago(crate::build::minutes(minutes_ago));
            let peak = crossfade_core::peaks::Peak { at, requests_per_second };
            case.state.peaks.0.push_back(peak);
        })
    };
    assert!(rises(&peak(950.0, 59)));
    assert!(!rises(&peak(951.0, 59)));
    assert!(rises(&peak(951.0, 60)), "out of the window");
}

#[test]
fn what_is_unknown_is_never_enough() {
    let no_demand = ready(1e9).but(|case| case.plan.capacity = capacity(Source::Measured, declared(1e9)));
    assert!(!rises(&no_demand));
    assert!(first(&no_demand).unwrap().1.starts_with("it is not known how much is asked for"));
    assert_eq!(report(&no_demand).phase, Phase::Shifting, "as after each start, until it was read twice");
    let a_peak = no_demand.but(|case| {
        case.state.peaks.0.push_back(crossfade_core::peaks::Peak { at: NOW, requests_per_second: 1.0 });
    });
    assert!(!rises(&a_peak), "what is asked for now may be more");
    let no_legacy = ready(1e9).but(|case| case.plan.capacity = capacity(declared(1.0), Source::Measured));
    assert!(!rises(&no_legacy));
    assert!(first(&no_legacy).unwrap().1.starts_with("it is not known what legacy can carry"));
    let told = |seconds_ago: u64| {
        no_legacy.clone().but(|case| {
            case.seen.figures.measured.insert(Figure::LegacyCapacity, (ago(seconds(seconds_ago)), 1_000.0));
        })
    };
    assert!(rises(&told(45)));
    assert!(!rises(&told(46)));
    let mut no_pods = with_pods(50.0);
    no_pods.seen.figures.measured.clear();
    assert!(!rises(&no_pods));
    assert!(first(&no_pods).unwrap().1.starts_with("the next step waits: it is not known what Kubernetes"));
}

#[test]
fn kubernetes_keeps_its_headroom_a_surge_and_its_promise_at_the_weight_that_comes_next() {
    // At 50 %: 475 x 1.5 = 713, against 475 / 0.8 = 594, and (475 + half of 475) / 0.95 = 750.
    assert!(rises(&with_pods(7.5)));
    assert!(!rises(&with_pods(7.4)));
    let promise = |share: f64| with_pods(7.2).but(|case| case.plan.capacity.takeover.kubernetes = share);
    assert!(rises(&promise(0.4)), "713 of a surge");
    assert!(!rises(&promise(0.5)));
    // A ramp asks for its next step only: 20 % is 190 x 1.5.
    let ramp = |pods: f64| with_pods(pods).with_a_ramp(10, 60);
    assert!(rises(&ramp(2.9)));
    assert!(!rises(&ramp(2.8)));
    assert_eq!(
        first(&ramp(2.0)).unwrap(),
        (
            Reason::CapacityShort,
            "the next step waits: Kubernetes can carry 200 requests/s by warm pods, and must be able to carry 285 \
             with its headroom, a surge and spec.takeover.kubernetes: add pods, or wait until they are warm"
                .into()
        )
    );
}

#[test]
fn a_kubernetes_that_sinks_under_what_its_weight_was_raised_by_is_told_and_nothing_moves() {
    // At 10 %: 95 x 1.5 = 142.5. The plan ends there, so that no next step says it.
    let last = |pods: f64| with_pods(pods).but(|case| case.plan.stages.truncate(2));
    let reserved = |case: &Case| {
        let conditions = report(case).conditions;
        let found = conditions.into_iter().find(|condition| condition.kind == "CapacityReserved").unwrap();
        (found.status, found.reason, found.message)
    };
    let kept = "both sides keep what was asked for".to_owned();
    assert_eq!(reserved(&last(1.5)), (true, Reason::CapacityReserved, kept));
    let lacks = "Kubernetes can carry 140 requests/s by warm pods, and must be able to carry 142 with its headroom, \
                 a surge and spec.takeover.kubernetes: add pods, or wait until they are warm";
    assert_eq!(reserved(&last(1.4)), (false, Reason::CapacityShort, lacks.into()));
    let (enough, short) = (report(&last(1.5)), report(&last(1.4)));
    assert_eq!((short.phase, &short.blocked_by), (enough.phase, &enough.blocked_by));
    // Back at 0, where the first stage awaits its approval.
    let back = last(0.0).but(|case| {
        (case.state.intended, case.state.stage) = (Some(percent(0)), None);
        case.plan.stages[0].approval = true;
        case.seen.figures.measured.clear();
    });
    assert!(reserved(&back).0, "nothing is asked of it there, known or not: {:?}", report(&back));
}

#[test]
fn what_became_short_while_a_raise_was_recorded_ends_it() {
    let recorded = |legacy: f64| ready(legacy).with_a_recorded_raise_to(50);
    assert_eq!(recorded(1_000.0).decide().state.intended, Some(percent(50)));
    let short = recorded(999.0).decide().state;
    assert_eq!((short.intended, short.raise), (Some(percent(10)), None));
}

#[test]
fn a_stage_is_not_entered_and_its_approval_not_spent_before_its_first_step_fits() {
    let approved = |pods: f64| {
        with_pods(pods).but(|case| {
            case.plan.stages[2].approval = true;
            case.plan.approvals = ["half".to_owned()].into();
        })
    };
    assert_eq!(approved(7.0).decide().state.stage, Some(1));
    assert!(approved(7.0).decide().state.spent.is_empty());
    assert_eq!(approved(8.0).decide().state.stage, Some(2));
}

#[test]
fn the_report_says_what_each_side_carries_and_could_absorb() {
    let case = with_pods(4.0);
    let figures = report(&case).capacity;
    assert_eq!((figures.spare.demand, figures.spare.peak), (Some(950.0), Some(950.0)));
    assert_eq!((figures.spare.legacy.ready, figures.spare.kubernetes.ready), (Some(1_000.0), Some(400.0)));
    // 0.95 x 1,000 - 855 = 95, all that Kubernetes has; 0.95 x 400 - 95 = 285 of 855.
    assert_eq!(figures.absorbed_by_legacy, Some(1.0));
    assert_eq!(figures.absorbed_by_kubernetes.map(|share| (share * 1000.0).round()), Some(333.0));
}
