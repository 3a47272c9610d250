//! `crossfade backtest` by its command line, on a CSV file and on a real Prometheus.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use crate::prometheus::history::{BEGIN, DAY, history};
use crate::stage::prometheus::Prometheus;

const PLAN: &str = r#"
apiVersion: crossfade.dev/v1alpha1
kind: MigrationPlan
metadata: {name: mail, namespace: prod}
spec:
  stages:
  - {name: canary, weight: 1}
  - {name: half, weight: 50}
  routes:
  - name: edge
    haproxy:
      instances: ["unix:///run/haproxy.sock"]
      backend: mail
      legacyServers: ["vm-*"]
      kubernetesServers: ["ingress-*"]
  databases:
  - name: accounts
    mysql: {host: accounts-db.mail, credentialsSecret: accounts-db-monitor, insecure: true}
    guards:
    - signal: ConnectionRate
      pause: {above: 800, for: 3s}
      rollback: {above: 1500, for: 8s, within: 10s}
      resume: {below: 600, for: 60s}
"#;

/// Runs `crossfade backtest` in `folder`, which holds the plan.
fn backtest(folder: &Path, arguments: &[&str]) -> Output {
    fs::write(folder.join("plan.yaml"), PLAN).unwrap();
    Command::new(env!("CARGO_BIN_EXE_crossfade"))
        .current_dir(folder)
        .args(["backtest", "--plan", "plan.yaml"])
        .args(arguments)
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn two_weeks_of_a_prometheus_are_replayed_and_written_as_a_page() {
    let prometheus = Prometheus::start(&history(14 * DAY), None, &[]);
    let folder = tempfile::tempdir().unwrap();
    let incident = format!("{}/{}", BEGIN + 8 * DAY + 43_200, BEGIN + 8 * DAY + 43_800);
    let (url, end) = (prometheus.url(), (BEGIN + 14 * DAY - 15).to_string());
    let start = (BEGIN + 60).to_string();
    let query = "sum(rate(mysql_global_status_connections[1m]))";
    let arguments = [
        "--from",
        "prometheus",
        "--url",
        &url,
        "--query",
        query,
        "--start",
        &start,
        "--end",
        &end,
        "--incident",
        &incident,
        "--out",
        "report.html",
        "--strict",
    ];
    let done = backtest(folder.path(), &arguments);
    let told = text(&done.stdout);
    assert_eq!((done.status.code(), text(&done.stderr)), (Some(3), String::new()), "{told}");
    for line in [
        "15 alarms, 1 of them with a retreat; 14 false alarms (7.0 a week)",
        "every 15s",
        "1 gap (the longest 59m45s)",
        "2025-11-09T12:00:00Z/2025-11-09T12:10:00Z: paused after",
        "a rate over 1m shows it after about 44s",
        "  pause: {above: 1000, for: 3s}\n",
    ] {
        assert!(told.contains(line), "{line} is not in:\n{told}");
    }
    let page = fs::read_to_string(folder.path().join("report.html")).unwrap();
    assert!(page.starts_with("<!doctype html>") && page.contains("Week by week"));
}

#[test]
fn a_file_is_replayed_and_the_exit_code_says_whether_all_was_right() {
    let folder = tempfile::tempdir().unwrap();
    let record = |surge: f64| {
        let line = |at: u64| {
            let rate = if (1000..1030).contains(&at) { surge } else { 300.0 };
            format!("{},{rate}\n", BEGIN + at)
        };
        format!("time,connection_rate\n{}", (0..3600).map(line).collect::<String>())
    };
    fs::write(folder.path().join("calm.csv"), record(500.0)).unwrap();
    fs::write(folder.path().join("surge.csv"), record(2000.0)).unwrap();
    let ran = |arguments: &[&str]| {
        let done = backtest(folder.path(), arguments);
        (done.status.code(), text(&done.stdout), text(&done.stderr))
    };
    let (code, told, _) = ran(&["--from", "calm.csv", "--strict"]);
    assert_eq!(code, Some(0));
    assert!(told.contains("No guard would have tripped.") && told.contains("0 alarms, 0 of them"), "{told}");
    let (code, told, _) = ran(&["--from", "surge.csv"]);
    assert_eq!(code, Some(0));
    assert!(told.contains("1 alarm, 1 of them with a retreat; 1 false alarm (less than"), "{told}");
    assert_eq!(ran(&["--from", "surge.csv", "--strict"]).0, Some(3));
    let incident = format!("{}/{}", BEGIN + 990, BEGIN + 1100);
    assert_eq!(ran(&["--from", "surge.csv", "--strict", "--incident", &incident]).0, Some(0));
    // An incident without an alarm is not right either.
    assert_eq!(ran(&["--from", "calm.csv", "--strict", "--incident", &incident]).0, Some(3));
}

#[test]
fn what_cannot_be_replayed_is_told_on_standard_error() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("grafana.csv"), "\"Time\",\"Value\"\n1,2\n").unwrap();
    let failed = |arguments: &[&str]| {
        let done = backtest(folder.path(), arguments);
        assert_eq!((done.status.code(), text(&done.stdout)), (Some(1), String::new()), "{arguments:?}");
        text(&done.stderr)
    };
    assert_eq!(
        failed(&["--from", "grafana.csv"]),
        "error: grafana.csv: column 1 is called \"Time\": call it time, if that is what it holds, or leave it out\n"
    );
    assert_eq!(
        failed(&["--from", "grafana.csv", "--database", "orders"]),
        "error: no database of the plan is called orders: name one of accounts by --database\n"
    );
    assert_eq!(
        failed(&["--from", "grafana.csv", "--name", "web"]),
        "error: no plan is called web: name one of prod/mail by --name\n"
    );
    assert_eq!(
        failed(&["--from", "grafana.csv", "--weight", "0"]),
        "error: --weight 0: the replay must stand between 0.01 and 100 % to have something to walk back\n"
    );
    let wrong = backtest(folder.path(), &["--from", "prometheus"]);
    assert_eq!(wrong.status.code(), Some(2));
    assert!(text(&wrong.stderr).contains("--url <URL>"), "{}", text(&wrong.stderr));
}
