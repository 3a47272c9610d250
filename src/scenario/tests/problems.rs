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
    let told = problems(
        "
scenario: {name: a, lasts: 10m, step: 1s}
databases: [{name: accounts}, {name: accounts}]
services: [{name: mail/mail, weight: 33.333, databases: {users: accounts}}]
plan:
  databases: [{name: accounts, every: 500ms}]
events:
- {at: 11m, flushStatus: {}}
- {at: 5m, until: 4m, blind: {database: users, for: 5s}}
- {at: 5m}
- {at: 5m, touch: {}, monitorRefused: {}}
- {at: 5m, approve: {stage: ful}}
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
- {at: 1m, from: 2m, stage: half or most}
- {after: 1m}
",
    );
    // A long list of names is told elsewhere.
    let told: Vec<&str> = told.iter().map(|told| told.split(", retreatStep").next().unwrap()).collect();
    assert_eq!(
        told,
        [
            "databases[1].name: \"accounts\" stands twice; give each a name of its own",
            "services[0].databases: there is no database in the plan \"users\"; write one of accounts",
            "services[0].weight: 33.333 is no multiple of 0.01; write at most two decimals",
            "scenario.step: 1s is more than the 500ms at which database accounts is sampled; write 500ms or less",
            "events[0].at: 11m is after the end, 10m after the begin; let it happen before, or let the scenario \
             last longer",
            "events[1].until: is before at; it is a time after the begin, as at",
            "events[1].until: says nothing without every; add every, or leave it out",
            "events[1].blind.database: there is no database \"users\"; write one of accounts, accounts",
            "events[2]: nothing happens; say what, such as connects: {side: kubernetes, times: 6}",
            "events[3]: monitorRefused and touch at once; make an event of each",
            "events[4].approve.stage: there is no stage \"ful\"; write one of canary, tenth, half, full",
            "events[5].crash.replica: there is no replica 2; scenario.replicas says 1: raise it, or name another",
            "events[6].reload.loadBalancer: there is no load balancer \"lb-9\"; write one of edge/lb-1, edge/lb-2",
            "expect[0].phase: there is no phase \"Asleep\"; write one of Pending, Shifting, Soaking, \
             AwaitingApproval, Paused, RollingBack, RolledBack, Completed",
            "expect[1]: within 10m of 5m is not within the 10m of the run; let it be before the end, or let the \
             scenario last longer",
            "expect[2].told: there is no reason \"Relaoded\"; write one of retreat",
            "expect[3].level.guard: there is no guard \"ConnectTime\"; write one of ConnectionRate, \
             ConnectionsOfMax, FailedConnections",
            "expect[4].count: says no number; write atMost, atLeast or atMostPerDay",
            "expect[5].needs: there is no feature in needs \"attribution\"; add it: there is no feature in needs \
             at all",
            "expect[6]: phase and weight at once; say one thing, such as phase: Paused",
            "expect[7]: has several times; write at, or within (and after), or from and until",
            "expect[7].stage: there is no stage \"most\"; write one of canary, tenth, half, full",
            "expect[8].after: says nothing without within; add within, or write from",
            "expect[8]: nothing is expected; say one thing, such as phase: Paused",
        ]
    );
}

#[test]
fn every_problem_of_a_plan_is_told() {
    assert_eq!(
        problems(
            "
scenario: {name: a, lasts: 10m}
plan: {stages: [{name: half, weight: 50}, {name: half, weight: 60, soak: {for: 1d}}]}
events:
- {at: 5m, approve: {stage: full}}
"
        ),
        [
            "plan.stages[1].name: \"half\" stands twice; give each a name of its own",
            "plan.stages[1].soak.for: \"1d\" is no duration; write for example 500ms, 30s, 5m or 1h30m",
        ]
    );
}

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
