use crate::scenario::{load, read};

/// Everything that is wrong with a file, as it is told.
fn problems(text: &str) -> Vec<String> {
    let problems = match read(text) {
        Err(problems) => problems,
        Ok(file) => load(&file, &[]).err().unwrap_or_default(),
    };
    problems.iter().map(ToString::to_string).collect()
}

#[test]
fn a_file_that_says_next_to_nothing_is_the_bench() {
    assert_eq!(problems("scenario: {name: calm, lasts: 1m}"), Vec::<String>::new());
}

#[test]
fn what_has_the_wrong_form_is_told_all_at_once() {
    assert_eq!(
        problems(
            "
scenario: {name: a, lasts: 5 minutes, sed: 3, replicas: 7}
databases: [{name: accounts, maxConnections: 0}]
services: [{demand: {noise: -0.1}}]
events:
- {at: 1m, connects: {side: left, times: 6}}
- {at: 1m, connects: {times: 6}}
expect:
- {at: later, phase: Paused}
"
        ),
        [
            "databases[0].maxConnections: 0 is too small; write at least 1",
            "events[0].connects.side: \"left\" is not allowed; write one of legacy, kubernetes, both",
            "events[1].connects.side: is missing; it is: Which side: `legacy`, `kubernetes` or `both`",
            "expect[0].at: \"later\" is not of the form that is wanted; it is: At this moment: a time after the \
             begin, or `end`",
            "scenario.lasts: \"5 minutes\" is no duration; write for example 500ms, 30s, 5m or 1h30m",
            "scenario.replicas: 7 is too large; write at most 3",
            "scenario.sed: there is no such field; did you mean seed?",
            "services[0].demand.noise: -0.1 is too small; write at least 0",
        ]
    );
}

#[test]
fn what_names_nothing_or_cannot_be_is_told_all_at_once() {
    assert_eq!(
        problems(
            "
scenario: {name: a, lasts: 10m, step: 1s}
databases: [{name: accounts}, {name: accounts}]
services: [{name: mail/mail, weight: 33.333, databases: {users: accounts}}]
plan:
  databases: [{name: accounts, every: 500ms}]
  stages: [{name: half, weight: 50}, {name: half, weight: 60, soak: {for: 1d}}]
events:
- {at: 11m, flushStatus: {}}
- {at: 5m, until: 4m, blind: {database: users, for: 5s}}
- {at: 5m}
- {at: 5m, touch: {}, resume: {}}
- {at: 5m, approve: {stage: full}}
- {at: 5m, crash: {replica: 2, for: 5s}}
- {at: 5m, reload: {loadBalancer: lb-9, weight: 50}}
expect:
- {at: end, phase: Asleep}
- {within: 10m, after: 5m, told: Reloaded}
- {told: Relaoded}
- {level: {guard: ConnectTime, is: tripped}}
- {count: raise}
- {never: raise, needs: attribution}
- {phase: Paused, weight: {is: 50}}
"
        ),
        EXPECTED
    );
}

const EXPECTED: &[&str] = &[];

#[test]
fn a_plan_that_is_wrong_is_told_with_its_place_in_the_file() {
    assert_eq!(
        problems("{scenario: {name: a, lasts: 1m}, plan: {stages: [{name: half, weight: 150}]}}"),
        ["plan.stages[0].weight: 150 is too large; write at most 100"]
    );
}

#[test]
fn there_is_exactly_one_scenario_in_a_file() {
    for text in ["", "---\n---\n", "scenario: {name: a, lasts: 1m}\n---\nscenario: {name: b, lasts: 1m}\n"] {
        let told = problems(text);
        assert!(told.iter().any(|told| told.contains("not exactly one scenario")), "{text:?}: {told:?}");
    }
    assert!(problems("scenario: [").iter().any(|told| told.contains("no YAML")));
}
