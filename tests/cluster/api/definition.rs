//! What the API server makes of the definition: defaults, documentation, columns, transitions.

use crossfade::api::parse::parse;
use crossfade::api::rules::{self, Law};
use kube::api::{DynamicObject, Patch, PatchParams, PostParams};
use serde_json::{Value, json};

use super::{cluster, namespace, plan, plans, spec};

#[tokio::test]
async fn defaults_are_filled_in_as_the_offline_reading_fills_them_in() {
    let plans = plans(cluster().await, "default");
    let mut spec = spec();
    let prometheus = json!({"url": "https://prometheus.example", "query": "up"});
    spec["legacy"] = json!({"capacity": {"prometheus": prometheus}});
    spec["demand"] = json!({"route": "edge"});
    let target = json!({"apiVersion": "apps/v1", "kind": "Deployment", "name": "mail"});
    spec["kubernetes"] =
        json!({"workloads": [{"target": target, "requestsPerSecondPerPod": 150, "maxReplicas": 120}]});
    let stored = plans.create(&PostParams::default(), &plan("defaults", &spec)).await.unwrap();
    let stored = &stored.data["spec"];
    assert_eq!(stored["demand"], json!({"route": "edge", "surgeFactor": "1.5", "peakWindow": "168h"}));
    assert_eq!(stored["legacy"]["headroom"], 20);
    assert_eq!(stored["legacy"]["capacity"]["prometheus"]["every"], "15s");
    assert_eq!(stored["legacy"]["capacity"]["prometheus"]["insecure"], false);
    assert_eq!(stored["takeover"], json!({"legacy": 100, "kubernetes": 50}));
    let workload = json!({
        "name": "pods", "target": target, "requestsPerSecondPerPod": 150, "warmUp": "60s", "maxReplicas": 120,
        "floor": "Raise",
    });
    assert_eq!(stored["kubernetes"], json!({"workloads": [workload], "headroom": 20}));
    assert_eq!(stored["paused"], false);
    let rollback = json!({"to": "Previous", "maxStep": 25, "every": "5s", "when": "Attributed"});
    assert_eq!(stored["rollback"], rollback);
    assert_eq!(stored["stages"][0]["approval"], "NotRequired");
    assert_eq!(stored["routes"][0]["haproxy"]["insecure"], false);
    assert_eq!(stored["databases"][0]["every"], "1s");
    assert_eq!(stored["databases"][0]["mysql"]["port"], 3306);
    assert_eq!(stored["databases"][0]["mysql"]["insecure"], false);
    assert_eq!(stored["databases"][0]["guards"][0]["enabled"], true);
    assert_eq!(parse(stored).unwrap(), parse(&spec).unwrap());
}

#[tokio::test]
async fn the_longest_plan_that_is_allowed_stays_within_the_cost_of_the_rules() {
    let long = |prefix: &str, n: usize| format!("{prefix}{n:0>width$}", width = 63 - prefix.len());
    let mut spec = spec();
    let approvals: Vec<_> = (0..32).map(|n| format!("{}/0123456789abcdef", long("s", n))).collect();
    let stages = (0..32).map(|n| {
        json!({"name": long("s", n), "weight": n, "ramp": {"step": 1, "every": "1m"}, "soak": {"for": "1h"}})
    });
    spec["stages"] = stages.collect();
    spec["approvals"] = json!(approvals);
    spec["targetStage"] = json!(long("s", 31));
    let route = |n: usize| {
        let instances: Vec<_> = (0..16).map(|m| format!("unix:///{}", long("r", 16 * n + m))).collect();
        let servers = |side: &str| (0..16).map(|m| long(side, m)).collect::<Vec<_>>();
        json!({"name": long("r", n), "haproxy": {"instances": instances, "backend": "b",
               "legacyServers": servers("l"), "kubernetesServers": servers("k")}})
    };
    spec["routes"] = (0..8).map(route).collect();
    let database = spec["databases"][0].clone();
    let databases = (0..8).map(|n| {
        let mut database = database.clone();
        database["name"] = json!(long("d", n));
        let users = |side: &str| (0..16).map(|m| format!("{side}{m:0>127}")).collect::<Vec<_>>();
        database["users"] = json!({"legacy": users("l"), "kubernetes": users("k")});
        database
    });
    spec["databases"] = databases.collect();
    let prometheus = || {
        let url = format!("https://{}/{}", "h".repeat(120), "p".repeat(120));
        json!({"url": url, "query": "q".repeat(1024), "caSecret": "c".repeat(253), "tokenSecret": "t".repeat(253)})
    };
    spec["legacy"] = json!({"capacity": {"prometheus": prometheus()}});
    spec["demand"] = json!({"prometheus": prometheus()});
    let plans = plans(cluster().await, "default");
    let params = PostParams { dry_run: true, ..PostParams::default() };
    plans.create(&params, &plan("long", &spec)).await.unwrap();
    parse(&spec).unwrap();
}

#[tokio::test]
async fn kubectl_explains_each_field() {
    let cluster = cluster().await;
    // kubectl remembers what the server had; this looks again.
    let known = cluster.kubectl(["api-resources", "--api-group=crossfade.dev"]).await.unwrap();
    assert!(known.contains("mplan"), "{known}");
    let explained = cluster.kubectl(["explain", "mplan.spec.databases.guards"]).await.unwrap();
    // It breaks lines where it likes.
    let explained = explained.split_whitespace().collect::<Vec<_>>().join(" ");
    for words in [
        "FIELD: guards",
        "a signal that is left out keeps its default thresholds",
        "ConnectionsOfMax pauses above 70 %, or when full in 60s",
        "enabled",
        "Whether the guard works. Default: true.",
        "pause <Object>",
        "enum: ConnectionRate, ConnectionsOfMax, FailedConnections",
    ] {
        assert!(explained.contains(words), "{words:?} is not in\n{explained}");
    }
}

#[tokio::test]
async fn kubectl_get_shows_where_a_plan_stands() {
    let cluster = cluster().await;
    namespace(cluster, "columns").await;
    let plans = plans(cluster, "columns");
    plans.create(&PostParams::default(), &plan("mail", &spec())).await.unwrap();
    let status = json!({"status": {
        "phase": "Paused", "stage": {"name": "tenth"}, "weight": {"intended": 10.5, "actual": 10.48},
        "summary": {"guard": "Pause accounts/ConnectionRate", "connectionsPerSecond": 912, "legacyFree": 37,
                    "kubernetesFree": 64,
                    "why": "a surge"},
    }});
    plans.patch_status("mail", &PatchParams::default(), &Patch::Merge(status)).await.unwrap();
    let shown = cluster.kubectl(["get", "mplan", "--namespace=columns"]).await.unwrap();
    let lines: Vec<Vec<&str>> = shown
        .lines()
        .map(|line| line.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).collect())
        .collect();
    assert_eq!(
        lines[0],
        ["NAME", "PHASE", "STAGE", "WEIGHT", "CONN/S", "GUARD", "LEGACY-FREE", "KUBE-FREE", "WHY", "AGE"]
    );
    assert_eq!(
        lines[1][..9],
        ["mail", "Paused", "tenth", "10.48", "912", "Pause accounts/ConnectionRate", "37", "64", "a surge"]
    );
}

/// Replaces the spec of a plan that stands in the stage `tenth`.
async fn change(name: &str, edit: impl Fn(&mut Value)) -> Result<DynamicObject, String> {
    let plans = plans(cluster().await, "default");
    let mut two = spec();
    let mut other = two["routes"][0].clone();
    other["name"] = json!("other");
    other["haproxy"]["backend"] = json!("other");
    two["routes"].as_array_mut().unwrap().push(other);
    plans.create(&PostParams::default(), &plan(name, &two)).await.unwrap();
    let status = json!({"status": {"stage": {"name": "tenth", "index": 1}}});
    plans.patch_status(name, &PatchParams::default(), &Patch::Merge(status)).await.unwrap();
    let mut object = plans.get(name).await.unwrap();
    edit(&mut object.data["spec"]);
    plans.replace(name, &PostParams::default(), &object).await.map_err(|error| error.to_string())
}

fn refused(answer: Result<DynamicObject, String>, law: &Law) {
    let error = answer.expect_err("it was accepted");
    assert!(error.contains(&law.message()), "{error}");
}

#[tokio::test]
async fn a_plan_keeps_the_stage_that_it_is_in() {
    let answer = change("loses-stage", |spec| {
        spec["stages"].as_array_mut().unwrap().remove(1);
    });
    refused(answer.await, &rules::PRESENT_STAGE_STAYS);
    let renamed = change("renames-stage", |spec| spec["stages"][1]["name"] = json!("eleventh"));
    refused(renamed.await, &rules::PRESENT_STAGE_STAYS);
}

#[tokio::test]
async fn a_plan_in_a_stage_keeps_its_routes() {
    let answer = change("loses-route", |spec| {
        spec["routes"].as_array_mut().unwrap().remove(0);
    });
    refused(answer.await, &rules::ROUTES_STAY);
}

#[tokio::test]
async fn everything_else_of_a_plan_in_a_stage_may_change() {
    let answer = change("changes", |spec| {
        spec["stages"].as_array_mut().unwrap().remove(2);
        spec["stages"][1]["weight"] = json!(12);
        spec["stages"].as_array_mut().unwrap().push(json!({"name": "new", "weight": 20}));
        spec["routes"][0]["haproxy"]["backend"] = json!("web");
        spec["databases"][0]["name"] = json!("other");
    });
    answer.await.unwrap();
}
