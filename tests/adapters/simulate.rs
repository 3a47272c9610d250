//! `crossfade simulate`, as people run it.
#![allow(clippy::unwrap_used)] // what cannot be set up fails the test

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

const PLAN: &str = r#"
apiVersion: crossfade.dev/v1alpha1
kind: MigrationPlan
metadata: {name: mail, namespace: mail}
spec:
  stages:
  - {name: tenth, weight: 10, soak: {for: 2h}}
  - {name: half, weight: 50, soak: {for: 24h}}
  routes:
  - name: edge
    haproxy:
      instances: ["unix:///run/haproxy/admin.sock"]
      backend: mail
      legacyServers: ["vm-*"]
      kubernetesServers: ["ingress-*"]
  databases:
  - name: accounts
    mysql: {host: accounts-db.mail, credentialsSecret: accounts-db-monitor, insecure: true}
    guards:
    - signal: ConnectionRate
      pause: {above: 1500, for: 3s}
      rollback: {above: 1800, for: 8s, within: 10s}
      resume: {below: 1200, for: 60s}
  rollback: {when: Always}
"#;

fn scenario(weight: u8) -> String {
    format!(
        "
scenario: {{name: surge, lasts: 5m}}
events:
- {{at: 2m, connects: {{side: kubernetes, times: 6}}}}
expect:
- {{within: 1m, after: 2m, weight: {{is: {weight}}}}}
"
    )
}

fn simulate(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_crossfade"))
        .current_dir(folder)
        .arg("simulate")
        .args(arguments)
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn what_is_expected_decides_the_exit_code_and_the_page_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    fs::write(folder.join("plan.yaml"), PLAN).unwrap();
    fs::write(folder.join("right.yaml"), scenario(10)).unwrap();
    fs::write(folder.join("wrong.yaml"), scenario(50).replace("within: 1m, after: 2m", "at: end")).unwrap();

    let right = simulate(
        folder,
        &["--plan", "plan.yaml", "--scenario", "right.yaml", "--out", "report.html", "--seed", "7"],
    );
    let said = text(&right.stdout);
    assert_eq!(right.status.code(), Some(0), "{said}{}", text(&right.stderr));
    assert!(said.contains("retreat from 50 % towards 10 %"), "{said}");
    assert!(said.contains("ok   weight 10 % within 1m of 2m: was so after "), "{said}");
    let page = fs::read_to_string(folder.join("report.html")).unwrap();
    assert!(page.contains("Without Crossfade") && page.contains("seed 7"), "{} bytes", page.len());

    let wrong = simulate(folder, &["--plan", "plan.yaml", "--scenario", "wrong.yaml"]);
    let said = text(&wrong.stdout);
    assert_eq!(wrong.status.code(), Some(1), "{said}");
    assert!(said.contains("FAIL weight 50 % at 5m: was 10.00 % since "), "{said}");
}

#[test]
fn wrong_input_is_told_whole_and_plays_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    fs::write(folder.join("plan.yaml"), PLAN.replace("weight: 50", "wieght: 50")).unwrap();
    fs::write(folder.join("right.yaml"), scenario(10)).unwrap();
    fs::write(
        folder.join("wrong.yaml"),
        scenario(10).replace("lasts", "last").replace("connects", "conects"),
    )
    .unwrap();
    let said = |arguments: &[&str]| {
        let output = simulate(folder, arguments);
        assert_eq!((output.status.code(), text(&output.stdout)), (Some(2), String::new()), "{arguments:?}");
        text(&output.stderr)
    };
    assert!(said(&["--plan", "plan.yaml", "--scenario", "right.yaml"]).contains("did you mean weight?"));
    assert_eq!(
        said(&["--scenario", "wrong.yaml"]),
        "\
wrong.yaml: 3 problems
  events[0].conects: there is no such field
      did you mean connects?
  scenario.last: there is no such field
      did you mean lasts?
  scenario.lasts: is missing
      it is: How long it lasts, at most 2160h
"
    );
    assert!(said(&["--scenario", "gone.yaml"]).contains("read gone.yaml"));
}
