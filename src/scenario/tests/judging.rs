use crate::scenario::{load, read, run};

/// A surge of the Kubernetes side at weight 50: a pause, a retreat to 10 in two steps, and held there.
const SURGE: &str = "
scenario: {name: surge, lasts: 10m}
plan:
  databases:
  - name: accounts
    guards:
    - signal: ConnectionRate
      pause: {above: 1500, for: 3s}
      rollback: {above: 1800, for: 8s, within: 10s}
      resume: {below: 1200, for: 60s}
  rollback: {when: Always}
  demand: {route: edge}
  legacy: {capacity: {requestsPerSecondPerServer: 1000}}
events:
- {at: 2m, connects: {side: kubernetes, times: 6}}
";

/// What came of each expectation of the surge.
fn outcomes(expectations: &[&str]) -> Vec<(bool, String, String)> {
    let list: Vec<String> = expectations.iter().map(|expectation| format!("- {{{expectation}}}\n")).collect();
    let list = list.concat();
    let file = read(&format!("{SURGE}expect:\n{list}")).unwrap();
    let loaded = load(&file, &[]).unwrap();
    let outcomes = run(&loaded).outcomes.into_iter();
    outcomes.map(|outcome| (outcome.holds, outcome.expected, outcome.found)).collect()
}

#[test]
fn each_expectation_is_told_with_what_was_found() {
    let cases = EXPECTED.iter().map(|(expectation, ..)| *expectation).collect::<Vec<_>>();
    let found = outcomes(&cases);
    let told: Vec<_> =
        found.iter().map(|(holds, expected, found)| (*holds, expected.as_str(), found.as_str())).collect();
    let expected: Vec<_> =
        EXPECTED.iter().map(|(_, holds, expected, found)| (*holds, *expected, *found)).collect();
    assert_eq!(told, expected);
}

/// The expectation, whether it holds, in words, and what was found.
const EXPECTED: &[(&str, bool, &str, &str)] = &[
    ("within: 10s, after: 2m, phase: Paused", true, "phase Paused within 10s of 2m", "was so after 2s"),
    ("within: 1s, after: 2m, phase: Paused", false, "phase Paused within 1s of 2m", "was AwaitingApproval"),
    ("at: end, phase: RolledBack", true, "phase RolledBack at 10m", "was RolledBack since 2m12s"),
    (
        "at: 1m, phase: Paused or RolledBack",
        false,
        "phase Paused or RolledBack at 1m",
        "was AwaitingApproval since 11s",
    ),
    (
        "from: 1m, until: 2m, phase: AwaitingApproval",
        true,
        "phase AwaitingApproval from 1m to 2m",
        "was AwaitingApproval",
    ),
    (
        "from: 1m, phase: AwaitingApproval",
        false,
        "phase AwaitingApproval from 1m to 10m",
        "was Paused at 2m2s",
    ),
    (
        "phase: RollingBack, longest: 5s",
        true,
        "never RollingBack for longer than 5s",
        "at most 5s at a stretch, at 2m7s",
    ),
    (
        "phase: RollingBack, longest: 4s",
        false,
        "never RollingBack for longer than 4s",
        "at most 5s at a stretch, at 2m7s",
    ),
    ("at: end, weight: {is: 10}", true, "weight 10 % at 10m", "was 10.00 % since 2m12s"),
    ("at: 1m, weight: {from: 24, to: 25}", false, "weight 24 to 25 % at 1m", "was 50.00 % since 1s"),
    ("within: 1m, after: 2m, weight: {to: 25}", true, "weight 0 to 25 % within 1m of 2m", "was so after 7s"),
    ("at: end, stage: tenth or canary", true, "stage tenth or canary at 10m", "was tenth since 2m7s"),
    ("stage: half", false, "stage half", "was tenth at 2m7s"),
    (
        "at: end, level: {guard: ConnectionRate, is: tripped}",
        true,
        "ConnectionRate is tripped at 10m",
        "was at rollback since 2m7s",
    ),
    ("level: {guard: ConnectionRate, is: clear}", false, "ConnectionRate is clear", "was at pause at 2m2s"),
    (
        "at: end, blockedBy: Cooldown, contains: cooling down",
        true,
        "blocked by Cooldown (\"cooling down\") at 10m",
        BLOCKED,
    ),
    ("at: end, blockedBy: Drift", false, "blocked by Drift at 10m", BLOCKED),
    ("never: raise", true, "no raise", "did not happen"),
    ("told: raise", false, "raise", "did not happen"),
    (
        "told: GuardPaused, contains: ConnectionRate",
        true,
        "GuardPaused (\"ConnectionRate\")",
        "happened 2 times, first at 2m2s: ConnectionRate of database accounts crossed its pause threshold at 2600.0",
    ),
    (
        "never: retreat",
        false,
        "no retreat",
        "happened once, at 2m7s: retreat from 50 % towards 10 %: ConnectionRate of database accounts",
    ),
    (
        "count: retreatStep, atLeast: 2, atMost: 2",
        true,
        "retreatStep at least 2, at most 2",
        "happened 2 times, first at 2m7s: 50 to 25 %",
    ),
    (
        "count: retreatStep, atMostPerDay: 1",
        false,
        "retreatStep at most 1 a day",
        "happened 2 times, 2 on the busiest day, first at 2m7s: 50 to 25 %",
    ),
    (
        "until: 2m, failed: {below: 0.1%}",
        true,
        "fewer than 0.1 % of requests fail from 0s to 2m",
        "0.004 % of requests failed",
    ),
    ("failed: {above: 50%}", false, "more than 50 % of requests fail", "0.481 % of requests failed"),
];

const BLOCKED: &str = "was blocked by GuardRollback (ConnectionRate of database accounts is tripped, at 1500.0 now; it clears \
     below 1200 for 60 s), Cooldown (cooling down after retreat 1 of the last 24 h), Soaking (the stage soaks) since 4m13s";
