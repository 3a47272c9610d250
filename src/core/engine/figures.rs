//! What is measured of capacity, taken in.

use super::Engine;
use crate::capacity::{Capacity, Figure};
use crate::floor::Found;
use crate::load;
use crate::plan::Plan;
use crate::seen::Figures;
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
        if self.plan.capacity.kubernetes.is_none() {
            return;
        }
        let figures = &mut self.seen.figures;
        let known = figures.ready_now(&self.plan.capacity, now);
        figures.ready.see(known, now);
    }

    /// Keeps of a changed plan what it measures as before; whether that is so of the load. A brake that finds less
    /// known than a moment ago would go by what was once asked for.
    pub(super) fn keep_figures(&mut self, plan: &Plan) -> bool {
        let (is, was) = (&plan.capacity, &self.plan.capacity);
        let counted = plan.routes == self.plan.routes && is.demand_from() == was.demand_from();
        let known = std::mem::take(&mut self.seen.figures);
        let mut kept = Figures { measured: known.measured, ..Figures::default() };
        kept.measured.retain(|figure, _| is.measures_as(was, *figure));
        if counted {
            let Figures { load, split, failing_since, steady, .. } = known;
            kept = Figures { load, split, failing_since, steady, ..kept };
        } else {
            self.loads = vec![load::Meter::default(); self.seen.instances.len()];
        }
        let workloads = |capacity: &Capacity| -> Vec<(String, f64)> {
            let workloads = capacity.kubernetes.iter().flat_map(|side| &side.workloads);
            workloads.map(|it| (it.name.clone(), it.requests_per_second_per_pod)).collect()
        };
        let (is, was) = (workloads(is), workloads(was));
        let names = |workloads: &[(String, f64)]| -> Vec<String> {
            workloads.iter().map(|(name, _)| name.clone()).collect()
        };
        // Where a pod is said to carry another figure, none was lost by that.
        kept.ready = Some(known.ready).filter(|_| is == was).unwrap_or_default();
        kept.floors = Some(known.floors).filter(|_| names(&is) == names(&was)).unwrap_or_default();
        self.seen.figures = kept;
        counted
    }
}
