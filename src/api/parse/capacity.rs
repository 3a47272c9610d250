//! From what a spec says of capacity and demand to what the core knows of it.

use std::time::Duration;

use jiff::Timestamp;

use super::Reader;
use crate::api::Problem;
use crate::api::spec::{
    DemandSpec, FloorSpec, KubernetesSpec, LegacySpec, MigrationPlanSpec, PrometheusSpec,
};
use crate::core::capacity::{Balance, Capacity, Demand, Kubernetes, Legacy, Source, Takeover, Workload};
use crate::core::time::Time;

/// What somebody measured counts for so long: a pool changes within weeks.
pub const DECLARED: Duration = Duration::from_hours(30 * 24);

impl Reader {
    pub(super) fn capacity(&mut self, spec: &MigrationPlanSpec) -> Capacity {
        let takeover = &spec.takeover;
        Capacity {
            demand: spec.demand.as_ref().map(|demand| self.demand(spec, demand)),
            legacy: spec.legacy.as_ref().map(|legacy| self.legacy(spec, legacy)),
            kubernetes: spec.kubernetes.as_ref().map(|kubernetes| self.kubernetes(kubernetes)),
            takeover: Takeover { legacy: takeover.legacy / 100.0, kubernetes: takeover.kubernetes / 100.0 },
            balance: spec.balance.as_ref().map(|balance| Balance {
                max_shift: self.weight("spec.balance.maxShift", balance.max_shift),
                every: self.duration("spec.balance.every", &balance.every),
            }),
        }
    }

    fn demand(&mut self, spec: &MigrationPlanSpec, demand: &DemandSpec) -> Demand {
        let from = match (&demand.route, demand.requests_per_second, &demand.prometheus) {
            (Some(name), ..) => Source::Route(self.route(spec, name)),
            (None, Some(requests_per_second), _) => Source::Declared { requests_per_second, until: None },
            (None, None, prometheus) => self.measured("spec.demand.prometheus", prometheus.as_ref()),
        };
        Demand {
            from,
            surge_factor: self.factor("spec.demand.surgeFactor", Some(&demand.surge_factor)),
            peak_window: self.duration("spec.demand.peakWindow", &demand.peak_window),
        }
    }

    fn legacy(&mut self, spec: &MigrationPlanSpec, legacy: &LegacySpec) -> Legacy {
        let given = &legacy.capacity;
        let each = given.requests_per_second_per_server;
        let capacity = match (each, given.requests_per_second) {
            (Some(_), _) => {
                let route = spec.demand.as_ref().and_then(|demand| demand.route.as_deref());
                let place = route.and_then(|name| spec.routes.iter().position(|route| route.name == name));
                Source::Route(place.unwrap_or_default())
            }
            (None, Some(requests_per_second)) => {
                let until = given.as_of.as_deref().and_then(|text| self.until(text));
                Source::Declared { requests_per_second, until }
            }
            (None, None) => self.measured("spec.legacy.capacity.prometheus", given.prometheus.as_ref()),
        };
        Legacy {
            capacity,
            requests_per_second_per_server: each.unwrap_or_default(),
            connections_per_server: given.connections_per_server,
            headroom: legacy.headroom / 100.0,
        }
    }

    fn kubernetes(&mut self, kubernetes: &KubernetesSpec) -> Kubernetes {
        let workloads = kubernetes.workloads.iter().enumerate();
        let workloads = workloads.map(|(n, workload)| Workload {
            name: workload.name.clone(),
            requests_per_second_per_pod: workload.requests_per_second_per_pod,
            connections_per_pod: workload.connections_per_pod,
            warm_up: self.duration(&format!("spec.kubernetes.workloads[{n}].warmUp"), &workload.warm_up),
            max_replicas: workload.max_replicas,
            floor: workload.floor == FloorSpec::Raise,
        });
        Kubernetes { workloads: workloads.collect(), headroom: kubernetes.headroom / 100.0 }
    }

    /// The place of the route `name`; the last of all while there is none.
    fn route(&mut self, spec: &MigrationPlanSpec, name: &str) -> usize {
        spec.routes.iter().position(|route| route.name == name).unwrap_or_else(|| {
            let names: Vec<_> = spec.routes.iter().map(|route| route.name.as_str()).collect();
            self.problems.push(Problem::new(
                "spec.demand.route",
                format!("\"{name}\" is no route"),
                format!("the routes are {}", names.join(", ")),
            ));
            usize::MAX
        })
    }

    /// When what was measured at `text` counts no more.
    fn until(&mut self, text: &str) -> Option<Time> {
        let Ok(moment) = text.parse::<Timestamp>() else {
            self.problems.push(Problem::new(
                "spec.legacy.capacity.asOf",
                format!("\"{text}\" is no time"),
                "write for example 2026-11-01T09:00:00Z",
            ));
            return None;
        };
        let millis = u64::try_from(moment.as_millisecond()).unwrap_or_default();
        Some(Time::from_millis(millis) + DECLARED)
    }

    /// The core need not know where a figure is read; here the port is looked at, which no pattern bounds.
    fn measured(&mut self, field: &str, prometheus: Option<&PrometheusSpec>) -> Source {
        if let Some(port) = prometheus.and_then(|given| port(&given.url))
            && !port.parse::<u16>().is_ok_and(|port| port > 0)
        {
            let reason = format!("{port} is no port");
            self.problems.push(Problem::new(format!("{field}.url"), reason, "write one from 1 to 65535"));
        }
        Source::Measured
    }
}

/// The port in an address, if it names one.
fn port(url: &str) -> Option<&str> {
    let (_, rest) = url.split_once("://")?;
    let host = rest.split('/').next()?;
    let after = host.rsplit(']').next()?;
    after.split_once(':').map(|(_, port)| port)
}
