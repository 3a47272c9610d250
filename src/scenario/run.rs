//! Plays a scenario that was loaded: with Crossfade, and the same incident without.

use super::expectation::CrashAnywhere;
use super::judge::{self, Outcome, Run};
use super::load::Loaded;
use super::words::Span;
use crate::core::weight::Weight;
use crate::sim::evidence::{Asks, Evidence, play};
use crate::sim::recording::Recording;
use crate::sim::scenario::{Event, Scenario, What};

/// A scenario that was played.
#[derive(Clone, Debug, PartialEq)]
pub struct Played {
    /// Its curves, marks and phases.
    pub recording: Recording,
    /// Its changes.
    pub evidence: Evidence,
    /// What came of each expectation.
    pub outcomes: Vec<Outcome>,
}

impl Played {
    /// Whether every expectation holds.
    pub fn holds(&self) -> bool {
        self.outcomes.iter().all(|outcome| outcome.holds)
    }
}

/// Plays a scenario and checks what is expected of it.
pub fn run(loaded: &Loaded) -> Played {
    let scenario = &loaded.scenario;
    let (recording, evidence) = play(scenario, &judge::asks(&loaded.expectations));
    let run = Run { scenario, recording: &recording, evidence: &evidence };
    let outcomes =
        judge::judge(&run, &loaded.expectations, &|crash| sweep(scenario, &recording, &evidence, crash));
    Played { recording, evidence, outcomes }
}

/// Plays the same incident [`without`] Crossfade; nothing is expected of it.
pub fn run_without(loaded: &Loaded) -> Played {
    let (recording, evidence) = play(&without(&loaded.scenario), &Asks::default());
    Played { recording, evidence, outcomes: Vec::new() }
}

/// The same incident without Crossfade: the same stages by the clock, and nobody at the brake. The plans'
/// guards are taken away; all else is the same.
pub fn without(scenario: &Scenario) -> Scenario {
    let mut without = scenario.clone();
    let unguarded = |plan: &mut crate::core::plan::Plan| {
        plan.databases.iter_mut().for_each(|database| database.guards.clear());
    };
    without.services.iter_mut().for_each(|service| unguarded(&mut service.plan));
    for event in &mut without.events {
        if let What::Plan { plan, .. } = &mut event.what {
            unguarded(plan);
        }
    }
    without
}

/// How a run ended, and by which steps.
#[derive(Debug, PartialEq)]
struct End {
    weights: Vec<Vec<Weight>>,
    phases: Vec<Option<&'static str>>,
    stages: Vec<Option<usize>>,
    steps: Vec<(usize, Weight, Weight)>,
}

fn end(scenario: &Scenario, recording: &Recording, evidence: &Evidence) -> End {
    let services = 0..scenario.services.len();
    let last = |service: usize, instance: usize| {
        let mut stands = evidence.stands.iter().rev();
        let stand = stands.find(|stand| (stand.service, stand.instance) == (service, instance));
        stand.map(|stand| stand.weight).unwrap_or_default()
    };
    let instances =
        |service: usize| scenario.services.get(service).map_or(0, |service| service.plan.instances().count());
    let finish = scenario.begins + scenario.lasts;
    let stage = |service: usize| {
        evidence.stages.iter().rev().find(|since| since.service == service).and_then(|since| since.value)
    };
    End {
        weights: services
            .clone()
            .map(|service| (0..instances(service)).map(|instance| last(service, instance)).collect())
            .collect(),
        phases: services
            .clone()
            .map(|service| recording.phase(service, finish).map(crate::core::report::Phase::name))
            .collect(),
        stages: services.map(stage).collect(),
        steps: evidence.steps.iter().map(|step| (step.service, step.from, step.to)).collect(),
    }
}

/// The scenario again and again, the operator dying after another action each time.
fn sweep(
    scenario: &Scenario,
    recording: &Recording,
    evidence: &Evidence,
    crash: &CrashAnywhere,
) -> Result<String, String> {
    let calm = end(scenario, recording, evidence);
    let mut wrong = Vec::new();
    for actions in 0..crash.runs {
        let mut crashing = scenario.clone();
        let what = What::CrashAfter { actions, span: crash.lasting.0 };
        crashing.events.push(Event { after: crash.at.0, every: None, what });
        let (recording, evidence) = play(&crashing, &Asks::default());
        let found = end(&crashing, &recording, &evidence);
        if found != calm {
            wrong.push(format!("after {actions} actions: {}", difference(&calm, &found)));
        }
    }
    match wrong.first() {
        None => Ok(format!("the same in all {} runs, dead for {}", crash.runs, Span(crash.lasting.0))),
        Some(first) => Err(format!("differs in {} of {} runs; {first}", wrong.len(), crash.runs)),
    }
}

fn difference(calm: &End, found: &End) -> String {
    let steps = |end: &End| {
        let each = end.steps.iter().map(|(_, from, to)| format!("{from} to {to}"));
        each.collect::<Vec<_>>().join(", ")
    };
    if calm.steps != found.steps {
        return format!("steps {} instead of {}", steps(found), steps(calm));
    }
    if calm.weights != found.weights {
        return format!("weights {:?} instead of {:?}", found.weights, calm.weights);
    }
    format!(
        "phases {:?}, stages {:?} instead of {:?}, {:?}",
        found.phases, found.stages, calm.phases, calm.stages
    )
}
