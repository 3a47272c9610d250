//! Figures that a Prometheus measures.
#![allow(clippy::unwrap_used)] // what cannot be staged ends the test

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use crate::place::{GOES_ON, Place, accepted, shared, soaks_in};
use crate::stage::mariadb::Tls;
use crate::stage::prometheus::{Metric, Prometheus};

#[tokio::test(flavor = "multi_thread")]
async fn what_a_prometheus_measures_is_known_and_what_it_does_not_is_told_by_its_field_and_stops_no_guard()
-> Result<()> {
    let place = Place::new(shared().await?, "measured").await?;
    let tls = Tls::issue(&["127.0.0.1"]);
    let any = Metric { name: "any".into(), series: vec![(String::new(), vec![(1_700_000_000, 1.0)])] };
    let prometheus = Prometheus::start(&[any], Some(tls.clone()), &[]);
    for (name, key, value) in [
        ("prometheus-ca", "ca.crt", tls.authority.as_str()),
        // As a file is written.
        ("prometheus-token", "token", "a-token\n"),
    ] {
        let secret = json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": "measured"},
            "stringData": {key: value},
        });
        place.ground.cluster.apply(&secret.to_string()).await?;
    }
    let asked = |query: &str| {
        json!({
            "url": prometheus.url(), "query": query, "every": "5s",
            "caSecret": "prometheus-ca", "tokenSecret": "prometheus-token",
        })
    };
    let plan = place.plan(|spec| {
        spec["demand"] = json!({"prometheus": asked("vector(120)")});
        spec["legacy"] = json!({"capacity": {"prometheus": asked("vector(300)")}});
    });
    place.begin(&plan).await?;
    let status = place.until("soaking at half", GOES_ON, |status| soaks_in(status, "half")).await?;
    assert_eq!(status["demand"]["requestsPerSecond"], 120.0);
    assert_eq!(status["legacy"]["readyRequestsPerSecond"], 300.0);

    let capacity = json!({"prometheus": asked("vector(-1)")});
    place.change(json!({"spec": {"legacy": {"capacity": capacity}}})).await?;
    let told = format!(
        "spec.legacy.capacity.prometheus: Prometheus at {} answered `vector(-1)` with -1, which is no amount",
        prometheus.url()
    );
    place.until("told", 10, |_| place.ground.log("measured").contains(&told)).await?;
    let url = prometheus.url();
    drop(prometheus);
    place.until("told", 10, |_| place.ground.log("measured").contains("cannot ask Prometheus at")).await?;

    let storm = place.storm(250.0);
    place.until_weight(10.0, 20).await?;
    drop(storm);
    assert_eq!(accepted(&place.status().await?), ["True", "Accepted"]);
    // Asked every five seconds, and told once for each figure and each fault.
    tokio::time::sleep(Duration::from_secs(6)).await;
    assert_eq!(place.ground.log("measured").matches("cannot ask Prometheus at").count(), 2);
    assert!(!place.ground.log("").contains("a-token"));
    let events = ["get", "events", "-n", "measured", "-o", "json"];
    let events: Value = serde_json::from_str(&place.ground.cluster.kubectl(events).await?)?;
    let notes: Vec<&str> =
        events["items"].as_array().unwrap().iter().filter_map(|event| event["message"].as_str()).collect();
    for field in ["spec.demand.prometheus", "spec.legacy.capacity.prometheus"] {
        let begin = format!("{field}: cannot ask Prometheus at {url}");
        assert!(notes.iter().any(|note| note.starts_with(&begin)), "{notes:#?}");
    }
    assert!(notes.iter().any(|note| note.starts_with(&told)), "{notes:#?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_that_go_down_are_missing_in_what_legacy_can_carry_within_two_seconds() -> Result<()> {
    let place = Place::new(shared().await?, "half-a-pool").await?;
    let plan = place.plan(|spec| {
        spec["demand"] = json!({"route": "edge"});
        spec["legacy"] = json!({"capacity": {"requestsPerSecondPerServer": 150}});
    });
    place.begin(&plan).await?;
    let ready = async |expected: f64| {
        let begin = Instant::now();
        let labels = r#"{namespace="half-a-pool",plan="mail",side="legacy"}"#;
        let series = format!("crossfade_side_ready_requests_per_second{labels}");
        while place.ground.metric(&series).await? != Some(expected) {
            ensure!(begin.elapsed() < Duration::from_secs(20), "legacy can never carry {expected}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        anyhow::Ok(begin.elapsed())
    };
    ready(300.0).await?;
    let mut slowest = Duration::ZERO;
    for _ in 0..5 {
        for (state, expected) in [("maint", 150.0), ("ready", 300.0)] {
            let command = format!("set server mail/vm-1 state {state}");
            assert_eq!(place.haproxy.command(&command).await, "", "{command}");
            slowest = slowest.max(ready(expected).await?);
        }
    }
    println!("the slowest was seen after {slowest:?}");
    assert!(slowest < Duration::from_secs(2), "{slowest:?}");
    Ok(())
}
