//! One step of the traffic: users, load balancers, sides, databases, and what failed comes again.

use std::time::Duration;

use crossfade_core::time::Time;

use crate::database::Database;
use crate::service::{Flow, Service};

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
        let again: f64 = self.again.iter().sum::<f64>() * back;
        let share = self.share();
        let arrived = [1.0 - share, share].map(|share| (demand * seconds + again) * share);
        let served = [0, 1].map(|side| self.sides[side].serve(arrived[side], now, step));
        self.given_up = served.map(|served| served.failed);
        self.served = served.map(|served| served.served);
        self.flow = Flow {
            demand,
            load: arrived.map(|arrived| arrived / seconds),
            capacity: [0, 1].map(|side: usize| self.sides[side].capacity()),
            connects: served.map(|served| served.connects / seconds),
            errors: 0.0,
            failed: 0.0,
            weight: share * 100.0,
        };
    }

    /// Requests leave: served, to be tried again, or given up. `refused` is the share of the connects
    /// that failed; each of them fails one request.
    fn leave(&mut self, refused: f64, step: Duration) {
        let seconds = step.as_secs_f64();
        let mut lost = 0.0;
        for side in [0, 1] {
            let connects = self.flow.connects[side] * seconds * refused;
            lost += self.given_up[side] + connects.min(self.served[side]);
        }
        let back = (seconds / RETRY.as_secs_f64()).min(1.0);
        let arrived = self.flow.load[0] + self.flow.load[1];
        self.flow.errors = lost / seconds;
        let share = if arrived > 0.0 { (lost / (arrived * seconds)).min(1.0) } else { 0.0 };
        // Whoever tries for the last time and fails has failed.
        let mut failing = self.flow.demand * seconds * share;
        for waiting in &mut self.again {
            let tried = *waiting * back;
            *waiting += failing - tried;
            failing = tried * share;
        }
        self.flow.failed = failing / seconds;
    }
}
