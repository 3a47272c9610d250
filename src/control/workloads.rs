//! The workloads that a plan names: whether their pods can be found and watched.

use std::time::Duration;

use k8s_openapi::api::authorization::v1::{
    ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec,
};
use kube::Client;
use kube::api::{Api, DynamicObject, PostParams};
use tokio::time::timeout;

use super::client::{self, Failure, TIMEOUT};
use super::floors::FloorWire;
use crate::api::parse::Parsed;
use crate::capacity::{Selector, Target, selector};
use crate::core::reason::Reason;

/// Whose pods are counted, and when one of them is warm.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct WorkloadWire {
    /// Where.
    pub namespace: String,
    /// What runs them.
    pub target: Target,
    /// How long a pod is ready before it is warm.
    pub warm_up: Duration,
}

impl WorkloadWire {
    /// Those of a plan, in its order.
    pub fn all(namespace: &str, parsed: &Parsed) -> Vec<Self> {
        let workloads = parsed.plan.capacity.kubernetes.iter().flat_map(|side| &side.workloads);
        let wires = parsed.targets().zip(workloads);
        wires
            .map(|(target, workload)| Self { namespace: namespace.into(), target, warm_up: workload.warm_up })
            .collect()
    }
}

/// Why the pods of a workload cannot be counted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Lack {
    /// It is not there, or cannot be scaled.
    #[error(
        "there is no {target} with a scale subresource in {namespace}: create it, or correct \
         spec.kubernetes.workloads; the plan is looked at again by itself"
    )]
    Missing {
        /// Where.
        namespace: String,
        /// Which.
        target: Target,
    },
    /// Its scale subresource names no pods.
    #[error("the scale subresource of {target} in {namespace} names no pods: {error}; correct the workload")]
    Selector {
        /// Where.
        namespace: String,
        /// Which.
        target: Target,
        /// What is wrong.
        error: selector::Error,
    },
    /// A right is missing.
    #[error(
        "the operator may not {what} in {namespace}: run `crossfade rbac FILE | kubectl apply -f -`, FILE \
         being the plan's file"
    )]
    Forbidden {
        /// Where.
        namespace: String,
        /// What it may not.
        what: String,
    },
    /// The API server did not say.
    #[error("{what} in {namespace} could not be read: {failure}; it is tried again by itself")]
    Unread {
        /// Where.
        namespace: String,
        /// What.
        what: String,
        /// What happened.
        failure: Failure,
    },
}

impl Lack {
    /// The reason for `Accepted`.
    pub const fn reason(&self) -> Reason {
        match self {
            Self::Forbidden { .. } => Reason::PermissionMissing,
            Self::Missing { .. } | Self::Selector { .. } | Self::Unread { .. } => Reason::ReferenceNotFound,
        }
    }
}

/// Whether the pods of all of these can be counted. Fails with the first reason why not, and does not
/// take long: a plan that was accepted is guarded only after it.
pub async fn check(client: &Client, wires: &[WorkloadWire], floors: &[FloorWire]) -> Result<(), Lack> {
    let Some(first) = wires.first() else { return Ok(()) };
    let namespace = first.namespace.clone();
    if let Ok(checked) = timeout(TIMEOUT, check_all(client, wires, floors, &namespace)).await {
        return checked;
    }
    let failure = Failure::NoAnswer(format!("none within {TIMEOUT:?}"));
    Err(Lack::Unread { namespace, what: "the workloads".into(), failure })
}

async fn check_all(
    client: &Client,
    wires: &[WorkloadWire],
    floors: &[FloorWire],
    namespace: &str,
) -> Result<(), Lack> {
    for verb in ["list", "watch"] {
        let asked = ResourceAttributes {
            verb: Some(verb.into()),
            resource: Some("pods".into()),
            ..ResourceAttributes::default()
        };
        may(client, namespace, asked, format!("{verb} pods")).await?;
    }
    for wire in wires {
        selector(client, wire).await?;
    }
    for (asked, what) in floor_rights(floors) {
        may(client, namespace, asked, what).await?;
    }
    Ok(())
}

/// Which pods belong to a workload.
pub async fn selector(client: &Client, wire: &WorkloadWire) -> Result<Selector, Lack> {
    let (namespace, target) = (wire.namespace.clone(), wire.target.clone());
    let api: Api<DynamicObject> =
        Api::namespaced_with(client.clone(), &wire.namespace, &wire.target.resource());
    let scale = client::ask(api.get_scale(&wire.target.name)).await;
    match scale {
        Ok(scale) => {
            let text = scale.status.and_then(|status| status.selector).unwrap_or_default();
            text.parse().map_err(|error| Lack::Selector { namespace, target, error })
        }
        Err(Failure::NotFound) => Err(Lack::Missing { namespace, target }),
        Err(Failure::Forbidden(_)) => {
            Err(Lack::Forbidden { namespace, what: format!("read the scale subresource of {target}") })
        }
        Err(failure) => Err(Lack::Unread { namespace, what: target.to_string(), failure }),
    }
}

/// What is asked for when the floors of workloads are raised: that of a `ScaledObject` only once there is one.
fn floor_rights(wires: &[FloorWire]) -> Vec<(ResourceAttributes, String)> {
    let attributes = |group: &str, resource: &str, verb: &str| ResourceAttributes {
        group: Some(group.into()),
        resource: Some(resource.into()),
        verb: Some(verb.into()),
        ..ResourceAttributes::default()
    };
    let autoscalers = ["list", "get", "patch"].map(|verb| {
        let what = format!("{verb} horizontalpodautoscalers");
        (attributes("autoscaling", "horizontalpodautoscalers", verb), what)
    });
    let scales = wires.iter().map(|FloorWire { target, .. }| {
        let resource = target.resource();
        let asked = ResourceAttributes {
            subresource: Some("scale".into()),
            name: Some(target.name.clone()),
            ..attributes(&resource.group, &resource.plural, "patch")
        };
        (asked, format!("patch the scale subresource of {target}"))
    });
    let autoscalers = autoscalers.into_iter().filter(|_| !wires.is_empty());
    autoscalers.chain(scales).collect()
}

/// Whether the operator may do something in a namespace.
async fn may(client: &Client, namespace: &str, asked: ResourceAttributes, what: String) -> Result<(), Lack> {
    let attributes = ResourceAttributes { namespace: Some(namespace.into()), ..asked };
    let review = SelfSubjectAccessReview {
        spec: SelfSubjectAccessReviewSpec {
            resource_attributes: Some(attributes),
            ..SelfSubjectAccessReviewSpec::default()
        },
        ..SelfSubjectAccessReview::default()
    };
    let reviews: Api<SelfSubjectAccessReview> = Api::all(client.clone());
    let namespace = namespace.to_owned();
    match client::ask(reviews.create(&PostParams::default(), &review)).await {
        Ok(answer) if answer.status.as_ref().is_some_and(|status| status.allowed) => Ok(()),
        Ok(_) => Err(Lack::Forbidden { namespace, what }),
        Err(failure) => Err(Lack::Unread { namespace, what: "what the operator may do".into(), failure }),
    }
}
