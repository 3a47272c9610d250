//! What the API server keeps: the status to the last field, and objects older than their definition.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Result;
use crossfade::api::parse::parse;
use crossfade::api::render::{Engine, StatusInput, render};
use crossfade::api::{restore, worth};
use crossfade::core::floor::{Floor, Found};
use crossfade::core::guard::{Judgement, Level, Signal, Tripped};
use crossfade::core::lessons::Lesson;
use crossfade::core::peaks::{Peak, Peaks};
use crossfade::core::periods::{Period, Periods};
use crossfade::core::prediction::{Expected, Foreseen, Prediction, Rates, Taught};
use crossfade::core::reason::Reason;
use crossfade::core::report::{
    Blocker, CapacityReport, Condition, DatabaseReport, GuardReport, Phase, Report, Who,
};
use crossfade::core::route::{Reading, Seen};
use crossfade::core::side::BySide;
use crossfade::core::spare::{Side, Spare};
use crossfade::core::state::{
    Answered, ByHand, Command, GuardKey, Halt, Move, PutBack, Raise, Retreat, State, Strain, Volatile,
};
use crossfade::core::surge::{Surge, Trial, Whose};
use crossfade::core::time::Time;
use crossfade::core::weight::Weight;
use kube::api::{ListParams, Patch, PatchParams, PostParams};
use serde_json::{Value, json};

use super::{DEFINITION, changed, cluster, established, namespace, plan, plans, spec};
use crate::stage::cluster::{Cluster, Options};

fn at(seconds: u64) -> Time {
    Time::from_millis(1_700_000_000_123 + seconds * 1000)
}

fn weight(percent: f64) -> Weight {
    Weight::from_percent(percent)
}

/// A state in which nothing is empty.
fn state() -> State {
    let key = GuardKey::new("accounts", Signal::ConnectionRate);
    State {
        intended: Some(weight(10.5)),
        raise: Some(Raise { from: weight(1.0), to: weight(10.5), at: at(1) }),
        stage: Some(1),
        shift: -123,
        stage_since: at(2),
        soaked: Duration::from_millis(3_661_001),
        periods: Periods {
            peaks: vec![0.1 + 0.2],
            now: Some(Period { since: at(16), watched: Duration::from_millis(7_200_001), highest: 1e-3 }),
        },
        proven: ["canary".into()].into(),
        spent: ["half/0123456789abcdef".into()].into(),
        approved: Some("half".into()),
        guards: [(key.clone(), Tripped { level: Level::Rollback, since: at(3), baseline: Some(0.1 + 0.2) })]
            .into(),
        retreat: Some(Retreat { target: weight(0.01), since: at(4), guard: Some(key), arrived: true }),
        rolled_back_by_hand: Some(ByHand { target: weight(0.0), since: at(5), reason: "ä \"b\"".into() }),
        last_step: Some(at(6)),
        cooldown_until: Some(at(7)),
        retreats: [at(8), at(9)].into(),
        retreats_ever: 12,
        put_backs: [PutBack { at: at(10), instance: "edge/unix:///run/haproxy/admin.sock".into() }].into(),
        halt: Some(Halt { reason: Reason::Drift, message: "another writer".into(), since: at(11) }),
        joined: ["edge/unix:///run/haproxy/admin.sock".into()].into(),
        commands: [(Command::Approve, Answered { value: "half".into(), at: at(12), answer: "done".into() })]
            .into(),
        peaks: Peaks([Peak { at: at(14), requests_per_second: 1_234.567_890_123_4 }].into()),
        floors: [("pods".to_owned(), 9)].into(),
        history: [Move { at: at(13), from: weight(1.0), to: weight(33.33), reason: Reason::Raising }].into(),
        surges: [("accounts".to_owned(), surge())].into(),
        strain: Some(Strain { before: 0.1 + 0.2, seen: Some(at(17)) }),
        foreseen: Some(foreseen()),
        volatile: Volatile::default(),
    }
}

fn surge() -> Surge {
    let (before, predicted, enough) = (1_000.5, 300.1, 0.1 + 0.2);
    let trial = Trial { at: at(18), signal: Signal::FailedConnections, before, predicted, enough };
    let normal = BySide { legacy: 310.5, kubernetes: 0.1 + 0.2 };
    Surge { whose: Whose::Judging, since: at(19), normal: Some(normal), trial: Some(trial) }
}

fn foreseen() -> Foreseen {
    let taught = Some(Taught { steps: 3, demand: 1_000.5 });
    let expected = Expected { each: 0.1 + 0.2, noise: 1e-3, others: 12.5, taught };
    Foreseen { at: at(20), to: weight(10.5), by: [("accounts".to_owned(), expected)].into() }
}

fn report() -> Report {
    let judgement = Judgement { value: Some(912.34), baseline: Some(300.5), ..Judgement::default() };
    let condition =
        |kind, status| Condition { kind, status, reason: Reason::GuardPaused, message: "m".into() };
    Report {
        phase: Phase::Paused,
        actual: Some(weight(10.48)),
        blocked_by: vec![Blocker {
            reason: Reason::GuardPaused,
            message: "a surge".into(),
            since: Some(at(3)),
            until: Some(at(900)),
            who: Who::Nobody,
        }],
        conditions: vec![
            condition("Ready", false),
            condition("Reconciling", true),
            condition("Stalled", false),
        ],
        guards: vec![GuardReport {
            key: GuardKey::new("accounts", Signal::ConnectionRate),
            level: Level::Pause,
            since: at(3),
            judgement,
        }],
        soak_ends: Some(at(100)),
        approval_token: "0123456789abcdef".into(),
        token_needed: true,
        capacity: CapacityReport {
            spare: Spare {
                demand: Some(1000.25),
                peak: Some(1234.5),
                legacy: Side { ready: Some(3000.0), load: Some(895.5) },
                kubernetes: Side::default(),
            },
            absorbed_by_legacy: Some(0.75),
            absorbed_by_kubernetes: None,
            peak: Some(Peak { at: at(14), requests_per_second: 1_234.567_890_123_4 }),
        },
        floors: vec![Floor {
            workload: "pods".into(),
            pods: 9,
            found: Some(Found {
                pods: Some(4),
                object: "ScaledObject mail".into(),
                before: Some(0),
                lack: Some("it allows at most 4".into()),
            }),
        }],
        databases: vec![DatabaseReport {
            connects: Some(BySide { legacy: 300.25, kubernetes: 12.5 }),
            normal: Some(BySide { legacy: 310.5, kubernetes: 250.0 }),
            predicted: Some(Prediction {
                weight: weight(50.0),
                rates: Ok(Rates { now: 411.125, peak: 700.0 }),
                steps: Some(3),
            }),
            learned: vec![Lesson { at: at(15), by: -0.125, rise: 0.037_5, noise: 0.001_25 }],
        }],
    }
}

#[tokio::test]
async fn a_status_is_kept_to_the_last_field_and_gives_the_state_back() {
    let cluster = cluster().await;
    namespace(cluster, "stored").await;
    let plans = plans(cluster, "stored");
    let mut spec = spec();
    spec["legacy"] = json!({"capacity": {"requestsPerSecondPerServer": 300}});
    spec["demand"] = json!({"route": "edge"});
    spec["databases"][0]["users"] = json!({"legacy": ["app"], "kubernetes": ["pods"]});
    let stored = plans.create(&PostParams::default(), &plan("mail", &spec)).await.unwrap();
    let spec = &stored.data["spec"];
    let parsed = parse(spec).unwrap();
    let (state, report) = (state(), report());
    let reading =
        Reading { weight: weight(10.48), setting: 7, boot: 8, legacy_up: 4, kubernetes_up: 3, counted: None };
    let seen = [Seen {
        reading: Some((at(1), reading)),
        failing: Some((at(2), "refused".into())),
        ..Seen::default()
    }];
    let acceptance =
        Condition { kind: "Accepted", status: true, reason: Reason::Accepted, message: "m".into() };
    let engine = Engine {
        plan: &parsed.plan,
        spec,
        generation: 1,
        state: &state,
        report: &report,
        seen: &seen,
        pods: &[],
        lacks: &BTreeMap::from([("accounts".to_owned(), "it does not count".to_owned())]),
        rooms: &BTreeMap::new(),
    };
    let input = StatusInput {
        engine: Some(engine),
        acceptance: &acceptance,
        generation: 1,
        epoch: 3,
        now: at(20),
        offset: -4321,
        previous: None,
    };
    let status = render(&input);
    let patch = Patch::Merge(json!({"status": &status}));
    let stored = plans.patch_status("mail", &PatchParams::default(), &patch).await.unwrap();
    assert_eq!(stored.data["status"], status, "nothing is pruned, and numbers stand as they are written");
    assert!(!worth::worth_writing(Some(&stored.data["status"]), &status));
    assert_eq!(restore::state(&stored.data["status"], &parsed.plan, -4321), (state, vec![]));
    let accepted = restore::accepted(&stored.data["status"]).unwrap();
    assert_eq!((accepted.generation, &accepted.spec), (1, spec));
    assert_eq!(stored.metadata.generation, Some(1), "a status raises no generation");
}

/// The definition as it might have been once: without rules, bounds and enumerations.
fn loose() -> Result<String> {
    fn loosen(schema: &mut Value) {
        if let Value::Object(fields) = schema {
            // The keys of list maps stay required.
            let keys = [json!(["mysql", "name"]), json!(["haproxy", "name"]), json!(["signal"])];
            fields.retain(|name, field| match name.as_str() {
                "x-kubernetes-validations"
                | "maxLength"
                | "minLength"
                | "maxItems"
                | "minItems"
                | "pattern"
                | "enum"
                | "minimum"
                | "maximum" => false,
                "required" => keys.contains(field),
                _ => true,
            });
            fields.values_mut().for_each(loosen);
        }
    }
    let mut definition = crossfade::api::crd::value()?;
    let mut schema =
        definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"].take();
    loosen(&mut schema);
    definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"] = schema;
    // The rules of the root need the bounds too.
    definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
        .as_object_mut()
        .map(|root| root.remove("x-kubernetes-validations"));
    Ok(definition.to_string())
}

#[tokio::test]
async fn an_object_older_than_its_definition_is_listed_judged_and_can_be_told_so() {
    let cluster = Cluster::start(Options::default()).await.unwrap();
    cluster.apply(&loose().unwrap()).await.unwrap();
    established(&cluster).await.unwrap();
    let plans = plans(&cluster, "default");
    let old = changed(&vec![
        ("/stages/0/weight", json!(70)),
        ("/databases/0/guards/0/signal", json!("Surge")),
        ("/routes/0/haproxy/instances/0", json!("10.0.0.5:9999")),
    ]);
    plans.create(&PostParams::default(), &plan("old", &old)).await.unwrap();
    cluster.apply(DEFINITION).await.unwrap();

    // Until the new schema is served.
    let begin = std::time::Instant::now();
    let dry = PostParams { dry_run: true, ..PostParams::default() };
    while plans.create(&dry, &plan("probe", &old)).await.is_ok() {
        assert!(begin.elapsed() < Duration::from_secs(30), "the new definition is not served");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    plans.create(&PostParams::default(), &plan("new", &spec())).await.unwrap();

    let listed = plans.list(&ListParams::default()).await.unwrap();
    let judged = listed
        .items
        .iter()
        .map(|object| (object.metadata.name.as_deref().unwrap(), parse(&object.data["spec"])));
    let judged: Vec<_> = judged.collect();
    assert_eq!(judged[0].0, "new");
    assert!(judged[0].1.is_ok());
    let problems = judged[1].1.as_ref().unwrap_err();
    let fields: Vec<_> = problems.iter().map(|problem| problem.field.as_str()).collect();
    assert_eq!(
        fields,
        ["spec.databases[0].guards[0].signal", "spec.routes[0].haproxy.instances[0]", "spec.stages"]
    );

    // Its status can still be written: what did not change is not judged anew.
    let acceptance = Condition {
        kind: "Accepted",
        status: false,
        reason: Reason::InvalidSpec,
        message: crossfade::api::problem::list(problems),
    };
    let status = render(&StatusInput {
        engine: None,
        acceptance: &acceptance,
        generation: 1,
        epoch: 1,
        now: at(0),
        offset: 0,
        previous: None,
    });
    let patch = Patch::Merge(json!({"status": status}));
    let told = plans.patch_status("old", &PatchParams::default(), &patch).await.unwrap();
    let accepted = &told.data["status"]["conditions"][0];
    assert_eq!((&accepted["type"], &accepted["status"]), (&json!("Accepted"), &json!("False")));
    assert!(
        accepted["message"]
            .as_str()
            .unwrap()
            .contains("spec.databases[0].guards[0].signal: \"Surge\" is not allowed")
    );
}
