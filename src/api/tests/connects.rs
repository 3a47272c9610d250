use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{spec, with};
use crate::api::parse::parse;
use crate::api::render::{Engine, StatusInput, render};
use crate::api::schema;
use crate::control::warm;
use crate::core::lessons::Lesson;
use crate::core::reason::Reason;
use crate::core::report::{Condition, DatabaseReport, Report};
use crate::core::side::BySide;
use crate::core::state::State;
use crate::core::time::Time;

/// The status of a plan whose one database is so.
fn status(database: DatabaseReport) -> Value {
    let users = json!({"legacy": ["app"], "kubernetes": ["pods"]});
    let parsed = parse(&with(&[("/databases/0/users", users)])).unwrap();
    let report = Report { databases: vec![database], ..Report::default() };
    let acceptance =
        Condition { kind: "Accepted", status: true, reason: Reason::Accepted, message: "m".into() };
    render(&StatusInput {
        engine: Some(Engine {
            plan: &parsed.plan,
            spec: &spec(),
            generation: 1,
            state: &State::default(),
            report: &report,
            seen: &[],
            pods: &[],
            lacks: &BTreeMap::new(),
            rooms: &BTreeMap::new(),
        }),
        acceptance: &acceptance,
        generation: 1,
        epoch: 1,
        now: Time::from_millis(1_767_225_600_000),
        offset: 0,
        previous: None,
    })
}

#[test]
fn what_a_status_says_is_normal_for_each_side_is_what_a_restart_goes_on_from() {
    let normal = BySide { legacy: 310.123_456, kubernetes: 250.0 };
    let status = status(DatabaseReport { normal: Some(normal), ..DatabaseReport::default() });
    assert_eq!(status["databases"][0]["normal"], json!({"legacy": 310.123, "kubernetes": 250}));
    assert_eq!(schema::problems(&json!({"spec": spec(), "status": &status})), vec![]);
    let again = warm::normals(&status, "2026-01-01T00:30:00Z".parse().unwrap(), 0);
    assert_eq!(again.sides, [("accounts".to_owned(), BySide { legacy: 310.123, kubernetes: 250.0 })]);
}

#[test]
fn what_is_not_known_of_a_side_is_no_normal() {
    for normal in [None, Some(BySide { legacy: f64::NAN, kubernetes: 1.0 })] {
        let status = status(DatabaseReport { normal, ..DatabaseReport::default() });
        assert_eq!(status["databases"][0].get("normal"), None);
        assert_eq!(warm::normals(&status, "2026-01-01T00:30:00Z".parse().unwrap(), 0).sides, []);
    }
}

#[test]
fn what_steps_have_taught_is_gone_on_from_by_a_restart_to_the_last_figure() {
    let at = |seconds: u64| Time::from_millis(1_767_225_600_000 + seconds * 1_000);
    let learned = vec![
        Lesson { at: at(0), by: 0.1, rise: 0.1 / 3.0, noise: 1e-6 },
        Lesson { at: at(60), by: -0.05, rise: -0.02, noise: 0.001 },
    ];
    let status = status(DatabaseReport { learned: learned.clone(), ..DatabaseReport::default() });
    assert_eq!(schema::problems(&json!({"spec": spec(), "status": &status})), vec![]);
    let again = warm::normals(&status, "2026-01-05T00:00:00Z".parse().unwrap(), 0);
    assert_eq!(again.lessons, [("accounts".to_owned(), learned)]);
}
