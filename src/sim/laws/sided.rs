//! Whose surge it truly is: what each side's connects cost a database now, by its share of the traffic, against
//! what they cost when the run began.

use std::time::Duration;

use crossfade_core::plan::{Database, Plan};
use crossfade_core::time::Time;

use super::truth::Since;
use crate::scenario::{Scenario, ServiceSetup};
use crate::service::Service;
use crate::world::World;

/// A seeded normal counts until an own one is learned: 15 minutes.
const SEEDED: Duration = Duration::from_mins(14);
/// What an operator looks at: the mean of so many seconds.
const MEAN: f64 = 5.0;
/// What an operator knows of the cost of a request is a mean of at most so long, or of longer.
pub const LATELY: Duration = Duration::from_secs(30);
/// A side with a smaller share says little within seconds.
const SHARE: f64 = 0.05;

/// What is true of one service's connects.
#[derive(Clone, Debug, Default)]
pub struct Sided {
    /// For each side, connects per second that all of the traffic brought by it when the run began; `None`
    /// where no operator can know that.
    normal: Option<[f64; 2]>,
    /// What is learned anew after this is another thing.
    until: Time,
    /// Both sides' costs have risen by half and more, about alike.
    pub common: Since,
    /// Kubernetes' have doubled and more, and legacy's have hardly risen.
    pub kubernetes: Since,
    /// A request costs clearly fewer connects on legacy than on Kubernetes.
    cheaper: Since,
}

impl Sided {
    /// What is true as `scenario` begins.
    pub fn new(scenario: &Scenario, setup: &ServiceSetup) -> Self {
        let mut quiet = fastrand::Rng::with_seed(0);
        let mut calm = setup.demand;
        calm.noise = 0.0;
        let demand = crate::demand::Demand::new(calm).at(scenario.begins, &mut quiet);
        let share = setup.weight.percent() / 100.0;
        let known = setup.standing && (SHARE..=1.0 - SHARE).contains(&share);
        let each = [setup.legacy.connects_per_request, setup.kubernetes.connects_per_request];
        Self {
            normal: known.then(|| each.map(|each| demand * each)),
            until: scenario.begins + SEEDED,
            ..Self::default()
        }
    }

    /// Somebody said that what is now is normal: what that is nobody knows here.
    pub fn forget(&mut self) {
        self.normal = None;
    }

    /// Takes in the step that is over.
    pub fn step(&mut self, service: &Service, world: &World) {
        let now = world.now;
        let each = |side: usize| service.flow.connects[side] / service.flow.load[side].max(1.0);
        self.cheaper.is(each(0) < 0.95 * each(1), now);
        let share = service.share();
        let shares = [1.0 - share, share];
        let Some(normal) = self.normal.filter(|_| now < self.until && shares.iter().all(|it| *it >= SHARE))
        else {
            self.common.is(false, now);
            self.kubernetes.is(false, now);
            return;
        };
        // What is let in is what is counted.
        let let_in = service.databases.iter().filter_map(|place| world.databases.get(*place));
        let least = let_in.map(crate::database::Database::let_in).fold(1.0, f64::min);
        let mut rise = [0.0; 2];
        let mut sure = [false; 2];
        for side in [0, 1] {
            // Of a small one the least counts.
            let usual = normal[side].max(20.0) * shares[side];
            let came = service.flow.connects[side] * least;
            rise[side] = came / usual - 1.0;
            sure[side] = MEAN * (came - usual) > 5.0 * (MEAN * usual).sqrt() + 5.0;
        }
        let [legacy, kubernetes] = rise;
        let alike = legacy >= 0.6 * kubernetes && kubernetes >= 0.6 * legacy;
        self.common.is(sure[0] && sure[1] && legacy >= 0.5 && kubernetes >= 0.5 && alike, now);
        self.kubernetes.is(sure[1] && kubernetes >= 1.0 && legacy <= 0.15 * kubernetes.min(1.0), now);
    }

    /// Whether a step back may be bound by what legacy's requests cost a database, or was so within `lately`:
    /// the operator looks at means.
    pub fn may_bind(&self, plan: &Plan, now: Time, lately: Duration) -> bool {
        let known = |database: &Database| database.by_side && database.connection_rate_capacity.is_some();
        let cheaper = self.cheaper.lasts(Time::default(), now);
        plan.databases.iter().any(known) && cheaper.is_none_or(|lasts| lasts < lately)
    }

    /// Whether the plan tells the sides of each of its databases apart.
    pub fn is_told(plan: &Plan) -> bool {
        plan.databases.iter().all(|database| database.by_side)
    }
}
