//! What the core refuses in a plan, all of it at once. An accepted plan is one without problems.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use crate::guard::{Condition, Guard, Signal, Test};
use crate::plan::{Database, Plan, Stage};
use crate::weight::Weight;

pub mod capacity;

/// The longest window that a threshold may look back.
pub const LONGEST_WINDOW: Duration = Duration::from_mins(10);
/// The shortest sampling period.
pub const SHORTEST_PERIOD: Duration = Duration::from_millis(100);
/// The longest sampling period.
pub const LONGEST_PERIOD: Duration = Duration::from_mins(1);
/// The longest soak: 90 days.
pub const LONGEST_SOAK: Duration = Duration::from_hours(90 * 24);

/// Something wrong in a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The field's path as the API spells it, such as `spec.stages[1].weight`. The core names a
    /// guard by its signal: `spec.databases[0].guards[ConnectionRate].pause`.
    pub field: String,
    /// What is wrong.
    pub reason: String,
    /// What to do.
    pub remedy: String,
}

impl Problem {
    /// A problem of `field`.
    pub fn new(field: impl Into<String>, reason: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { field: field.into(), reason: reason.into(), remedy: remedy.into() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}; {}", self.field, self.reason, self.remedy)
    }
}

/// Everything that is wrong in `plan`; nothing when it can be accepted.
pub fn check(plan: &Plan) -> Vec<Problem> {
    let mut found = Found(Vec::new());
    found.stages(plan);
    found.routes(plan);
    found.databases(plan);
    found.capacity(plan);
    let rollback = &plan.rollback;
    if rollback.max_step == Weight::ZERO {
        found.say("spec.rollback.maxStep", "a retreat in steps of 0 never arrives", "write for example 25");
    }
    if !(Duration::from_secs(1)..=Duration::from_mins(10)).contains(&rollback.every) {
        found.say(
            "spec.rollback.every",
            format!("{:?} between the steps of a retreat is not within 1s to 10m", rollback.every),
            "write for example 5s",
        );
    }
    found.0
}

struct Found(Vec<Problem>);

impl Found {
    fn say(&mut self, field: impl Into<String>, reason: impl Into<String>, remedy: impl Into<String>) {
        self.0.push(Problem::new(field, reason, remedy));
    }

    /// Names stand once.
    fn unique<'a>(&mut self, list: &str, names: impl Iterator<Item = &'a str>) {
        let mut seen = BTreeSet::new();
        for (index, name) in names.enumerate() {
            if !seen.insert(name) {
                self.say(
                    format!("spec.{list}[{index}].name"),
                    format!("\"{name}\" stands twice"),
                    "give each a name of its own",
                );
            }
        }
    }

    fn stages(&mut self, plan: &Plan) {
        if plan.stages.is_empty() {
            self.say("spec.stages", "a plan without stages moves nothing", "name at least one stage");
            return;
        }
        self.unique("stages", plan.stages.iter().map(|stage| stage.name.as_str()));
        for (index, stage) in plan.stages.iter().enumerate() {
            self.stage(&format!("spec.stages[{index}]"), stage);
            if let Some(before) = index.checked_sub(1).and_then(|index| plan.stages.get(index))
                && stage.weight < before.weight
            {
                self.say(
                    format!("spec.stages[{index}].weight"),
                    format!(
                        "{} is below the {} of the stage before, \"{}\"",
                        stage.weight, before.weight, before.name
                    ),
                    "order the stages by weight; to walk back, use targetStage",
                );
            }
        }
        let names: Vec<_> = plan.stages.iter().map(|stage| stage.name.as_str()).collect();
        let among = || format!("the stages are {}", names.join(", "));
        if let Some(target) = &plan.target_stage
            && !names.contains(&target.as_str())
        {
            self.say("spec.targetStage", format!("\"{target}\" is no stage"), among());
        }
        for approval in &plan.approvals {
            let stage = approval.split_once('/').map_or(approval.as_str(), |(stage, _)| stage);
            if !names.contains(&stage) {
                self.say("spec.approvals", format!("\"{stage}\" is no stage"), among());
            }
        }
    }

    fn stage(&mut self, field: &str, stage: &Stage) {
        if let Some(ramp) = stage.ramp {
            if ramp.step == Weight::ZERO {
                self.say(
                    format!("{field}.ramp.step"),
                    "a ramp in steps of 0 never arrives",
                    "write for example 5",
                );
            }
            if !(Duration::from_secs(1)..=Duration::from_hours(24)).contains(&ramp.every) {
                self.say(
                    format!("{field}.ramp.every"),
                    format!("{:?} between the steps of a ramp is not within 1s to 24h", ramp.every),
                    "write for example 1m",
                );
            }
        }
        if stage.soak > LONGEST_SOAK {
            self.say(
                format!("{field}.soak.for"),
                "a soak of more than 2160h (90 days) would not end",
                "write for example 24h",
            );
        }
    }

    fn routes(&mut self, plan: &Plan) {
        if plan.routes.is_empty() {
            self.say("spec.routes", "a plan without routes moves nothing", "name at least one route");
        }
        self.unique("routes", plan.routes.iter().map(|route| route.name.as_str()));
        for (index, route) in plan.routes.iter().enumerate() {
            let mut seen = BTreeSet::new();
            if route.instances.is_empty() {
                self.say(format!("spec.routes[{index}]"), "a route without instances", "name at least one");
            }
            for instance in &route.instances {
                if !seen.insert(instance) {
                    self.say(
                        format!("spec.routes[{index}]"),
                        format!("{instance} stands twice"),
                        "remove one",
                    );
                }
            }
        }
    }

    fn databases(&mut self, plan: &Plan) {
        if plan.databases.is_empty() {
            self.say(
                "spec.databases",
                "without a database nothing guards the migration",
                "name at least one database",
            );
        }
        self.unique("databases", plan.databases.iter().map(|database| database.name.as_str()));
        for (index, database) in plan.databases.iter().enumerate() {
            let field = format!("spec.databases[{index}]");
            if !(SHORTEST_PERIOD..=LONGEST_PERIOD).contains(&database.every) {
                self.say(
                    format!("{field}.every"),
                    format!("a sampling period of {:?} is not within 100ms to 60s", database.every),
                    "write for example 1s",
                );
            }
            if let Some(capacity) = database.connection_rate_capacity {
                self.positive(&format!("{field}.connectionRateCapacity"), capacity);
            }
            let mut seen = BTreeSet::new();
            for guard in &database.guards {
                let field = format!("{field}.guards[{}]", guard.signal);
                if !seen.insert(guard.signal) {
                    self.say(&field, "this signal stands twice", "keep one guard per signal");
                }
                self.guard(&field, database, guard);
            }
        }
    }

    fn guard(&mut self, field: &str, database: &Database, guard: &Guard) {
        if guard.pause.is_empty() {
            self.say(format!("{field}.pause"), "a guard that never pauses", "give a pause threshold");
        }
        for condition in &guard.pause {
            self.condition(&format!("{field}.pause"), true, database, guard.signal, condition);
        }
        for condition in &guard.rollback {
            self.condition(&format!("{field}.rollback"), true, database, guard.signal, condition);
        }
        self.condition(&format!("{field}.resume"), false, database, guard.signal, &guard.resume);
        self.order(field, guard);
    }

    fn condition(
        &mut self,
        field: &str,
        rises: bool,
        database: &Database,
        signal: Signal,
        condition: &Condition,
    ) {
        let Condition { test, lasting, within } = *condition;
        if lasting > within {
            self.say(
                format!("{field}.within"),
                format!("{lasting:?} (for) does not fit into {within:?} (within)"),
                "within must be at least as long as for; leave it out for \"without a break\"",
            );
        }
        if lasting.max(within) > LONGEST_WINDOW {
            self.say(
                format!("{field}.{}", if within > lasting { "within" } else { "for" }),
                format!("{:?} is longer than the 10m of samples that are kept", lasting.max(within)),
                "write at most 10m",
            );
        }
        if lasting > Duration::ZERO && database.every > lasting {
            self.say(
                format!("{field}.for"),
                format!("{lasting:?} is shorter than the sampling period, {:?}", database.every),
                "sample more often (every), or write a longer for",
            );
        }
        let (name, value) = match test {
            Test::Above(value) if rises => ("above", value),
            Test::Failures { percent, per_second } if rises && per_second >= 0.0 => ("above", percent),
            Test::AboveBaseline(factor) if rises => ("aboveBaseline", factor),
            Test::Below(value) if !rises => ("below", value),
            Test::FailuresBelow { percent } if !rises => ("below", percent),
            Test::BelowBaseline(factor) if !rises => ("belowBaseline", factor),
            Test::Trend(sum) if rises => ("trend", sum),
            Test::FullWithin(_) if rises => return,
            _ => {
                let wanted = if rises { "above" } else { "below" };
                return self.say(field, "the threshold looks the wrong way", format!("use {wanted}"));
            }
        };
        let relative = matches!(test, Test::AboveBaseline(_) | Test::BelowBaseline(_));
        if !value.is_finite() || value < 0.0 {
            self.say(
                format!("{field}.{name}"),
                format!("{value} is no threshold"),
                "write a number from 0 up",
            );
        } else if relative && value <= 1.0 {
            self.say(
                format!("{field}.{name}"),
                format!("{value} times the baseline is the baseline itself or less"),
                "write a factor above 1, such as \"1.5\"",
            );
        } else if rises && !relative && signal != Signal::ConnectionRate && value >= 100.0 {
            self.say(
                format!("{field}.{name}"),
                format!("{signal} is a percentage and never lies above {value}"),
                "write a value below 100",
            );
        }
    }

    /// resume < pause <= rollback, among thresholds of one measure.
    fn order(&mut self, field: &str, guard: &Guard) {
        let resume = measure(&guard.resume);
        for pause in guard.pause.iter().filter_map(measure) {
            if let Some(resume) = resume
                && resume.0 == pause.0
                && resume.1 >= pause.1
            {
                self.say(
                    format!("{field}.resume"),
                    format!("{} is not below pause, {}, so that the guard would flap", resume.1, pause.1),
                    "lower resume, or raise pause",
                );
            }
            for rollback in guard.rollback.iter().filter_map(measure) {
                if rollback.0 == pause.0 && rollback.1 < pause.1 {
                    let name = if rollback.0 { "aboveBaseline" } else { "above" };
                    self.say(
                        format!("{field}.rollback.{name}"),
                        format!("{} is below pause, {}", rollback.1, pause.1),
                        format!("raise rollback.{name}, or lower pause.{name}"),
                    );
                }
            }
        }
    }
}

/// Whether a threshold is relative, and its value; `None` for what cannot be compared.
fn measure(condition: &Condition) -> Option<(bool, f64)> {
    match condition.test {
        Test::Above(value)
        | Test::Below(value)
        | Test::Failures { percent: value, .. }
        | Test::FailuresBelow { percent: value } => Some((false, value)),

        Test::AboveBaseline(factor) | Test::BelowBaseline(factor) => Some((true, factor)),
        Test::Trend(_) | Test::FullWithin(_) => None,
    }
}

#[cfg(test)]
mod tests;
