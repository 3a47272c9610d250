//! A pod, cut to what counting needs: the rest of its text is never kept.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;
use serde::de::IgnoredAny;

/// A pod.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct Pod {
    /// Who it is.
    #[serde(default)]
    pub metadata: Metadata,
    /// How it is.
    #[serde(default)]
    pub status: Status,
}

/// Who a pod is.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Metadata {
    /// Its name, unique in its namespace.
    #[serde(default)]
    pub name: String,
    /// Which object it is: one made anew under the same name is another pod.
    #[serde(default)]
    pub uid: String,
    /// The version of the object.
    #[serde(default)]
    pub resource_version: String,
    /// Its labels.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// Present from when it was asked to end.
    #[serde(default)]
    pub deletion_timestamp: Option<IgnoredAny>,
}

/// How a pod is.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct Status {
    /// `Pending`, `Running`, `Succeeded`, `Failed` or `Unknown`.
    #[serde(default)]
    pub phase: String,
    /// Its conditions.
    #[serde(default)]
    pub conditions: Vec<Condition>,
}

/// A condition.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Condition {
    /// Which.
    #[serde(rename = "type", default)]
    pub kind: String,
    /// `True`, `False` or `Unknown`.
    #[serde(default)]
    pub status: String,
    /// Since when, as RFC 3339 to the second.
    #[serde(default)]
    pub last_transition_time: Option<String>,
}

/// Whether a pod takes requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readiness {
    /// It does not: not ready, at its end, or asked to end.
    No,
    /// It does, since then by the clock of its node, if that can be read.
    Yes(Option<Timestamp>),
}

impl Pod {
    /// Whether it takes requests.
    pub fn readiness(&self) -> Readiness {
        let ended = matches!(self.status.phase.as_str(), "Succeeded" | "Failed");
        let ready = self.status.conditions.iter().find(|condition| condition.kind == "Ready");
        match ready {
            Some(ready) if ready.status == "True" && !ended && self.metadata.deletion_timestamp.is_none() => {
                Readiness::Yes(ready.last_transition_time.as_ref().and_then(|time| time.parse().ok()))
            }
            _ => Readiness::No,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn pod(change: impl FnOnce(&mut Value)) -> Pod {
        let mut value = json!({
            "metadata": {"name": "mail-1", "uid": "u", "resourceVersion": "7", "labels": {"app": "mail"},
                         "managedFields": [{"manager": "kubelet"}]},
            "spec": {"containers": [{"name": "mail", "image": "mail"}]},
            "status": {"phase": "Running", "podIP": "10.0.0.1", "conditions": [
                {"type": "Initialized", "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z"},
                {"type": "Ready", "status": "True", "lastTransitionTime": "2026-01-01T00:01:00Z"},
            ]},
        });
        change(&mut value);
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn a_ready_pod_takes_requests_since_its_condition_says_so() {
        let since = "2026-01-01T00:01:00Z".parse().unwrap();
        assert_eq!(pod(|_| ()).readiness(), Readiness::Yes(Some(since)));
        let timeless = pod(|pod| pod["status"]["conditions"][1]["lastTransitionTime"] = Value::Null);
        assert_eq!(timeless.readiness(), Readiness::Yes(None));
    }

    #[test]
    fn a_pod_that_is_not_ready_or_ends_takes_none() {
        let unready = |pod: &mut Value| pod["status"]["conditions"][1]["status"] = json!("False");
        let unknown = |pod: &mut Value| pod["status"]["conditions"][1]["status"] = json!("Unknown");
        let unjudged = |pod: &mut Value| pod["status"]["conditions"] = json!([]);
        let done = |pod: &mut Value| pod["status"]["phase"] = json!("Succeeded");
        let failed = |pod: &mut Value| pod["status"]["phase"] = json!("Failed");
        let terminating =
            |pod: &mut Value| pod["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:02:00Z");
        let statusless = |pod: &mut Value| drop(pod.as_object_mut().unwrap().remove("status"));
        let changes: [fn(&mut Value); 7] =
            [unready, unknown, unjudged, done, failed, terminating, statusless];
        for (n, change) in changes.into_iter().enumerate() {
            assert_eq!(pod(change).readiness(), Readiness::No, "{n}");
        }
    }
}
