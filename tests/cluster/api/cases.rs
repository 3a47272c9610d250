//! Each rule with what it refuses and what it lets through, on the API server and offline.

mod balance;
mod capacity;
mod kubernetes;

use std::collections::BTreeSet;

use crossfade::api::parse::parse;
use crossfade::api::rules::{self, Law};
use kube::api::PostParams;
use serde_json::{Value, json};

use super::{Change, changed, cluster, plan, plans};

struct Case {
    law: &'static Law,
    wrong: Change,
    right: Change,
}

fn case(law: &'static Law, wrong: Change, right: Change) -> Case {
    Case { law, wrong, right }
}

const GUARD: &str = "/databases/0/guards/0";

/// The first guard whole.
fn guard(guard: Value) -> Change {
    vec![(GUARD, guard)]
}

fn absolute(pause: f64, rollback: f64, resume: f64) -> Value {
    json!({
        "signal": "ConnectionRate", "pause": {"above": pause, "for": "3s"},
        "rollback": {"above": rollback, "for": "3s"}, "resume": {"below": resume, "for": "60s"},
    })
}

fn relative(pause: &str, resume: &str) -> Value {
    json!({
        "signal": "ConnectionRate", "pause": {"aboveBaseline": pause, "for": "3s"},
        "resume": {"belowBaseline": resume, "for": "60s"},
    })
}

fn of_signal(mut guard: Value, signal: &str) -> Value {
    guard["signal"] = signal.into();
    guard
}

#[allow(clippy::too_many_lines)] // a table
fn cases() -> Vec<Case> {
    let instances = "/routes/0/haproxy/instances";
    let every = "/databases/0/every";
    let no_rollback = json!({
        "signal": "ConnectionRate", "pause": {"above": 8, "for": "3s"}, "resume": {"below": 6, "for": "60s"},
    });
    let alone = |part: &str| json!({"signal": "ConnectionRate", part: {"above": 8, "for": "3s"}});
    let mixed = json!({
        "signal": "ConnectionRate", "pause": {"aboveBaseline": "1.5", "for": "3s"},
        "resume": {"below": 6, "for": "60s"},
    });
    let rolls_back = |mut guard: Value, field: &str, at: Value| {
        guard["rollback"] = json!({field: at, "for": "3s"});
        guard
    };
    let by_factor = |at: &str| rolls_back(relative("1.5", "1.2"), "aboveBaseline", json!(at));
    let mut both = absolute(8.0, 9.0, 6.0);
    both["pause"]["aboveBaseline"] = json!("1.5");
    let mut neither = absolute(8.0, 9.0, 6.0);
    neither["resume"] = json!({"for": "60s"});
    vec![
        case(
            &rules::TARGET_IS_A_STAGE,
            vec![("/targetStage", json!("haf"))],
            vec![("/targetStage", json!("half"))],
        ),
        case(
            &rules::APPROVALS_ARE_STAGES,
            vec![("/approvals", json!(["half", "hal"]))],
            vec![("/approvals", json!(["half", "half/0123456789abcdef", "tenth"]))],
        ),
        case(
            &rules::STAGE_NAMES_UNIQUE,
            vec![("/stages/-", json!({"name": "half", "weight": 60}))],
            vec![("/stages/-", json!({"name": "more", "weight": 60}))],
        ),
        case(
            &rules::WEIGHTS_DO_NOT_FALL,
            vec![("/stages/-", json!({"name": "more", "weight": 49.99}))],
            vec![("/stages/-", json!({"name": "more", "weight": 50}))],
        ),
        case(
            &rules::HUNDREDTHS,
            vec![("/stages/1/weight", json!(33.333))],
            vec![("/stages/1/weight", json!(0.29 + 1.0))],
        ),
        case(
            &rules::HUNDREDTHS,
            vec![("/stages/1/ramp/step", json!(0.015))],
            vec![("/stages/1/weight", json!(33.33))],
        ),
        case(
            &rules::HUNDREDTHS,
            vec![("/rollback", json!({"maxStep": 7.125}))],
            vec![("/rollback", json!({"maxStep": 7.12}))],
        ),
        case(
            &rules::STEP,
            vec![("/stages/1/ramp/step", json!(0))],
            vec![("/stages/1/ramp/step", json!(0.01))],
        ),
        case(
            &rules::STEP,
            vec![("/rollback", json!({"maxStep": 0}))],
            vec![("/rollback", json!({"maxStep": 100}))],
        ),
        case(
            &rules::RAMP_EVERY,
            vec![("/stages/1/ramp/every", json!("999ms"))],
            vec![("/stages/1/ramp/every", json!("24h"))],
        ),
        case(
            &rules::RAMP_EVERY,
            vec![("/stages/1/ramp/every", json!("24h1ms"))],
            vec![("/stages/1/ramp/every", json!("1s"))],
        ),
        case(
            &rules::SOAK_FOR,
            vec![("/stages/1/soak/for", json!("2160h1s"))],
            vec![("/stages/1/soak/for", json!("2160h"))],
        ),
        case(
            &rules::ROLLBACK_EVERY,
            vec![("/rollback", json!({"every": "10m1s"}))],
            vec![("/rollback", json!({"every": "10m"}))],
        ),
        case(
            &rules::PLAIN_TCP_REFUSED,
            vec![(instances, json!(["tcp://127.0.0.1:9999", "tcp://10.0.0.5:9999"]))],
            vec![(instances, json!(["tcp://127.0.0.1:9999", "tcp://localhost:1", "tcp://[::1]:2"]))],
        ),
        case(
            &rules::PLAIN_TCP_REFUSED,
            vec![(instances, json!(["tcp://127.evil.example:9999"]))],
            vec![(instances, json!(["tcp://10.0.0.5:9999"])), ("/routes/0/haproxy/insecure", json!(true))],
        ),
        case(
            &rules::TLS_NEEDS_SECRET,
            vec![(instances, json!(["tls://lb:9999"]))],
            vec![(instances, json!(["tls://lb:9999"])), ("/routes/0/haproxy/tls", json!({"secret": "lb"}))],
        ),
        case(
            &rules::POOLS_DIFFER,
            vec![("/routes/0/haproxy/legacyServers/-", json!("ingress-*"))],
            vec![("/routes/0/haproxy/legacyServers/-", json!("ingress-1"))],
        ),
        case(&rules::SAMPLING_PERIOD, vec![(every, json!("99ms"))], vec![(every, json!("100ms"))]),
        case(
            &rules::SAMPLING_PERIOD,
            vec![(every, json!("1m1s")), ("/databases/0/guards", json!([]))],
            vec![(every, json!("60s")), ("/databases/0/guards", json!([]))],
        ),
        case(&rules::EVERY_WITHIN_GUARDS, vec![(every, json!("3001ms"))], vec![(every, json!("3s"))]),
        case(
            &rules::TLS_OR_INSECURE,
            vec![
                ("/databases/0/mysql/tls", json!({"caSecret": "ca"})),
                ("/databases/0/mysql/insecure", json!(true)),
            ],
            vec![
                ("/databases/0/mysql/tls", json!({"caSecret": "ca"})),
                ("/databases/0/mysql/insecure", json!(false)),
            ],
        ),
        case(
            &rules::EXTRA_PORT_DIFFERS,
            vec![("/databases/0/mysql/extraPort", json!(3306))],
            vec![("/databases/0/mysql/extraPort", json!(3307))],
        ),
        case(&rules::THRESHOLDS_TOGETHER, guard(alone("pause")), guard(json!({"signal": "ConnectionRate"}))),
        case(&rules::THRESHOLDS_TOGETHER, guard(alone("rollback")), guard(absolute(8.0, 9.0, 6.0))),
        case(&rules::ONE_MEASURE, guard(mixed), guard(relative("1.5", "1.2"))),
        case(
            &rules::ONE_MEASURE,
            guard(rolls_back(relative("1.5", "1.2"), "above", json!(900))),
            guard(by_factor("1.5")),
        ),
        case(
            &rules::ONE_MEASURE,
            guard(rolls_back(absolute(8.0, 9.0, 6.0), "aboveBaseline", json!("2"))),
            guard(by_factor("10")),
        ),
        case(&rules::PAUSE_NOT_ABOVE_ROLLBACK, guard(by_factor("1.49")), guard(by_factor("1.51"))),
        case(
            &rules::USER_ON_ONE_SIDE,
            vec![("/databases/0/users", json!({"legacy": ["a", "b"], "kubernetes": ["c", "b"]}))],
            vec![("/databases/0/users", json!({"legacy": ["a", "b"], "kubernetes": ["c", "B"]}))],
        ),
        case(&rules::ABSOLUTE_NEEDS_ROLLBACK, guard(no_rollback), guard(absolute(8.0, 8.0, 7.9))),
        case(
            &rules::RELATIVE_IS_A_RATE,
            guard(of_signal(relative("1.5", "1.2"), "ConnectionsOfMax")),
            guard(of_signal(absolute(70.0, 85.0, 60.0), "ConnectionsOfMax")),
        ),
        case(&rules::RESUME_BELOW_PAUSE, guard(absolute(8.0, 9.0, 8.0)), guard(absolute(8.0, 9.0, 0.0))),
        case(&rules::RESUME_BELOW_PAUSE, guard(relative("1.5", "1.50")), guard(relative("10", "9.99"))),
        case(
            &rules::PAUSE_NOT_ABOVE_ROLLBACK,
            guard(absolute(8.0, 7.5, 6.0)),
            guard(absolute(8.0, 8.5, 6.0)),
        ),
        case(
            &rules::PERCENT,
            guard(of_signal(absolute(70.0, 100.0, 60.0), "FailedConnections")),
            guard(of_signal(absolute(70.0, 99.9, 60.0), "FailedConnections")),
        ),
        case(&rules::ONE_RISE, guard(both), guard(absolute(8.0, 9.0, 6.0))),
        case(&rules::ONE_FALL, guard(neither), guard(absolute(8.0, 9.0, 6.0))),
        case(&rules::BASELINE_RISES, guard(relative("1.00", "1.2")), guard(relative("1.3", "1.2"))),
        case(&rules::BASELINE_FALLS, guard(relative("1.5", "0.9")), guard(relative("1.5", "1.2"))),
        case(
            &rules::WINDOW,
            vec![("/databases/0/guards/0/rollback/within", json!("7s999ms"))],
            vec![("/databases/0/guards/0/rollback/within", json!("10m"))],
        ),
        case(
            &rules::WINDOW,
            vec![("/databases/0/guards/0/resume/for", json!("10m1s"))],
            vec![("/databases/0/guards/0/resume/for", json!("10m"))],
        ),
    ]
}

/// The API server's answer to a plan with this spec; nothing is stored.
async fn create(spec: &Value) -> Result<(), String> {
    let plans = plans(cluster().await, "default");
    let params = PostParams { dry_run: true, ..PostParams::default() };
    plans.create(&params, &plan("probe", spec)).await.map(drop).map_err(|error| error.to_string())
}

#[tokio::test]
async fn every_rule_refuses_what_is_wrong_with_its_message_and_lets_the_right_through() {
    let mut told = BTreeSet::new();
    let others = [balance::cases(), capacity::cases(), kubernetes::cases()];
    for Case { law, wrong, right } in cases().into_iter().chain(others.into_iter().flatten()) {
        told.insert(law.reason);
        let message = law.message();
        let refused = create(&changed(&wrong)).await.expect_err(&format!("accepted: {wrong:?}"));
        assert!(refused.contains(&message), "{wrong:?} is refused for another reason: {refused}");
        let problems = parse(&changed(&wrong)).expect_err(&format!("accepted offline: {wrong:?}"));
        assert!(
            law.in_core
                || problems
                    .iter()
                    .any(|problem| problem.reason == law.reason && problem.remedy == law.remedy),
            "{wrong:?} is refused offline for another reason: {problems:?}"
        );
        assert_eq!(create(&changed(&right)).await, Ok(()), "{right:?}");
        assert!(
            parse(&changed(&right)).is_ok(),
            "{right:?} is refused offline: {:?}",
            parse(&changed(&right))
        );
    }
    // Those of the transitions are tested with a status.
    told.extend([rules::PRESENT_STAGE_STAYS.reason, rules::ROUTES_STAY.reason]);
    let all: BTreeSet<_> = rules::ALL.iter().map(|law| law.reason).collect();
    assert_eq!(told, all, "each rule has a case");
}

/// What the schema refuses, and the field that the offline check names.
fn misshapen() -> Vec<(Change, &'static str)> {
    vec![
        (vec![("/stages", json!([]))], "spec.stages"),
        (vec![("/stages/0/name", json!("Canary"))], "spec.stages[0].name"),
        (vec![("/stages/0/name", json!("a".repeat(64)))], "spec.stages[0].name"),
        (vec![("/stages/0/weight", json!("1"))], "spec.stages[0].weight"),
        (vec![("/stages/0/weight", json!(-0.01))], "spec.stages[0].weight"),
        (vec![("/stages/2/weight", json!(100.01))], "spec.stages[2].weight"),
        (vec![("/stages/0/soak/for", json!("1.5h"))], "spec.stages[0].soak.for"),
        (vec![("/stages/0/soak/for", json!("1d"))], "spec.stages[0].soak.for"),
        (vec![("/stages/1/ramp/step", json!(0))], "spec.stages[1].ramp.step"),
        (vec![("/stages/0/approval", json!("required"))], "spec.stages[0].approval"),
        (vec![("/routes", json!([]))], "spec.routes"),
        (vec![("/routes/0", json!({"name": "edge"}))], "spec.routes[0].haproxy"),
        (
            vec![("/routes/0/haproxy/instances/0", json!("http://lb:80"))],
            "spec.routes[0].haproxy.instances[0]",
        ),
        (vec![("/routes/0/haproxy/backend", json!("mail; disable"))], "spec.routes[0].haproxy.backend"),
        (vec![("/routes/0/haproxy/legacyServers", json!([]))], "spec.routes[0].haproxy.legacyServers"),
        (vec![("/databases", json!([]))], "spec.databases"),
        (vec![("/databases/0/mysql/port", json!(65536))], "spec.databases[0].mysql.port"),
        (vec![("/databases/0/mysql/port", json!("3306"))], "spec.databases[0].mysql.port"),
        (vec![("/databases/0/mysql/host", json!("tcp://db"))], "spec.databases[0].mysql.host"),
        (vec![("/databases/0/guards/0/signal", json!("ReplicaLag"))], "spec.databases[0].guards[0].signal"),
        (vec![("/databases/0/guards/0/pause/above", json!(-1))], "spec.databases[0].guards[0].pause.above"),
        (vec![("/rollback", json!({"to": "Start"}))], "spec.rollback.to"),
        (vec![("/rollback", json!({"when": "Never"}))], "spec.rollback.when"),
        (
            vec![("/databases/0/users", json!({"legacy": [], "kubernetes": ["b"]}))],
            "spec.databases[0].users.legacy",
        ),
        (vec![("/databases/0/users", json!({"legacy": ["a"]}))], "spec.databases[0].users.kubernetes"),
        (
            vec![("/databases/0/users", json!({"legacy": ["a"], "kubernetes": ["b "]}))],
            "spec.databases[0].users.kubernetes[0]",
        ),
        (vec![("/approvals", json!(["half/feed"]))], "spec.approvals[0]"),
        (vec![("/paused", json!("yes"))], "spec.paused"),
        (vec![("/paused", json!(null))], ""), // a field that is null is one that is absent
        (vec![("/targetStage", json!(null))], ""),
        (vec![("/databases/0/mysql/host", json!(null))], "spec.databases[0].mysql.host"),
        (vec![("/stages/0", json!(null))], "spec.stages[0]"),
    ]
}

#[tokio::test]
async fn what_the_schema_refuses_is_refused_offline_at_the_same_field() {
    for (change, field) in misshapen().into_iter().chain(capacity::misshapen()).chain(kubernetes::misshapen())
    {
        let spec = changed(&change);
        let answer = create(&spec).await;
        if field.is_empty() {
            assert_eq!(answer, Ok(()), "{change:?}");
            assert!(parse(&spec).is_ok(), "{change:?}");
            continue;
        }
        assert!(answer.is_err(), "the API server accepts {change:?}");
        let problems = parse(&spec).expect_err(&format!("accepted offline: {change:?}"));
        assert!(problems.iter().any(|problem| problem.field == field), "{change:?}: {problems:?}");
        assert!(problems.iter().all(|problem| !problem.remedy.is_empty()), "{problems:?}");
    }
}
