//! What a replica sees of the pods, and what it does for their floors: as the shell's counter and keeper do.

use std::time::Duration;

use crossfade_core::capacity::Figure;
use crossfade_core::floor::Found;
use crossfade_core::time::Time;

use crate::mind::{Mind, Rights};
use crate::process::{Outside, Process};
use crate::service::Service;

/// How often pods are looked at.
const EVERY: Duration = Duration::from_secs(1);

impl Process {
    /// Shows the plans their pods.
    pub(crate) fn see_pods(&mut self, outside: &mut Outside<'_>) {
        let now = outside.now;
        if now < self.pods_due || !outside.api.is_watched(now) {
            return;
        }
        self.pods_due = now + EVERY;
        let rights = self.rights(now);
        for mind in &mut self.minds {
            if let Some(service) = outside.services.get_mut(mind.service) {
                look(mind, service, rights, now);
            }
        }
    }
}

/// Shows `mind` the pods of its service and, while it is in charge, brings their floor to what it promises.
/// All pods are the first workload's. Nothing is seen for a plan that says nothing of them.
fn look(mind: &mut Mind, service: &mut Service, rights: Rights, now: Time) {
    let side = mind.engine.plan().capacity.kubernetes.as_ref();
    let workloads = side.map_or(&[][..], |side| side.workloads.as_slice());
    let Some(first) = workloads.first() else { return };
    let (raised, count) = (first.floor, workloads.len());
    let promised = mind.engine.state().floors.get(&first.name).copied().unwrap_or_default();
    mind.touched = true;
    let clock = rights.clock;
    mind.engine.measured(Figure::Pods(0), f64::from(service.sides[1].ready()), clock);
    for place in 1..count {
        mind.engine.measured(Figure::Pods(place), 0.0, clock);
    }
    if !raised || !mind.is_in_charge(rights) {
        return;
    }
    // What stands raised is shown before it is lowered.
    let known = mind.engine.state().volatile.floors_found.iter().next().is_some();
    let found = service.promise(promised, known, now);
    mind.engine.floor(0, found, clock);
}

impl Service {
    /// Promises so many pods, but takes nothing back unless `lowers`; how the floor stands then.
    fn promise(&mut self, pods: u32, lowers: bool, now: Time) -> Found {
        let Some(autoscaler) = &mut self.autoscaler else {
            // Nobody takes away what is scaled by hand.
            let [_, side] = &mut self.sides;
            if pods > side.asked() {
                side.set_servers(pods, now);
            }
            return Found { pods: Some(side.asked()), object: "pods".into(), before: None, lack: None };
        };
        if lowers || pods > autoscaler.floor().0 {
            autoscaler.promise(pods);
        }
        let (floor, least) = autoscaler.floor();
        let before = (floor > least).then_some(least);
        Found { pods: Some(floor), object: "autoscaler".into(), before, lack: None }
    }

    /// Lets the autoscaler look, if there is one.
    pub(crate) fn autoscale(&mut self, now: Time) {
        let [_, side] = &mut self.sides;
        let busy = if side.per_server > 0.0 { self.working / side.per_server } else { 0.0 };
        let Some(autoscaler) = &mut self.autoscaler else { return };
        if let Some(pods) = autoscaler.look(side.asked(), busy, now)
            && pods != side.asked()
        {
            side.set_servers(pods, now);
            self.see_servers();
        }
    }
}
