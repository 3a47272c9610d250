//! A plan as a person reads it: `kubectl crossfade status`. Pure, from the raw object, so that a plan
//! of another version is shown as far as it can be understood.

use std::fmt::Write as _;

use jiff::Timestamp;
use kube::api::DynamicObject;
use serde_json::Value;

use super::act::in_force;

/// How many of the last moves are shown.
const MOVES: usize = 5;

/// The plan in lines.
pub fn plan(object: &DynamicObject, now: Timestamp) -> String {
    let mut lines = Lines(String::new());
    let status = &object.data["status"];
    let name = object.metadata.name.as_deref().unwrap_or_default();
    let namespace = object.metadata.namespace.as_deref().unwrap_or_default();
    let age = text(&status["measuredAt"]).parse().ok().map(|at| ago(at, now));
    lines.say(&format!("{namespace}/{name}  {}", or(text(&status["phase"]), "not seen by an operator yet")));
    if status["weight"].is_object() {
        let weight = &status["weight"];
        let age = age.map(|age| format!("  (measured {age} ago)")).unwrap_or_default();
        lines.say(&format!(
            "  weight   asked {}, stands at {}{age}",
            percent(&weight["intended"]),
            percent(&weight["actual"])
        ));
    }
    if let Some(why) = status["summary"]["why"].as_str() {
        lines.say(&format!("  why      {why}"));
    }
    lines.stages(object, now);
    lines.capacity(status, now);
    lines.guards(&status["databases"]);
    lines.routes(&status["routes"]);
    lines.blockers(&status["blockedBy"], now);
    if status["approvalNeedsToken"] == true {
        lines.say(&format!("approvals need the token {}", text(&status["approvalToken"])));
    }
    lines.moves(&status["history"]);
    lines.0
}

struct Lines(String);

impl Lines {
    fn say(&mut self, line: &str) {
        // Writing to a String cannot fail.
        writeln!(self.0, "{}", line.trim_end()).unwrap_or_default();
    }

    /// `✓` proven, `▶` present, `·` to come.
    fn stages(&mut self, object: &DynamicObject, now: Timestamp) {
        let status = &object.data["status"];
        let Some(stages) = in_force(object)["stages"].as_array() else { return };
        self.say("stages");
        let present = status["stage"]["name"].as_str();
        let proven: Vec<_> =
            status["proven"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        for stage in stages {
            let name = text(&stage["name"]);
            let mark = if present == Some(name) {
                '▶'
            } else if proven.contains(&name) {
                '✓'
            } else {
                '·'
            };
            let mut line = format!("  {mark} {name:<16} {:>8}", percent(&stage["weight"]));
            if let Some(soak) = stage["soak"]["for"].as_str() {
                line += &format!("   soak {soak}");
            }
            let peaks = stage["soak"]["peaks"].as_u64().filter(|peaks| *peaks > 0);
            if let Some(peaks) = peaks {
                line += &format!(" and {peaks} peak{}", if peaks == 1 { "" } else { "s" });
            }
            if present == Some(name) {
                let stage = &status["stage"];
                if let Some(soaked) = stage["soaked"].as_str() {
                    line += &format!(", {soaked} done");
                }
                if peaks.is_some() {
                    line += &format!(", {} seen", stage["peaks"].as_array().map_or(0, Vec::len));
                }
                if let Ok(end) = text(&stage["endsAt"]).parse() {
                    line += &format!(", ends in {}", ago(now, end));
                }
            }
            if stage["approval"] == "Required" {
                line += "   needs approval";
            }
            self.say(&line);
        }
    }

    fn capacity(&mut self, status: &Value, now: Timestamp) {
        let figure =
            |value: &Value| value.as_f64().map_or("?".into(), |value| format!("{}/s", value.round()));
        let demand = &status["demand"];
        let sides = [("legacy", "Kubernetes'"), ("kubernetes", "legacy's")];
        if demand.is_object() || sides.iter().any(|(side, _)| status[side].is_object()) {
            self.say("capacity");
        }
        for (name, other) in sides {
            let side = &status[name];
            if side.is_object() {
                self.say(&format!(
                    "  {name:<12} {} of {} ({} used), could take over {} of {other} at the peak",
                    figure(&side["requestsPerSecond"]),
                    figure(&side["readyRequestsPerSecond"]),
                    percent(&side["utilisation"]),
                    percent(&side["absorbable"]),
                ));
            }
            for workload in side["workloads"].as_array().into_iter().flatten() {
                let pods = |name: &str| workload[name].as_u64().map_or("?".into(), |pods| pods.to_string());
                let (ready, warm) = (pods("ready"), pods("warm"));
                self.say(&format!(
                    "    {}: {ready} pods ready, {warm} of them warm",
                    text(&workload["name"])
                ));
            }
        }
        if demand.is_object() {
            let mut line = format!("  demand       {}", figure(&demand["requestsPerSecond"]));
            if let Ok(at) = text(&demand["peakAt"]).parse() {
                line += &format!(", at most {} ({} ago)", figure(&demand["peak"]), ago(at, now));
            }
            self.say(&line);
        }
    }

    fn guards(&mut self, databases: &Value) {
        let databases = databases.as_array().map(Vec::as_slice).unwrap_or_default();
        if !databases.is_empty() {
            self.say("guards");
        }
        for database in databases {
            for guard in database["guards"].as_array().into_iter().flatten() {
                let signal = text(&guard["signal"]);
                let unit = if signal == "ConnectionRate" { "/s" } else { " %" };
                let figure =
                    |value: &Value| value.as_f64().map_or("?".into(), |value| format!("{value}{unit}"));
                let mut line = format!(
                    "  {:<12} {signal:<18} {:>12}   pauses at {}",
                    text(&database["name"]),
                    figure(&guard["value"]),
                    figure(&guard["pauseAt"]),
                );
                if guard["rollbackAt"].is_number() {
                    line += &format!(", rolls back at {}", figure(&guard["rollbackAt"]));
                }
                if guard["level"] != "Clear" {
                    line += &format!(", clears at {}", figure(&guard["resumeAt"]));
                }
                line += &format!("   {}", text(&guard["level"]));
                if let Some(unknown) = guard["unknown"].as_str() {
                    line += &format!(" ({unknown})");
                }
                self.say(&line);
            }
        }
    }

    fn routes(&mut self, routes: &Value) {
        let routes = routes.as_array().map(Vec::as_slice).unwrap_or_default();
        if !routes.is_empty() {
            self.say("routes");
        }
        for route in routes {
            for instance in route["instances"].as_array().into_iter().flatten() {
                let up = |side: &str| instance[side].as_u64().map_or("?".into(), |up| up.to_string());
                let mut line = format!(
                    "  {:<12} {:<36} {:>8}   {} legacy + {} Kubernetes servers up   {}",
                    text(&route["name"]),
                    text(&instance["address"]),
                    percent(&instance["weight"]),
                    up("legacyUp"),
                    up("kubernetesUp"),
                    if instance["inSync"] == true { "in sync" } else { "OUT OF SYNC" },
                );
                if let Some(error) = instance["lastError"].as_str() {
                    line += &format!("\n    {error}");
                }
                self.say(&line);
            }
        }
    }

    fn blockers(&mut self, blockers: &Value, now: Timestamp) {
        let blockers = blockers.as_array().map(Vec::as_slice).unwrap_or_default();
        if !blockers.is_empty() {
            self.say("blocked by");
        }
        for blocker in blockers {
            let mut line = format!("  {}: {}", text(&blocker["reason"]), text(&blocker["message"]));
            if let Ok(since) = text(&blocker["since"]).parse() {
                line += &format!(", for {}", ago(since, now));
            }
            if let Ok(until) = text(&blocker["until"]).parse() {
                line += &format!(", ends in {}", ago(now, until));
            } else if blocker["who"] == "Person" {
                line += "  [waits for you]";
            }
            self.say(&line);
        }
    }

    fn moves(&mut self, history: &Value) {
        let moves = history.as_array().map(Vec::as_slice).unwrap_or_default();
        if !moves.is_empty() {
            self.say("last moves");
        }
        for step in moves.iter().rev().take(MOVES) {
            self.say(&format!(
                "  {}  {} -> {}  {}",
                text(&step["at"]).split('.').next().unwrap_or_default(),
                percent(&step["from"]),
                percent(&step["to"]),
                text(&step["reason"]),
            ));
        }
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn or<'a>(text: &'a str, other: &'a str) -> &'a str {
    if text.is_empty() { other } else { text }
}

fn percent(value: &Value) -> String {
    value.as_f64().map_or("?".into(), |value| format!("{value} %"))
}

/// From `then` to `now`, in at most two units; nothing if it lies ahead.
fn ago(then: Timestamp, now: Timestamp) -> String {
    let seconds = (now.as_second() - then.as_second()).max(0);
    match seconds {
        0..120 => format!("{seconds}s"),
        120..7200 => format!("{}m", seconds / 60),
        7200..172_800 => format!("{}h{}m", seconds / 3600, seconds / 60 % 60),
        _ => format!("{}d{}h", seconds / 86_400, seconds / 3600 % 24),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[allow(clippy::needless_pass_by_value)] // literals
    fn object(status: Value) -> DynamicObject {
        serde_json::from_value(json!({
            "apiVersion": "crossfade.dev/v1alpha1", "kind": "MigrationPlan",
            "metadata": {"name": "mail", "namespace": "prod"},
            "spec": {"stages": [
                {"name": "canary", "weight": 1, "soak": {"for": "30m", "peaks": 0}},
                {"name": "half", "weight": 50, "soak": {"for": "24h", "peaks": 2}, "approval": "Required"},
                {"name": "full", "weight": 100},
            ]},
            "status": status,
        }))
        .unwrap()
    }

    #[test]
    fn a_plan_is_shown_whole() {
        let status = json!({
            "phase": "Paused", "measuredAt": "2026-01-01T00:59:50.000Z",
            "weight": {"intended": 50, "actual": 49.8}, "summary": {"why": "accounts/ConnectionRate is tripped"},
            "stage": {"name": "half", "soaked": "3h", "peaks": [4100], "endsAt": "2026-01-01T03:12:00.000Z"}, "proven": ["canary"],
            "legacy": {"requestsPerSecond": 1495.6, "readyRequestsPerSecond": 3000, "utilisation": 49.9,
                       "absorbable": 87.5},
            "demand": {"requestsPerSecond": 3000.2, "peak": 4100, "peakAt": "2025-12-31T22:30:00.000Z"},
            "databases": [{"name": "accounts", "guards": [
                {"signal": "ConnectionRate", "level": "Pause", "value": 912.5, "pauseAt": 800, "rollbackAt": 1500,
                 "resumeAt": 600},
                {"signal": "ConnectionsOfMax", "level": "Clear", "pauseAt": 70, "rollbackAt": 85,
                 "unknown": "no sample since noon"},
            ]}],
            "routes": [{"name": "edge", "instances": [
                {"address": "tcp://10.0.0.5:9999", "weight": 49.8, "legacyUp": 4, "kubernetesUp": 3, "inSync": true},
                {"address": "tcp://10.0.0.6:9999", "inSync": false, "lastError": "connection refused"},
            ]}],
            "blockedBy": [{"reason": "GuardPaused", "message": "accounts/ConnectionRate is tripped", "who": "Nobody",
                           "since": "2026-01-01T00:58:30Z"},
                          {"reason": "AwaitingApproval", "message": "approve full", "who": "Person"}],
            "history": [{"at": "2026-01-01T00:00:00.000Z", "from": 1, "to": 50, "reason": "Raising"}],
        });
        assert_eq!(
            plan(&object(status), "2026-01-01T01:00:00Z".parse().unwrap()),
            "\
prod/mail  Paused
  weight   asked 50 %, stands at 49.8 %  (measured 10s ago)
  why      accounts/ConnectionRate is tripped
stages
  ✓ canary                1 %   soak 30m
  ▶ half                 50 %   soak 24h and 2 peaks, 3h done, 1 seen, ends in 2h12m   needs approval
  · full                100 %
capacity
  legacy       1496/s of 3000/s (49.9 % used), could take over 87.5 % of Kubernetes' at the peak
  demand       3000/s, at most 4100/s (2h30m ago)
guards
  accounts     ConnectionRate          912.5/s   pauses at 800/s, rolls back at 1500/s, clears at 600/s   Pause
  accounts     ConnectionsOfMax              ?   pauses at 70 %, rolls back at 85 %   Clear (no sample since noon)
routes
  edge         tcp://10.0.0.5:9999                    49.8 %   4 legacy + 3 Kubernetes servers up   in sync
  edge         tcp://10.0.0.6:9999                         ?   ? legacy + ? Kubernetes servers up   OUT OF SYNC
    connection refused
blocked by
  GuardPaused: accounts/ConnectionRate is tripped, for 90s
  AwaitingApproval: approve full  [waits for you]
last moves
  2026-01-01T00:00:00  1 % -> 50 %  Raising
"
        );
    }

    #[test]
    fn a_plan_that_nobody_has_looked_at_says_so() {
        let text = plan(&object(Value::Null), Timestamp::UNIX_EPOCH);
        assert!(text.starts_with("prod/mail  not seen by an operator yet\nstages\n  · canary"), "{text}");
    }
}
