//! The objects of one namespace that hold floors, by the API server.

use std::sync::Arc;

use kube::Client;
use kube::api::{Api, DynamicObject, ListParams, Patch, PatchParams};
use kube::core::{ApiResource, GroupVersionKind};

use super::own::Own;
use crate::capacity::Target;
use crate::capacity::floor::{Holder, MANAGER, Mark, Standing, owner, scales};
use crate::control::client::{self, Failure, TIMEOUT};
use crate::control::operator::{Operator, epoch};
use crate::control::watch;
use crate::core::fence::Permit;
use crate::core::route::Purpose;

/// Why a floor could not be read or written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A right is missing.
    #[error(
        "the operator may not {what} in {namespace}: run `crossfade rbac FILE | kubectl apply -f -`, FILE \
         being the plan's file"
    )]
    Forbidden {
        /// What it may not.
        what: String,
        /// Where.
        namespace: String,
    },
    /// The API server refuses, or gives no answer.
    #[error("the operator could not {what} in {namespace}: {failure}; it is tried again by itself")]
    Failed {
        /// What.
        what: String,
        /// Where.
        namespace: String,
        /// Why.
        failure: Failure,
    },
    /// This replica may not write now.
    #[error("this replica does not hold the lease")]
    Fenced,
}

impl Error {
    /// Whether somebody wrote in between, so that reading again helps.
    pub const fn is_conflict(&self) -> bool {
        matches!(self, Self::Failed { failure: Failure::Conflict, .. })
    }

    /// Whether the object is gone.
    pub const fn is_missing(&self) -> bool {
        matches!(self, Self::Failed { failure: Failure::NotFound, .. })
    }

    /// Whether it ends by itself.
    pub const fn is_passing(&self) -> bool {
        matches!(self, Self::Fenced | Self::Failed { failure: Failure::Conflict | Failure::NoAnswer(_), .. })
    }
}

/// One namespace.
#[derive(Clone)]
pub struct Space {
    /// Which.
    pub namespace: String,
    /// The client.
    pub client: Client,
    /// What the tasks share.
    pub operator: Arc<Operator>,
}

impl Space {
    fn api(&self, resource: &ApiResource) -> Api<DynamicObject> {
        Api::namespaced_with(self.client.clone(), &self.namespace, resource)
    }

    fn failed(&self, what: impl Into<String>, failure: Failure) -> Error {
        let (what, namespace) = (what.into(), self.namespace.clone());
        match failure {
            Failure::Forbidden(_) => Error::Forbidden { what, namespace },
            failure => Error::Failed { what, namespace, failure },
        }
    }

    /// Every autoscaler.
    pub async fn autoscalers(&self) -> Result<Vec<DynamicObject>, Error> {
        let list = client::ask(self.api(&autoscaler()).list(&ListParams::default())).await;
        let list = list.map_err(|failure| self.failed("list horizontalpodautoscalers", failure))?;
        Ok(list.items)
    }

    /// The floor of a workload, wherever it stands; `own` says what was changed through its scale.
    pub async fn find(&self, target: &Target, own: &Own) -> Result<Standing, Error> {
        let all = self.autoscalers().await?;
        match all.into_iter().find(|autoscaler| scales(autoscaler, target)) {
            Some(autoscaler) => self.of_autoscaler(&autoscaler).await,
            None => self.get(&Holder::Scale(target.clone()), own).await,
        }
    }

    /// The floor that an autoscaler, or the `ScaledObject` that owns it, holds.
    pub async fn of_autoscaler(&self, autoscaler: &DynamicObject) -> Result<Standing, Error> {
        if let Some(name) = owner(autoscaler) {
            return self.get(&Holder::ScaledObject(name.into()), &Own::default()).await;
        }
        let name = autoscaler.metadata.name.clone().unwrap_or_default();
        Ok(Standing::of(Holder::Autoscaler(name), autoscaler))
    }

    /// The floor that `holder` holds.
    pub async fn get(&self, holder: &Holder, own: &Own) -> Result<Standing, Error> {
        let failed = |failure| self.failed(format!("read {holder}"), failure);
        let (resource, name) = match holder {
            Holder::Scale(target) => {
                let scale = client::ask(self.api(&target.resource()).get_scale(&target.name)).await;
                let scale = scale.map_err(failed)?;
                let replicas = scale.spec.and_then(|spec| spec.replicas).unwrap_or_default();
                return Ok(Standing {
                    holder: holder.clone(),
                    value: u32::try_from(replicas).ok(),
                    most: None,
                    mark: own.notes.get(target).cloned(),
                    manager: None,
                    version: scale.metadata.resource_version.unwrap_or_default(),
                });
            }
            Holder::Autoscaler(name) => (autoscaler(), name),
            Holder::ScaledObject(name) => (scaled_object(), name),
        };
        let object = client::ask(self.api(&resource).get(name)).await.map_err(failed)?;
        Ok(Standing::of(holder.clone(), &object))
    }

    /// Writes a floor over the version that was read, with its mark if the object carries one.
    pub async fn write(&self, is: &Standing, value: Option<u32>, mark: Option<&Mark>) -> Result<(), Error> {
        self.permitted()?;
        let failed = |failure| self.failed(format!("patch {}", is.holder), failure);
        let params = PatchParams { field_manager: Some(MANAGER.into()), ..PatchParams::default() };
        let mut patch = is.patch(value, mark);
        let metrics = &self.operator.metrics;
        let (resource, name) = match &is.holder {
            Holder::Scale(target) => {
                if let Some(metadata) = patch["metadata"].as_object_mut() {
                    metadata.remove("annotations");
                }
                metrics.api_write("patch", "scale");
                let api = self.api(&target.resource());
                let patch = Patch::Merge(patch);
                let written = api.patch_scale(&target.name, &params, &patch);
                return client::ask(written).await.map(drop).map_err(failed);
            }
            Holder::Autoscaler(name) => {
                metrics.api_write("patch", "horizontalpodautoscalers");
                (autoscaler(), name)
            }
            Holder::ScaledObject(name) => {
                metrics.api_write("patch", "scaledobjects");
                (scaled_object(), name)
            }
        };
        let api = self.api(&resource);
        client::ask(api.patch(name, &params, &Patch::Merge(patch))).await.map(drop).map_err(failed)
    }

    /// What stands on a plan; `None` if it is gone.
    pub async fn own(&self, plan: &str) -> Result<Option<Own>, Error> {
        let found = client::ask(self.api(&watch::resource()).get_opt(plan)).await;
        let found = found.map_err(|failure| self.failed(format!("read the plan {plan}"), failure))?;
        Ok(found.as_ref().map(Own::of))
    }

    /// Writes what stands on a plan over the version that was read, and returns it as it stands then.
    pub async fn set_own(&self, plan: &str, own: &Own) -> Result<Own, Error> {
        self.permitted()?;
        self.operator.metrics.api_write("patch", "migrationplans");
        let params = PatchParams { field_manager: Some(MANAGER.into()), ..PatchParams::default() };
        let api = self.api(&watch::resource());
        let written = client::ask(api.patch(plan, &params, &Patch::Merge(own.patch()))).await;
        let failed = |failure| self.failed(format!("patch the plan {plan}"), failure);
        written.map(|object| Own::of(&object)).map_err(failed)
    }

    /// The UIDs of the plans.
    pub async fn plans(&self) -> Result<Vec<String>, Error> {
        let list = client::ask(self.api(&watch::resource()).list_metadata(&ListParams::default())).await;
        let list = list.map_err(|failure| self.failed("list plans", failure))?;
        Ok(list.items.into_iter().filter_map(|plan| plan.metadata.uid).collect())
    }

    /// Whether this replica may write now, and for as long as a write takes.
    fn permitted(&self) -> Result<(), Error> {
        let epoch = epoch(self.operator.standing()).ok_or(Error::Fenced)?;
        let permit = self.operator.permit(Purpose::Raise, epoch, TIMEOUT);
        if permit == Permit::AsOrdered { Ok(()) } else { Err(Error::Fenced) }
    }
}

fn autoscaler() -> ApiResource {
    ApiResource::from_gvk(&GroupVersionKind::gvk("autoscaling", "v2", "HorizontalPodAutoscaler"))
}

fn scaled_object() -> ApiResource {
    ApiResource::from_gvk(&GroupVersionKind::gvk("keda.sh", "v1alpha1", "ScaledObject"))
}
