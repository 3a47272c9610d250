//! What the operator counts. Labels of a plan go with it.

use std::collections::BTreeSet;
use std::sync::atomic::AtomicU64;
use std::sync::{Mutex, PoisonError};

use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use super::figures::{ConnectFigures, GuardFigures, PlanFigures, SideFigures};

/// Upper bounds of the buckets of times to a read-back, in seconds; the promise is 50 ms, and 1 s
/// for the last of a hundred plans.
const BUCKETS: [f64; 12] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];

type FloatGauge = Gauge<f64, AtomicU64>;

/// A plan.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct PlanLabels {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub plan: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct GuardLabels {
    namespace: String,
    plan: String,
    database: String,
    signal: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct WriteLabels {
    namespace: String,
    plan: String,
    purpose: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PhaseLabels {
    namespace: String,
    plan: String,
    phase: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct SideLabels {
    namespace: String,
    plan: String,
    side: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ConnectLabels {
    namespace: String,
    plan: String,
    database: String,
    side: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ApiLabels {
    verb: &'static str,
    object: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct SampleLabels {
    database: String,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StandingLabels {
    standing: &'static str,
}

/// The registry with its metrics.
pub struct Metrics {
    /// Locked by a scrape as a whole, so that two do not mix.
    registry: Mutex<Registry>,
    intended: Family<PlanLabels, FloatGauge>,
    actual: Family<PlanLabels, FloatGauge>,
    phase: Family<PhaseLabels, Gauge>,
    level: Family<GuardLabels, Gauge>,
    value: Family<GuardLabels, FloatGauge>,
    demand: Family<PlanLabels, FloatGauge>,
    peak: Family<PlanLabels, FloatGauge>,
    ready: Family<SideLabels, FloatGauge>,
    load: Family<SideLabels, FloatGauge>,
    connects: Family<ConnectLabels, FloatGauge>,
    decisions: Family<PlanLabels, Counter>,
    writes: Family<WriteLabels, Counter>,
    latency: Histogram,
    api_writes: Family<ApiLabels, Counter>,
    events_dropped: Counter,
    samples: Family<SampleLabels, Counter>,
    standing: Family<StandingLabels, Gauge>,
    epoch: Gauge,
    /// Which labels of `writes` and `samples` exist, to remove them with their plan or database.
    writes_seen: Mutex<BTreeSet<(String, String, &'static str, &'static str)>>,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// Empty metrics.
    pub fn new() -> Self {
        let mut metrics = Self {
            registry: Mutex::new(Registry::with_prefix("crossfade")),
            intended: Family::default(),
            actual: Family::default(),
            phase: Family::default(),
            level: Family::default(),
            value: Family::default(),
            demand: Family::default(),
            peak: Family::default(),
            ready: Family::default(),
            load: Family::default(),
            connects: Family::default(),
            decisions: Family::default(),
            writes: Family::default(),
            latency: Histogram::new(BUCKETS),
            api_writes: Family::default(),
            events_dropped: Counter::default(),
            samples: Family::default(),
            standing: Family::default(),
            epoch: Gauge::default(),
            writes_seen: Mutex::default(),
        };
        metrics.register();
        metrics.standing("none", None);
        metrics
    }

    fn register(&mut self) {
        let Self {
            registry,
            intended,
            actual,
            phase,
            level,
            value,
            demand,
            peak,
            ready,
            load,
            connects,
            decisions,
            writes,
            latency,
            api_writes,
            events_dropped,
            samples,
            standing,
            epoch,
            writes_seen: _,
        } = self;
        let registry = registry.get_mut().unwrap_or_else(PoisonError::into_inner);
        registry.register(
            "weight_intended_percent",
            "Where the plan's routes should stand",
            intended.clone(),
        );
        registry.register(
            "weight_actual_percent",
            "Where the plan's routes were read to stand",
            actual.clone(),
        );
        registry.register("phase", "1 for the plan's present phase", phase.clone());
        registry.register("guard_level", "0 clear, 1 pause, 2 rollback", level.clone());
        registry.register("guard_value", "The newest value in the signal's unit", value.clone());
        registry.register(
            "demand_requests_per_second",
            "What both sides are asked for together; absent while unknown",
            demand.clone(),
        );
        registry.register(
            "demand_peak_requests_per_second",
            "The highest demand of the plan's window",
            peak.clone(),
        );
        registry.register(
            "side_ready_requests_per_second",
            "What a side can carry now; absent while unknown",
            ready.clone(),
        );
        registry.register(
            "side_requests_per_second",
            "What a side is asked for, as the load balancers count it; absent while unknown",
            load.clone(),
        );
        registry.register(
            "side_connects_per_second",
            "Connects of a side's users to a database; absent while unknown",
            connects.clone(),
        );
        registry.register("decisions", "How often the plan's engine asked for something", decisions.clone());
        registry.register("route_writes", "Weights written, by purpose and outcome", writes.clone());
        registry.register(
            "breach_to_read_back_seconds",
            "From the answer that completed a breach to the weight read back",
            latency.clone(),
        );
        registry.register("api_writes", "Writes to the API server, by verb and object", api_writes.clone());
        registry.register("events_dropped", "Events that found the queue full", events_dropped.clone());
        registry.register("samples", "Answers of databases, by outcome", samples.clone());
        registry.register("lease_standing", "1 for what this replica may do", standing.clone());
        registry.register("lease_epoch", "The epoch of the claim, 0 without one", epoch.clone());
    }

    /// The engine of a plan asked for something.
    pub fn decision(&self, plan: &PlanLabels) {
        self.decisions.get_or_create(plan).inc();
    }

    /// A weight was written, or was not.
    pub fn route_write(&self, plan: &PlanLabels, purpose: &'static str, outcome: &'static str) {
        let PlanLabels { namespace, plan } = plan.clone();
        let seen = (namespace.clone(), plan.clone(), purpose, outcome);
        self.writes_seen.lock().unwrap_or_else(PoisonError::into_inner).insert(seen);
        self.writes.get_or_create(&WriteLabels { namespace, plan, purpose, outcome }).inc();
    }

    /// A retreat was read back so long after its cause, in seconds.
    pub fn read_back(&self, seconds: f64) {
        self.latency.observe(seconds);
    }

    /// A write to the API server is being made.
    pub fn api_write(&self, verb: &'static str, object: &'static str) {
        self.api_writes.get_or_create(&ApiLabels { verb, object }).inc();
    }

    /// An event found the queue full.
    pub fn event_dropped(&self) {
        self.events_dropped.inc();
    }

    /// A database answered, or did not.
    pub fn sample(&self, database: &str, outcome: &'static str) {
        self.samples.get_or_create(&SampleLabels { database: database.into(), outcome }).inc();
    }

    /// What this replica may do now.
    pub fn standing(&self, standing: &'static str, epoch: Option<u64>) {
        self.standing.clear();
        self.standing.get_or_create(&StandingLabels { standing }).set(1);
        self.epoch.set(i64::try_from(epoch.unwrap_or_default()).unwrap_or(i64::MAX));
    }

    /// Removes what was counted for a plan.
    pub fn forget_plan(&self, labels: &PlanLabels) {
        self.decisions.remove(labels);
        self.writes_seen.lock().unwrap_or_else(PoisonError::into_inner).retain(
            |(namespace, plan, purpose, outcome)| {
                let same = *namespace == labels.namespace && *plan == labels.plan;
                if same {
                    let (namespace, plan) = (namespace.clone(), plan.clone());
                    self.writes.remove(&WriteLabels { namespace, plan, purpose, outcome });
                }
                !same
            },
        );
    }

    /// Removes what was counted for a database.
    pub fn forget_database(&self, database: &str) {
        for outcome in super::OUTCOMES {
            self.samples.remove(&SampleLabels { database: database.into(), outcome });
        }
    }

    /// The metrics as text, with these figures of the plans that there are now.
    pub fn page(&self, plans: &[PlanFigures]) -> Result<String, std::fmt::Error> {
        let registry = self.registry.lock().unwrap_or_else(PoisonError::into_inner);
        self.intended.clear();
        self.actual.clear();
        self.phase.clear();
        self.level.clear();
        self.value.clear();
        self.demand.clear();
        self.peak.clear();
        self.ready.clear();
        self.load.clear();
        self.connects.clear();
        for PlanFigures { plan: labels, intended, actual, phase, guards, demand, peak, sides, connects } in
            plans
        {
            let PlanLabels { namespace, plan } = labels;
            for ConnectFigures { database, side, rate } in connects {
                let (namespace, plan) = (namespace.clone(), plan.clone());
                let labels = ConnectLabels { namespace, plan, database: database.clone(), side };
                self.connects.get_or_create(&labels).set(*rate);
            }
            for (gauge, value) in [
                (&self.intended, intended),
                (&self.actual, actual),
                (&self.demand, demand),
                (&self.peak, peak),
            ] {
                if let Some(value) = value {
                    gauge.get_or_create(labels).set(*value);
                }
            }
            for SideFigures { side, ready, load } in sides {
                let labels = SideLabels { namespace: namespace.clone(), plan: plan.clone(), side };
                for (gauge, value) in [(&self.ready, ready), (&self.load, load)] {
                    if let Some(value) = value {
                        gauge.get_or_create(&labels).set(*value);
                    }
                }
            }
            let phase = PhaseLabels { namespace: namespace.clone(), plan: plan.clone(), phase };
            self.phase.get_or_create(&phase).set(1);
            for GuardFigures { database, signal, level, value } in guards {
                let labels = GuardLabels {
                    namespace: namespace.clone(),
                    plan: plan.clone(),
                    database: database.clone(),
                    signal,
                };
                self.level.get_or_create(&labels).set(i64::from(*level));
                if let Some(value) = value {
                    self.value.get_or_create(&labels).set(*value);
                }
            }
        }
        let mut page = String::new();
        text::encode(&mut page, &registry)?;
        Ok(page)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(plan: &str) -> PlanLabels {
        PlanLabels { namespace: "mail".into(), plan: plan.into() }
    }

    #[test]
    fn labels_of_a_plan_go_with_it() {
        let metrics = Metrics::new();
        metrics.decision(&labels("a"));
        metrics.decision(&labels("b"));
        metrics.route_write(&labels("a"), "Retreat", "done");
        let figures = |plan| PlanFigures {
            plan: labels(plan),
            intended: Some(10.0),
            actual: None,
            phase: "Soaking",
            guards: vec![GuardFigures {
                database: "db".into(),
                signal: "ConnectionRate",
                level: 1,
                value: Some(812.5),
            }],
            demand: Some(240.0),
            peak: None,
            sides: [
                SideFigures { side: "legacy", ready: Some(300.0), load: Some(180.0) },
                SideFigures { side: "kubernetes", ready: None, load: Some(60.0) },
            ],
            connects: vec![ConnectFigures { database: "db".into(), side: "legacy", rate: 18.5 }],
        };
        let page = metrics.page(&[figures("a"), figures("b")]).unwrap();
        for line in [
            r#"crossfade_route_writes_total{namespace="mail",plan="a",purpose="Retreat",outcome="done"} 1"#,
            r#"crossfade_guard_value{namespace="mail",plan="a",database="db",signal="ConnectionRate"} 812.5"#,
            r#"crossfade_weight_intended_percent{namespace="mail",plan="b"} 10.0"#,
            r#"crossfade_demand_requests_per_second{namespace="mail",plan="a"} 240.0"#,
            r#"crossfade_side_ready_requests_per_second{namespace="mail",plan="a",side="legacy"} 300.0"#,
            r#"crossfade_side_connects_per_second{namespace="mail",plan="a",database="db",side="legacy"} 18.5"#,
            r#"crossfade_side_requests_per_second{namespace="mail",plan="a",side="kubernetes"} 60.0"#,
        ] {
            assert!(page.contains(line), "{line} is not in\n{page}");
        }
        // What is unknown is absent: 0 would be a figure.
        assert!(!page.contains(r"crossfade_demand_peak_requests_per_second{"), "{page}");
        assert!(!page.contains(r#"ready_requests_per_second{namespace="mail",plan="a",side="kubernetes""#));
        metrics.forget_plan(&labels("a"));
        let page = metrics.page(&[figures("b")]).unwrap();
        assert!(!page.contains(r#"plan="a""#), "{page}");
        assert!(page.contains(r#"plan="b""#), "{page}");
    }
}
