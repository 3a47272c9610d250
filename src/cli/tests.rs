use std::collections::BTreeMap;

use super::check::{check, maximum};
use super::rbac::{Error, rbac};
use crate::api::rbac::Account;

const PLAN: &str = r#"
apiVersion: crossfade.dev/v1alpha1
kind: MigrationPlan
metadata: {name: mail, namespace: prod}
spec:
  stages:
  - {name: canary, weight: 1, soak: {for: 30m}}
  - {name: half, weight: 50, ramp: {step: 5, every: 5m}, soak: {for: 24h}, approval: Required}
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
      pause: {above: 800, for: 3s}
      rollback: {above: 1500, for: 8s, within: 10s}
      resume: {below: 600, for: 60s}
    - {signal: FailedConnections, enabled: false}
"#;

#[test]
fn a_right_plan_is_described_with_the_thresholds_in_force() {
    let verdict = check(
        "plan.yaml",
        &format!("apiVersion: v1\nkind: Namespace\nmetadata: {{name: prod}}\n---{PLAN}"),
        None,
    );
    assert_eq!(
        verdict.text,
        "\
Namespace prod: no MigrationPlan, skipped
MigrationPlan prod/mail: accepted
  stage canary: 1 %, soak 30m
  stage half: 50 %, in steps of 5 every 5m, soak 24h, needs approval
  a retreat goes to the previous proven stage, at most 25 % every 5s
  database accounts, sampled every 1s
    ConnectionRate
      pauses      above 800/s for 3s
      rolls back  above 1500/s for 8s of the last 10s
      clears      below 600/s for 1m
    ConnectionsOfMax
      pauses      above 70 %, or full in 1m at this slope for 3s
      rolls back  above 85 % for 3s, or full in 20s at this slope for 8s of the last 10s
      clears      below 60 % for 2m
  Secrets: accounts-db-monitor (`crossfade rbac` prints the right to read them)
"
    );
    assert!(verdict.good);
}

/// What `--explain` says of [`PLAN`] with these lines in its spec, up to weight 100.
fn explained(lines: &str) -> String {
    let full = "  - {name: full, weight: 100}\n  routes:";
    let plan = PLAN.replacen("  routes:", full, 1) + lines;
    let without = check("plan.yaml", &plan, None).text;
    let verdict = check("plan.yaml", &plan, Some(&BTreeMap::new()));
    verdict.text.strip_prefix(&without).unwrap_or_else(|| panic!("{}", verdict.text)).to_owned()
}

#[test]
fn the_price_of_a_plan_is_told_for_each_thousand_requests_of_a_peak_that_nobody_said() {
    let lines = "
  legacy: {capacity: {requestsPerSecondPerServer: 300, connectionsPerServer: 40}}
  demand: {route: edge}
";
    assert_eq!(
        explained(lines),
        "  what must be ready for each 1000 requests/s of the peak
    STAGE   WEIGHT  LEGACY               KUBERNETES  BOTH    STEP BACK
    canary  1 %     1053/s, 3.6 servers  15/s        1.07 x  1 %
    half    50 %    1053/s, 3.6 servers  790/s       1.84 x  25 %
    full    100 %   1053/s, 3.6 servers  1500/s      2.55 x  25 %
  promised: legacy takes over 100 % of Kubernetes' traffic, Kubernetes from weight 50 on 50 % of
  legacy's; Kubernetes keeps 20 % unused and stands 1.5 times its load. At stage full both sides
  together carry 2.55 times the peak for it.
  legacy's pools then hold up to 141 connections: see that max_connections has room for them
"
    );
}

#[test]
fn a_declared_peak_is_told_in_servers_and_a_declared_capacity_by_what_is_short() {
    let lines = "
  legacy: {capacity: {requestsPerSecondPerServer: 100, connectionsPerServer: 50}}
  demand: {requestsPerSecond: 950, surgeFactor: \"2\"}
  takeover: {legacy: 40}
";
    let connects = "insecure: true}\n    connectionRateCapacity: 95";
    let plan = PLAN.replacen("insecure: true}", connects, 1) + lines;
    let told = check("plan.yaml", &plan, Some(&BTreeMap::new())).text;
    assert_eq!(
        told.split_once("  what must").unwrap().1,
        " be ready at a peak of 950 requests/s (spec.demand)
    STAGE   WEIGHT  LEGACY             KUBERNETES  BOTH    STEP BACK
    canary  1 %     994/s, 10 servers  19/s        1.07 x  0.4 %
    half    50 %    700/s, 7 servers   950/s       1.74 x  20 %
  promised: legacy takes over 40 % of Kubernetes' traffic, Kubernetes from weight 50 on 50 % of
  legacy's; Kubernetes keeps 20 % unused and stands 2 times its load. At stage half both sides
  together carry 1.74 times the peak for it.
  legacy's pools then hold up to 500 connections: see that max_connections has room for them
"
    );
    let lines = "
  legacy: {capacity: {requestsPerSecond: 2400, asOf: \"2026-11-01T00:00:00Z\"}}
  demand: {requestsPerSecond: 3000}
";
    assert_eq!(
        explained(lines),
        "  what must be ready at a peak of 3000 requests/s (spec.demand)
    STAGE   WEIGHT  LEGACY                   KUBERNETES  BOTH    STEP BACK
    canary  1 %     3158/s (short by 758/s)  45/s        1.07 x  nothing fits
    half    50 %    3158/s (short by 758/s)  2369/s      1.84 x  25 %
    full    100 %   3158/s (short by 758/s)  4500/s      2.55 x  25 %
  promised: legacy takes over 100 % of Kubernetes' traffic, Kubernetes from weight 50 on 50 % of
  legacy's; Kubernetes keeps 20 % unused and stands 1.5 times its load. At stage full both sides
  together carry 2.55 times the peak for it.
"
    );
    let told = check("plan.yaml", &(PLAN.to_owned() + lines), None).text;
    let until = "  that legacy carries 2400/s counts until 2026-12-01T00:00:00Z, 30 days from asOf\n";
    assert!(told.contains(until), "{told}");
}

#[test]
fn what_a_database_may_come_to_hold_is_told_and_compared_with_what_it_can() {
    let plan = PLAN.to_owned()
        + "
  legacy: {capacity: {requestsPerSecondPerServer: 100, connectionsPerServer: 50}}
  kubernetes:
    workloads:
    - target: {apiVersion: apps/v1, kind: Deployment, name: mail}
      requestsPerSecondPerPod: 150
      maxReplicas: 40
      connectionsPerPod: 10
  demand: {requestsPerSecond: 950}
";
    let told = |plan: &str, maxima: &[(&str, u32)]| {
        let maxima = maxima.iter().map(|(name, maximum)| ((*name).to_owned(), *maximum)).collect();
        let text = check("plan.yaml", plan, Some(&maxima)).text;
        text.split_once("has room for them\n").unwrap().1.to_owned()
    };
    // 10 servers of 50, and 40 pods of 10 with a quarter more: 1,000.
    let holds = "  with the pods that spec.kubernetes allows, a quarter more while they are replaced, a database may come
  to hold 1000 connections: its max_connections must be 1539 at least for that to be 65 % of it
";
    assert_eq!(told(&plan, &[]), holds);
    assert_eq!(
        told(&plan, &[("accounts", 1539), ("other", 1)]),
        format!("{holds}    accounts: 1539 are enough\n")
    );
    assert_eq!(
        told(&plan, &[("accounts", 1538)]),
        format!("{holds}    accounts: 1538 are too few: raise it, or allow fewer pods or smaller pools\n")
    );
    let silent = plan.replace("      connectionsPerPod: 10\n", "");
    assert_eq!(told(&silent, &[]), "");
    assert!(
        told(&silent, &[("accounts", 1538)]).starts_with("  what a database may come to hold is not known: ")
    );
    assert_eq!(maximum("accounts=4000"), Ok(("accounts".to_owned(), 4000)));
    for wrong in ["accounts", "accounts=", "accounts=many", "accounts=-1"] {
        assert!(maximum(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn a_plan_that_says_nothing_of_legacy_is_told_that_it_steps_back_slowly() {
    let told = explained("");
    assert!(told.contains("    half    50 %    1053/s  790/s       1.84 x  5 %\n"), "{told}");
    let says = "  spec.legacy is not given: nothing of this is looked at, and a step back is at most 5 %\n";
    assert!(told.ends_with(says), "{told}");
}

#[test]
fn of_several_plans_each_is_told_whole_and_one_that_is_wrong_fails() {
    let wrong = PLAN
        .replace("weight: 50", "wieght: 50")
        .replace("name: mail,", "name: Mail,")
        .replace("      backend: mail", "      backend: mail\n      backend: web")
        .replace("{above: 1500,", "{above: 700,");
    let verdict = check("plan.yaml", &format!("{PLAN}---{wrong}"), None);
    assert!(!verdict.good);
    let told = verdict.text.split_once("MigrationPlan prod/Mail").unwrap().1;
    assert_eq!(
        told,
        ": not accepted, 5 problems
  metadata.name: \"Mail\" is no name of a Kubernetes object
      use lower case letters, digits, - and ., at most 253
  spec.routes[0].haproxy.backend: stands twice
      keep one: of two, only the last would count
  spec.databases[0].guards[0]: rollback must not lie below pause
      raise rollback, or lower pause
  spec.stages[1].weight: is missing
      it is: Kubernetes' share of the traffic in percent, 0 to 100 in steps of 0.01
  spec.stages[1].wieght: there is no such field
      did you mean weight?
"
    );
}

#[test]
fn a_file_without_plans_or_without_sense_fails_and_says_so() {
    for (text, says) in [
        ("", "plan.yaml: there is no MigrationPlan"),
        ("kind: Pod", "Pod: no MigrationPlan, skipped\nplan.yaml: there is no MigrationPlan"),
        ("a: [", "plan.yaml: the file is no YAML: "),
        (
            "{apiVersion: crossfade.dev/v9, kind: MigrationPlan}",
            "apiVersion: \"crossfade.dev/v9\" is not known",
        ),
    ] {
        let verdict = check("plan.yaml", text, None);
        assert!(!verdict.good, "{text}");
        assert!(verdict.text.contains(says), "{text}: {}", verdict.text);
    }
    let large = " ".repeat(crate::api::document::LARGEST + 1);
    assert!(check("plan.yaml", &large, None).text.contains("more than the 4194304 that are read"));
}

#[test]
fn the_items_of_a_list_are_checked_too() {
    let items = PLAN.trim().replace('\n', "\n  ");
    let verdict = check("plan.yaml", &format!("apiVersion: v1\nkind: List\nitems:\n- {items}\n"), None);
    assert!(
        verdict.good && verdict.text.starts_with("MigrationPlan prod/mail: accepted"),
        "{}",
        verdict.text
    );
}

#[test]
fn the_rights_of_a_plan_are_to_read_its_secrets_by_name() {
    let account: Account = "ops/brake".parse().unwrap();
    let yaml = rbac(PLAN, &account).unwrap();
    let documents = crate::api::document::read(&yaml).unwrap();
    let objects: Vec<_> = documents.into_iter().map(|document| document.object).collect();
    assert_eq!(objects.len(), 2);
    assert_eq!(
        objects[0]["rules"],
        serde_json::json!([{
            "apiGroups": [""], "resources": ["secrets"], "resourceNames": ["accounts-db-monitor"], "verbs": ["get"],
        }])
    );
    assert_eq!(
        objects[1]["subjects"],
        serde_json::json!([{"kind": "ServiceAccount", "name": "brake", "namespace": "ops"}])
    );
    for object in objects {
        assert_eq!(object["metadata"]["name"], "crossfade-mail");
        assert_eq!(object["metadata"]["namespace"], "prod");
    }
    assert!(matches!(rbac("kind: Pod", &account), Err(Error::NoPlan)));
    assert!(matches!(rbac(&PLAN.replace("weight: 50", "weight: x"), &account), Err(Error::Wrong(_))));
    for wrong in ["", "brake", "/brake", "ops/", "a/b/c"] {
        assert!(wrong.parse::<Account>().is_err(), "{wrong}");
    }
}
