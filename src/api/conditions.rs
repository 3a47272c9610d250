//! Conditions as kstatus understands them. Their times change only when a status changes.

use serde_json::Value;

use super::remember::cut;
use super::status::ConditionStatus;
use crate::core::report::Condition;

/// The conditions of a plan: `accepted` (of kind `Accepted`) and the core's, with the times of
/// `previous` (the last status, if any) where nothing changed.
///
/// A spec that is not accepted needs a person, whatever the last accepted one is doing: `Ready` is
/// then False and `Stalled` True.
pub fn conditions(
    previous: Option<&Value>,
    accepted: &Condition,
    core: &[Condition],
    generation: i64,
    now: &str,
) -> Vec<ConditionStatus> {
    let stalled = (!accepted.status).then(|| {
        [("Ready", false), ("Reconciling", false), ("Stalled", true)].map(|(kind, status)| Condition {
            kind,
            status,
            ..accepted.clone()
        })
    });
    let stalled = stalled.iter().flatten();
    let rest = core.iter().filter(|condition| {
        accepted.status || !matches!(condition.kind, "Ready" | "Reconciling" | "Stalled" | "Accepted")
    });
    std::iter::once(accepted)
        .chain(stalled)
        .chain(rest)
        .map(|condition| {
            let status = if condition.status { "True" } else { "False" };
            ConditionStatus {
                kind: condition.kind.into(),
                status: status.into(),
                observed_generation: Some(generation),
                last_transition_time: unchanged_since(previous, condition.kind, status)
                    .unwrap_or_else(|| now.to_owned()),
                reason: condition.reason.name().into(),
                message: if condition.kind == "Accepted" {
                    condition.message.chars().take(8192).collect()
                } else {
                    cut(&condition.message)
                },
            }
        })
        .collect()
}

/// When the condition took the status that it still has.
fn unchanged_since(previous: Option<&Value>, kind: &str, status: &str) -> Option<String> {
    let conditions = previous?.get("conditions")?.as_array()?;
    let condition = conditions.iter().find(|condition| condition["type"] == kind)?;
    if condition["status"] != status {
        return None;
    }
    condition["lastTransitionTime"].as_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::reason::Reason;
    use serde_json::json;

    fn condition(kind: &'static str, status: bool, reason: Reason) -> Condition {
        Condition { kind, status, reason, message: "m".into() }
    }

    #[test]
    fn a_time_changes_only_with_its_status() {
        let previous = json!({"conditions": [
            {"type": "Accepted", "status": "True", "lastTransitionTime": "t0"},
            {"type": "Ready", "status": "True", "lastTransitionTime": "t0"},
        ]});
        let core = [condition("Ready", false, Reason::GuardPaused)];
        let accepted = condition("Accepted", true, Reason::Accepted);
        let times: Vec<_> = conditions(Some(&previous), &accepted, &core, 2, "t1")
            .into_iter()
            .map(|condition| (condition.kind, condition.last_transition_time))
            .collect();
        assert_eq!(times, [("Accepted".into(), "t0".into()), ("Ready".into(), "t1".into())]);
    }

    #[test]
    fn a_plan_that_is_not_accepted_is_stalled_and_never_ready() {
        let core =
            [condition("Ready", true, Reason::Soaking), condition("GuardsClear", true, Reason::GuardsClear)];
        let accepted = condition("Accepted", false, Reason::InvalidSpec);
        let seen: Vec<_> = conditions(None, &accepted, &core, 2, "t1")
            .into_iter()
            .map(|condition| format!("{}={}", condition.kind, condition.status))
            .collect();
        assert_eq!(
            seen,
            ["Accepted=False", "Ready=False", "Reconciling=False", "Stalled=True", "GuardsClear=True"]
        );
    }
}
