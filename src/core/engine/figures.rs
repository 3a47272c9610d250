//! What is measured of capacity, taken in.

use super::Engine;
use crate::capacity::{Capacity, Figure};
use crate::floor::Found;
use crate::plan::Plan;
use crate::ready::Ready;
use crate::time::Time;

impl Engine {
    /// What the shell measured, and when.
    pub fn measured(&mut self, figure: Figure, value: f64, at: Time) {
        self.seen.figures.measured.insert(figure, (at, value));
        if matches!(figure, Figure::Ready(_)) {
            self.see_ready(at);
        }
    }

    /// What the shell found of a workload's floor, and when; `place` is the workload's among the plan's.
    pub fn floor(&mut self, place: usize, found: Found, at: Time) {
        self.seen.figures.floors.insert(place, (at, found));
    }

    /// Compares the ready pods with what they are asked for: at each change of either.
    pub(super) fn see_ready(&mut self, now: Time) {
        let figures = &mut self.seen.figures;
        let known = figures.ready_now(&self.plan.capacity, now);
        figures.ready.see(known, now);
    }

    /// Where a pod is said to carry another figure, none was lost by that.
    pub(super) fn keep_ready(&mut self, plan: &Plan) {
        let each = |capacity: &Capacity| -> Vec<f64> {
            let workloads = capacity.kubernetes.iter().flat_map(|side| &side.workloads);
            workloads.map(|workload| workload.requests_per_second_per_pod).collect()
        };
        if each(&plan.capacity) != each(&self.plan.capacity) {
            self.seen.figures.ready = Ready::default();
        }
    }
}
