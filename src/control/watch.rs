//! The watch of the plans: raw objects in, changes out. It waits for its CRD instead of ending.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use futures::stream::{self, Stream, StreamExt as _};
use kube::Client;
use kube::api::{Api, ApiResource, DynamicObject, GroupVersionKind};
use kube::runtime::watcher::{self, Event, watcher};

use super::key::PlanKey;
use crate::api;
use crate::serve::health::{Health, Watch};

/// How long to wait after a failure.
const PAUSE: Duration = Duration::from_secs(1);
/// A watch is begun anew so often, in seconds: a connection that died silently is noticed then.
const ANEW: u32 = 25;

/// What changed.
#[derive(Debug)]
pub enum Change {
    /// A plan is so.
    Is(Box<DynamicObject>),
    /// A plan is gone.
    Gone(PlanKey),
    /// These are all the plans that there are.
    All(BTreeSet<PlanKey>),
}

/// The resource `migrationplans`.
pub fn resource() -> ApiResource {
    let kind = GroupVersionKind::gvk(api::GROUP, api::VERSION, api::KIND);
    ApiResource::from_gvk_with_plural(&kind, "migrationplans")
}

/// A plan's key; `None` for an object without a name.
pub fn key(object: &DynamicObject) -> Option<PlanKey> {
    let metadata = &object.metadata;
    Some(PlanKey::new(metadata.namespace.as_deref()?, metadata.name.as_deref()?))
}

/// The changes of the plans in `namespace`, or in all. It does not end.
pub fn plans(
    client: &Client,
    namespace: Option<&str>,
    health: &Arc<Health>,
) -> impl Stream<Item = Change> + Send + use<> {
    let resource = resource();
    let api: Api<DynamicObject> = match namespace {
        Some(namespace) => Api::namespaced_with(client.clone(), namespace, &resource),
        None => Api::all_with(client.clone(), &resource),
    };
    let events = watcher(api, watcher::Config::default().timeout(ANEW));
    stream::unfold(
        Follow { events: Box::pin(events), health: health.clone(), listed: BTreeSet::new() },
        |mut follow| async {
            loop {
                let event = follow.events.next().await?;
                match event {
                    Ok(event) => {
                        if let Some(change) = follow.take(event) {
                            return Some((change, follow));
                        }
                    }
                    Err(error) => {
                        follow.failed(&error);
                        tokio::time::sleep(PAUSE).await;
                    }
                }
            }
        },
    )
}

struct Follow<S> {
    events: S,
    health: Arc<Health>,
    listed: BTreeSet<PlanKey>,
}

impl<S> Follow<S> {
    fn take(&mut self, event: Event<DynamicObject>) -> Option<Change> {
        match event {
            Event::Apply(object) => Some(Change::Is(Box::new(object))),
            Event::Delete(object) => key(&object).map(Change::Gone),
            Event::Init => {
                self.listed.clear();
                None
            }
            Event::InitApply(object) => {
                self.listed.extend(key(&object));
                Some(Change::Is(Box::new(object)))
            }
            Event::InitDone => {
                if self.health.watch(Watch::Synced) {
                    tracing::info!(plans = self.listed.len(), "watching the plans");
                }
                Some(Change::All(std::mem::take(&mut self.listed)))
            }
        }
    }

    fn failed(&self, error: &watcher::Error) {
        let missing = |error: &kube::Error| matches!(error, kube::Error::Api(status) if status.code == 404);
        let (state, why) = match error {
            watcher::Error::InitialListFailed(error) if missing(error) => (
                Watch::NoCrd,
                "the CRD migrationplans.crossfade.dev is not installed; waiting for it".to_owned(),
            ),
            watcher::Error::InitialListFailed(error) => {
                let why = super::client::chain(error);
                (Watch::Failing(why.clone()), why)
            }
            // The list stands; the watch is begun anew from where it was.
            error => {
                tracing::debug!(%error, "the watch of the plans was interrupted");
                return;
            }
        };
        if self.health.watch(state) {
            tracing::warn!(why, "the plans cannot be watched yet");
        }
    }
}
