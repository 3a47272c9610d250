//! Plays a scenario that was loaded: with Crossfade, and the same incident without.

use super::expectation::CrashAnywhere;
use super::expected::Must;
use super::judge::{self, Outcome, Run};
use super::load::Loaded;
use super::words::Span;
use crate::core::capacity::Capacity;
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
    let asks = judge::asks(&loaded.expectations);
    let (recording, evidence) = play(scenario, &asks);
    let compares = loaded.expectations.iter().any(|it| matches!(it.must, Must::Failed(.., Some(_))));
    let alone = compares.then(|| play(&without(scenario), &asks).1);
    let run = Run { scenario, recording: &recording, evidence: &evidence, without: alone.as_ref() };
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
/// guards, and what they say of capacity, are taken away; all else is the same.
pub fn without(scenario: &Scenario) -> Scenario {
    let mut without = scenario.clone();
    let unguarded = |plan: &mut crate::core::plan::Plan| {
        plan.databases.iter_mut().for_each(|database| database.guards.clear());
        plan.capacity = Capacity::default();
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
    phases: Vec<Option<&'static str>>,
    stages: Vec<Option<usize>>,
    /// The weights at which each load balancer stood, in order; each step once.
    stood: Vec<Vec<Vec<Weight>>>,
}

fn end(scenario: &Scenario, recording: &Recording, evidence: &Evidence) -> End {
    let services = 0..scenario.services.len();
    let finish = scenario.begins + scenario.lasts;
    let phase = |service| recording.phase(service, finish).map(crate::core::report::Phase::name);
    let stage = |service: usize| {
        evidence.stages.iter().rev().find(|since| since.service == service).and_then(|since| since.value)
    };
    let stood = |service: usize| {
        let instances = scenario.services.get(service).map_or(0, |setup| setup.plan.instances().count());
        let of = |instance: usize| {
            let mine =
                evidence.stands.iter().filter(|stand| (stand.service, stand.instance) == (service, instance));
            mine.map(|stand| stand.weight).collect()
        };
        (0..instances).map(of).collect()
    };
    End {
        phases: services.clone().map(phase).collect(),
        stages: services.clone().map(stage).collect(),
        stood: services.map(stood).collect(),
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
    for (calm, found) in calm.stood.iter().flatten().zip(found.stood.iter().flatten()) {
        if calm != found {
            let steps =
                |weights: &[Weight]| weights.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
            return format!("a load balancer stood at {} instead of {}", steps(found), steps(calm));
        }
    }
    format!(
        "phases {:?}, stages {:?} instead of {:?}, {:?}",
        found.phases, found.stages, calm.phases, calm.stages
    )
}
