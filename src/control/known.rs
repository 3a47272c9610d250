//! What the reconciler knows of one plan.

use std::collections::BTreeMap;
use std::sync::Arc;

use kube::api::DynamicObject;
use serde_json::Value;
use tokio::time::Instant;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::floors::Own;
use super::hands;
use super::recorder::{Desk, Verdict};
use super::resolve::{Candidate, Rejection};
use super::wire::Wiring;
use crate::api::restore;
use crate::core::reason::Reason;
use crate::core::report::Condition;

/// A spec in force, with what runs for it.
pub struct Running {
    /// The spec.
    pub candidate: Candidate,
    /// How what it names is reached.
    pub wiring: Wiring,
    /// Its lanes, in the order of the plan's instances.
    pub lanes: Vec<hands::Running>,
    /// The figures that are polled for it.
    pub polled: Vec<hands::Polled>,
    /// Keeps its floors until this is dropped.
    pub floors: Option<DropGuard>,
}

/// What is known of one plan.
pub struct Known {
    /// Which object it is.
    pub uid: String,
    /// When it was created, in seconds since the Unix epoch.
    pub created: i64,
    /// The newest generation.
    pub generation: i64,
    /// The annotations.
    pub annotations: BTreeMap<String, String>,
    /// Whether the finalizer for what was changed was seen on it.
    pub finalized: bool,
    /// The newest spec.
    pub newest: Result<Candidate, Rejection>,
    /// The spec accepted last, by this process or according to the status.
    pub accepted: Option<Candidate>,
    /// The status as it stood when the plan was first seen, until the plan runs.
    pub status: Option<Value>,
    /// What runs.
    pub running: Option<Running>,
    /// Why the newest spec is not accepted.
    pub rejection: Option<Rejection>,
    /// A route of the newest spec that belongs to another plan.
    pub taken: Option<Rejection>,
    /// The look-up that counts.
    pub ticket: u64,
    /// When to look it up again.
    pub retry: Option<Instant>,
    /// What its recorder needs.
    pub desk: Arc<Desk>,
    /// Ends its recorder.
    pub stop: CancellationToken,
    raw: Option<Arc<Value>>,
}

impl Known {
    /// A plan that was not looked at yet.
    pub fn new(uid: String, object: &DynamicObject) -> Self {
        let status = object.data.get("status").cloned();
        let accepted = status.as_ref().and_then(restore::accepted).and_then(|accepted| {
            let read = Candidate::read(&Arc::new(accepted.spec), accepted.generation);
            // A newer version may refuse what an older one accepted.
            read.inspect_err(|rejection| {
                tracing::warn!(
                    uid,
                    why = rejection.message,
                    "the spec accepted last cannot be used any more"
                );
            })
            .ok()
        });
        let created = object.metadata.creation_timestamp.as_ref();
        Self {
            uid,
            created: created.map_or(i64::MAX, |time| time.0.as_second()),
            generation: 0,
            annotations: BTreeMap::new(),
            finalized: false,
            newest: Err(Rejection { reason: Reason::InvalidSpec, message: String::new() }),
            accepted,
            status,
            running: None,
            rejection: None,
            taken: None,
            ticket: 0,
            retry: None,
            desk: Arc::default(),
            stop: CancellationToken::new(),
            raw: None,
        }
    }

    /// What `Accepted` says.
    pub fn verdict(&self) -> Verdict {
        let running = self.running.as_ref().map(|running| &running.candidate);
        let (status, reason, message) = match (&self.rejection, running) {
            (None, _) => (true, Reason::Accepted, "the spec is in force".to_owned()),
            (Some(Rejection { reason, message }), Some(Candidate { generation, .. })) => {
                (false, *reason, format!("{message}\nThe spec of generation {generation} stays in force."))
            }
            (Some(Rejection { reason, message }), None) => {
                (false, *reason, format!("{message}\nNothing guards this plan until then."))
            }
        };
        Verdict {
            generation: self.generation,
            condition: Condition { kind: "Accepted", status, reason, message },
            accepted: running.map(|candidate| (candidate.raw.clone(), candidate.generation)),
        }
    }

    /// Takes the newest object; whether its spec is another one.
    pub fn look_at(&mut self, object: &DynamicObject) -> bool {
        self.annotations = object.metadata.annotations.clone().unwrap_or_default();
        self.finalized = Own::of(object).is_finalized();
        let spec = object.data.get("spec").unwrap_or(&Value::Null);
        let generation = object.metadata.generation.unwrap_or_default();
        // A spec that was changed and changed back while nobody looked has a new generation, and
        // those who wait for `observedGeneration` wait for that one.
        if self.generation == generation && self.raw.as_deref() == Some(spec) {
            return false;
        }
        let raw = Arc::new(spec.clone());
        self.generation = generation;
        self.newest = Candidate::read(&raw, self.generation);
        self.raw = Some(raw);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn object(generation: i64) -> DynamicObject {
        serde_json::from_value(json!({
            "apiVersion": "crossfade.dev/v1alpha1", "kind": "MigrationPlan",
            "metadata": {"name": "mail", "generation": generation}, "spec": {"paused": true},
        }))
        .unwrap()
    }

    #[test]
    fn a_spec_changed_and_changed_back_unseen_has_its_new_generation() {
        let mut known = Known::new("u".into(), &object(1));
        assert!(known.look_at(&object(1)));
        assert!(!known.look_at(&object(1)));
        assert!(known.look_at(&object(3)));
        assert_eq!(known.generation, 3);
    }
}
