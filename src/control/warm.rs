//! What a status remembers of the databases: what steps have taught, and what was normal, if that is young enough
//! to go on from.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use crate::api::wall;
use crate::core::engine::Engine;
use crate::core::guard::Signal;
use crate::core::lessons::Lesson;
use crate::core::side::BySide;
use crate::core::state::GuardKey;

/// What was normal longer ago says nothing of today's traffic.
const YOUNG: Duration = Duration::from_hours(1);

/// What a status remembers of the databases.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Normals {
    /// The baselines of the guards.
    pub guards: Vec<(GuardKey, f64)>,
    /// By the database's name, the connects per second that all of the traffic would bring by either side.
    pub sides: Vec<(String, BySide<f64>)>,
    /// By the database's name, what steps of the weight have taught, the oldest first.
    pub lessons: Vec<(String, Vec<Lesson>)>,
}

impl Normals {
    /// Lets a new engine go on from it.
    pub fn seed(&self, engine: &mut Engine) {
        for (guard, value) in &self.guards {
            engine.seed_baseline(guard, *value);
        }
        for (database, normal) in &self.sides {
            engine.seed_sides(database, *normal);
        }
        for (database, learned) in &self.lessons {
            engine.seed_lessons(database, learned.iter().copied());
        }
    }
}

/// What `status` holds: what was normal only if it was measured less than an hour before `now`. Its times are
/// `offset` milliseconds ahead of the core's.
pub fn normals(status: &Value, now: Timestamp, offset: i64) -> Normals {
    let measured = status["measuredAt"].as_str().and_then(|text| text.parse::<Timestamp>().ok());
    let age = measured.and_then(|measured| Duration::try_from(now.duration_since(measured)).ok());
    let young = age.is_some_and(|age| age <= YOUNG);
    let databases = status["databases"].as_array().into_iter().flatten();
    let mut normals = Normals::default();
    for database in databases {
        let Some(name) = database["name"].as_str() else { continue };
        let learned = database["learned"].as_array().into_iter().flatten();
        let learned: Vec<Lesson> = learned.filter_map(|it| lesson(it, offset)).collect();
        if !learned.is_empty() {
            normals.lessons.push((name.into(), learned));
        }
        if !young {
            continue;
        }
        let guards = database["guards"].as_array().into_iter().flatten();
        normals.guards.extend(guards.filter_map(|guard| {
            let signal = Signal::ALL.into_iter().find(|signal| guard["signal"] == signal.name())?;
            Some((GuardKey::new(name, signal), rate(&guard["baseline"])?))
        }));
        let normal = &database["normal"];
        let sides = rate(&normal["legacy"]).zip(rate(&normal["kubernetes"]));
        normals.sides.extend(sides.map(|(legacy, kubernetes)| (name.into(), BySide { legacy, kubernetes })));
    }
    normals
}

/// What a step has taught, if all of it can be read.
fn lesson(value: &Value, offset: i64) -> Option<Lesson> {
    let number = |name: &str| value[name].as_f64();
    let at = wall::read(value["at"].as_str()?, offset)?;
    Some(Lesson { at, by: number("by")? / 100.0, rise: number("rise")?, noise: number("noise")? })
}

/// A figure that can be a rate.
fn rate(value: &Value) -> Option<f64> {
    value.as_f64().filter(|value| value.is_finite() && *value >= 0.0)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::core::time::Time;

    fn accounts(baseline: f64, legacy: f64, kubernetes: f64) -> Normals {
        Normals {
            guards: vec![(GuardKey::new("accounts", Signal::ConnectionRate), baseline)],
            sides: vec![("accounts".into(), BySide { legacy, kubernetes })],
            lessons: Vec::new(),
        }
    }

    #[test]
    fn only_what_was_normal_within_the_hour_is_gone_on_from() {
        let status = json!({
            "measuredAt": "2026-01-01T10:00:00.000Z",
            "databases": [{"name": "accounts", "normal": {"legacy": 200.25, "kubernetes": 180}, "guards": [
                {"signal": "ConnectionRate", "baseline": 212.5},
                {"signal": "FailedConnections"},
                {"signal": "Unheard", "baseline": 1},
            ]}],
        });
        let at = |text: &str| normals(&status, text.parse().unwrap(), 0);
        assert_eq!(at("2026-01-01T10:59:59Z"), accounts(212.5, 200.25, 180.0));
        assert_eq!(at("2026-01-01T11:00:01Z"), Normals::default());
        // A status from the future: a clock was stepped.
        assert_eq!(at("2026-01-01T09:00:00Z"), Normals::default());
        assert_eq!(normals(&json!(null), Timestamp::UNIX_EPOCH, 0), Normals::default());
    }

    #[test]
    fn what_is_no_rate_or_of_one_side_only_is_left_out_and_the_rest_is_kept() {
        let guards = json!([{"signal": "ConnectionRate", "baseline": 20}]);
        for normal in [
            json!(null),
            json!("200"),
            json!({"legacy": 200}),
            json!({"legacy": 200, "kubernetes": -1}),
            json!({"legacy": "many", "kubernetes": 1}),
        ] {
            let status = json!({
                "measuredAt": "2026-01-01T10:00:00.000Z",
                "databases": [
                    {"normal": {"legacy": 1, "kubernetes": 1}},
                    {"name": "mail", "normal": normal},
                    {"name": "accounts", "normal": {"legacy": 0, "kubernetes": 1}, "guards": guards},
                ],
            });
            let found = normals(&status, "2026-01-01T10:00:01Z".parse().unwrap(), 0);
            assert_eq!(found, accounts(20.0, 0.0, 1.0), "{normal}");
        }
    }

    #[test]
    fn what_steps_have_taught_is_gone_on_from_however_old_the_status_is() {
        let lesson = json!({"at": "2026-01-01T10:00:00.000Z", "by": 10, "rise": 0.5, "noise": 0.01});
        let mut unread = lesson.clone();
        unread["rise"] = json!("much");
        let status = json!({
            "databases": [{"name": "accounts", "learned": [lesson, unread, {}]}, {"name": "mail", "learned": 1}],
        });
        let at = Time::from_millis(1_767_261_600_000 - 77);
        let learned = vec![Lesson { at, by: 0.1, rise: 0.5, noise: 0.01 }];
        let expected = Normals { lessons: vec![("accounts".into(), learned)], ..Normals::default() };
        assert_eq!(normals(&status, "2026-01-04T10:00:00Z".parse().unwrap(), 77), expected);
    }
}
