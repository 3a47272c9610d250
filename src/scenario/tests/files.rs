//! Every file under `tests/scenarios` is played. Those that need what Crossfade cannot do yet say so, and
//! fail here once it can: nobody forgets to take the mark away.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use crate::scenario::{Loaded, load, read, run, schema};

/// Every file, by name: one that is forgotten here, or gone from there, fails.
const FILES: &[&str] = &[
    "api-down",
    "autoscaler-pods-wait",
    "blind",
    "cold-receiver",
    "costs-learned",
    "counter-collapse",
    "counter-reset",
    "crash-anywhere",
    "cron-burst",
    "cron-burst-noisy",
    "failover-storm",
    "gitops-revert",
    "irreversible-before-peak",
    "kubernetes-surge-all-back",
    "kubernetes-surge-unknown-room",
    "kubernetes-surge-with-room",
    "kubernetes-vanishes",
    "load-balancer-reload",
    "locked-out",
    "low-rate",
    "monday-ramp",
    "near-saturation",
    "one-side-runs-out",
    "one-side-runs-out-unbalanced",
    "pods-fall-away",
    "proton-2022-latent",
    "proton-2025-common",
    "proton-2025-kubernetes-only",
    "proton-2025-unattributed",
    "quiet-weekend",
    "rollback-without-room",
    "shared-database",
];

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios")
}

fn loaded(name: &str) -> Loaded {
    let text = fs::read_to_string(folder().join(format!("{name}.yaml"))).unwrap();
    let file = read(&text).unwrap_or_else(|problems| panic!("{name}: {problems:#?}"));
    load(&file, &[]).unwrap_or_else(|problems| panic!("{name}: {problems:#?}"))
}

#[test]
fn every_file_is_named_here_and_named_as_its_scenario() {
    let found: BTreeSet<String> = fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "yaml"))
        .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    assert_eq!(found, FILES.iter().map(ToString::to_string).collect::<BTreeSet<_>>());
    for name in FILES {
        assert_eq!(loaded(name).name, *name);
    }
}

/// What is wrong with a scenario: an expectation that does not hold, or a mark that is no longer true.
fn wrong(loaded: &Loaded) -> Vec<String> {
    let mut wrong = Vec::new();
    for field in loaded.needs.iter().flat_map(|need| &need.fields) {
        if !loaded.left_out.contains(field) {
            wrong.push(format!("{field} is known now, or not in the plan: take it out of needs"));
        }
    }
    for outcome in run(loaded).outcomes {
        match (&outcome.needs, outcome.holds) {
            (None, false) => wrong.push(format!("expected {}: {}", outcome.expected, outcome.found)),
            (Some(feature), true) => wrong.push(format!(
                "expected {}: it holds ({}), though it is said to need {feature}: take the mark away",
                outcome.expected, outcome.found
            )),
            _ => {}
        }
    }
    let used: BTreeSet<_> =
        loaded.expectations.iter().filter_map(|expected| expected.needs.clone()).collect();
    let named: BTreeSet<_> = loaded.needs.iter().map(|need| need.feature.clone()).collect();
    if used != named {
        wrong.push(format!("needs names {named:?}, the expectations {used:?}"));
    }
    wrong
}

#[test]
fn every_scenario_ends_as_expected_and_each_mark_is_still_true() {
    let half = FILES.len().div_ceil(2);
    let failing: Vec<String> = std::thread::scope(|scope| {
        let halves: Vec<_> = FILES
            .chunks(half)
            .map(|names| {
                scope.spawn(move || names.iter().map(|name| (name, wrong(&loaded(name)))).collect::<Vec<_>>())
            })
            .collect();
        let all = halves.into_iter().flat_map(|half| half.join().unwrap());
        all.flat_map(|(name, wrong)| wrong.into_iter().map(move |wrong| format!("{name}: {wrong}"))).collect()
    });
    assert!(failing.is_empty(), "\n{}", failing.join("\n"));
}

/// What is wrong with a calm scenario of one plan with these expectations and needs.
fn wrong_of(rest: &str) -> Vec<String> {
    let text = format!(
        "
scenario: {{name: calm, lasts: 1m}}
plan: {{changes: {{window: 720h}}, paused: true}}
{rest}
"
    );
    wrong(&load(&read(&text).unwrap(), &[]).unwrap())
}

#[test]
fn a_mark_that_is_no_longer_true_is_told() {
    let need = "needs: [{feature: attribution, missing: whose surge it is, fields: [spec.changes]}]";
    let expect = |mark: &str| format!("expect: [{{never: {mark}}}]\n{need}");
    assert_eq!(
        wrong_of(&expect("retreat, needs: attribution")),
        [
            "expected no retreat: it holds (did not happen), though it is said to need attribution: take the mark away"
        ]
    );
    assert_eq!(wrong_of(&expect("Adopted")), ["needs names {\"attribution\"}, the expectations {}"]);
    let known =
        "needs: [{feature: attribution, missing: whose surge it is, fields: [spec.changes, spec.paused]}]";
    assert_eq!(
        wrong_of(&format!("expect: [{{told: retreat, needs: attribution}}]\n{known}")),
        ["spec.paused is known now, or not in the plan: take it out of needs"]
    );
    assert_eq!(wrong_of(&format!("expect: [{{told: retreat, needs: attribution}}]\n{need}")), [""; 0]);
}

#[test]
fn a_field_that_no_need_names_is_a_problem() {
    let text = "{scenario: {name: a, lasts: 1m}, plan: {changes: {window: 720h}}}";
    let told = load(&read(text).unwrap(), &[]).unwrap_err();
    assert_eq!(told.iter().map(|problem| problem.field.as_str()).collect::<Vec<_>>(), ["plan.changes"]);
}

#[test]
fn the_example_of_the_reference_holds_and_every_field_stands_in_it() {
    let text = fs::read_to_string(folder().join("README.md")).unwrap();
    let (_, rest) = text.split_once("```yaml\n").unwrap();
    let (example, _) = rest.split_once("```").unwrap();
    let loaded = load(&read(example).unwrap(), &[]).unwrap();
    assert_eq!(wrong(&loaded), [""; 0]);
    let schema = schema();
    let missing: Vec<&String> =
        ["scenario", "databases/items", "services/items", "events/items", "expect/items"]
            .iter()
            .flat_map(|part| {
                schema.pointer(&format!("/properties/{part}/properties")).unwrap().as_object().unwrap()
            })
            .map(|(field, _)| field)
            .filter(|field| !["`", ".", "{"].iter().any(|before| text.contains(&format!("{before}{field}"))))
            .collect();
    assert_eq!(missing, [""; 0]);
}
