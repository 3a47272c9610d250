//! Floors begin with a plan that runs, and are given back when a plan ends.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use kube::api::DynamicObject;
use tokio::sync::Notify;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::Reconciler;
use crate::control::floors::{Keeper, Own, Space, leave};
use crate::control::key::PlanKey;

/// The plans that are being deleted, and what gives back what was changed.
#[derive(Default)]
pub(super) struct Leaving {
    plans: BTreeMap<PlanKey, (String, DropGuard)>,
    /// The last look for what was changed for plans that are gone, by namespace.
    orphans: BTreeMap<String, DropGuard>,
    /// Whether that was looked for since the start.
    looked: bool,
}

impl Leaving {
    /// A plan is gone.
    pub(super) fn forget(&mut self, key: &PlanKey) {
        self.plans.remove(key);
    }
}

impl Reconciler {
    fn space(&self, namespace: &str) -> Space {
        Space { namespace: namespace.into(), client: self.client.clone(), operator: self.operator.clone() }
    }

    /// Keeps the floors of a plan that runs, if it has any, or had.
    pub(super) fn keep_floors(&mut self, key: &PlanKey, promises: Arc<Notify>) {
        let space = self.space(key.namespace());
        let Some(known) = self.plans.get_mut(key) else { return };
        let (uid, finalized) = (known.uid.clone(), known.finalized);
        let Some(running) = &mut known.running else { return };
        let wires = running.wiring.floors.clone();
        if wires.is_empty() && !finalized {
            return;
        }
        let stop = CancellationToken::new();
        let keeper = Keeper::new(key.clone(), uid, wires, finalized, space).woken_by(promises);
        self.operator.crew.start(format!("floors {key}"), &stop, keeper.keep(stop.clone()));
        running.floors = Some(stop.drop_guard());
    }

    /// A plan is being deleted: it ends, and what was changed for it is given back.
    pub(super) fn leave(&mut self, key: &PlanKey, uid: &str, object: &DynamicObject) {
        self.gone(key);
        let left = self.leaving.plans.get(key).is_some_and(|(known, _)| known == uid);
        if left || !Own::of(object).is_finalized() {
            return;
        }
        tracing::info!(plan = %key, "the plan is being deleted: what was changed for it is given back");
        self.operator.teller.is(key.clone(), Some(uid.into()));
        let stop = CancellationToken::new();
        let leaving =
            leave::Leaving { plan: key.clone(), uid: uid.into(), space: self.space(key.namespace()) };
        self.operator.crew.start(format!("leaving {key}"), &stop, leaving.leave(stop.clone()));
        self.leaving.plans.insert(key.clone(), (uid.into(), stop.drop_guard()));
    }

    /// After the first list: what was changed for plans that are gone is looked for where there are plans.
    pub(super) fn look_for_orphans(&mut self, plans: &BTreeSet<PlanKey>) {
        if std::mem::replace(&mut self.leaving.looked, true) {
            return;
        }
        let namespaces: BTreeSet<&str> = plans.iter().map(PlanKey::namespace).collect();
        for namespace in namespaces {
            self.give_back_orphans(namespace);
        }
    }

    /// Looks for it in one namespace.
    pub(super) fn give_back_orphans(&mut self, namespace: &str) {
        let (space, stop) = (self.space(namespace), CancellationToken::new());
        let look = leave::give_back_orphans(space, stop.clone());
        self.operator.crew.start(format!("orphans {namespace}"), &stop, look);
        self.leaving.orphans.insert(namespace.into(), stop.drop_guard());
    }
}
