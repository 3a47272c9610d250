//! `kubectl crossfade` on a real API server; the test answers in the operator's place.

use std::process::{Output, Stdio};
use std::time::{Duration, Instant};

use kube::api::{Api, DynamicObject, Patch, PatchParams, PostParams};
use serde_json::{Value, json};
use tokio::process::Command;
use tokio::time::{sleep, timeout};

use super::{cluster, namespace, plan, plans, spec};
use crate::stage::cluster::Cluster;

fn crossfade(cluster: &Cluster, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kubectl-crossfade"));
    command.args(args).env("KUBECONFIG", cluster.admin_kubeconfig()).stdin(Stdio::null()).kill_on_drop(true);
    command
}

async fn run(cluster: &Cluster, args: &[&str]) -> Output {
    timeout(Duration::from_secs(30), crossfade(cluster, args).output()).await.unwrap().unwrap()
}

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

async fn with_plan(name: &str) -> (&'static Cluster, Api<DynamicObject>) {
    let cluster = cluster().await;
    namespace(cluster, name).await;
    let plans = plans(cluster, name);
    plans.create(&PostParams::default(), &plan("mail", &spec())).await.unwrap();
    (cluster, plans)
}

async fn status(plans: &Api<DynamicObject>, status: Value) {
    let patch = Patch::Merge(json!({"status": status}));
    plans.patch_status("mail", &PatchParams::default(), &patch).await.unwrap();
}

/// The annotation's value, once it is there.
async fn annotation(plans: &Api<DynamicObject>, name: &str) -> String {
    let begin = Instant::now();
    loop {
        let plan = plans.get("mail").await.unwrap();
        if let Some(value) = plan.metadata.annotations.unwrap_or_default().remove(name) {
            return value;
        }
        assert!(begin.elapsed() < Duration::from_secs(20), "no annotation {name}");
        sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn pause_holds_under_our_own_field_manager_and_resume_lets_go() {
    let (cluster, plans) = with_plan("cli-pause").await;
    let held = run(cluster, &["pause", "mail", "--reason", "release day", "-n", "cli-pause"]).await;
    assert_eq!(out(&held), "mail is held; `kubectl crossfade resume mail` lets it go on\n", "{}", err(&held));
    assert_eq!(annotation(&plans, "crossfade.dev/hold").await, "release day");
    let fields = plans.get("mail").await.unwrap().metadata.managed_fields.unwrap();
    let ours = fields.iter().find(|entry| entry.manager.as_deref() == Some("crossfade-cli")).unwrap();
    assert!(serde_json::to_string(&ours.fields_v1).unwrap().contains("crossfade.dev/hold"));

    let resume =
        crossfade(cluster, &["resume", "mail", "-n", "cli-pause"]).stdout(Stdio::piped()).spawn().unwrap();
    let value = annotation(&plans, "crossfade.dev/resume").await;
    let at = "2026-01-01T00:00:00.000Z";
    status(&plans, json!({"commands": {"resume": {"value": value, "at": at, "answer": "the plan goes on"}}}))
        .await;
    let output = timeout(Duration::from_secs(20), resume.wait_with_output()).await.unwrap().unwrap();
    assert_eq!(out(&output), "mail: the plan goes on\n");
    let annotations = plans.get("mail").await.unwrap().metadata.annotations.unwrap();
    assert!(!annotations.contains_key("crossfade.dev/hold"));
}

#[tokio::test]
async fn an_approval_after_retreats_asks_for_the_token_that_status_shows() {
    let (cluster, plans) = with_plan("cli-approve").await;
    let token = "0123456789abcdef";
    status(&plans, json!({"phase": "AwaitingApproval", "approvalToken": token, "approvalNeedsToken": true}))
        .await;
    let refused = run(cluster, &["approve", "mail", "half", "--namespace", "cli-approve"]).await;
    assert!(!refused.status.success());
    assert!(err(&refused).contains(&format!("then approve with --token {token}")), "{}", err(&refused));
    let shown = out(&run(cluster, &["status", "mail", "-n", "cli-approve"]).await);
    assert!(shown.starts_with("cli-approve/mail  AwaitingApproval\n"), "{shown}");
    assert!(shown.contains(&format!("approvals need the token {token}")), "{shown}");

    let args = ["approve", "mail", "half", "--token", token, "-n", "cli-approve"];
    let approve = crossfade(cluster, &args).stdout(Stdio::piped()).spawn().unwrap();
    let value = annotation(&plans, "crossfade.dev/approve").await;
    assert_eq!(value, format!("half/{token}"));
    let answer =
        json!({"value": value, "at": "2026-01-01T00:00:00.000Z", "answer": "stage half is approved"});
    status(&plans, json!({"commands": {"approve": answer}})).await;
    let output = timeout(Duration::from_secs(20), approve.wait_with_output()).await.unwrap().unwrap();
    assert_eq!(out(&output), "mail: stage half is approved\n");
}

#[tokio::test]
async fn a_command_that_nobody_answers_says_what_to_look_at() {
    let (cluster, plans) = with_plan("cli-silence").await;
    let output = run(cluster, &["rollback", "mail", "--reason", "bad release", "-n", "cli-silence"]).await;
    assert!(out(&output).contains("the operator has not answered it within 10s"), "{}", out(&output));
    assert!(annotation(&plans, "crossfade.dev/rollback").await.ends_with("Z bad release"));
}

#[tokio::test]
async fn errors_say_what_to_do() {
    let (cluster, _) = with_plan("cli-errors").await;
    let says = [
        (
            vec!["status", "nail", "-n", "cli-errors"],
            "there is no MigrationPlan nail in namespace cli-errors",
        ),
        (vec!["approve", "mail", "haf", "-n", "cli-errors"], "its stages are canary, tenth, half"),
        (vec!["rollback", "mail", "--reason", " ", "-n", "cli-errors"], "say why"),
        (vec!["accept-baseline", "mail", "other", "-n", "cli-errors"], "its databases are accounts"),
        (vec!["status", "--context", "none"], "set KUBECONFIG or --context"),
    ];
    for (args, words) in says {
        let output = run(cluster, &args).await;
        assert!(!output.status.success(), "{args:?}");
        assert!(err(&output).contains(words), "{args:?}: {}", err(&output));
    }
    let none = run(cluster, &["status", "-n", "nowhere"]).await;
    assert_eq!(out(&none), "no MigrationPlan in namespace nowhere\n");
}
