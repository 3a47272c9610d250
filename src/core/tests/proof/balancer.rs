//! A load balancer that obeys, fails, answers late, forgets, or is set by others.

use std::collections::VecDeque;
use std::time::Duration;

use crossfade_core::route::{Purpose, Reading};
use crossfade_core::time::Time;
use crossfade_core::weight::Weight;

/// The number of an order that was answered, or whose answer nobody waits for.
const ANSWERED: u64 = u64::MAX;

/// What becomes of the next writes to a load balancer.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Hands {
    /// Carried out and answered within a tick.
    #[default]
    Well,
    /// Refused, and reads too.
    Refuse,
    /// Carried out; the answer is lost.
    Lost,
}

#[derive(Clone, Debug)]
struct Errand {
    number: u64,
    weight: Weight,
    purpose: Purpose,
    answered: Option<Time>,
    done: Option<Time>,
    answers: bool,
}

/// One instance of a route.
#[derive(Clone, Debug)]
pub struct Balancer {
    /// What it stands at.
    pub reading: Reading,
    /// What its configuration file says.
    pub configured: Weight,
    /// What becomes of writes.
    pub hands: Hands,
    lane: VecDeque<Errand>,
}

impl Balancer {
    pub fn new(weight: Weight) -> Self {
        let reading = Reading { weight, setting: 1, boot: 1, legacy_up: 4, kubernetes_up: 4, counted: None };
        Self { reading, configured: weight, hands: Hands::Well, lane: VecDeque::new() }
    }

    /// Nothing is on its way.
    pub fn is_idle(&self) -> bool {
        self.lane.is_empty()
    }

    /// Takes an order. What has not begun is dropped, but for a retreat by something that is none.
    pub fn order(&mut self, number: u64, weight: Weight, purpose: Purpose) {
        self.lane.retain(|waiting| {
            waiting.answered.is_some() || (waiting.purpose == Purpose::Retreat && purpose != Purpose::Retreat)
        });
        let errand = Errand { number, weight, purpose, answered: None, done: None, answers: false };
        self.lane.push_back(errand);
    }

    /// Who ordered is gone: only what is on its way still lands, and its answer reaches nobody.
    pub fn orphan(&mut self) {
        self.lane.truncate(1);
        self.lane.iter_mut().for_each(|errand| errand.number = ANSWERED);
    }

    /// Works on the first order of its lane; the number and the answer, if one is due.
    pub fn work(&mut self, now: Time) -> Option<(u64, Result<Reading, String>)> {
        let hands = self.hands;
        let errand = self.lane.front_mut()?;
        if errand.answered.is_none() {
            let (answered, done) = match hands {
                Hands::Well => (0, Some(0)),
                Hands::Refuse => (0, None),
                Hands::Lost => (2, Some(0)),
            };
            errand.answered = Some(now + Duration::from_secs(answered));
            errand.done = done.map(|done| now + Duration::from_secs(done));
            errand.answers = hands == Hands::Well;
        }
        let (weight, lands) = (errand.weight, errand.done.is_some_and(|at| at <= now));
        if lands {
            errand.done = None;
            self.set(weight);
        }
        let errand = self.lane.front_mut()?;
        let mut answer = None;
        if errand.answered.is_some_and(|at| at <= now) && errand.number != ANSWERED {
            let number = std::mem::replace(&mut errand.number, ANSWERED);
            let result = if errand.answers { Ok(self.reading.clone()) } else { Err("timed out".to_owned()) };
            answer = Some((number, result));
        }
        if self.lane.front().is_some_and(|errand| errand.number == ANSWERED && errand.done.is_none()) {
            self.lane.pop_front();
        }
        answer
    }

    /// Somebody sets a weight.
    pub fn set(&mut self, weight: Weight) {
        if self.reading.weight != weight {
            self.reading.weight = weight;
            self.reading.setting += 1;
        }
    }

    /// The configuration file is read again.
    pub fn reload(&mut self) {
        self.reading.boot += 1;
        self.set(self.configured);
    }
}
