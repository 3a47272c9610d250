//! One side of a service: what its servers can carry now, and what becomes of the requests that come.

use std::collections::VecDeque;
use std::time::Duration;

use crossfade_core::time::Time;

use crate::demand::Factor;
use crate::scenario::SideSetup;

/// How long a side takes to get used to a new load (caches filled, pools grown); minutes, as operators
/// of mail and web stores report (own choice: 60 s as time constant).
pub const CACHE: Duration = Duration::from_mins(1);

/// One side.
#[derive(Clone, Debug)]
pub struct Side {
    setup: SideSetup,
    /// Servers that serve.
    ready: u32,
    /// Servers that warm up, and when they are done.
    warming: VecDeque<Time>,
    /// When the youngest of those that serve began to; all others have for long.
    young: VecDeque<Time>,
    /// What each can serve, per second.
    pub per_server: f64,
    /// Times the usual connects per request.
    pub connects: Factor,
    /// Requests that wait.
    waiting: f64,
    /// The load that it is used to, per second.
    used_to: f64,
}

/// What became of the requests of one step.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Served {
    /// Served, if the databases let them.
    pub served: f64,
    /// Given up by their users.
    pub failed: f64,
    /// Connects to each database.
    pub connects: f64,
}

impl Side {
    /// The side that `setup` describes, all servers warm.
    pub fn new(setup: SideSetup) -> Self {
        Self {
            setup,
            ready: setup.servers,
            warming: VecDeque::new(),
            young: VecDeque::new(),
            per_server: setup.requests_per_second_per_server,
            connects: Factor::default(),
            waiting: 0.0,
            used_to: 0.0,
        }
    }

    /// Servers that are up in the load balancers' eyes.
    pub fn ready(&self) -> u32 {
        self.ready
    }

    /// Of those, the ones that have been up for so long.
    pub fn ready_for(&self, span: Duration, now: Time) -> u32 {
        let younger = self.young.iter().rev().take_while(|since| now.since(**since) < span);
        self.ready - u32::try_from(younger.count()).unwrap_or(u32::MAX).min(self.ready)
    }

    /// All that are up are others from now on.
    pub fn replace(&mut self, now: Time) {
        self.young.clear();
        self.young.resize(self.ready as usize, now);
    }

    /// Servers that are up, or will be when they are warm.
    pub fn asked(&self) -> u32 {
        self.ready + u32::try_from(self.warming.len()).unwrap_or(u32::MAX)
    }

    /// What it can serve now, per second.
    pub fn capacity(&self) -> f64 {
        f64::from(self.ready) * self.per_server
    }

    /// It has long carried so much.
    pub fn settle(&mut self, load: f64) {
        self.used_to = load;
    }

    /// So many servers are up from now on; new ones warm up first.
    pub fn set_servers(&mut self, up: u32, now: Time) {
        let before = self.ready + u32::try_from(self.warming.len()).unwrap_or(u32::MAX);
        if up >= before {
            let done = now + self.setup.warm_up;
            self.warming.extend((before..up).map(|_| done));
        } else {
            self.warming.truncate(up.saturating_sub(self.ready) as usize);
            self.ready = self.ready.min(up);
            self.young.truncate(self.ready as usize);
        }
    }

    /// Lets servers finish their warm-up; whether any did.
    pub fn warm(&mut self, now: Time) -> bool {
        let before = self.ready;
        while self.warming.front().is_some_and(|done| *done <= now) {
            self.warming.pop_front();
            self.ready += 1;
            self.young.push_back(now);
        }
        let older = self.young.len().saturating_sub(self.ready as usize);
        self.young.drain(..older);
        self.ready != before
    }

    /// Serves what came within `step`; `connecting` is the part of it that needs one connection each, for
    /// sure: it failed for want of one before.
    pub fn serve(&mut self, arrived: f64, connecting: f64, now: Time, step: Duration) -> Served {
        let seconds = step.as_secs_f64();
        let load = arrived / seconds;
        // The part of the load that is new to it costs more.
        let new = if load > self.used_to && load > 0.0 { (load - self.used_to) / load } else { 0.0 };
        let cost = 1.0 + self.setup.cold * new;
        self.used_to += (load - self.used_to) * (seconds / CACHE.as_secs_f64()).min(1.0);

        let can = self.capacity() * seconds / cost;
        let all = self.waiting + arrived;
        let served = all.min(can);
        let longest = self.capacity() / cost * self.setup.patience.as_secs_f64();
        self.waiting = (all - served).min(longest);
        let failed = all - served - self.waiting;
        let usual = self.setup.connects_per_request * self.connects.at(now);
        let each = usual + connecting * (1.0 - usual).max(0.0);
        let connects = served * each * cost;
        Served { served, failed, connects }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_that_come_up_or_are_replaced_are_ready_and_have_not_been_for_long() {
        let second = |second: u64| Time::from_millis(1_000_000 + second * 1000);
        let (servers, warm_up, patience) = (4, Duration::from_secs(10), Duration::from_secs(2));
        let mut side = Side::new(SideSetup {
            servers,
            requests_per_second_per_server: 100.0,
            connects_per_request: 0.1,
            warm_up,
            cold: 0.0,
            patience,
        });
        let counts = |side: &Side, at| (side.ready(), side.ready_for(Duration::from_secs(5), second(at)));
        assert_eq!(counts(&side, 0), (4, 4));
        side.set_servers(6, second(0));
        assert!(!side.warm(second(9)) && side.warm(second(10)));
        assert_eq!((counts(&side, 14), counts(&side, 15)), ((6, 4), (6, 6)));
        side.replace(second(20));
        assert_eq!((counts(&side, 24), counts(&side, 25)), ((6, 0), (6, 6)));
        // The youngest are the first to go.
        side.set_servers(8, second(20));
        assert!(side.warm(second(30)));
        side.set_servers(7, second(31));
        assert_eq!(counts(&side, 31), (7, 6));
    }
}
