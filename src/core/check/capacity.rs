//! What the core refuses in what a plan says of capacity and demand.

use std::time::Duration;

use super::Found;
use crate::capacity::{Balance, Demand, Kubernetes, Legacy, Source};
use crate::periods;
use crate::plan::Plan;
use crate::weight::Weight;

/// The shortest and the longest time for which the highest demand counts.
pub const PEAK_WINDOW: [Duration; 2] = [Duration::from_hours(1), Duration::from_hours(31 * 24)];
/// The furthest that balance may go from a stage's weight.
pub const MOST_SHIFT: Weight = Weight::from_hundredths(5_000);
/// The shortest and the longest time from one move of balance to the next.
pub const BALANCE_EVERY: [Duration; 2] = [Duration::from_mins(1), Duration::from_hours(24)];
/// The longest warm-up.
pub const LONGEST_WARM_UP: Duration = Duration::from_hours(1);
/// The largest share of a side that may be asked to stay unused.
pub const MOST_HEADROOM: f64 = 0.9;

impl Found {
    pub(super) fn capacity(&mut self, plan: &Plan) {
        let capacity = &plan.capacity;
        if let Some(demand) = &capacity.demand {
            self.demand(plan, demand);
        }
        if let Some(legacy) = &capacity.legacy {
            self.legacy(plan, legacy);
        }
        if let Some(kubernetes) = &capacity.kubernetes {
            self.kubernetes(kubernetes);
        }
        if capacity.demand.is_none() && (capacity.legacy.is_some() || capacity.kubernetes.is_some()) {
            self.say(
                "spec.demand",
                "is missing: how much room a side has is known only with how much is asked for",
                "name the route whose load balancers count the requests, as in demand: {route: edge}",
            );
        }
        for (index, stage) in plan.stages.iter().enumerate().filter(|(_, stage)| stage.peaks > 0) {
            self.peaks(&format!("spec.stages[{index}].soak.peaks"), capacity.demand.as_ref(), stage.peaks);
        }
        if let Some(Balance { max_shift, every }) = capacity.balance {
            self.balance(max_shift, every);
            if capacity.legacy.is_none() || capacity.kubernetes.is_none() {
                self.say(
                    "spec.balance",
                    "which side has room is known only with what both can carry",
                    "say it in spec.legacy and spec.kubernetes, or leave balance out",
                );
            }
        }
        let shares = [("legacy", capacity.takeover.legacy), ("kubernetes", capacity.takeover.kubernetes)];
        for (side, share) in shares {
            if !(0.0..=1.0).contains(&share) {
                self.say(
                    format!("spec.takeover.{side}"),
                    format!("{} is no percentage of the other side's traffic", share * 100.0),
                    "write a value from 0 to 100",
                );
            }
        }
    }

    fn balance(&mut self, max_shift: Weight, every: Duration) {
        if max_shift == Weight::ZERO || max_shift > MOST_SHIFT {
            self.say(
                "spec.balance.maxShift",
                format!("{max_shift} percent is not within 0.01 to 50"),
                "write for example 10",
            );
        }
        let [shortest, longest] = BALANCE_EVERY;
        if !(shortest..=longest).contains(&every) {
            self.say(
                "spec.balance.every",
                format!("{every:?} from one move to the next is not within 1m to 24h"),
                "write for example 10m",
            );
        }
    }

    /// A peak is one beside others, and all of them must be watched.
    fn peaks(&mut self, field: &str, demand: Option<&Demand>, peaks: u32) {
        if peaks > periods::MOST {
            let most = periods::MOST;
            self.say(
                field,
                format!("{peaks} peaks are more than the {most} that are kept"),
                "write for example 5",
            );
        }
        if demand.is_none_or(|demand| matches!(demand.from, Source::Declared { .. })) {
            self.say(
                field,
                "a peak is seen only where demand is watched",
                "name the route whose load balancers count the requests, as in demand: {route: edge}, or a \
                 query, or leave peaks out",
            );
        }
    }

    fn demand(&mut self, plan: &Plan, demand: &Demand) {
        let Demand { from, surge_factor, peak_window } = *demand;
        self.source(plan, "spec.demand", from, "route");
        if !surge_factor.is_finite() || surge_factor < 1.0 {
            self.say(
                "spec.demand.surgeFactor",
                format!("with {surge_factor} times its load a side could not even carry that load"),
                "write a factor from 1 up, such as \"1.5\"",
            );
        }
        let [shortest, longest] = PEAK_WINDOW;
        if !(shortest..=longest).contains(&peak_window) {
            self.say(
                "spec.demand.peakWindow",
                format!("{peak_window:?} is not within 1h to 744h (31 days)"),
                "write for example 168h, which holds each day of the week",
            );
        }
    }

    fn legacy(&mut self, plan: &Plan, legacy: &Legacy) {
        let Legacy { capacity, requests_per_second_per_server, connections_per_server, headroom } = *legacy;
        let field = "spec.legacy.capacity";
        self.source(plan, field, capacity, "requestsPerSecondPerServer");
        if matches!(capacity, Source::Route(_)) {
            self.positive(&format!("{field}.requestsPerSecondPerServer"), requests_per_second_per_server);
        }
        if let Some(connections) = connections_per_server {
            self.positive(&format!("{field}.connectionsPerServer"), connections);
        }
        self.headroom("spec.legacy.headroom", headroom);
    }

    fn kubernetes(&mut self, kubernetes: &Kubernetes) {
        let Kubernetes { workloads, headroom } = kubernetes;
        if workloads.is_empty() {
            self.say(
                "spec.kubernetes.workloads",
                "without a workload there are no pods",
                "name at least one",
            );
        }
        self.unique("kubernetes.workloads", workloads.iter().map(|workload| workload.name.as_str()));
        for (index, workload) in workloads.iter().enumerate() {
            let field = format!("spec.kubernetes.workloads[{index}]");
            self.positive(&format!("{field}.requestsPerSecondPerPod"), workload.requests_per_second_per_pod);
            if let Some(connections) = workload.connections_per_pod {
                self.positive(&format!("{field}.connectionsPerPod"), connections);
            }
            if workload.warm_up > LONGEST_WARM_UP {
                self.say(
                    format!("{field}.warmUp"),
                    format!("a warm-up of {:?} is longer than 1h", workload.warm_up),
                    "write for example 60s",
                );
            }
            if workload.max_replicas == 0 {
                self.say(format!("{field}.maxReplicas"), "0 pods carry nothing", "write at least 1");
            }
        }
        self.headroom("spec.kubernetes.headroom", *headroom);
    }

    fn headroom(&mut self, field: &str, share: f64) {
        if !(0.0..=MOST_HEADROOM).contains(&share) {
            self.say(
                field,
                format!("{} is not within 0 to 90 percent", share * 100.0),
                "write for example 20",
            );
        }
    }

    /// `of_route` is the field by which a route is asked.
    fn source(&mut self, plan: &Plan, field: &str, source: Source, of_route: &str) {
        match source {
            Source::Route(route) if route >= plan.routes.len() => {
                let names: Vec<_> = plan.routes.iter().map(|route| route.name.as_str()).collect();
                self.say(
                    format!("{field}.{of_route}"),
                    "names no route",
                    format!("the routes are {}", names.join(", ")),
                );
            }
            Source::Declared { requests_per_second, .. } => {
                self.positive(&format!("{field}.requestsPerSecond"), requests_per_second);
            }
            Source::Route(_) | Source::Measured => {}
        }
    }

    /// A number of requests, connections or connects.
    pub(super) fn positive(&mut self, field: &str, value: f64) {
        if !value.is_finite() || value <= 0.0 {
            self.say(field, format!("{value} is nothing that could be carried"), "write a number above 0");
        }
    }
}
