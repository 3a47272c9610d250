//! What an operator can know of a service's capacity: what the load balancers have counted, and how many
//! servers they see, in the last seconds. What it knows is a few seconds old, so that a law asks for the
//! least or the most of that time, whichever is kinder.

use std::collections::VecDeque;
use std::time::Duration;

use crossfade_core::capacity::Source;
use crossfade_core::plan::Plan;
use crossfade_core::time::Time;
use crossfade_core::weight::Weight;

use super::truth::Since;
use crate::scenario::Hands;
use crate::service::Service;

/// A side that is predicted above this share of its capacity is full (DESIGN, R3).
pub const FULL: f64 = 0.95;
/// How old may be what is known of routes that answer: a reading, the one before it, and the same again.
const AGE: Duration = Duration::from_secs(8);
/// How long what was last known counts (DESIGN, R5).
const REMEMBERED: usize = 600;
/// How old may be what is known by means: one of ten seconds, the one before it, and a reading.
const STEADY: Duration = Duration::from_secs(30);
/// Over less than this a count says little.
const SECOND: Duration = Duration::from_secs(1);
/// What counters that are read once a second may be off by, and a load balancer's rounding.
const OFF: f64 = 0.02;

/// One second.
#[derive(Clone, Copy, Debug)]
struct Second {
    at: Time,
    /// Requests per second, retries included: the least and the most mean of a second that ended in it.
    demand: [f64; 2],
    /// Requests per second that reached legacy, at the most.
    load: f64,
    /// Legacy servers that were up, at the least and at the most.
    up: [u32; 2],
}

impl Second {
    /// Both together.
    fn and(self, other: Self) -> Self {
        Self {
            at: other.at,
            demand: [self.demand[0].min(other.demand[0]), self.demand[1].max(other.demand[1])],
            load: self.load.max(other.load),
            up: [self.up[0].min(other.up[0]), self.up[1].max(other.up[1])],
        }
    }
}

/// What can be known of one service.
#[derive(Clone, Debug, Default)]
pub struct Known {
    seconds: VecDeque<Second>,
    /// The steps of the last second: requests.
    steps: VecDeque<f64>,
    /// The second that is not over yet.
    present: Option<Second>,
    /// The highest demand that its status remembers.
    pub peak: Option<f64>,
    /// When a load balancer last did not answer well.
    unwell: Option<Time>,
    /// Legacy has room by what is known, whatever is kinder.
    room: Since,
}

/// What is known for sure: demand at the least and the most, legacy's capacity at the least and the most.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Figures {
    pub demand: [f64; 2],
    pub legacy: [f64; 2],
    /// What legacy was asked for at the most, where that is counted.
    pub load: f64,
}

impl Figures {
    /// Whether legacy can carry the rest at `weight`, by the kindest of what was known.
    pub fn may_fit(&self, weight: Weight) -> bool {
        (1.0 - share(weight)) * self.demand[0] <= FULL * self.legacy[1] * (1.0 + OFF)
    }

    /// Whether legacy has room for more than it has at `weight`, by the unkindest of what was known.
    pub fn has_room(&self, weight: Weight) -> bool {
        let load = self.load.max((1.0 - share(weight)) * self.demand[1]);
        load + OFF * self.demand[1] < FULL * self.legacy[0]
    }
}

pub fn share(weight: Weight) -> f64 {
    weight.percent() / 100.0
}

impl Known {
    /// Takes in the step that is over.
    pub fn step(&mut self, service: &Service, plan: &Plan, now: Time, step: Duration) {
        if service.balancers.iter().any(|balancer| balancer.hands(now) != Hands::Well) {
            self.unwell = Some(now);
        }
        self.steps.push_back(service.flow.load[0] + service.flow.load[1]);
        if step * u32::try_from(self.steps.len()).unwrap_or(u32::MAX) > SECOND {
            self.steps.pop_front();
        }
        let began = self.seconds.back().map_or(Time::default(), |second| second.at);
        let step = self.second(service, now, false);
        let present = self.present.map_or(step, |present| present.and(step));
        self.present = Some(present);
        if now.since(began) < SECOND {
            return;
        }
        self.seconds.push_back(present);
        self.present = None;
        if self.seconds.len() > REMEMBERED {
            self.seconds.pop_front();
        }
        let stands = service.weight();
        let figures = self.figures(plan, None, now, AGE);
        self.room.is(figures.is_none_or(|figures| figures.has_room(stands)), now);
    }

    /// The second that ends now; in the middle of a step its traffic is not among `steps` yet.
    fn second(&self, service: &Service, now: Time, within: bool) -> Second {
        let up = service.sides[0].ready();
        let flow = within.then(|| service.flow.load[0] + service.flow.load[1]);
        let last = self.steps.iter().skip(usize::from(within && self.steps.len() > 1));
        let (sum, count) = last.chain(&flow).fold((0.0, 0.0), |(sum, count), load| (sum + load, count + 1.0));
        let load = service.flow.load[0];
        Second { at: now, demand: [sum / f64::max(count, 1.0); 2], load, up: [up; 2] }
    }

    /// Since when legacy has had room.
    pub fn room(&self) -> &Since {
        &self.room
    }

    /// Whether all load balancers have answered well for long enough.
    pub fn is_well(&self, now: Time) -> bool {
        self.unwell.is_none_or(|unwell| now.since(unwell) > AGE + STALE)
    }

    /// Whether all load balancers have answered well since `from`.
    pub fn was_well(&self, from: Time) -> bool {
        self.unwell.is_none_or(|unwell| unwell < from)
    }

    /// What a replica knows at the kindest that has been awake and in charge since `since`; `None` if the
    /// plan does not say where to look.
    pub fn at_the_kindest(&self, plan: &Plan, service: &Service, since: Time, now: Time) -> Option<Figures> {
        let young = now.since(since) < AGE + STALE || !self.is_well(now);
        let present = self.second(service, now, true);
        let figures = self.figures(plan, Some(present), now, if young { Duration::MAX } else { AGE })?;
        let mut figures = self.as_counted(figures, plan, now);
        // Until it is known again, the peak counts.
        if let Some(peak) = self.peak.filter(|_| young) {
            figures.demand = [figures.demand[0].min(peak), figures.demand[1].max(peak)];
        }
        Some(figures)
    }

    /// The same by means of some seconds, by which a promise is kept.
    pub fn steadily(&self, plan: &Plan, service: &Service, since: Time, now: Time) -> Option<Figures> {
        let present = self.second(service, now, true);
        let young = now.since(since) < STEADY + STALE || !self.is_well(now);
        let figures = self.figures(plan, Some(present), now, if young { Duration::MAX } else { STEADY })?;
        Some(self.as_counted(figures, plan, now))
    }

    fn as_counted(&self, figures: Figures, plan: &Plan, now: Time) -> Figures {
        let counts = plan.capacity.demand.is_some_and(|demand| matches!(demand.from, Source::Route(_)));
        if !counts || self.is_well(now) {
            return figures;
        }
        // An answer that comes a second and a half late says how it was when it was asked for: over a
        // second it may hide more than half of what came.
        let [least, most] = figures.demand;
        Figures { demand: [least * 0.4, most * 2.5], load: figures.load * 2.5, ..figures }
    }

    fn figures(&self, plan: &Plan, present: Option<Second>, now: Time, age: Duration) -> Option<Figures> {
        let (demand, legacy) = (plan.capacity.demand?, plan.capacity.legacy?);
        let young = || {
            let past = self.seconds.iter().rev().take_while(|second| now.since(second.at) <= age);
            present.iter().chain(&self.present).chain(past)
        };
        let demand = match demand.from {
            Source::Declared { requests_per_second, .. } => [requests_per_second; 2],
            Source::Route(_) => bounds(young().map(|second| second.demand))?,
            Source::Measured => return None,
        };
        let legacy = match legacy.capacity {
            Source::Declared { requests_per_second, .. } => [requests_per_second; 2],
            Source::Route(_) => bounds(young().map(|second| second.up.map(f64::from)))?
                .map(|up| up * legacy.requests_per_second_per_server),
            Source::Measured => return None,
        };
        let load = young().map(|second| second.load).fold(0.0, f64::max);
        Some(Figures { demand, legacy, load })
    }
}

fn bounds(all: impl Iterator<Item = [f64; 2]>) -> Option<[f64; 2]> {
    all.reduce(|[least, most], [one, other]| [least.min(one), most.max(other)])
}

/// A reading older than this is unknown (DESIGN, R5).
const STALE: Duration = Duration::from_secs(6);

/// Whether a plan says what legacy can carry and what is asked of it, and for how long it says so.
pub fn is_blind(plan: &Plan) -> bool {
    let counts = |source: Source| matches!(source, Source::Route(_) | Source::Declared { until: None, .. });
    let (demand, legacy) = (plan.capacity.demand, plan.capacity.legacy);
    !(demand.is_some_and(|demand| counts(demand.from))
        && legacy.is_some_and(|legacy| counts(legacy.capacity)))
}
