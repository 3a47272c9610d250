//! A lane as the lookout over its load balancer knows it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::fleet::LaneId;
use super::key::PlanKey;
use super::mailbox::Mailbox;
use crate::route::haproxy::Backend;

/// A lane as the lookout over its load balancer knows it.
#[derive(Debug)]
pub struct Seat {
    /// The plan.
    pub plan: PlanKey,
    /// The lane's name.
    pub lane: LaneId,
    /// Where the lane takes orders.
    pub mailbox: Arc<Mailbox>,
    /// What the lane's instance is asked for.
    pub backend: Arc<Backend>,
    /// Rises when the lane begins something with its instance, and when it has ended: odd in between.
    turns: AtomicU64,
    /// Whether its instance answered it the last time.
    answered: AtomicBool,
}

/// The lane does something with its instance, until this is dropped.
pub struct Busy<'a>(&'a Seat);

impl Seat {
    /// Of a lane that does nothing yet.
    pub const fn new(plan: PlanKey, lane: LaneId, mailbox: Arc<Mailbox>, backend: Arc<Backend>) -> Self {
        let (turns, answered) = (AtomicU64::new(0), AtomicBool::new(false));
        Self { plan, lane, mailbox, backend, turns, answered }
    }

    /// The lane begins something with its instance, and tells what came of it before it ends it.
    pub fn begin(&self) -> Busy<'_> {
        self.turns.fetch_add(1, Ordering::SeqCst);
        Busy(self)
    }

    /// The instance answered the lane, or did not.
    pub fn answered(&self, answered: bool) {
        self.answered.store(answered, Ordering::SeqCst);
    }

    /// Whether the lane's own connection was good the last time: else only the lane may say how things stand.
    pub fn is_proven(&self) -> bool {
        self.answered.load(Ordering::SeqCst)
    }

    /// What [`Self::is_at`] compares.
    pub fn turn(&self) -> u64 {
        self.turns.load(Ordering::SeqCst)
    }

    /// Whether the lane has done nothing with its instance since that turn: a reading that was asked for then,
    /// and is told now, comes neither between a write and its read-back nor after it with what stood before.
    pub fn is_at(&self, turn: u64) -> bool {
        turn.is_multiple_of(2) && self.turn() == turn
    }
}

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.0.turns.fetch_add(1, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::route::haproxy::{Address, Config, Instance, TIMEOUT};

    #[test]
    fn a_reading_asked_for_before_or_during_a_turn_of_the_lane_counts_no_more() {
        let config = Config {
            address: Address::parse("unix:///run/haproxy/admin.sock").unwrap(),
            backend: "mail".into(),
            legacy_servers: vec![],
            kubernetes_servers: vec![],
            tls: None,
            timeout: TIMEOUT,
        };
        let backend = Instance::new(config).unwrap().backend().clone();
        let seat = Seat::new(PlanKey::new("mail", "mail"), 1, Arc::default(), backend);
        let before = seat.turn();
        assert!(seat.is_at(before));
        let busy = seat.begin();
        let during = seat.turn();
        assert!(!seat.is_at(before) && !seat.is_at(during));
        drop(busy);
        assert!(!seat.is_at(before) && !seat.is_at(during) && seat.is_at(seat.turn()));
    }
}
