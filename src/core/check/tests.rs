use std::collections::BTreeSet;
use std::time::Duration;

use super::check;
use crate::capacity::Capacity;
use crate::defaults;
use crate::guard::{Condition, Guard, Signal, Test};
use crate::plan::{Database, Plan, Ramp, Rollback, RollbackTo, Route, Stage, When};
use crate::weight::Weight;

mod capacity;

fn stage(name: &str, percent: f64) -> Stage {
    let weight = Weight::from_percent(percent);
    Stage { name: name.into(), weight, ramp: None, soak: Duration::ZERO, peaks: 0, approval: false }
}

fn plan() -> Plan {
    let every = Duration::from_secs(1);
    Plan {
        paused: false,
        target_stage: Some("half".into()),
        approvals: ["half/0123".into()].into(),
        stages: vec![stage("canary", 1.0), stage("half", 50.0)],
        routes: vec![Route { name: "edge".into(), instances: vec!["a".into(), "b".into()] }],
        databases: vec![Database {
            name: "accounts".into(),
            every,
            guards: defaults::guards(),
            connection_rate_capacity: None,
            by_side: false,
        }],
        rollback: Rollback {
            to: RollbackTo::Previous,
            max_step: Weight::FULL,
            every: Duration::from_secs(5),
            when: When::Always,
        },
        capacity: Capacity::default(),
    }
}

fn condition(test: Test, lasting: u64, within: u64) -> Condition {
    Condition { test, lasting: Duration::from_secs(lasting), within: Duration::from_secs(within) }
}

fn guard(pause: Condition, rollback: Condition, resume: Condition) -> Guard {
    Guard { signal: Signal::ConnectionsOfMax, pause: vec![pause], rollback: vec![rollback], resume }
}

fn with_guard(pause: Test, rollback: Test, resume: Test) -> Plan {
    let mut plan = plan();
    plan.databases[0].guards =
        vec![guard(condition(pause, 3, 3), condition(rollback, 3, 3), condition(resume, 3, 3))];
    plan
}

fn fields(plan: &Plan) -> Vec<String> {
    check(plan).into_iter().map(|problem| problem.field).collect()
}

#[test]
fn a_plan_with_the_default_guards_is_accepted() {
    assert_eq!(check(&plan()), []);
}

#[test]
fn what_is_empty_is_refused() {
    let empty = Plan { stages: vec![], routes: vec![], databases: vec![], ..plan() };
    assert_eq!(fields(&empty), ["spec.stages", "spec.routes", "spec.databases"]);
}

#[test]
fn each_mistake_is_told_at_its_field() {
    type Edit = (&'static str, fn(&mut Plan));
    let edits: &[Edit] = &[
        ("spec.stages[1].weight", |plan| plan.stages[1].weight = Weight::ZERO),
        ("spec.stages[1].name", |plan| plan.stages[1].name = "canary".into()),
        ("spec.stages[0].ramp.step", |plan| {
            plan.stages[0].ramp = Some(Ramp { step: Weight::ZERO, every: Duration::from_secs(1) });
        }),
        ("spec.stages[0].ramp.every", |plan| {
            plan.stages[0].ramp = Some(Ramp { step: Weight::FULL, every: Duration::ZERO });
        }),
        ("spec.stages[0].soak.for", |plan| plan.stages[0].soak = Duration::from_hours(2161)),
        ("spec.targetStage", |plan| plan.target_stage = Some("haf".into())),
        ("spec.approvals", |plan| plan.approvals = ["haf/0123".into()].into()),
        ("spec.routes[1].name", |plan| plan.routes.push(plan.routes[0].clone())),
        ("spec.routes[0]", |plan| plan.routes[0].instances.clear()),
        ("spec.routes[0]", |plan| plan.routes[0].instances.push("a".into())),
        ("spec.databases[1].name", |plan| plan.databases.push(plan.databases[0].clone())),
        ("spec.databases[0].every", |plan| plan.databases[0].every = Duration::from_millis(99)),
        ("spec.databases[0].guards[ConnectionRate]", |plan| {
            let again = plan.databases[0].guards[0].clone();
            plan.databases[0].guards.push(again);
        }),
        ("spec.databases[0].guards[ConnectionRate].pause", |plan| plan.databases[0].guards[0].pause.clear()),
        ("spec.rollback.maxStep", |plan| plan.rollback.max_step = Weight::ZERO),
        ("spec.rollback.every", |plan| plan.rollback.every = Duration::from_secs(601)),
    ];
    for (field, edit) in edits {
        let mut wrong = plan();
        edit(&mut wrong);
        assert!(fields(&wrong).contains(&(*field).to_owned()), "{field}: {:?}", check(&wrong));
    }
}

#[test]
fn thresholds_are_told_by_their_part_of_the_guard() {
    use Test::{Above, AboveBaseline, Below, BelowBaseline};
    let right = (Above(70.0), Above(85.0), Below(60.0));
    for (part, pause, rollback, resume) in [
        ("resume", right.0, right.1, Below(70.0)),
        ("rollback.above", right.0, Above(69.9), right.2),
        ("rollback.aboveBaseline", AboveBaseline(2.0), AboveBaseline(1.9), BelowBaseline(1.2)),
        ("rollback", right.0, Below(85.0), right.2),
        ("resume", right.0, right.1, Above(60.0)),
        ("pause", Below(70.0), right.1, right.2),
        ("pause.above", Above(100.0), Above(100.0), right.2),
        ("pause.above", Above(f64::NAN), right.1, right.2),
        ("rollback.above", right.0, Above(f64::INFINITY), right.2),
        ("resume.below", right.0, right.1, Below(-0.1)),
        ("pause.aboveBaseline", AboveBaseline(1.0), right.1, right.2),
        ("resume.belowBaseline", AboveBaseline(1.5), right.1, BelowBaseline(0.9)),
    ] {
        let field = format!("spec.databases[0].guards[ConnectionsOfMax].{part}");
        let plan = with_guard(pause, rollback, resume);
        assert!(fields(&plan).contains(&field), "{field}: {:?}", check(&plan));
    }
    assert_eq!(check(&with_guard(right.0, right.1, right.2)), []);
    let many_times = (AboveBaseline(100.0), AboveBaseline(100.0), BelowBaseline(1.2));
    assert_eq!(check(&with_guard(many_times.0, many_times.1, many_times.2)), [], "no percentage");
    assert_eq!(check(&with_guard(right.0, right.0, right.2)), [], "pause and rollback may be the same");
}

#[test]
fn windows_fit_the_samples_that_are_kept_and_taken() {
    for (lasting, within, part) in
        [(4, 3, "pause.within"), (3, 601, "pause.within"), (601, 601, "pause.for"), (1, 5, "pause.for")]
    {
        let mut plan = with_guard(Test::Above(70.0), Test::Above(85.0), Test::Below(60.0));
        plan.databases[0].every = Duration::from_secs(2);
        plan.databases[0].guards[0].pause = vec![condition(Test::Above(70.0), lasting, within)];
        let field = format!("spec.databases[0].guards[ConnectionsOfMax].{part}");
        let found: BTreeSet<_> = fields(&plan).into_iter().collect();
        assert_eq!(found, [field].into(), "{lasting} of {within}");
    }
}

#[test]
fn what_stands_exactly_at_a_bound_is_accepted() {
    let edits: &[fn(&mut Plan)] = &[
        |plan| plan.stages[1].soak = Duration::from_hours(2160),
        |plan| plan.stages[1].weight = plan.stages[0].weight,
        |plan| plan.stages[0].ramp = Some(Ramp { step: Weight::FULL, every: Duration::from_hours(24) }),
        |plan| plan.databases[0].every = Duration::from_millis(100),
        |plan| plan.databases[0].every = Duration::from_secs(3),
        |plan| plan.rollback.every = Duration::from_mins(10),
    ];
    for (place, edit) in edits.iter().enumerate() {
        let mut right = plan();
        right.databases[0].guards.truncate(1);
        edit(&mut right);
        assert_eq!(check(&right), [], "edit {place}");
    }
    let mut longest = with_guard(Test::Above(99.9), Test::Above(99.9), Test::Below(0.0));
    longest.databases[0].guards[0].pause = vec![condition(Test::Above(99.9), 3, 600)];
    assert_eq!(check(&longest), []);
}

#[test]
fn every_threshold_that_looks_the_wrong_way_is_refused_and_each_other_is_not() {
    let up = [
        Test::Above(70.0),
        Test::AboveBaseline(1.5),
        Test::Trend(12.0),
        Test::FullWithin(Duration::from_mins(1)),
        Test::Failures { percent: 1.0, per_second: 0.0 },
    ];
    let down = [Test::Below(60.0), Test::BelowBaseline(1.2), Test::FailuresBelow { percent: 0.5 }];
    let path = |part: &str| format!("spec.databases[0].guards[ConnectionsOfMax].{part}");
    for test in up {
        assert!(!fields(&with_guard(test, Test::Above(85.0), Test::Below(0.0))).contains(&path("pause")));
        let wrong = fields(&with_guard(Test::Above(70.0), Test::Above(85.0), test));
        assert!(wrong.contains(&path("resume")), "{test:?}");
    }
    for test in down {
        let right = fields(&with_guard(Test::Above(70.0), Test::Above(85.0), test));
        assert!(!right.contains(&path("resume")), "{test:?}");
        let wrong = fields(&with_guard(test, Test::Above(85.0), Test::Below(0.0)));
        assert!(wrong.contains(&path("pause")), "{test:?}");
    }
    let negative = Test::Failures { percent: 1.0, per_second: -1.0 };
    assert!(fields(&with_guard(negative, Test::Above(85.0), Test::Below(0.0))).contains(&path("pause")));
}

#[test]
fn a_problem_is_told_with_field_reason_and_remedy() {
    let problem = super::Problem::new("spec.paused", "is no boolean", "write true or false");
    assert_eq!(problem.to_string(), "spec.paused: is no boolean; write true or false");
}
