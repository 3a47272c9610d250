use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::{Value, json};

use super::{spec, with};
use crate::api::parse::parse;
use crate::api::render::{Engine, StatusInput, render};
use crate::core::capacity::{Capacity, Demand, Figure, Legacy, Source, Takeover};
use crate::core::peaks::{Peak, Peaks};
use crate::core::plan::Plan;
use crate::core::reason::Reason;
use crate::core::report::{CapacityReport, Condition, Report};
use crate::core::spare::{Side, Spare};
use crate::core::state::State;
use crate::core::time::Time;

fn demand() -> Value {
    json!({"route": "edge"})
}

fn prometheus() -> Value {
    json!({"url": "https://prometheus.monitoring:9090/prefix", "query": "sum(capacity)"})
}

fn plan(changes: &[(&str, Value)]) -> Plan {
    parse(&with(changes)).unwrap().plan
}

/// What is wrong, as "field: reason; remedy".
fn wrong(changes: &[(&str, Value)]) -> Vec<String> {
    parse(&with(changes)).expect_err("it was accepted").iter().map(ToString::to_string).collect()
}

#[test]
fn servers_count_on_the_route_where_demand_is_read() {
    let mut gateway = spec()["routes"][0].clone();
    gateway["name"] = json!("gateway");
    gateway["haproxy"]["backend"] = json!("gateway");
    let capacity = json!({"capacity": {"requestsPerSecondPerServer": 300, "connectionsPerServer": 40}});
    let read = plan(&[
        ("/routes/-", gateway.clone()),
        ("/legacy", capacity.clone()),
        ("/demand", json!({"route": "gateway", "surgeFactor": "2.25", "peakWindow": "24h"})),
        ("/takeover", json!({"legacy": 80})),
        ("/databases/0/connectionRateCapacity", json!(2600)),
    ]);
    let legacy = Legacy {
        capacity: Source::Route(1),
        requests_per_second_per_server: 300.0,
        connections_per_server: Some(40.0),
        headroom: 0.2,
    };
    assert_eq!(
        read.capacity,
        Capacity {
            demand: Some(Demand {
                from: Source::Route(1),
                surge_factor: 2.25,
                peak_window: Duration::from_hours(24),
            }),
            legacy: Some(legacy),
            kubernetes: None,
            takeover: Takeover { legacy: 0.8, kubernetes: 0.5 },
            balance: None,
        }
    );
    assert_eq!(read.databases[0].connection_rate_capacity, Some(2600.0));
    let declared = plan(&[
        ("/routes/-", gateway),
        ("/legacy", capacity),
        ("/demand", json!({"requestsPerSecond": 2500.5})),
    ]);
    assert_eq!(
        declared.capacity,
        Capacity {
            demand: Some(Demand {
                from: Source::Declared { requests_per_second: 2500.5, until: None },
                surge_factor: 1.5,
                peak_window: Duration::from_hours(168),
            }),
            legacy: Some(Legacy { capacity: Source::Route(0), ..legacy }),
            ..Capacity::default()
        },
        "the first route, where demand is read at none"
    );
}

#[test]
fn a_declared_capacity_counts_for_thirty_days_from_its_measurement() {
    let declared = json!({"requestsPerSecond": 4000, "asOf": "2026-11-01T09:00:00+01:00"});
    let read = plan(&[("/legacy", json!({"capacity": declared, "headroom": 0})), ("/demand", demand())]);
    let legacy = read.capacity.legacy.unwrap();
    // 2026-12-01T08:00:00Z.
    let until = Some(Time::from_millis(1_796_112_000_000));
    assert_eq!(legacy.capacity, Source::Declared { requests_per_second: 4000.0, until });
    assert!(legacy.headroom < f64::EPSILON, "{}", legacy.headroom);
}

#[test]
fn what_prometheus_measures_is_listed_with_its_period_and_its_secrets() {
    let mut capacity = prometheus();
    capacity["caSecret"] = json!("prometheus-ca");
    capacity["tokenSecret"] = json!("prometheus-token");
    capacity["every"] = json!("30s");
    let demand = json!({"url": "http://localhost:9090", "query": "sum(rate(requests[1m]))"});
    let parsed = parse(&with(&[
        ("/legacy", json!({"capacity": {"prometheus": capacity}})),
        ("/demand", json!({"prometheus": demand})),
    ]))
    .unwrap();
    assert_eq!(parsed.plan.capacity.legacy.unwrap().capacity, Source::Measured);
    assert_eq!(parsed.plan.capacity.demand.unwrap().from, Source::Measured);
    let listed: Vec<_> = parsed
        .spec
        .measured()
        .into_iter()
        .map(|each| (each.figure, each.field, each.every.as_secs(), each.prometheus.query.as_str()))
        .collect();
    assert_eq!(
        listed,
        [
            (Figure::Demand, "spec.demand.prometheus", 15, "sum(rate(requests[1m]))"),
            (Figure::LegacyCapacity, "spec.legacy.capacity.prometheus", 30, "sum(capacity)"),
        ]
    );
    assert_eq!(
        parsed.secrets(),
        BTreeSet::from([
            "accounts-db-ca",
            "accounts-db-monitor",
            "edge-haproxy",
            "prometheus-ca",
            "prometheus-token"
        ])
    );
    assert_eq!(parse(&spec()).unwrap().spec.measured(), []);
}

#[test]
fn a_plan_that_says_nothing_of_capacity_asks_for_none() {
    assert_eq!(plan(&[]).capacity, Capacity::default());
}

#[test]
fn what_is_wrong_about_capacity_is_told_with_what_to_write() {
    let legacy = |capacity: Value| ("/legacy", json!({"capacity": capacity}));
    let with_demand = |capacity: Value| wrong(&[legacy(capacity), ("/demand", demand())]);
    let each = json!({"requestsPerSecondPerServer": 300});
    assert_eq!(
        wrong(&[legacy(each.clone())]),
        [
            "spec.demand: is missing: how much room a side has is known only with how much is asked for; name the \
          route whose load balancers count the requests, as in demand: {route: edge}"
        ]
    );
    assert_eq!(
        wrong(&[legacy(each), ("/demand", json!({"route": "edg"}))]),
        ["spec.demand.route: \"edg\" is no route; the routes are edge"]
    );
    assert_eq!(
        with_demand(json!({"requestsPerSecondPerServer": 300, "requestsPerSecond": 9, "asOf": "today"})),
        [
            "spec.legacy.capacity: exactly one of requestsPerSecondPerServer, requestsPerSecond and prometheus is \
             needed; keep the one that is known, for example requestsPerSecondPerServer: 300",
            "spec.legacy.capacity.asOf: \"today\" is no time; write for example 2026-11-01T09:00:00Z",
        ]
    );
    assert_eq!(
        with_demand(json!({"requestsPerSecond": 0, "asOf": "2026-11-01T09:00:00Z"})),
        ["spec.legacy.capacity.requestsPerSecond: 0 is too small; write more than 0"]
    );
    let mut plain = prometheus();
    plain["url"] = json!("http://prometheus.monitoring:99999/api/v1");
    assert_eq!(
        with_demand(json!({"prometheus": plain})),
        [
            "spec.legacy.capacity.prometheus: over plain http:// beyond loopback whoever is on the way can answer; \
             use https://, or write insecure: true if the network is trusted",
            "spec.legacy.capacity.prometheus: the address goes into the API of Prometheus; leave out /api/v1",
            "spec.legacy.capacity.prometheus.url: 99999 is no port; write one from 1 to 65535",
        ]
    );
    plain["url"] = json!("https://user@prometheus.monitoring");
    assert_eq!(
        with_demand(json!({"prometheus": plain})),
        ["spec.legacy.capacity.prometheus.url: \"https://user@prometheus.monitoring\" is no address of a \
             Prometheus; write https://host:port with the path under which it serves, without user name and query"]
    );
    assert_eq!(
        wrong(&[("/demand", json!({"route": "edge", "surgeFactor": "0.99", "peakWindow": "745h"}))]),
        [
            "spec.demand.peakWindow: 2682000s is not within 1h to 744h (31 days); write for example 168h, which \
             holds each day of the week",
            "spec.demand.surgeFactor: with 0.99 times its load a side could not even carry that load; write a \
             factor from 1 up, such as \"1.5\"",
        ]
    );
}

fn rendered(plan: &Plan, state: &State, capacity: CapacityReport) -> Value {
    let (spec, report) = (spec(), Report { capacity, ..Report::default() });
    let acceptance =
        Condition { kind: "Accepted", status: true, reason: Reason::Accepted, message: "m".into() };
    render(&StatusInput {
        engine: Some(Engine {
            plan,
            spec: &spec,
            generation: 1,
            state,
            report: &report,
            seen: &[],
            pods: &[],
            lacks: &BTreeMap::new(),
            rooms: &BTreeMap::new(),
        }),
        acceptance: &acceptance,
        generation: 1,
        epoch: 1,
        now: Time::from_millis(1_767_225_600_000),
        offset: 0,
        previous: None,
    })
}

#[test]
fn the_status_shows_what_legacy_carries_and_what_is_asked_for() {
    let plan =
        plan(&[("/legacy", json!({"capacity": {"requestsPerSecondPerServer": 300}})), ("/demand", demand())]);
    let at = Time::from_millis(1_767_139_200_000);
    let peak = Peak { at, requests_per_second: 1234.5678 };
    let state = State { peaks: Peaks([peak].into()), ..State::default() };
    let spare = Spare {
        demand: Some(1000.0),
        peak: Some(1234.5678),
        legacy: Side { ready: Some(1200.0), load: Some(900.0) },
        kubernetes: Side { ready: None, load: Some(100.0) },
    };
    let report = CapacityReport {
        spare,
        absorbed_by_legacy: Some(0.123_456_7),
        absorbed_by_kubernetes: None,
        peak: Some(peak),
    };
    let status = rendered(&plan, &state, report);
    assert_eq!(
        status["legacy"],
        json!({"readyRequestsPerSecond": 1200, "requestsPerSecond": 900, "utilisation": 75, "absorbable": 12.3})
    );
    assert_eq!(
        status["demand"],
        json!({
            "requestsPerSecond": 1000, "peak": 1234.568, "peakAt": "2025-12-31T00:00:00.000Z",
            "window": [{"at": "2025-12-31T00:00:00.000Z", "requestsPerSecond": 1234.5678}],
        })
    );
    assert_eq!(status["summary"]["legacyFree"], 25);
    assert_eq!(status["measuredAt"], "2026-01-01T00:00:00.000Z");
}

#[test]
fn what_is_not_known_is_left_out_and_an_overloaded_side_has_nothing_free() {
    let configured =
        plan(&[("/legacy", json!({"capacity": {"requestsPerSecondPerServer": 300}})), ("/demand", demand())]);
    let status = rendered(&configured, &State::default(), CapacityReport::default());
    assert_eq!((&status["legacy"], &status["demand"]), (&json!({}), &json!({})));
    assert_eq!(status["summary"]["legacyFree"], Value::Null);
    let overloaded = Side { ready: Some(100.0), load: Some(130.0) };
    let report = CapacityReport {
        spare: Spare { legacy: overloaded, ..Spare::default() },
        ..CapacityReport::default()
    };
    let status = rendered(&configured, &State::default(), report);
    assert_eq!(
        (&status["legacy"]["utilisation"], &status["summary"]["legacyFree"]),
        (&json!(130), &json!(0))
    );
    let silent = rendered(&plan(&[]), &State::default(), CapacityReport::default());
    assert_eq!((&silent["legacy"], &silent["demand"]), (&Value::Null, &Value::Null));
}
