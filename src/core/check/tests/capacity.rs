use super::{fields, plan};
use crate::capacity::{Balance, Capacity, Demand, Kubernetes, Legacy, Source, Takeover, Workload};
use crate::check::check;
use crate::plan::Plan;
use crate::weight::Weight;
use std::time::Duration;

fn declared(requests_per_second: f64) -> Source {
    Source::Declared { requests_per_second, until: None }
}

/// The plan with everything that can be said of capacity, but for Kubernetes.
fn configured() -> Plan {
    let mut plan = plan();
    plan.capacity = Capacity {
        demand: Some(Demand {
            from: Source::Route(0),
            surge_factor: 1.5,
            peak_window: Duration::from_hours(168),
        }),
        legacy: Some(Legacy {
            capacity: Source::Route(0),
            requests_per_second_per_server: 300.0,
            connections_per_server: Some(40.0),
            headroom: 0.2,
        }),
        kubernetes: Some(Kubernetes { workloads: vec![workload("pods"), workload("more")], headroom: 0.2 }),
        takeover: Takeover::default(),
        balance: Some(Balance { max_shift: Weight::from_hundredths(5_000), every: Duration::from_mins(1) }),
    };
    plan.databases[0].connection_rate_capacity = Some(2600.0);
    plan
}

fn workload(name: &str) -> Workload {
    Workload {
        name: name.into(),
        requests_per_second_per_pod: 150.0,
        connections_per_pod: Some(10.0),
        warm_up: Duration::from_hours(1),
        max_replicas: 1,
        floor: false,
    }
}

fn kubernetes(plan: &mut Plan) -> &mut Kubernetes {
    plan.capacity.kubernetes.as_mut().unwrap()
}

fn demand(plan: &mut Plan) -> &mut Demand {
    plan.capacity.demand.as_mut().unwrap()
}

fn balance(plan: &mut Plan) -> &mut Balance {
    plan.capacity.balance.as_mut().unwrap()
}

fn legacy(plan: &mut Plan) -> &mut Legacy {
    plan.capacity.legacy.as_mut().unwrap()
}

#[test]
fn each_mistake_about_capacity_is_told_at_its_field_alone() {
    type Edit = (&'static str, fn(&mut Plan));
    let edits: &[Edit] = &[
        ("spec.demand", |plan| plan.capacity.demand = None),
        ("spec.demand", |plan| {
            let kubernetes = plan.capacity.kubernetes.take();
            plan.capacity = Capacity { kubernetes, ..Capacity::default() };
        }),
        ("spec.demand.route", |plan| demand(plan).from = Source::Route(1)),
        ("spec.demand.requestsPerSecond", |plan| demand(plan).from = declared(0.0)),
        ("spec.demand.requestsPerSecond", |plan| demand(plan).from = declared(f64::INFINITY)),
        ("spec.demand.surgeFactor", |plan| demand(plan).surge_factor = 0.99),
        ("spec.demand.surgeFactor", |plan| demand(plan).surge_factor = f64::NAN),
        ("spec.demand.surgeFactor", |plan| demand(plan).surge_factor = f64::INFINITY),
        ("spec.demand.peakWindow", |plan| demand(plan).peak_window = Duration::from_mins(59)),
        ("spec.demand.peakWindow", |plan| demand(plan).peak_window = Duration::from_millis(2_678_400_001)),
        ("spec.legacy.capacity.requestsPerSecondPerServer", |plan| {
            legacy(plan).requests_per_second_per_server = 0.0;
        }),
        ("spec.legacy.capacity.requestsPerSecondPerServer", |plan| {
            legacy(plan).requests_per_second_per_server = f64::NAN;
        }),
        ("spec.legacy.capacity.requestsPerSecondPerServer", |plan| {
            legacy(plan).capacity = Source::Route(1);
        }),
        ("spec.legacy.capacity.connectionsPerServer", |plan| {
            legacy(plan).connections_per_server = Some(-1.0);
        }),
        ("spec.legacy.capacity.requestsPerSecond", |plan| legacy(plan).capacity = declared(-1.0)),
        ("spec.legacy.headroom", |plan| legacy(plan).headroom = 0.901),
        ("spec.legacy.headroom", |plan| legacy(plan).headroom = -0.1),
        ("spec.kubernetes.workloads", |plan| kubernetes(plan).workloads.clear()),
        ("spec.kubernetes.workloads[1].name", |plan| kubernetes(plan).workloads[1].name = "pods".into()),
        ("spec.kubernetes.workloads[1].requestsPerSecondPerPod", |plan| {
            kubernetes(plan).workloads[1].requests_per_second_per_pod = 0.0;
        }),
        ("spec.kubernetes.workloads[0].connectionsPerPod", |plan| {
            kubernetes(plan).workloads[0].connections_per_pod = Some(f64::NAN);
        }),
        ("spec.kubernetes.workloads[0].warmUp", |plan| {
            kubernetes(plan).workloads[0].warm_up = Duration::from_millis(3_600_001);
        }),
        ("spec.kubernetes.workloads[0].maxReplicas", |plan| kubernetes(plan).workloads[0].max_replicas = 0),
        ("spec.kubernetes.headroom", |plan| kubernetes(plan).headroom = 0.901),
        ("spec.kubernetes.headroom", |plan| kubernetes(plan).headroom = -0.1),
        ("spec.balance", |plan| plan.capacity.legacy = None),
        ("spec.balance", |plan| plan.capacity.kubernetes = None),
        ("spec.balance.maxShift", |plan| balance(plan).max_shift = Weight::ZERO),
        ("spec.balance.maxShift", |plan| balance(plan).max_shift = Weight::from_hundredths(5_001)),
        ("spec.balance.every", |plan| balance(plan).every = Duration::from_secs(59)),
        ("spec.balance.every", |plan| balance(plan).every = Duration::from_millis(86_400_001)),
        ("spec.takeover.legacy", |plan| plan.capacity.takeover.legacy = 1.01),
        ("spec.takeover.legacy", |plan| plan.capacity.takeover.legacy = f64::NAN),
        ("spec.takeover.kubernetes", |plan| plan.capacity.takeover.kubernetes = -0.01),
        ("spec.databases[0].connectionRateCapacity", |plan| {
            plan.databases[0].connection_rate_capacity = Some(0.0);
        }),
    ];
    for (field, edit) in edits {
        let mut wrong = configured();
        edit(&mut wrong);
        assert_eq!(fields(&wrong), [*field], "{:?}", check(&wrong));
    }
}

#[test]
fn what_is_said_of_capacity_may_stand_at_its_bounds_or_be_left_out() {
    let edits: &[fn(&mut Plan)] = &[
        |_| {},
        |plan| demand(plan).surge_factor = 1.0,
        |plan| demand(plan).peak_window = Duration::from_hours(1),
        |plan| demand(plan).peak_window = Duration::from_hours(744),
        |plan| demand(plan).from = declared(0.1),
        |plan| demand(plan).from = Source::Measured,
        |plan| legacy(plan).headroom = 0.0,
        |plan| legacy(plan).headroom = 0.9,
        |plan| legacy(plan).connections_per_server = None,
        |plan| {
            legacy(plan).capacity = Source::Measured;
            legacy(plan).requests_per_second_per_server = 0.0;
        },
        |plan| plan.capacity.takeover = Takeover { legacy: 0.0, kubernetes: 1.0 },
        |plan| balance(plan).max_shift = Weight::from_hundredths(1),
        |plan| balance(plan).every = Duration::from_hours(24),
        |plan| (plan.capacity.legacy, plan.capacity.balance) = (None, None),
        |plan| plan.capacity = Capacity::default(),
    ];
    for (place, edit) in edits.iter().enumerate() {
        let mut right = configured();
        edit(&mut right);
        assert_eq!(check(&right), [], "edit {place}");
    }
}

#[test]
fn capacity_without_demand_is_refused_with_what_to_write() {
    let mut plan = configured();
    plan.capacity.demand = None;
    assert_eq!(
        check(&plan)[0].to_string(),
        "spec.demand: is missing: how much room a side has is known only with how much is asked for; name the \
         route whose load balancers count the requests, as in demand: {route: edge}"
    );
}
