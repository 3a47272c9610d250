//! What each side's requests cost the databases, taken in.

use super::Engine;
use crate::connects::Tally;
use crate::meter::{Observation, Reading};
use crate::plan::{Database, Plan};
use crate::side::BySide;
use crate::time::Time;
use crate::turn::ROUTE_STALE;

impl Engine {
    /// Tallies of databases that stay, and are still told apart by side, stay.
    pub(super) fn keep_tallies(&mut self, plan: &Plan) {
        let same = plan.routes == self.plan.routes && plan.capacity == self.plan.capacity;
        let mut known = std::mem::take(&mut self.seen.tallies);
        let kept = |database: &Database| {
            let before = self.plan.databases.iter().position(|before| before.name == database.name);
            let tally = before.and_then(|place| known.get_mut(place)).map(std::mem::take);
            tally.filter(|_| same && database.by_side).unwrap_or_default()
        };
        self.seen.tallies = plan.databases.iter().map(kept).collect();
    }

    /// Takes in what a database said. One that is full, or has just come back, tells nothing of costs.
    pub(super) fn tally(&mut self, database: usize, observation: &Observation, now: Time) {
        let Reading::Sample(sample) = &observation.reading else { return };
        let counts = observation.returning_until.is_none() && !sample.saturated;
        let Some((all, connects)) = sample.connection_rate.zip(sample.by_side).filter(|_| counts) else {
            return;
        };
        let load = self.seen.figures.load.filter(|(at, _)| now.since(*at) <= ROUTE_STALE);
        let requests = load
            .map(|(_, load)| BySide { legacy: load.legacy.requests, kubernetes: load.kubernetes.requests });
        let of_it = self.plan.databases.get(database).zip(self.seen.tallies.get_mut(database));
        if let Some((plan, tally)) = of_it.filter(|(plan, _)| plan.by_side) {
            Tally::push(tally, sample.at, plan.every, all, connects, requests);
        }
    }
}
