//! A lane, as in the shell: the only writer of one load balancer for one replica. The latest order
//! wins, a retreat passes everything, each write needs a permit, and nothing waits for another lane.
//!
//! What cannot happen in the shell does not happen here: a lane has one call under way, so its answers
//! come in the order of its calls, each once; an answer that comes after the timeout is dropped.

use std::time::Duration;

use crossfade_core::fence::Permit;
use crossfade_core::route::{Purpose, Reading};
use crossfade_core::time::Time;
use crossfade_core::weight::Weight;

use crate::api::Call;
use crate::scenario::Hands;
use crate::service::{By, Landed, Service};

/// How often an instance is read, as in the shell.
const LOOK: Duration = Duration::from_secs(1);
/// When a late write lands.
const LATE: Duration = Duration::from_secs(3);
/// When the answer of [`Hands::Slow`] comes.
const SLOW: Duration = Duration::from_millis(1500);

/// A weight to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Order {
    /// The engine's number for it.
    pub number: u64,
    /// The weight.
    pub weight: Weight,
    /// Why.
    pub purpose: Purpose,
    /// The claim under which it was decided.
    pub epoch: u64,
}

/// What a lane has to say.
#[derive(Clone, Debug, PartialEq)]
pub enum News {
    /// The instance was read, or could not be.
    Read(Result<Reading, String>),
    /// What became of an order.
    Written(Order, Result<Reading, String>),
}

/// What is under way: a write, or a reading if there is no order.
#[derive(Clone, Debug)]
struct Errand {
    order: Option<Order>,
    call: Call<Result<Reading, String>>,
}

/// A lane.
#[derive(Clone, Debug, Default)]
pub struct Lane {
    replica: usize,
    waiting: Vec<Order>,
    busy: Option<Errand>,
    look: Time,
}

impl Lane {
    /// A lane of this replica, idle.
    pub fn new(replica: usize) -> Self {
        Self { replica, ..Self::default() }
    }

    /// Whether no order waits or is under way.
    pub fn is_idle(&self) -> bool {
        self.waiting.is_empty() && self.busy.as_ref().is_none_or(|errand| errand.order.is_none())
    }

    /// Takes an order.
    pub fn post(&mut self, order: Order) {
        self.waiting.retain(|other| other.purpose == Purpose::Retreat && order.purpose != Purpose::Retreat);
        self.waiting.push(order);
    }

    /// Reads as soon as no order waits.
    pub fn look(&mut self) {
        self.look = Time::default();
    }

    /// Works until it has to wait. `permit` says what may be written at this moment.
    pub fn work(
        &mut self,
        service: &mut Service,
        instance: usize,
        now: Time,
        permit: impl Fn(&Order) -> Permit,
    ) -> Option<News> {
        if self.busy.is_some() {
            let news = self.finish(now);
            if news.is_some() || self.busy.is_some() {
                return news;
            }
        }
        if !self.waiting.is_empty() {
            let order = self.waiting.remove(0);
            let permit = permit(&order);
            if permit == Permit::Refused {
                return Some(News::Written(order, Err("this replica may not write it".into())));
            }
            let by = By { replica: self.replica, order, lowering: permit == Permit::LoweringOnly };
            let call = write(service, instance, by, now);
            self.busy = Some(Errand { order: Some(order), call });
        } else if now >= self.look {
            self.look = now + LOOK;
            self.busy = Some(Errand { order: None, call: read(service, instance, now) });
        } else {
            return None;
        }
        // Most calls are answered at once.
        self.finish(now)
    }

    /// Ends what is under way, if it is over or given up for an order that may not wait.
    fn finish(&mut self, now: Time) -> Option<News> {
        let errand = self.busy.take()?;
        let urgent = self.waiting.iter().any(|order| order.purpose == Purpose::Retreat);
        let over = errand.call.is_over(now);
        match errand.order {
            Some(order) if over || urgent => {
                let none = if over { "no answer within 2 s" } else { "given up for a retreat" };
                Some(News::Written(order, errand.call.end(now).unwrap_or_else(|| Err(none.to_owned()))))
            }
            None if over => {
                let none = || Err("no answer within 2 s".to_owned());
                Some(News::Read(errand.call.end(now).unwrap_or_else(none)))
            }
            // An order is written at once; it reads the instance back itself.
            None if !self.waiting.is_empty() => None,
            _ => {
                self.busy = Some(errand);
                None
            }
        }
    }
}

fn read(service: &mut Service, instance: usize, now: Time) -> Call<Result<Reading, String>> {
    let Some(balancer) = service.balancers.get_mut(instance) else { return Call { sent: now, answer: None } };
    let answer = match balancer.meet(now) {
        Hands::Well | Hands::Any => Some((now, Ok(balancer.read()))),
        Hands::Slow => Some((now + SLOW, Ok(balancer.read()))),
        Hands::Refuse => Some((now, Err("connection refused".to_owned()))),
        Hands::Lost | Hands::Late | Hands::Dropped => None,
    };
    Call { sent: now, answer }
}

fn write(service: &mut Service, instance: usize, by: By, now: Time) -> Call<Result<Reading, String>> {
    let nothing = Call { sent: now, answer: None };
    let Some(balancer) = service.balancers.get_mut(instance) else { return nothing };
    let hands = balancer.meet(now);
    let weight = by.order.weight;
    let answer = match hands {
        Hands::Refuse => Some((now, Err("connection refused".to_owned()))),
        Hands::Dropped => None,
        Hands::Late => {
            service.late.push((now + LATE, instance, weight));
            None
        }
        Hands::Well | Hands::Lost | Hands::Slow | Hands::Any => {
            let from = balancer.weight();
            if !(by.lowering && from <= weight) {
                balancer.set(weight);
                service.landed.push(Landed { instance, from, to: weight, by: Some(by) });
            }
            match hands {
                Hands::Lost => None,
                Hands::Slow => Some((now + SLOW, Ok(balancer.read()))),
                _ => Some((now, Ok(balancer.read()))),
            }
        }
    };
    Call { sent: now, answer }
}
