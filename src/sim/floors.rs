//! What a replica does for the floors of pods: as the shell's keeper does.

use std::time::Duration;

use crossfade_core::floor::Found;
use crossfade_core::time::Time;

use crate::mind::{Mind, Rights};
use crate::process::{Outside, Process};
use crate::service::Service;

/// How often floors are looked at.
const EVERY: Duration = Duration::from_secs(1);

impl Process {
    /// Keeps the floors of the plans.
    pub(crate) fn keep_floors(&mut self, outside: &mut Outside<'_>) {
        let now = outside.now;
        if now < self.floors_due || !outside.api.is_watched(now) {
            return;
        }
        self.floors_due = now + EVERY;
        let rights = self.rights(now);
        for mind in &mut self.minds {
            if let Some(service) = outside.services.get_mut(mind.service) {
                look(mind, service, rights, now);
            }
        }
    }
}

/// While `mind` is in charge, brings the floor of its first workload, which has all pods, to what it promises.
fn look(mind: &mut Mind, service: &mut Service, rights: Rights, now: Time) {
    let side = mind.engine.plan().capacity.kubernetes.as_ref();
    let Some(first) = side.and_then(|side| side.workloads.first()).filter(|first| first.floor) else {
        return;
    };
    if !mind.is_in_charge(rights) {
        return;
    }
    let state = mind.engine.state();
    let promised = state.floors.get(&first.name).copied().unwrap_or_default();
    // What stands raised is shown before it is lowered.
    let known = state.volatile.floors_found.contains(&first.name);
    let found = service.promise(promised, known, now);
    mind.engine.floor(0, found, rights.clock);
    mind.touched = true;
}

impl Service {
    /// Promises so many pods, but takes nothing back unless `lowers`; how the floor stands then.
    fn promise(&mut self, pods: u32, lowers: bool, now: Time) -> Found {
        let Some(autoscaler) = &mut self.autoscaler else {
            // Nobody takes away what is scaled by hand.
            let more = pods.saturating_sub(self.replicas);
            if more > 0 {
                self.replicas = pods;
                let [_, side] = &mut self.sides;
                side.set_servers(side.asked() + more, now);
            }
            let (pods, before) = (Some(self.replicas), None);
            return Found { pods, object: "pods".into(), before, lack: None };
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
