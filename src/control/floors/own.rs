//! What stands on the plan's own object: the finalizer while something is changed for it, and what was
//! changed through scale subresources, which carry no annotation themselves.

use std::collections::BTreeMap;

use kube::api::DynamicObject;
use serde_json::{Value, json};

use crate::capacity::Target;
use crate::capacity::floor::{Mark, RESTORE};

/// The part of a plan's metadata that belongs to its floors.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Own {
    /// Which object it is.
    pub uid: String,
    /// The version that was read.
    pub version: String,
    /// All finalizers.
    pub finalizers: Vec<String>,
    /// What was changed through scale subresources.
    pub notes: BTreeMap<Target, Mark>,
    /// Whether it is being deleted.
    pub ending: bool,
}

impl Own {
    /// What an object says.
    pub fn of(object: &DynamicObject) -> Self {
        let metadata = &object.metadata;
        let text = metadata.annotations.as_ref().and_then(|all| all.get(RESTORE));
        let notes: BTreeMap<String, Mark> =
            text.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
        Self {
            uid: metadata.uid.clone().unwrap_or_default(),
            version: metadata.resource_version.clone().unwrap_or_default(),
            finalizers: metadata.finalizers.clone().unwrap_or_default(),
            notes: notes.into_iter().filter_map(|(name, mark)| Some((target(&name)?, mark))).collect(),
            ending: metadata.deletion_timestamp.is_some(),
        }
    }

    /// Whether the finalizer is there.
    pub fn is_finalized(&self) -> bool {
        self.finalizers.iter().any(|name| name == RESTORE)
    }

    /// The same with or without the finalizer, and with these notes.
    #[must_use]
    pub fn with(&self, finalized: bool, notes: BTreeMap<Target, Mark>) -> Self {
        let mut finalizers = self.finalizers.clone();
        finalizers.retain(|name| name != RESTORE);
        if finalized {
            finalizers.push(RESTORE.into());
        }
        Self { finalizers, notes, ..self.clone() }
    }

    /// The merge patch that makes an object so, over the version that was read.
    pub fn patch(&self) -> Value {
        let notes: BTreeMap<String, &Mark> =
            self.notes.iter().map(|(target, mark)| (name(target), mark)).collect();
        let text = if notes.is_empty() { None } else { serde_json::to_string(&notes).ok() };
        json!({"metadata": {
            "resourceVersion": self.version, "finalizers": self.finalizers, "annotations": {RESTORE: text},
        }})
    }
}

/// `group/version/kind/name`; the group is empty for the core's.
fn name(target: &Target) -> String {
    let Target { group, version, kind, name } = target;
    format!("{group}/{version}/{kind}/{name}")
}

fn target(text: &str) -> Option<Target> {
    let mut parts = text.splitn(4, '/').map(ToOwned::to_owned);
    let (group, version) = (parts.next()?, parts.next()?);
    Some(Target { group, version, kind: parts.next()?, name: parts.next()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_to_a_plan_is_read_from_it() {
        let mark = Mark { plan: "u".into(), before: Some(3), set: 9 };
        let mut plan = json!({
            "apiVersion": "crossfade.dev/v1alpha1", "kind": "MigrationPlan",
            "metadata": {"name": "mail", "uid": "u", "resourceVersion": "4", "finalizers": ["another"]},
        });
        let read = |plan: &Value| Own::of(&serde_json::from_value(plan.clone()).unwrap());
        let before = read(&plan);
        assert!(!before.is_finalized());
        let notes = [
            (Target::new("apps/v1", "Deployment", "mail"), mark.clone()),
            (Target::new("v1", "ReplicationController", "old"), mark),
        ];
        let after = before.with(true, notes.into());
        json_patch::merge(&mut plan, &after.patch());
        assert_eq!(plan["metadata"]["finalizers"], json!(["another", "crossfade.dev/restore"]));
        assert_eq!(read(&plan), after);
        assert!(after.is_finalized());
        json_patch::merge(&mut plan, &after.with(false, BTreeMap::new()).patch());
        assert_eq!(read(&plan), before);
        assert_eq!(plan["metadata"]["annotations"], json!({}));
    }
}
