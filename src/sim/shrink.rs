//! A failing scenario made small: the fewest events, services, replicas and instances, and the shortest
//! times that still break the same rule.

use std::time::Duration;

use crossfade_core::plan::Plan;

use crate::broken::Broken;
use crate::laws::Rule;
use crate::scenario::{Event, Scenario, What};
use crate::trial;

/// Makes `scenario` smaller as long as it breaks `rule`, with at most `budget` runs.
pub fn shrink(scenario: Scenario, broken: Option<Broken>, rule: Rule, budget: usize) -> Scenario {
    let mut shrinker = Shrinker { best: scenario, broken, rule, left: budget };
    shrinker.cut();
    while shrinker.round() && shrinker.left > 0 {}
    shrinker.best
}

struct Shrinker {
    best: Scenario,
    broken: Option<Broken>,
    rule: Rule,
    left: usize,
}

impl Shrinker {
    /// Whether `candidate` still breaks the rule; it is the best then.
    fn takes(&mut self, candidate: Scenario) -> bool {
        if self.left == 0 || candidate == self.best {
            return false;
        }
        self.left -= 1;
        let breaks = trial::run(&candidate, self.broken, &mut ()).violation;
        let breaks = breaks.is_some_and(|violation| violation.rule == self.rule);
        if breaks {
            self.best = candidate;
        }
        breaks
    }

    fn round(&mut self) -> bool {
        let mut smaller = self.events();
        smaller |= self.services();
        smaller |= self.replicas();
        smaller |= self.plans();
        smaller |= self.times();
        smaller |= self.world();
        self.cut();
        smaller
    }

    /// Nothing after the violation counts.
    fn cut(&mut self) {
        let trial = trial::run(&self.best, self.broken, &mut ());
        let Some(at) = trial.violation.map(|violation| violation.at.since(self.best.begins)) else { return };
        let mut candidate = self.best.clone();
        candidate.lasts = at;
        candidate.events.retain(|event| event.after <= at);
        self.takes(candidate);
    }

    /// Leaves out events, half of them, a quarter, ... one (delta debugging, Zeller and Hildebrandt 2002).
    fn events(&mut self) -> bool {
        let mut smaller = false;
        let mut size = self.best.events.len().div_ceil(2);
        while size > 0 {
            let mut from = 0;
            while from < self.best.events.len() {
                let mut candidate = self.best.clone();
                let end = (from + size).min(candidate.events.len());
                candidate.events.drain(from..end);
                if self.takes(candidate) {
                    smaller = true;
                } else {
                    from += size;
                }
            }
            size /= 2;
        }
        smaller
    }

    fn services(&mut self) -> bool {
        let mut smaller = false;
        for place in (0..self.best.services.len()).rev() {
            if self.best.services.len() < 2 {
                break;
            }
            let mut candidate = self.best.clone();
            candidate.services.remove(place);
            candidate.events.retain_mut(|event| match service_of(&mut event.what) {
                Some(service) if *service == place => false,
                Some(service) if *service > place => {
                    *service -= 1;
                    true
                }
                _ => true,
            });
            smaller |= self.takes(candidate);
        }
        smaller
    }

    fn replicas(&mut self) -> bool {
        let mut candidate = self.best.clone();
        candidate.replicas = candidate.replicas.saturating_sub(1).max(1);
        self.takes(candidate)
    }

    fn plans(&mut self) -> bool {
        let mut smaller = false;
        for place in 0..self.best.services.len() {
            for change in PLANS {
                let mut candidate = self.best.clone();
                if let Some(setup) = candidate.services.get_mut(place) {
                    change(&mut setup.plan);
                }
                for event in &mut candidate.events {
                    if let What::Plan { service, plan } = &mut event.what
                        && *service == place
                    {
                        change(plan);
                    }
                }
                smaller |= self.takes(candidate);
            }
        }
        smaller
    }

    fn times(&mut self) -> bool {
        let mut smaller = false;
        for place in 0..self.best.events.len() {
            for change in EVENTS {
                let mut candidate = self.best.clone();
                if let Some(event) = candidate.events.get_mut(place) {
                    change(event);
                }
                smaller |= self.takes(candidate);
            }
        }
        smaller
    }

    fn world(&mut self) -> bool {
        let mut smaller = false;
        for change in WORLDS {
            let mut candidate = self.best.clone();
            change(&mut candidate);
            smaller |= self.takes(candidate);
        }
        smaller
    }
}

/// What makes a plan smaller.
const PLANS: &[fn(&mut Plan)] = &[
    |plan| {
        if plan.routes.len() > 1 {
            plan.routes.pop();
        }
    },
    |plan| {
        if let Some(route) = plan.routes.iter_mut().rev().find(|route| route.instances.len() > 1) {
            route.instances.pop();
        }
    },
    |plan| {
        if plan.stages.len() > 1
            && let Some(stage) = plan.stages.pop()
        {
            plan.approvals.retain(|approval| approval.split('/').next() != Some(stage.name.as_str()));
        }
    },
    |plan| plan.stages.iter_mut().for_each(|stage| stage.ramp = None),
    |plan| plan.stages.iter_mut().for_each(|stage| stage.approval = false),
    |plan| {
        for database in &mut plan.databases {
            database.guards.truncate(1);
        }
    },
];

/// What makes an event simpler.
const EVENTS: &[fn(&mut Event)] = &[
    |event| event.every = None,
    |event| event.after = Duration::from_secs(event.after.as_secs() / 2),
    |event| event.after = Duration::from_secs(event.after.as_secs()),
    |event| {
        if let Some(span) = span_of(&mut event.what) {
            *span = Duration::from_secs((span.as_secs() / 2).max(1));
        }
    },
    |event| {
        if let Some(span) = span_of(&mut event.what) {
            *span = Duration::from_secs(span.as_secs().max(1));
        }
    },
];

/// What makes a world simpler.
const WORLDS: &[fn(&mut Scenario)] = &[
    |scenario| scenario.services.iter_mut().for_each(|setup| setup.demand.noise = 0.0),
    |scenario| scenario.services.iter_mut().for_each(|setup| setup.demand.trough = 1.0),
    |scenario| scenario.services.iter_mut().for_each(|setup| setup.demand.retries = 0),
    |scenario| {
        for setup in &mut scenario.services {
            (setup.legacy.cold, setup.kubernetes.cold) = (0.0, 0.0);
        }
    },
    |scenario| scenario.databases.iter_mut().for_each(|setup| setup.others = 0.0),
    |scenario| scenario.step = Duration::from_millis(500),
];

fn service_of(what: &mut What) -> Option<&mut usize> {
    match what {
        What::Connects { service, .. }
        | What::Demand { service, .. }
        | What::Servers { service, .. }
        | What::Replaced { service }
        | What::PerServer { service, .. }
        | What::Reload { service, .. }
        | What::Set { service, .. }
        | What::Hands { service, .. }
        | What::Touch { service }
        | What::Retreated { service, .. }
        | What::Plan { service, .. }
        | What::Pause { service, .. }
        | What::TargetStage { service, .. }
        | What::Hold { service, .. }
        | What::Approve { service, .. }
        | What::Rollback { service }
        | What::Resume { service }
        | What::AcceptBaseline { service, .. }
        | What::Reject { service, .. } => Some(service),
        What::Burst { .. }
        | What::ConnectCost { .. }
        | What::MaxConnections { .. }
        | What::Restart { .. }
        | What::FlushStatus { .. }
        | What::Blind { .. }
        | What::MonitorRefused { .. }
        | What::MonitorCrowdedOut { .. }
        | What::Api { .. }
        | What::Crash { .. }
        | What::CrashAfter { .. }
        | What::Freeze { .. }
        | What::Stop { .. }
        | What::Cut { .. }
        | What::Unwatched { .. }
        | What::ClockStep { .. }
        | What::LeaseLost { .. } => None,
    }
}

fn span_of(what: &mut What) -> Option<&mut Duration> {
    match what {
        What::Burst { span, .. }
        | What::Restart { span, .. }
        | What::Blind { span, .. }
        | What::MonitorRefused { span, .. }
        | What::MonitorCrowdedOut { span, .. }
        | What::Hands { span, .. }
        | What::Api { span, .. }
        | What::Crash { span, .. }
        | What::CrashAfter { span, .. }
        | What::Freeze { span, .. }
        | What::Stop { span, .. }
        | What::Cut { span, .. }
        | What::Unwatched { span, .. } => Some(span),
        What::Connects { over, .. } | What::Demand { over, .. } => Some(over),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seeds;

    #[test]
    fn a_scenario_that_breaks_a_rule_is_made_small_and_breaks_it_still() {
        let broken = Some(Broken::R7);
        let breaks = |scenario: &Scenario| {
            let violation = trial::run(scenario, broken, &mut ()).violation;
            violation.is_some_and(|violation| violation.rule == Rule::R7)
        };
        let seed = (0..200).find(|seed| breaks(&seeds::scenario(*seed))).expect("one of many seeds");
        let before = seeds::scenario(seed);
        let small = shrink(before.clone(), broken, Rule::R7, 400);
        assert!(breaks(&small));
        assert_eq!(small.replicas, 1);
        assert!(small.events.len() <= 2 && small.lasts <= before.lasts, "{:#?}", small.events);
    }
}
