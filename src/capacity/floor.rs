//! The floor of a workload: which object holds it, what was changed in it, and what to do next. Pure: the
//! shell reads and writes the objects.
//!
//! What was changed is written beside the change, in one patch, so that nothing is left half done; it is
//! given back only while it is still what was set.

use kube::api::DynamicObject;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Target;

/// The annotation of a changed object, and the finalizer of a plan while there is such an object.
pub const RESTORE: &str = "crossfade.dev/restore";
/// The field manager of the changes.
pub const MANAGER: &str = "crossfade";

/// What was changed.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// The UID of the plan for which it was changed.
    pub plan: String,
    /// The floor before; `None` if none was written.
    pub before: Option<u32>,
    /// The floor that was set.
    pub set: u32,
}

/// What holds the floor of a workload.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Holder {
    /// A `HorizontalPodAutoscaler` (autoscaling/v2), by its name.
    Autoscaler(String),
    /// A KEDA `ScaledObject` (keda.sh/v1alpha1), by its name; it owns an autoscaler and writes its floor.
    ScaledObject(String),
    /// Nothing scales the workload: its scale subresource.
    Scale(Target),
}

impl Holder {
    /// The field that holds the floor.
    pub const fn field(&self) -> &'static str {
        match self {
            Self::Autoscaler(_) => "minReplicas",
            Self::ScaledObject(_) => "minReplicaCount",
            Self::Scale(_) => "replicas",
        }
    }

    /// The field that bounds it.
    const fn most(&self) -> Option<&'static str> {
        match self {
            Self::Autoscaler(_) => Some("maxReplicas"),
            Self::ScaledObject(_) => Some("maxReplicaCount"),
            Self::Scale(_) => None,
        }
    }

    /// What the field counts as if it is absent (autoscaling/v2: 1; KEDA: 0).
    const fn absent(&self) -> u32 {
        match self {
            Self::Autoscaler(_) => 1,
            Self::ScaledObject(_) | Self::Scale(_) => 0,
        }
    }
}

impl std::fmt::Display for Holder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Autoscaler(name) => write!(f, "HorizontalPodAutoscaler {name}"),
            Self::ScaledObject(name) => write!(f, "ScaledObject {name}"),
            Self::Scale(target) => target.fmt(f),
        }
    }
}

/// How a floor stands now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// What holds it.
    pub holder: Holder,
    /// What is written there.
    pub value: Option<u32>,
    /// The most that it may be, if it is bounded.
    pub most: Option<u32>,
    /// What was changed in it.
    pub mark: Option<Mark>,
    /// Who, other than this operator, wrote the value last, if that is known.
    pub manager: Option<String>,
    /// The version that was read.
    pub version: String,
}

/// What to do with a floor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Nothing.
    Stays,
    /// Write it, and remember what was there before.
    Set {
        /// The floor.
        pods: u32,
        /// What is to be given back.
        before: Option<u32>,
    },
    /// The same; somebody else has written another since it was set.
    PutBack {
        /// The floor.
        pods: u32,
        /// What is to be given back.
        before: Option<u32>,
    },
    /// Write back what was there before, and forget it.
    GiveBack(Option<u32>),
    /// Forget what was there before: somebody else has written another, and that is enough.
    LetGo,
    /// Another plan has changed it.
    Taken,
}

impl Standing {
    /// How the floor stands in a `HorizontalPodAutoscaler` or a `ScaledObject`.
    pub fn of(holder: Holder, object: &DynamicObject) -> Self {
        let spec = object.data.get("spec").unwrap_or(&Value::Null);
        let annotations = object.metadata.annotations.as_ref();
        let mark = annotations.and_then(|all| serde_json::from_str(all.get(RESTORE)?).ok());
        Self {
            value: number(spec, holder.field()),
            most: holder.most().and_then(|field| number(spec, field)),
            mark,
            manager: manager(object, holder.field()),
            version: object.metadata.resource_version.clone().unwrap_or_default(),
            holder,
        }
    }

    /// The pods that it asks for at least.
    pub fn pods(&self) -> u32 {
        self.value.unwrap_or(self.holder.absent())
    }

    /// The mark, if it is the plan's.
    pub fn mark_of(&self, plan: &str) -> Option<&Mark> {
        self.mark.as_ref().filter(|mark| mark.plan == plan)
    }

    /// What to do so that there are at least `wanted` pods for the plan with this UID.
    pub fn step(&self, wanted: u32, plan: &str) -> Step {
        let pods = self.most.map_or(wanted, |most| wanted.min(most));
        let Some(mark) = self.mark_of(plan) else {
            return match self.mark {
                _ if self.pods() >= pods => Step::Stays,
                Some(_) => Step::Taken,
                None => Step::Set { pods, before: self.value },
            };
        };
        let before = mark.before.unwrap_or(self.holder.absent());
        if self.pods() == mark.set {
            if pods == mark.set {
                Step::Stays
            } else if pods > before {
                Step::Set { pods, before: mark.before }
            } else {
                Step::GiveBack(mark.before)
            }
        } else if self.pods() >= pods {
            Step::LetGo
        } else {
            Step::PutBack { pods, before: self.value }
        }
    }

    /// The merge patch that writes a floor with its mark over the version that was read. It is not for a
    /// scale subresource, which carries no annotation.
    pub fn patch(&self, value: Option<u32>, mark: Option<&Mark>) -> Value {
        let mark = mark.and_then(|mark| serde_json::to_string(mark).ok());
        json!({
            "metadata": {"resourceVersion": self.version, "annotations": {RESTORE: mark}},
            "spec": {self.holder.field(): value},
        })
    }
}

fn number(spec: &Value, field: &str) -> Option<u32> {
    u32::try_from(spec.get(field)?.as_u64()?).ok()
}

/// Who wrote `spec.<field>` last, this operator aside.
fn manager(object: &DynamicObject, field: &str) -> Option<String> {
    let field = format!("f:{field}");
    let entries = object.metadata.managed_fields.iter().flatten();
    let wrote = entries.filter(|entry| {
        let fields = entry.fields_v1.as_ref().and_then(|fields| fields.0.get("f:spec")?.get(&field));
        fields.is_some() && entry.manager.as_deref() != Some(MANAGER)
    });
    wrote.max_by_key(|entry| entry.time.as_ref().map(|time| time.0))?.manager.clone()
}

/// Whether an autoscaler is the one of `target`.
pub fn scales(autoscaler: &DynamicObject, target: &Target) -> bool {
    let of = &autoscaler.data["spec"]["scaleTargetRef"];
    let text = |field: &str| of[field].as_str().unwrap_or_default();
    // The version may differ: it is the same object.
    let named = Target::new(text("apiVersion"), text("kind"), text("name"));
    autoscaler.metadata.deletion_timestamp.is_none()
        && (&named.group, &named.kind, &named.name) == (&target.group, &target.kind, &target.name)
}

/// The `ScaledObject` that owns an autoscaler, if one does.
pub fn owner(autoscaler: &DynamicObject) -> Option<&str> {
    let owners = autoscaler.metadata.owner_references.iter().flatten();
    let mut owners = owners.filter(|owner| owner.kind == "ScaledObject");
    owners.find(|owner| owner.api_version.starts_with("keda.sh/")).map(|owner| owner.name.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(value: &Value) -> DynamicObject {
        serde_json::from_value(value.clone()).unwrap()
    }

    fn autoscaler() -> Value {
        json!({
            "apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler",
            "metadata": {
                "name": "mail", "resourceVersion": "7",
                "managedFields": [
                    {"manager": "crossfade", "time": "2026-01-03T00:00:00Z", "fieldsV1": {"f:spec": {"f:minReplicas": {}}}},
                    {"manager": "flux", "time": "2026-01-02T00:00:00Z", "fieldsV1": {"f:spec": {"f:minReplicas": {}}}},
                    {"manager": "kubectl", "time": "2026-01-01T00:00:00Z", "fieldsV1": {"f:spec": {"f:minReplicas": {}}}},
                    {"manager": "other", "time": "2026-01-04T00:00:00Z", "fieldsV1": {"f:spec": {"f:metrics": {}}}},
                ],
            },
            "spec": {"minReplicas": 2, "maxReplicas": 20,
                     "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "mail"}},
        })
    }

    fn standing(value: u32, mark: Option<(Option<u32>, u32)>) -> Standing {
        let mark = mark.map(|(before, set)| Mark { plan: "ours".into(), before, set });
        let holder = Holder::Autoscaler("mail".into());
        Standing { holder, value: Some(value), most: Some(20), mark, manager: None, version: "7".into() }
    }

    #[test]
    fn an_autoscaler_says_its_floor_who_wrote_it_and_what_was_changed() {
        let mut value = autoscaler();
        let read = |value: &Value| Standing::of(Holder::Autoscaler("mail".into()), &object(value));
        let manager = Some("flux".into());
        assert_eq!(read(&value), Standing { manager, ..standing(2, None) });
        let mark = Mark { plan: "ours".into(), before: Some(2), set: 9 };
        let patch = read(&value).patch(Some(9), Some(&mark));
        assert_eq!(
            patch,
            json!({
                "metadata": {"resourceVersion": "7", "annotations": {
                    "crossfade.dev/restore": "{\"plan\":\"ours\",\"before\":2,\"set\":9}"}},
                "spec": {"minReplicas": 9},
            })
        );
        value["metadata"]["annotations"] = patch["metadata"]["annotations"].clone();
        value["spec"]["minReplicas"] = json!(9);
        assert_eq!(read(&value).mark, Some(mark));
        assert_eq!(
            read(&value).patch(None, None),
            json!({
                "metadata": {"resourceVersion": "7", "annotations": {"crossfade.dev/restore": null}},
                "spec": {"minReplicas": null},
            })
        );
        value["metadata"]["annotations"]["crossfade.dev/restore"] = json!("what");
        assert_eq!(read(&value).mark, None);
    }

    #[test]
    fn it_is_the_workloads_by_group_kind_and_name() {
        let value = autoscaler();
        let fits = |value: &Value, target: &Target| scales(&object(value), target);
        assert!(fits(&value, &Target::new("apps/v1beta1", "Deployment", "mail")));
        assert!(!fits(&value, &Target::new("apps/v1", "Deployment", "more")));
        assert!(!fits(&value, &Target::new("apps/v1", "StatefulSet", "mail")));
        assert!(!fits(&value, &Target::new("example.com/v1", "Deployment", "mail")));
        let mut ending = value;
        ending["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
        assert!(!fits(&ending, &Target::new("apps/v1", "Deployment", "mail")));
        assert_eq!(owner(&object(&ending)), None);
        ending["metadata"]["ownerReferences"] = json!([
            {"apiVersion": "example.com/v1", "kind": "ScaledObject", "name": "no", "uid": "1"},
            {"apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject", "name": "yes", "uid": "2"},
        ]);
        assert_eq!(owner(&object(&ending)), Some("yes"));
    }

    #[test]
    fn a_floor_is_raised_lowered_and_given_back_while_it_is_what_was_set() {
        let step = |is: &Standing, wanted| is.step(wanted, "ours");
        assert_eq!(step(&standing(2, None), 2), Step::Stays, "it is enough");
        assert_eq!(step(&standing(2, None), 0), Step::Stays, "nothing was changed");
        assert_eq!(step(&standing(2, None), 9), Step::Set { pods: 9, before: Some(2) });
        assert_eq!(step(&standing(2, None), 30), Step::Set { pods: 20, before: Some(2) }, "what it may be");
        let set = standing(9, Some((Some(2), 9)));
        assert_eq!(step(&set, 9), Step::Stays);
        assert_eq!(step(&set, 12), Step::Set { pods: 12, before: Some(2) });
        assert_eq!(step(&set, 3), Step::Set { pods: 3, before: Some(2) });
        assert_eq!(step(&set, 2), Step::GiveBack(Some(2)));
        assert_eq!(step(&set, 0), Step::GiveBack(Some(2)));
        assert_eq!(step(&standing(9, Some((None, 9))), 0), Step::GiveBack(None));
    }

    #[test]
    fn what_somebody_else_wrote_is_put_back_if_it_is_too_little_and_else_theirs() {
        let step = |value, wanted| standing(value, Some((Some(2), 9))).step(wanted, "ours");
        assert_eq!(step(2, 9), Step::PutBack { pods: 9, before: Some(2) });
        assert_eq!(step(4, 9), Step::PutBack { pods: 9, before: Some(4) }, "what they want now");
        assert_eq!(step(12, 9), Step::LetGo);
        assert_eq!(step(4, 0), Step::LetGo);
        let theirs = standing(4, Some((Some(2), 4)));
        assert_eq!(theirs.step(9, "another"), Step::Taken);
        assert_eq!(theirs.step(4, "another"), Step::Stays);
        assert_eq!(theirs.step(0, "another"), Step::Stays, "it is not ours to give back");
    }

    #[test]
    fn an_absent_floor_is_one_pod_of_an_autoscaler_and_none_of_keda() {
        let bare = |holder| Standing { value: None, most: None, holder, ..standing(0, None) };
        let autoscaler = bare(Holder::Autoscaler("mail".into()));
        assert_eq!((autoscaler.pods(), autoscaler.step(1, "ours")), (1, Step::Stays));
        let keda = bare(Holder::ScaledObject("mail".into()));
        assert_eq!((keda.pods(), keda.step(1, "ours")), (0, Step::Set { pods: 1, before: None }));
        assert_eq!(keda.patch(Some(1), None)["spec"], json!({"minReplicaCount": 1}));
    }
}
