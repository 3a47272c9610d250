//! What a status remembers of the databases: baselines that are young enough to go on from.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use crate::core::guard::Signal;
use crate::core::state::GuardKey;

/// An older baseline says nothing of today's traffic.
const YOUNG: Duration = Duration::from_hours(1);

/// The baselines that `status` holds, if it was measured less than an hour before `now`.
pub fn baselines(status: &Value, now: Timestamp) -> Vec<(GuardKey, f64)> {
    let measured = status["measuredAt"].as_str().and_then(|text| text.parse::<Timestamp>().ok());
    let age = measured.and_then(|measured| Duration::try_from(now.duration_since(measured)).ok());
    if age.is_none_or(|age| age > YOUNG) {
        return Vec::new();
    }
    let databases = status["databases"].as_array().into_iter().flatten();
    databases
        .flat_map(|database| {
            let guards = database["guards"].as_array().into_iter().flatten();
            guards.filter_map(|guard| {
                let signal = Signal::ALL.into_iter().find(|signal| guard["signal"] == signal.name())?;
                let value = guard["baseline"].as_f64().filter(|value| value.is_finite() && *value >= 0.0)?;
                Some((GuardKey::new(database["name"].as_str()?, signal), value))
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_a_young_baseline_is_gone_on_from() {
        let status = json!({
            "measuredAt": "2026-01-01T10:00:00.000Z",
            "databases": [{"name": "accounts", "guards": [
                {"signal": "ConnectionRate", "baseline": 212.5},
                {"signal": "FailedConnections"},
                {"signal": "Unheard", "baseline": 1},
            ]}],
        });
        let at = |text: &str| baselines(&status, text.parse().unwrap());
        let known = vec![(GuardKey::new("accounts", Signal::ConnectionRate), 212.5)];
        assert_eq!(at("2026-01-01T10:59:59Z"), known);
        assert_eq!(at("2026-01-01T11:00:01Z"), []);
        // A status from the future: a clock was stepped.
        assert_eq!(at("2026-01-01T09:00:00Z"), []);
        assert_eq!(baselines(&json!(null), at_any()), []);
    }

    fn at_any() -> Timestamp {
        Timestamp::UNIX_EPOCH
    }
}
