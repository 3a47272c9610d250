//! What is looked at again without a change of the plan.

use tokio::time::Instant;

use super::{Reconciler, Refused};
use crate::control::fleet::DatabaseId;
use crate::control::key::PlanKey;
use crate::control::known::Known;

impl Reconciler {
    pub(super) fn reread(&mut self, refused: &Refused) {
        let concerned = |(key, known): (&PlanKey, &Known)| {
            let concerned = match refused {
                Refused::Route(plan) | Refused::Figure(plan) => plan == key,
                Refused::Workloads(namespace) => known.running.as_ref().is_some_and(|running| {
                    key.namespace() == namespace && !running.wiring.workloads.is_empty()
                }),
                Refused::Database(id) => known.running.as_ref().is_some_and(|running| {
                    running.wiring.databases.iter().any(|(_, _, wire)| self.hands.id(wire) == Some(*id))
                }),
            };
            concerned.then(|| key.clone())
        };
        let concerned: Vec<PlanKey> = self.plans.iter().filter_map(concerned).collect();
        for key in &concerned {
            self.consider(key);
        }
    }

    pub(super) fn retry(&mut self) {
        let now = Instant::now();
        let due =
            |(key, known): (&PlanKey, &Known)| known.retry.is_some_and(|at| at <= now).then(|| key.clone());
        let due: Vec<PlanKey> = self.plans.iter().filter_map(due).collect();
        for key in &due {
            self.consider(key);
        }
    }

    /// Samplers may have been replaced: tells every plan its own.
    pub(super) fn relink(&mut self) {
        for (key, known) in &self.plans {
            let Some(running) = &known.running else { continue };
            let databases: Vec<(String, DatabaseId)> = running
                .wiring
                .databases
                .iter()
                .filter_map(|(name, _, wire)| Some((name.clone(), self.hands.id(wire)?)))
                .collect();
            self.operator.fleet(|fleet, _| fleet.relink(key, databases));
        }
    }
}
