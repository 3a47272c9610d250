//! What stands in a plan's status, in the words of the tests.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::mail::condition;

/// Whether a weight that `HAProxy` can express is meant.
pub fn near(is: f64, weight: f64) -> bool {
    (is - weight).abs() < 0.5
}

/// Whether it is accepted, or why not.
pub fn accepted(status: &Value) -> [&str; 2] {
    let [is, reason, _] = condition(status, "Accepted");
    [is, reason]
}

/// Whether something with this reason stands in `blockedBy`.
pub fn blocked_by(status: &Value, reason: &str) -> bool {
    status["blockedBy"].as_array().is_some_and(|all| all.iter().any(|blocker| blocker["reason"] == reason))
}

/// Whether a plan stands in a stage, at its weight, and soaks there.
pub fn soaks_in(status: &Value, stage: &str) -> bool {
    status["phase"] == "Soaking" && status["stage"]["name"] == stage
}

/// The weights that the history goes through, by reason: `Raising 0 -> 10`.
pub fn moves(status: &Value) -> Vec<String> {
    let history = status["history"].as_array().map_or(&[][..], Vec::as_slice);
    let line = |step: &Value| {
        format!("{} {} -> {}", step["reason"].as_str().unwrap_or_default(), step["from"], step["to"])
    };
    history.iter().map(line).collect()
}

/// The fields in which two values differ, with both values, one per line.
pub fn differences(before: &Value, after: &Value) -> String {
    fn collect(path: &str, before: &Value, after: &Value, lines: &mut Vec<String>) {
        match (before, after) {
            (Value::Object(old), Value::Object(new)) => {
                let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
                for name in names {
                    collect(&format!("{path}.{name}"), &before[name], &after[name], lines);
                }
            }
            (Value::Array(old), Value::Array(new)) if old.len() == new.len() => {
                for (place, (old, new)) in old.iter().zip(new).enumerate() {
                    collect(&format!("{path}[{place}]"), old, new, lines);
                }
            }
            _ if before == after => {}
            _ => lines.push(format!("{path}: {before} -> {after}")),
        }
    }
    let mut lines = Vec::new();
    collect("", before, after, &mut lines);
    lines.join("\n")
}

/// A status without the accepted spec, in short lines: what a test that fails shows.
pub fn brief(status: &Value) -> String {
    let Some(fields) = status.as_object() else { return status.to_string() };
    let lines = fields.iter().filter(|(name, _)| *name != "accepted");
    lines.map(|(name, value)| format!("  {name}: {value}")).collect::<Vec<_>>().join("\n")
}
