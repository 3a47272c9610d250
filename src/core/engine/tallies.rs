//! What each side's requests cost the databases, taken in: by side, else by what steps of the weight teach.

use super::Engine;
use std::time::Duration;

use crate::guard::Level;
use crate::lessons::{Lessons, SAME};
use crate::meter::{Observation, Reading};
use crate::plan::{Database, Plan};
use crate::rules::peak::FAILING;
use crate::side::BySide;
use crate::time::Time;
use crate::turn::ROUTE_STALE;

impl Engine {
    /// Another plan that shares a database has moved: what comes now does not follow what came before.
    pub fn disturbed(&mut self) {
        self.seen.lessons.iter_mut().for_each(Lessons::interrupt);
    }

    /// What databases that stay have cost stays, if the load is counted the `same` way, and their sides are told
    /// apart, or not, as before.
    pub(super) fn keep_costs(&mut self, plan: &Plan, same: bool) {
        let tallies = std::mem::take(&mut self.seen.tallies);
        self.seen.tallies = self.kept(tallies, plan, |database| same && database.by_side);
        let lessons = std::mem::take(&mut self.seen.lessons);
        self.seen.lessons = self.kept(lessons, plan, |database| same && !database.by_side);
    }

    /// Of each of a plan's databases what was known of it, if that `stays`.
    fn kept<T: Default>(&self, mut known: Vec<T>, plan: &Plan, stays: impl Fn(&Database) -> bool) -> Vec<T> {
        let of_it = |database: &Database| {
            let place = self.plan.databases.iter().position(|before| before.name == database.name)?;
            Some(std::mem::take(known.get_mut(place)?)).filter(|_| stays(database))
        };
        plan.databases.iter().map(of_it).map(Option::unwrap_or_default).collect()
    }

    /// Takes in what a database said that tells the sides apart, which have these `shares` of the traffic. One
    /// that is full, or has just come back, tells nothing of costs.
    pub(super) fn tally(
        &mut self,
        database: usize,
        observation: &Observation,
        shares: Option<BySide<f64>>,
        now: Time,
    ) {
        let stands = self.stands(shares, now);
        let Reading::Sample(sample) = &observation.reading else { return };
        let counts = observation.returning_until.is_none() && !sample.saturated;
        let Some((all, connects)) = sample.connection_rate.zip(sample.by_side).filter(|_| counts) else {
            return;
        };
        let fresh = |at: &Time| stands && now.since(*at) <= ROUTE_STALE;
        let load = self.seen.figures.load.filter(|(at, _)| fresh(at));
        let requests = load
            .map(|(_, load)| BySide { legacy: load.legacy.requests, kubernetes: load.kubernetes.requests });
        let of_it = self.plan.databases.get(database).zip(self.seen.tallies.get_mut(database));
        if let Some((plan, tally)) = of_it {
            tally.push(sample.at, plan.every, all, connects, requests);
        }
    }

    /// Whether the weight has stood for long enough that what load balancers and databases have counted since
    /// they were asked last is of the same time: just after a step they are not.
    fn stands(&mut self, shares: Option<BySide<f64>>, now: Time) -> bool {
        let share = shares.map(|shares| shares.kubernetes);
        let same = self.stood.filter(|(stood, _)| share.is_some_and(|share| (share - stood).abs() <= SAME));
        self.stood = same.or(share.map(|share| (share, now)));
        same.is_some_and(|(_, since)| now.since(since) >= ROUTE_STALE)
    }

    /// Lets what a database said teach what a step of the weight makes of it, if demand is counted at a route.
    /// Only calm times teach: nothing is full, fails or is tripped, and no other plan moves.
    pub(super) fn learn(
        &mut self,
        database: usize,
        observation: &Observation,
        shares: Option<BySide<f64>>,
        now: Time,
    ) {
        let Some((_, load)) = self.seen.figures.load else { return };
        let calm = self.calm(observation, now);
        let Some(plan) = self.plan.databases.get(database) else { return };
        let Some(lessons) = self.seen.lessons.get_mut(database) else { return };
        match calm.zip(shares) {
            Some(((at, attempts), shares)) => {
                let gap = (plan.every * 3).max(Duration::from_secs(1));
                let requests = BySide { legacy: load.legacy.requests, kubernetes: load.kubernetes.requests };
                lessons.push(at, gap, attempts, requests, shares.kubernetes);
            }
            None if matches!(observation.reading, Reading::Late) => {}
            None => lessons.interrupt(),
        }
    }

    /// When a sample was taken in calm, and the attempts per second that it shows.
    fn calm(&self, observation: &Observation, now: Time) -> Option<(Time, f64)> {
        let Reading::Sample(sample) = &observation.reading else { return None };
        let (at, load) = self.seen.figures.load?;
        let counts = observation.returning_until.is_none() && !sample.saturated;
        let known = now.since(at) <= ROUTE_STALE && load.demand() > 0.0 && load.failing() <= FAILING;
        let clear = self.state.guards.values().all(|guard| guard.level == Level::Clear);
        let alone = self.seen.others_raising.is_none();
        let attempts = sample.connection_rate.filter(|_| counts && known && clear && alone)?;
        Some((sample.at, attempts))
    }
}
