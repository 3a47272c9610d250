//! `crossfade check --explain`: what each stage asks of both sides, what the promise to take over costs,
//! and how far one step back goes. Arithmetic over a plan: nothing is looked up.

use std::collections::BTreeMap;

use super::simulate::columns;
use crate::api::spec::{HEADROOM, SURGE_FACTOR};
use crate::core::capacity::{Capacity, Kubernetes, Legacy, OF_MAXIMUM, Source};
use crate::core::plan::{Plan, Stage};
use crate::core::spare::{self, Side, Spare};
use crate::core::weight::Weight;

/// A peak that the plan does not say is told by so many requests per second.
const EACH: f64 = 1000.0;

/// What `plan` asks for, stage by stage; `maxima` are the `max_connections` of its databases, as far as they
/// are told.
pub fn explain(plan: &Plan, maxima: &BTreeMap<String, u32>) -> String {
    let peak = plan.capacity.demand.and_then(|demand| declared(demand.from));
    let course = Course { plan, capacity: &plan.capacity, peak };
    course.table() + &course.price() + &course.legacy() + &course.connections(maxima)
}

struct Course<'a> {
    plan: &'a Plan,
    capacity: &'a Capacity,
    /// The peak, if the plan says it.
    peak: Option<f64>,
}

/// What both sides must have ready at the peak, in requests per second.
struct Needs {
    legacy: f64,
    kubernetes: f64,
}

impl Course<'_> {
    /// The peak, or the part of it that is told.
    fn each(&self) -> f64 {
        self.peak.unwrap_or(EACH)
    }

    /// The share of what it carries that Kubernetes keeps unused.
    fn headroom(&self) -> f64 {
        self.capacity.kubernetes.as_ref().map_or(HEADROOM / 100.0, |side| side.headroom)
    }

    /// How many times its load Kubernetes stands.
    fn surge_factor(&self) -> f64 {
        self.capacity.demand.map_or(SURGE_FACTOR, |demand| demand.surge_factor)
    }

    fn needs(&self, weight: Weight) -> Needs {
        let Capacity { kubernetes, takeover, .. } = self.capacity;
        let unsaid = Kubernetes { workloads: Vec::new(), headroom: self.headroom() };
        let side = kubernetes.as_ref().unwrap_or(&unsaid);
        let surge = self.surge_factor();
        Needs {
            legacy: spare::legacy_needs(weight, self.each(), *takeover),
            kubernetes: spare::kubernetes_needs(weight, self.each(), side, surge, *takeover),
        }
    }

    /// Both sides' needs as a multiple of the peak.
    fn multiple(&self, weight: Weight) -> f64 {
        let Needs { legacy, kubernetes } = self.needs(weight);
        (legacy + kubernetes) / self.each()
    }

    fn table(&self) -> String {
        let mut text = match self.peak {
            Some(peak) => format!("  what must be ready at a peak of {peak} requests/s (spec.demand)\n"),
            None => format!("  what must be ready for each {EACH} requests/s of the peak\n"),
        };
        let head = ["STAGE", "WEIGHT", "LEGACY", "KUBERNETES", "BOTH", "STEP BACK"].map(String::from);
        let rows: Vec<_> =
            std::iter::once(head).chain(self.plan.stages.iter().map(|stage| self.row(stage))).collect();
        text.extend(columns(&rows).lines().map(|line| format!("    {line}\n")));
        text
    }

    fn row(&self, stage: &Stage) -> [String; 6] {
        let needs = self.needs(stage.weight);
        [
            stage.name.clone(),
            format!("{} %", stage.weight),
            self.of_legacy(&needs),
            self.of_kubernetes(&needs),
            format!("{:.2} x", self.multiple(stage.weight)),
            self.step_back(stage.weight, &needs),
        ]
    }

    /// In whole ones, but for a part of the peak: parts add up.
    fn counted(&self, count: f64, what: &str) -> String {
        let count = if self.peak.is_some() { whole(count) } else { whole(10.0 * count) / 10.0 };
        format!(", {count} {what}{}", if count > 1.0 { "s" } else { "" })
    }

    fn of_legacy(&self, needs: &Needs) -> String {
        let mut text = rate(needs.legacy);
        if let Some(each) = self.per_server() {
            text += &self.counted(needs.legacy / each, "server");
        }
        if let Some(short) = self.has().map(|has| needs.legacy - has).filter(|short| *short > 0.0) {
            text += &format!(" (short by {})", rate(short));
        }
        text
    }

    fn of_kubernetes(&self, needs: &Needs) -> String {
        let mut text = rate(needs.kubernetes);
        // Several workloads share what is needed as they like.
        if let Some([workload]) = self.capacity.kubernetes.as_ref().map(|side| side.workloads.as_slice()) {
            let each = workload.requests_per_second_per_pod;
            let pods = spare::pods(needs.kubernetes, each, u32::MAX);
            text += &self.counted(f64::from(pods), "pod");
            if pods > workload.max_replicas {
                text += &format!(" (at most {} allowed)", workload.max_replicas);
            }
        }
        text
    }

    /// How far one step back goes when legacy has what is asked of it, or what it is said to have.
    fn step_back(&self, weight: Weight, needs: &Needs) -> String {
        let most = self.plan.rollback.max_step.min(weight);
        if self.capacity.legacy.is_none() {
            return format!("{} %", most.min(spare::BLIND_STEP));
        }
        // Rounding must not cost a hundredth.
        let ready = self.has().unwrap_or(needs.legacy) * (1.0 + 1e-9);
        let spare = Spare {
            demand: Some(self.each()),
            legacy: Side { ready: Some(ready), load: None },
            ..Spare::default()
        };
        let burst = self.peak.and(self.burst()).and_then(|(capacity, each)| spare.burst(capacity, each));
        let fits = [spare.room(weight), burst].into_iter().flatten().fold(most, Weight::min);
        if fits == Weight::ZERO && weight > Weight::ZERO {
            "nothing fits".into()
        } else {
            format!("{fits} %")
        }
    }

    /// What legacy is said to carry, where it can be compared with the peak.
    fn has(&self) -> Option<f64> {
        self.peak.and(self.capacity.legacy).and_then(|legacy| declared(legacy.capacity))
    }

    /// What a server carries, where servers count.
    fn per_server(&self) -> Option<f64> {
        let Legacy { capacity, requests_per_second_per_server: each, .. } = self.capacity.legacy?;
        (matches!(capacity, Source::Route(_)) && each > 0.0).then_some(each)
    }

    /// The connects that the slowest database answers, and legacy's connections per request/s.
    fn burst(&self) -> Option<(f64, f64)> {
        let capacities = self.plan.databases.iter().filter_map(|database| database.connection_rate_capacity);
        let connections = self.capacity.legacy?.connections_per_server?;
        Some((capacities.reduce(f64::min)?, connections / self.per_server()?))
    }

    fn price(&self) -> String {
        let Capacity { takeover, .. } = self.capacity;
        let dearest = self.plan.stages.iter().max_by(|one, other| {
            // Of equals the first.
            self.multiple(one.weight)
                .total_cmp(&self.multiple(other.weight))
                .then(std::cmp::Ordering::Greater)
        });
        let Some(stage) = dearest else { return String::new() };
        format!(
            "  promised: legacy takes over {:.0} % of Kubernetes' traffic, Kubernetes from weight {} on {:.0} % of\n  \
             legacy's; Kubernetes keeps {:.0} % unused and stands {} times its load. At stage {} both sides\n  \
             together carry {:.2} times the peak for it.\n",
            100.0 * takeover.legacy,
            spare::SHARED,
            100.0 * takeover.kubernetes,
            100.0 * self.headroom(),
            self.surge_factor(),
            stage.name,
            self.multiple(stage.weight),
        )
    }

    fn legacy(&self) -> String {
        let Some(legacy) = self.capacity.legacy else {
            return format!(
                "  spec.legacy is not given: nothing of this is looked at, and a step back is at most {} %\n",
                spare::BLIND_STEP
            );
        };
        let mut text = String::new();
        if let Some((servers, connections)) = self.servers().zip(legacy.connections_per_server) {
            text += &format!(
                "  legacy's pools then hold up to {} connections: see that max_connections has room for them\n",
                whole(servers * connections)
            );
        }
        if self.peak.is_none() && self.burst().is_some() {
            text += "  a step back is less where legacy's pools would overrun connectionRateCapacity\n";
        }
        text
    }
}

impl Course<'_> {
    /// The legacy servers that the stages ask for at most.
    fn servers(&self) -> Option<f64> {
        let each = self.per_server()?;
        let most = self.plan.stages.iter().map(|stage| self.needs(stage.weight).legacy);
        let servers = most.fold(0.0, f64::max) / each;
        Some(if self.peak.is_some() { whole(servers) } else { servers })
    }

    /// What each database may come to hold when both sides' pools are full, and whether it can.
    fn connections(&self, maxima: &BTreeMap<String, u32>) -> String {
        let Some(held) = self.servers().and_then(|servers| self.capacity.connections(servers)) else {
            return if maxima.is_empty() {
                String::new()
            } else {
                "  what a database may come to hold is not known: it takes requestsPerSecondPerServer and\n  \
                 connectionsPerServer of spec.legacy.capacity, and connectionsPerPod of each workload\n"
                    .into()
            };
        };
        let needed = whole(held / OF_MAXIMUM);
        let mut text = format!(
            "  with the pods that spec.kubernetes allows, a quarter more while they are replaced, a database may come\n  \
             to hold {} connections: its max_connections must be {needed} at least for that to be {:.0} % of it\n",
            whole(held),
            100.0 * OF_MAXIMUM,
        );
        for database in &self.plan.databases {
            let Some(maximum) = maxima.get(&database.name) else { continue };
            let verdict = if f64::from(*maximum) < needed {
                "too few: raise it, or allow fewer pods or smaller pools"
            } else {
                "enough"
            };
            text += &format!("    {}: {maximum} are {verdict}\n", database.name);
        }
        text
    }
}

/// What somebody wrote down.
fn declared(source: Source) -> Option<f64> {
    match source {
        Source::Declared { requests_per_second, .. } => Some(requests_per_second),
        Source::Route(_) | Source::Measured => None,
    }
}

/// So many whole ones suffice; rounding must not cost one.
fn whole(count: f64) -> f64 {
    (count - 1e-9).ceil()
}

fn rate(value: f64) -> String {
    format!("{}/s", whole(value))
}
