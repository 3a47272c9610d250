//! The approval token: what a person must repeat to approve after a second retreat. It shows that
//! the one who approves has seen what the plan is *now*.

use crate::capacity::{Balance, Capacity, Demand, Kubernetes, Legacy, Source};
use crate::guard::{Condition, Test};
use crate::plan::Plan;
use crate::time::{Time, millis};

/// A hash, 16 hexadecimal digits, of the stages, routes, databases and capacity of `plan` and of how
/// many retreats there have been. `approvals`, `paused` and `targetStage` are not in it, so that
/// writing the token into the plan does not void it; nor is how a retreat goes.
pub fn token(plan: &Plan, retreats_ever: u32) -> String {
    // Destructured without `..`, so that a new field must be decided on.
    let Plan { paused: _, target_stage: _, approvals: _, stages, routes, databases, rollback: _, capacity } =
        plan;
    let mut hash = Fnv::new();
    hash.number(u64::from(retreats_ever));
    hash.number(stages.len() as u64);
    for stage in stages {
        hash.text(&stage.name);
        hash.number(u64::from(stage.weight.hundredths()));
        hash.number(stage.ramp.map_or(0, |ramp| u64::from(ramp.step.hundredths())));
        hash.number(stage.ramp.map_or(0, |ramp| millis(ramp.every)));
        hash.number(millis(stage.soak));
        hash.number(u64::from(stage.peaks));
        hash.number(u64::from(stage.approval));
    }
    hash.number(routes.len() as u64);
    for route in routes {
        hash.text(&route.name);
        hash.number(route.instances.len() as u64);
        route.instances.iter().for_each(|instance| hash.text(instance));
    }
    hash.number(databases.len() as u64);
    for database in databases {
        hash.text(&database.name);
        hash.number(millis(database.every));
        hash.value(database.connection_rate_capacity.unwrap_or_default());
        hash.number(database.guards.len() as u64);
        for guard in &database.guards {
            hash.text(guard.signal.name());
            hash.number(guard.pause.len() as u64);
            hash.number(guard.rollback.len() as u64);
            guard.pause.iter().chain(&guard.rollback).for_each(|condition| hash.condition(condition));
            hash.condition(&guard.resume);
        }
    }
    hash.capacity(capacity);
    format!("{:016x}", hash.0)
}

/// FNV-1a with 64 bits (Fowler, Noll, Vo; draft-eastlake-fnv). It need not resist an attacker: who
/// may approve may read the token.
struct Fnv(u64);

impl Fnv {
    const fn new() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }

    fn bytes(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }

    fn number(&mut self, number: u64) {
        self.bytes(&number.to_le_bytes());
    }

    fn text(&mut self, text: &str) {
        self.number(text.len() as u64);
        self.bytes(text.as_bytes());
    }

    fn condition(&mut self, condition: &Condition) {
        let (kind, first, second) = match condition.test {
            Test::Above(value) => (0, value.to_bits(), 0),
            Test::Below(value) => (1, value.to_bits(), 0),
            Test::AboveBaseline(factor) => (2, factor.to_bits(), 0),
            Test::BelowBaseline(factor) => (3, factor.to_bits(), 0),
            Test::Trend(sum) => (4, sum.to_bits(), 0),
            Test::FullWithin(span) => (5, millis(span), 0),
            Test::Failures { percent, per_second } => (6, percent.to_bits(), per_second.to_bits()),
            Test::FailuresBelow { percent } => (7, percent.to_bits(), 0),
        };
        for number in [kind, first, second, millis(condition.lasting), millis(condition.within)] {
            self.number(number);
        }
    }

    fn value(&mut self, value: f64) {
        self.number(value.to_bits());
    }

    fn source(&mut self, source: Source) {
        match source {
            Source::Route(route) => self.number(route as u64),
            Source::Declared { requests_per_second, until } => {
                self.value(requests_per_second);
                self.number(until.map_or(u64::MAX, Time::as_millis));
            }
            Source::Measured => self.number(u64::MAX),
        }
    }

    fn capacity(&mut self, capacity: &Capacity) {
        let Capacity { demand, legacy, kubernetes, takeover, balance } = capacity;
        if let Some(Demand { from, surge_factor, peak_window }) = demand {
            self.source(*from);
            self.value(*surge_factor);
            self.number(millis(*peak_window));
        }
        if let Some(Legacy { capacity, requests_per_second_per_server, connections_per_server, headroom }) =
            legacy
        {
            self.source(*capacity);
            self.value(*requests_per_second_per_server);
            self.value(connections_per_server.unwrap_or_default());
            self.value(*headroom);
        }
        if let Some(Kubernetes { workloads, headroom }) = kubernetes {
            self.value(*headroom);
            for workload in workloads {
                self.text(&workload.name);
                self.value(workload.requests_per_second_per_pod);
                self.value(workload.connections_per_pod.unwrap_or_default());
                self.number(millis(workload.warm_up));
                self.number(u64::from(workload.max_replicas));
                self.number(u64::from(workload.floor));
            }
        }
        self.value(takeover.legacy);
        self.value(takeover.kubernetes);
        if let Some(Balance { max_shift, every }) = balance {
            self.number(u64::from(max_shift.hundredths()));
            self.number(millis(*every));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Rollback, RollbackTo, Stage, When};
    use crate::weight::Weight;
    use std::time::Duration;

    fn plan() -> Plan {
        Plan {
            paused: false,
            target_stage: None,
            approvals: std::collections::BTreeSet::default(),
            stages: vec![Stage {
                name: "half".into(),
                weight: Weight::from_hundredths(5000),
                ramp: None,
                soak: Duration::from_mins(1),
                peaks: 0,
                approval: true,
            }],
            routes: vec![],
            databases: vec![],
            rollback: Rollback {
                to: RollbackTo::Previous,
                max_step: Weight::FULL,
                every: Duration::from_secs(5),
                when: When::Always,
            },
            capacity: Capacity::default(),
        }
    }

    #[test]
    fn writing_the_token_into_the_plan_does_not_void_it() {
        let before = token(&plan(), 2);
        let after = Plan {
            approvals: [format!("half/{before}")].into(),
            paused: true,
            target_stage: Some("half".into()),
            ..plan()
        };
        assert_eq!(token(&after, 2), before);
    }

    #[test]
    fn a_retreat_or_a_changed_stage_voids_it() {
        let before = token(&plan(), 2);
        assert_ne!(token(&plan(), 3), before);
        let mut changed = plan();
        changed.stages[0].soak = Duration::from_secs(59);
        assert_ne!(token(&changed, 2), before);
        let mut peaks = plan();
        peaks.stages[0].peaks = 1;
        assert_ne!(token(&peaks, 2), before);
        let mut promises = plan();
        promises.capacity.takeover.legacy = 0.5;
        assert_ne!(token(&promises, 2), before);
    }

    #[test]
    fn whence_a_figure_comes_and_what_it_says_voids_it() {
        let declared = |requests_per_second, until| Source::Declared { requests_per_second, until };
        let noon = Some(Time::from_millis(1_000));
        let sources = [
            Source::Measured,
            Source::Route(0),
            Source::Route(1),
            declared(100.0, None),
            declared(200.0, None),
            declared(200.0, noon),
        ];
        let tokens = sources.map(|from| {
            let mut changed = plan();
            let peak_window = Duration::from_hours(1);
            changed.capacity.demand = Some(Demand { from, surge_factor: 1.5, peak_window });
            token(&changed, 2)
        });
        assert_eq!(std::collections::BTreeSet::from(tokens.clone()).len(), tokens.len(), "{tokens:?}");
    }

    #[test]
    fn it_is_sixteen_hexadecimal_digits() {
        let token = token(&plan(), 0);
        assert_eq!(token.len(), 16);
        assert!(token.chars().all(|c| c.is_ascii_hexdigit()));
    }
}
