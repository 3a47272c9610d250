//! What a status remembers of the databases: what was normal, if that is young enough to go on from.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use crate::core::guard::Signal;
use crate::core::side::BySide;
use crate::core::state::GuardKey;

/// What was normal longer ago says nothing of today's traffic.
const YOUNG: Duration = Duration::from_hours(1);

/// What a status remembers as normal.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Normals {
    /// The baselines of the guards.
    pub guards: Vec<(GuardKey, f64)>,
    /// By the database's name, the connects per second that all of the traffic would bring by either side.
    pub sides: Vec<(String, BySide<f64>)>,
}

/// What `status` holds, if it was measured less than an hour before `now`.
pub fn normals(status: &Value, now: Timestamp) -> Normals {
    let measured = status["measuredAt"].as_str().and_then(|text| text.parse::<Timestamp>().ok());
    let age = measured.and_then(|measured| Duration::try_from(now.duration_since(measured)).ok());
    if age.is_none_or(|age| age > YOUNG) {
        return Normals::default();
    }
    let databases = status["databases"].as_array().into_iter().flatten();
    let mut normals = Normals::default();
    for database in databases {
        let Some(name) = database["name"].as_str() else { continue };
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

/// A figure that can be a rate.
fn rate(value: &Value) -> Option<f64> {
    value.as_f64().filter(|value| value.is_finite() && *value >= 0.0)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn accounts(baseline: f64, legacy: f64, kubernetes: f64) -> Normals {
        Normals {
            guards: vec![(GuardKey::new("accounts", Signal::ConnectionRate), baseline)],
            sides: vec![("accounts".into(), BySide { legacy, kubernetes })],
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
        let at = |text: &str| normals(&status, text.parse().unwrap());
        assert_eq!(at("2026-01-01T10:59:59Z"), accounts(212.5, 200.25, 180.0));
        assert_eq!(at("2026-01-01T11:00:01Z"), Normals::default());
        // A status from the future: a clock was stepped.
        assert_eq!(at("2026-01-01T09:00:00Z"), Normals::default());
        assert_eq!(normals(&json!(null), Timestamp::UNIX_EPOCH), Normals::default());
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
            let found = normals(&status, "2026-01-01T10:00:01Z".parse().unwrap());
            assert_eq!(found, accounts(20.0, 0.0, 1.0), "{normal}");
        }
    }
}
