use super::check::check;
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
    let verdict =
        check("plan.yaml", &format!("apiVersion: v1\nkind: Namespace\nmetadata: {{name: prod}}\n---{PLAN}"));
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

#[test]
fn of_several_plans_each_is_told_whole_and_one_that_is_wrong_fails() {
    let wrong = PLAN
        .replace("weight: 50", "wieght: 50")
        .replace("name: mail,", "name: Mail,")
        .replace("      backend: mail", "      backend: mail\n      backend: web")
        .replace("{above: 1500,", "{above: 700,");
    let verdict = check("plan.yaml", &format!("{PLAN}---{wrong}"));
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
      raise rollback.above, or lower pause.above
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
        let verdict = check("plan.yaml", text);
        assert!(!verdict.good, "{text}");
        assert!(verdict.text.contains(says), "{text}: {}", verdict.text);
    }
    let large = " ".repeat(crate::api::document::LARGEST + 1);
    assert!(check("plan.yaml", &large).text.contains("more than the 4194304 that are read"));
}

#[test]
fn the_items_of_a_list_are_checked_too() {
    let items = PLAN.trim().replace('\n', "\n  ");
    let verdict = check("plan.yaml", &format!("apiVersion: v1\nkind: List\nitems:\n- {items}\n"));
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
