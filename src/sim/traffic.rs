//! One step of the traffic: users, load balancers, sides, databases, and what failed comes again.
//!
//! What the model knows, and what it leaves out:
//!
//! - Requests are a flow, not single ones: a step has means, and noise only where demand has it.
//! - A request that failed for want of a connection is of the kind that needs one, and needs one again when
//!   it is tried again. This is what makes a surge worse than it began: a database that can answer 65 of 100
//!   connects sees 220 tries for them with two retries, and 42 % of all answers are errors, though only 14 %
//!   of users give up. (In January 2025 about half of all requests failed.)
//! - A side that is asked for more than it can carry serves what it can and lets the rest wait, until users
//!   give up. A real one may serve less under overload than it could (time spent on requests that nobody
//!   waits for any more): the model is kind there. [`crate::scenario::SideSetup::cold`] makes it less so.
//! - A slow connect does not slow its request; connections do not outlive [`crate::scenario::DatabaseSetup::held`].
//! - Servers come and go by events, and by an autoscaler if there is one ([`crate::autoscaler`]).

use std::time::Duration;

use crossfade_core::time::Time;

use crate::database::Database;
use crate::service::{Again, Flow, Service};

/// How long a user's client waits on average before it tries again (own choice, a common default of
/// HTTP clients).
const RETRY: Duration = Duration::from_secs(1);

/// Lets the traffic of one step flow.
pub fn flow(
    services: &mut [Service],
    databases: &mut [Database],
    now: Time,
    step: Duration,
    random: &mut fastrand::Rng,
) {
    let mut connects = [0.0; MOST_DATABASES];
    for service in services.iter_mut() {
        service.arrive(now, step, random);
        let per_second = service.flow.connects[0] + service.flow.connects[1];
        for database in &service.databases {
            if let Some(connects) = connects.get_mut(*database) {
                *connects += per_second * step.as_secs_f64();
            }
        }
    }
    let mut failed = [0.0; MOST_DATABASES];
    for ((database, connects), failed) in databases.iter_mut().zip(connects).zip(&mut failed) {
        *failed = database.serve(connects, now, step);
    }
    for (place, service) in services.iter().enumerate() {
        let connects = service.flow.connects.map(|connects| connects * step.as_secs_f64());
        for behind in &service.databases {
            if let Some(database) = databases.get_mut(*behind) {
                database.count(place, connects);
            }
        }
    }
    for service in services {
        let behind = service.databases.iter().filter_map(|database| failed.get(*database));
        let worst = behind.copied().fold(0.0, f64::max);
        service.leave(worst, step);
    }
}

/// The most databases that a world has.
pub const MOST_DATABASES: usize = 8;

impl Service {
    /// Requests arrive, at the sides by the load balancers' weights.
    fn arrive(&mut self, now: Time, step: Duration, random: &mut fastrand::Rng) {
        let seconds = step.as_secs_f64();
        let [legacy, kubernetes] = &mut self.sides;
        if legacy.warm(now) | kubernetes.warm(now) {
            self.see_servers();
        }
        let demand = self.demand.at(now, random);
        let back = (seconds / RETRY.as_secs_f64()).min(1.0);
        let [mut ordinary, mut connecting] = [demand * seconds, 0.0];
        for again in &self.again {
            ordinary += again.ordinary * back;
            connecting += again.connecting * back;
        }
        let all = ordinary + connecting;
        self.connecting = if all > 0.0 { connecting / all } else { 0.0 };
        let share = self.share();
        let arrived = [1.0 - share, share].map(|share| all * share);
        let served = [0, 1].map(|side| self.sides[side].serve(arrived[side], self.connecting, now, step));
        self.given_up = served.map(|served| served.failed);
        self.served = served.map(|served| served.served);
        self.flow = Flow {
            demand,
            load: arrived.map(|arrived| arrived / seconds),
            capacity: [0, 1].map(|side: usize| self.sides[side].capacity()),
            connects: served.map(|served| served.connects / seconds),
            failing: [0.0; 2],
            errors: 0.0,
            failed: 0.0,
            weight: share * 100.0,
        };
    }

    /// Requests leave: served, to be tried again, or given up. `refused` is the share of the connects
    /// that failed; each of them fails one request.
    fn leave(&mut self, refused: f64, step: Duration) {
        let seconds = step.as_secs_f64();
        let (mut waited, mut unconnected, mut served) = (0.0, 0.0, 0.0);
        for side in [0, 1] {
            let connects = self.flow.connects[side] * seconds * refused;
            waited += self.given_up[side];
            unconnected += connects.min(self.served[side]);
            served += self.served[side];
            self.working = (self.served[side] - connects.min(self.served[side])) / seconds;
            let failed = self.given_up[side] + connects.min(self.served[side]);
            self.flow.failing[side] = failed / seconds;
            self.count(side, failed, seconds);
        }
        self.flow.errors = (waited + unconnected) / seconds;
        let arrived = (self.flow.load[0] + self.flow.load[1]) * seconds;
        let of = |part: f64, whole: f64| if whole > 0.0 { (part / whole).min(1.0) } else { 0.0 };
        // Waiting fails all alike. Of the connects, those that failed before have one each.
        let waited = of(waited, arrived);
        let sure = of(served, arrived) * refused;
        let rest = (unconnected - arrived * self.connecting * sure).max(0.0);
        let unconnected = of(rest, arrived * (1.0 - self.connecting));
        let fail = |tried: Again| Again {
            ordinary: tried.ordinary * waited,
            connecting: tried.ordinary * unconnected + tried.connecting * (waited + sure).min(1.0),
        };
        // Whoever tries for the last time and fails has failed.
        let back = (seconds / RETRY.as_secs_f64()).min(1.0);
        let mut failing = fail(Again { ordinary: self.flow.demand * seconds, connecting: 0.0 });
        for waiting in &mut self.again {
            let tried = Again { ordinary: waiting.ordinary * back, connecting: waiting.connecting * back };
            waiting.ordinary += failing.ordinary - tried.ordinary;
            waiting.connecting += failing.connecting - tried.connecting;
            failing = fail(tried);
        }
        self.flow.failed = (failing.ordinary + failing.connecting) / seconds;
    }

    /// The load balancers count what they sent to a side: each its equal part of the traffic, by its own
    /// weight. What failed there failed for all alike.
    fn count(&mut self, side: usize, failed: f64, seconds: f64) {
        let arrived = (self.flow.load[0] + self.flow.load[1]) * seconds;
        let sent = self.flow.load[side] * seconds;
        let failing = if sent > 0.0 { failed / sent } else { 0.0 };
        let each = arrived / self.balancers.len().max(1) as f64;
        for balancer in &mut self.balancers {
            let share = balancer.weight().percent() / 100.0;
            let all = each * if side == 0 { 1.0 - share } else { share };
            balancer.count(side, all, all * failing);
        }
    }
}
