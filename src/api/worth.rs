//! Whether a status is worth writing: each transition is; figures only when they are off, and
//! rarely. There are no writes per sample.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use super::number;

/// Figures are written at most this often.
pub const FIGURES_EVERY: Duration = Duration::from_mins(5);
/// Figures are written when one is off by more than this part.
pub const OFF: f64 = 0.2;

/// What changes from sample to sample, wherever it stands. `soaked`, `period` and `window` are the engine's to ask for.
const FIGURES: [&str; 28] = [
    "measuredAt",
    "value",
    "baseline",
    "pauseAt",
    "rollbackAt",
    "resumeAt",
    "connectionsPerSecond",
    "predicted",
    "normal",
    "learned",
    "readyRequestsPerSecond",
    "requestsPerSecond",
    "utilisation",
    "absorbable",
    "legacyFree",
    "kubernetesFree",
    "ready",
    "warm",
    "peak",
    "peakAt",
    "window",
    "endsAt",
    "soaked",
    "period",
    "message",
    "why",
    "unknown",
    "until",
];

/// Whether `next` is worth writing over `previous`: something else than figures changed, or a figure
/// is off by over 20 % and `previous` is at least 5 minutes old.
pub fn worth_writing(previous: Option<&Value>, next: &Value) -> bool {
    let Some(previous) = previous else { return true };
    if differs(previous, next, Depth::ButFigures) {
        return true;
    }
    let measured = |status: &Value| status.get("measuredAt")?.as_str()?.parse::<Timestamp>().ok();
    let old = match (measured(previous), measured(next)) {
        (Some(then), Some(now)) => {
            let millis = now.as_millisecond() - then.as_millisecond();
            u128::from(millis.unsigned_abs()) >= FIGURES_EVERY.as_millis()
        }
        _ => true,
    };
    old && off(previous, next)
}

/// What is compared.
#[derive(Clone, Copy, PartialEq)]
enum Depth {
    ButFigures,
    Whole,
}

/// Whether something differs, however the API server spells its numbers.
fn differs(previous: &Value, next: &Value, depth: Depth) -> bool {
    match (previous, next) {
        (Value::Object(before), Value::Object(after)) => {
            let counts = |name: &&String| depth == Depth::Whole || !FIGURES.contains(&name.as_str());
            // What the user wrote, and what was acted on, is compared whole.
            let depth = |name: &str| match name {
                "accepted" | "commands" | "trips" | "surges" | "history" => Depth::Whole,
                _ => depth,
            };
            let same = |name: &&String| match (before.get(*name), after.get(*name)) {
                (Some(was), Some(is)) => !differs(was, is, depth(name)),
                _ => false,
            };
            before.keys().filter(counts).count() != after.keys().filter(counts).count()
                || !before.keys().filter(counts).all(|name| same(&name))
        }
        (Value::Array(before), Value::Array(after)) => {
            before.len() != after.len() || before.iter().zip(after).any(|(was, is)| differs(was, is, depth))
        }
        (Value::Number(before), Value::Number(after)) => number::differ(before, after),
        (before, after) => before != after,
    }
}

/// Whether some number differs by over a fifth, or something appeared or went.
fn off(previous: &Value, next: &Value) -> bool {
    match (previous, next) {
        (Value::Object(before), Value::Object(after)) => {
            before.keys().any(|name| !after.contains_key(name))
                || after.iter().any(|(name, field)| before.get(name).is_none_or(|was| off(was, field)))
        }
        (Value::Array(before), Value::Array(after)) => {
            before.len() != after.len() || before.iter().zip(after).any(|(was, is)| off(was, is))
        }
        (Value::Number(before), Value::Number(after)) => match (before.as_f64(), after.as_f64()) {
            (Some(before), Some(after)) => (after - before).abs() > OFF * before.abs().max(1.0),
            _ => before != after,
        },
        // Times move by themselves, and words tell figures that stand here as numbers too.
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn status(minute: u32, value: f64, phase: &str) -> Value {
        json!({
            "phase": phase,
            "measuredAt": format!("2026-01-01T00:{minute:02}:00.000Z"),
            "databases": [{"name": "a", "guards": [{"signal": "ConnectionRate", "value": value}]}],
        })
    }

    #[test]
    fn a_transition_is_written_at_once() {
        assert!(worth_writing(None, &status(0, 100.0, "Soaking")));
        assert!(worth_writing(Some(&status(0, 100.0, "Soaking")), &status(0, 100.0, "Paused")));
    }

    #[test]
    fn figures_are_written_when_they_are_off_and_rarely() {
        let before = status(0, 100.0, "Soaking");
        assert!(!worth_writing(Some(&before), &status(4, 500.0, "Soaking")), "too early");
        assert!(!worth_writing(Some(&before), &status(30, 119.0, "Soaking")), "too near");
        assert!(worth_writing(Some(&before), &status(5, 121.0, "Soaking")));
    }

    #[test]
    fn what_the_sides_carry_is_a_figure_and_its_window_the_engines_to_ask_for() {
        let status = |minute: u32, demand: Option<f64>, parts: u32| {
            let mut status = status(minute, 100.0, "Soaking");
            let window: Vec<_> = (0..parts).map(|n| json!({"at": "t", "requestsPerSecond": n})).collect();
            status["demand"] = json!({"window": window});
            status["legacy"] = json!({});
            if let Some(demand) = demand {
                status["demand"]["requestsPerSecond"] = json!(demand);
                status["legacy"] = json!({"utilisation": demand / 10.0, "requestsPerSecond": demand});
                status["summary"] = json!({"legacyFree": 100.0 - demand / 10.0});
            } else {
                status["summary"] = json!({});
            }
            status
        };
        let before = status(0, Some(500.0), 3);
        for (minute, demand, parts, worth) in [
            (4, Some(900.0), 3, false),
            (4, None, 3, false),
            (4, Some(500.0), 4, false),
            (5, Some(590.0), 3, false),
            (5, Some(610.0), 3, true),
            (5, None, 3, true),
        ] {
            assert_eq!(
                worth_writing(Some(&before), &status(minute, demand, parts)),
                worth,
                "{minute} {demand:?}"
            );
        }
    }

    #[test]
    fn what_is_normal_for_the_sides_is_a_figure_but_not_what_a_breach_remembers_of_it() {
        let status = |minute: u32, kubernetes: f64| {
            let mut status = status(minute, 100.0, "Soaking");
            status["databases"][0]["normal"] = json!({"legacy": 200.0, "kubernetes": kubernetes});
            status
        };
        let before = status(0, 200.0);
        assert!(!worth_writing(Some(&before), &status(4, 300.0)), "too early");
        assert!(!worth_writing(Some(&before), &status(30, 230.0)), "too near");
        assert!(worth_writing(Some(&before), &status(5, 250.0)));
        let mut known = before.clone();
        known["surges"] = json!([{"database": "a", "normal": {"legacy": 200.0, "kubernetes": 200.0}}]);
        let mut other = known.clone();
        other["surges"][0]["normal"]["kubernetes"] = json!(201.0);
        assert!(worth_writing(Some(&known), &other));
    }

    #[test]
    fn how_the_api_server_spells_a_number_is_no_change() {
        let stored = json!({"weight": {"intended": 10}});
        assert!(!worth_writing(Some(&stored), &number::normal(json!({"weight": {"intended": 10.0}}))));
    }
}
