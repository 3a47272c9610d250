use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};

use super::{spec, with};
use crate::api::parse::parse;
use crate::api::{crd, schema};
use crate::core::defaults;
use crate::core::guard::{Condition, Guard, Signal, Test};
use crate::core::plan::{Ramp, Rollback, RollbackTo, Stage, When};
use crate::core::weight::Weight;

/// What is wrong, as "field: reason; remedy".
fn wrong(spec: &Value) -> Vec<String> {
    parse(spec).expect_err("it was accepted").iter().map(ToString::to_string).collect()
}

fn fields(spec: &Value) -> BTreeSet<String> {
    parse(spec).expect_err("it was accepted").into_iter().map(|problem| problem.field).collect()
}

fn seconds(test: Test, lasting: u64, within: u64) -> Condition {
    Condition { test, lasting: Duration::from_secs(lasting), within: Duration::from_secs(within) }
}

#[test]
fn a_right_spec_becomes_the_cores_plan() {
    let parsed = parse(&spec()).unwrap();
    let plan = &parsed.plan;
    assert_eq!(
        plan.stages[2],
        Stage {
            name: "half".into(),
            weight: Weight::from_hundredths(5025),
            ramp: Some(Ramp { step: Weight::from_hundredths(500), every: Duration::from_mins(5) }),
            soak: Duration::ZERO,
            peaks: 0,
            approval: true,
        }
    );
    assert_eq!(plan.routes[0].instances, ["unix:///run/haproxy/admin.sock", "tls://lb-3.example:9999"]);
    assert_eq!(plan.databases[0].every, Duration::from_secs(1));
    assert_eq!(
        plan.databases[0].guards,
        [
            Guard {
                signal: Signal::ConnectionRate,
                pause: vec![seconds(Test::Above(800.0), 3, 3)],
                rollback: vec![seconds(Test::Above(1500.0), 8, 10)],
                resume: seconds(Test::Below(600.0), 60, 60),
            },
            defaults::guard(Signal::ConnectionsOfMax),
            defaults::guard(Signal::FailedConnections),
        ]
    );
    let every = Duration::from_secs(5);
    let max_step = Weight::from_hundredths(2500);
    assert_eq!(plan.rollback, Rollback { to: RollbackTo::Previous, max_step, every, when: When::Attributed });
    assert_eq!(parsed.secrets(), BTreeSet::from(["accounts-db-ca", "accounts-db-monitor", "edge-haproxy"]));
    assert_eq!(parsed.mysql("accounts").unwrap().port, 3306);
    assert_eq!(parsed.haproxy("edge").unwrap().backend, "mail");
}

#[test]
fn a_signal_that_is_switched_off_has_no_guard_and_failures_keep_their_floors() {
    let spec = with(&[(
        "/databases/0/guards",
        json!([
            {"signal": "ConnectionRate", "enabled": false},
            {"signal": "FailedConnections", "pause": {"above": 2, "for": "5s"},
             "rollback": {"above": 5, "for": "5s"}, "resume": {"below": 1, "for": "30s"}},
        ]),
    )]);
    let failures = |percent, per_second| Test::Failures { percent, per_second };
    assert_eq!(
        parse(&spec).unwrap().plan.databases[0].guards,
        [
            defaults::guard(Signal::ConnectionsOfMax),
            Guard {
                signal: Signal::FailedConnections,
                pause: vec![seconds(failures(2.0, 5.0), 5, 5)],
                rollback: vec![seconds(failures(5.0, 20.0), 5, 5)],
                resume: seconds(Test::FailuresBelow { percent: 1.0 }, 30, 30),
            },
        ]
    );
}

#[test]
fn a_slowly_sampled_database_gets_default_guards_that_see_a_sample() {
    let spec = with(&[("/databases/0/every", json!("60s")), ("/databases/0/guards", json!([]))]);
    let guards = parse(&spec).unwrap().plan.databases.remove(0).guards;
    assert_eq!(guards[0].pause[0], seconds(Test::AboveBaseline(1.5), 60, 60));
    assert_eq!(guards[1].pause[0], seconds(Test::Above(70.0), 0, 0), "at once stays at once");
}

#[test]
fn everything_that_is_wrong_is_told_at_once() {
    let spec = with(&[
        ("/stages/0/weight", json!("much")),
        ("/stages/1/soak/for", json!("2 hours")),
        ("/stages/2/approvall", json!("Required")),
        ("/routes/0/haproxy/instances/0", json!("tcp://10.0.0.5:9999")),
        ("/databases/0/mysql/credentialsSecret", Value::Null),
        ("/databases/0/guards/0/resume/below", json!(900)),
        ("/targetStage", json!("haf")),
    ]);
    assert_eq!(
        wrong(&spec),
        [
            "spec: targetStage names no stage; name one of spec.stages, or leave targetStage out to allow all",
            "spec.databases[0].guards[0]: resume must lie below pause, or the guard would flap; lower resume, or raise pause",
            "spec.databases[0].mysql.credentialsSecret: is missing; it is: The Secret in the plan's namespace with the keys \
             `username` and `password`",
            "spec.routes[0].haproxy: plain tcp:// beyond loopback lets whoever reaches the port do anything to the \
             load balancer; use tls:// with a client certificate, or unix://, or write insecure: true if the network \
             is trusted",
            "spec.stages[0].weight: \"much\" is not a number; it is: Kubernetes' share of the traffic in percent, 0 \
             to 100 in steps of 0.01",
            "spec.stages[1].soak.for: \"2 hours\" is no duration; write for example 500ms, 30s, 5m or 1h30m",
            "spec.stages[2].approvall: there is no such field; did you mean approval?",
        ]
    );
}

#[test]
fn what_the_core_finds_names_the_values_and_replaces_the_rule() {
    let spec = with(&[
        ("/stages/1/weight", json!(0.5)),
        ("/targetStage", json!("haf")),
        ("/databases/0/guards/0/rollback/above", json!(700)),
        ("/databases/0/every", json!("10s")),
    ]);
    assert_eq!(
        wrong(&spec),
        [
            "spec.databases[0].guards[0].pause.for: 3s is shorter than the sampling period, 10s; sample more often \
             (every), or write a longer for",
            "spec.databases[0].guards[0].rollback.above: 700 is below pause, 800; raise rollback.above, or lower \
             pause.above",
            "spec.databases[0].guards[0].rollback.for: 8s is shorter than the sampling period, 10s; sample more often \
             (every), or write a longer for",
            "spec.stages[1].weight: 0.5 is below the 1 of the stage before, \"canary\"; order the stages by weight; to \
             walk back, use targetStage",
            "spec.targetStage: \"haf\" is no stage; the stages are canary, tenth, half",
        ]
    );
}

#[test]
fn a_relative_guard_rolls_back_where_it_says_so() {
    let relative = |rollback: &str| {
        with(&[
            ("/databases/0/guards/0/pause", json!({"aboveBaseline": "1.5", "for": "3s"})),
            (
                "/databases/0/guards/0/rollback",
                json!({"aboveBaseline": rollback, "for": "8s", "within": "10s"}),
            ),
            ("/databases/0/guards/0/resume", json!({"belowBaseline": "1.2", "for": "60s"})),
        ])
    };
    assert_eq!(
        parse(&relative("2.25")).unwrap().plan.databases[0].guards[0],
        Guard {
            signal: Signal::ConnectionRate,
            pause: vec![seconds(Test::AboveBaseline(1.5), 3, 3)],
            rollback: vec![seconds(Test::AboveBaseline(2.25), 8, 10)],
            resume: seconds(Test::BelowBaseline(1.2), 60, 60),
        }
    );
    assert_eq!(
        wrong(&relative("1.4")),
        ["spec.databases[0].guards[0].rollback.aboveBaseline: 1.4 is below pause, 1.5; raise \
          rollback.aboveBaseline, or lower pause.aboveBaseline"]
    );
}

#[test]
fn users_tell_the_sides_apart_and_each_stands_on_one() {
    let users = |kubernetes: &str| {
        with(&[("/databases/0/users", json!({"legacy": ["app_legacy", "cron"], "kubernetes": [kubernetes]}))])
    };
    let parsed = parse(&users("app_kube")).unwrap();
    assert!(parsed.plan.databases[0].by_side);
    assert_eq!(parsed.spec.databases[0].users.as_ref().unwrap().legacy, ["app_legacy", "cron"]);
    assert!(!parse(&spec()).unwrap().plan.databases[0].by_side, "nobody said who is who");
    assert_eq!(
        wrong(&users("cron")),
        [
            "spec.databases[0].users: a user stands on both sides, and nobody could tell whose its connects are; \
          create a user of its own for the Kubernetes side, and name each on one side only"
        ]
    );
}

#[test]
fn a_retreat_answers_kubernetes_own_surge_unless_told_to_answer_every_one() {
    let when = |spec: &Value| parse(spec).unwrap().plan.rollback.when;
    assert_eq!(when(&spec()), When::Attributed);
    assert_eq!(when(&with(&[("/rollback", json!({"when": "Attributed"}))])), When::Attributed);
    assert_eq!(when(&with(&[("/rollback", json!({"when": "Always"}))])), When::Always);
}

#[test]
fn what_is_missing_is_named_with_what_it_is_for() {
    assert_eq!(fields(&json!({})), ["spec.databases", "spec.routes", "spec.stages"].map(String::from).into());
    let spec = with(&[("/databases/0/mysql", json!({"host": "db"}))]);
    assert_eq!(
        wrong(&spec),
        [
            "spec.databases[0].mysql.credentialsSecret: is missing; it is: The Secret in the plan's namespace with the \
          keys `username` and `password`"
        ]
    );
    for nothing in [json!(null), json!([]), json!("spec"), json!(7)] {
        assert!(parse(&nothing).is_err(), "{nothing} was accepted");
    }
}

#[test]
fn every_weight_in_hundredths_is_accepted_and_nothing_finer() {
    let schema = schema::raw();
    let weight = &schema["properties"]["spec"]["properties"]["stages"]["items"]["properties"]["weight"];
    let weight = jsonschema::validator_for(weight).unwrap();
    for hundredths in 0..=10_000_u16 {
        // As a person writes it, and as arithmetic gives it.
        let text = format!("{}.{:02}", hundredths / 100, hundredths % 100);
        let written: f64 = text.parse().unwrap();
        assert!(weight.is_valid(&json!(written)), "{text}");
        assert_eq!(Weight::from_percent(written).hundredths(), hundredths);
    }
    for wrong in [-0.01, 100.01] {
        assert!(!weight.is_valid(&json!(wrong)), "{wrong}");
    }
    for finer in [50.005, 66.333, 99.999] {
        assert_eq!(
            wrong(&with(&[("/stages/2/weight", json!(finer))])),
            [format!("spec.stages[2].weight: {finer} is no multiple of 0.01; write at most two decimals")],
        );
    }
}

#[test]
fn two_routes_may_not_share_a_backend_of_an_instance() {
    let mut other = spec()["routes"][0].clone();
    other["name"] = json!("other");
    other["haproxy"]["instances"] = json!(["unix:///run/haproxy/admin.sock", "tcp://localhost:0"]);
    assert_eq!(
        fields(&with(&[("/routes/-", other)])),
        ["spec.routes[1].haproxy.instances[0]", "spec.routes[1].haproxy.instances[1]"]
            .map(String::from)
            .into()
    );
}

#[test]
fn the_committed_definition_is_the_generated_one() {
    let committed = include_str!("../../../crds/migrationplans.yaml");
    assert!(
        committed == crd::yaml().unwrap(),
        "crds/migrationplans.yaml is stale: run `cargo run --bin crossfade -- crd > crds/migrationplans.yaml`"
    );
}

#[test]
fn every_string_and_list_of_the_definition_has_a_bound() {
    fn unbounded(schema: &Value, path: &str, found: &mut Vec<String>) {
        match schema["type"].as_str() {
            Some("string") if schema["maxLength"].is_null() && schema["enum"].is_null() => {
                found.push(path.into());
            }
            Some("array") => {
                if schema["maxItems"].is_null() {
                    found.push(path.into());
                }
                unbounded(&schema["items"], &format!("{path}[]"), found);
            }
            _ => {}
        }
        for (name, field) in schema["properties"].as_object().into_iter().flatten() {
            unbounded(field, &format!("{path}.{name}"), found);
        }
        if schema["additionalProperties"].is_object() {
            if schema["maxProperties"].is_null() {
                found.push(path.into());
            }
            unbounded(&schema["additionalProperties"], &format!("{path}.*"), found);
        }
    }
    let mut found = Vec::new();
    for part in ["spec", "status"] {
        unbounded(&schema::raw()["properties"][part], part, &mut found);
    }
    assert_eq!(found, Vec::<String>::new());
}

#[test]
fn every_field_of_the_spec_is_documented() {
    fn silent(schema: &Value, path: &str, found: &mut Vec<String>) {
        for (name, field) in schema["properties"].as_object().into_iter().flatten() {
            let path = format!("{path}.{name}");
            if field["description"].is_null() {
                found.push(path.clone());
            }
            silent(field, &path, found);
            silent(&field["items"], &path, found);
        }
    }
    let mut found = Vec::new();
    silent(&schema::raw()["properties"]["spec"], "spec", &mut found);
    silent(&schema::raw()["properties"]["status"], "status", &mut found);
    assert_eq!(found, Vec::<String>::new());
}
