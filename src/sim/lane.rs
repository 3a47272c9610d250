//! A lane, as in the shell: the only writer of one load balancer for one replica. The latest order
//! wins, a retreat passes everything, each write needs a permit, and nothing waits for another lane.

use std::time::Duration;

use crossfade_core::fence::Permit;
use crossfade_core::route::{Purpose, Reading};
use crossfade_core::time::Time;
use crossfade_core::weight::Weight;

use crate::api::Call;
use crate::scenario::Hands;
use crate::service::Service;

/// How often an instance is read, as in the shell.
const LOOK: Duration = Duration::from_secs(1);
/// When a late write lands.
const LATE: Duration = Duration::from_secs(3);

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
    waiting: Vec<Order>,
    busy: Option<Errand>,
    look: Time,
}

impl Lane {
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
            let call = write(service, instance, order.weight, permit == Permit::LoweringOnly, now);
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

fn read(service: &Service, instance: usize, now: Time) -> Call<Result<Reading, String>> {
    let Some(balancer) = service.balancers.get(instance) else { return Call { sent: now, answer: None } };
    let answer = match balancer.hands(now) {
        Hands::Well => Some((now, Ok(balancer.read()))),
        Hands::Refuse => Some((now, Err("connection refused".to_owned()))),
        Hands::Lost | Hands::Late => None,
    };
    Call { sent: now, answer }
}

fn write(
    service: &mut Service,
    instance: usize,
    weight: Weight,
    lowering: bool,
    now: Time,
) -> Call<Result<Reading, String>> {
    let Some(balancer) = service.balancers.get_mut(instance) else { return Call { sent: now, answer: None } };
    let hands = balancer.hands(now);
    let skip = lowering && balancer.weight() <= weight;
    let answer = match hands {
        Hands::Refuse => Some((now, Err("connection refused".to_owned()))),
        Hands::Well | Hands::Lost => {
            if !skip {
                balancer.set(weight);
            }
            (hands == Hands::Well).then(|| (now, Ok(balancer.read())))
        }
        Hands::Late => {
            service.late.push((now + LATE, instance, weight));
            None
        }
    };
    Call { sent: now, answer }
}
