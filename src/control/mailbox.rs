//! A lane's mailbox: orders wait here, the latest wins, and a retreat passes everything.
//!
//! Posting never waits. Nothing here decides whether an order is right.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio::time::Instant;

use crate::core::route::Purpose;
use crate::core::weight::Weight;

/// A weight to be written to one instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// The engine's number for it.
    pub number: u64,
    /// The weight.
    pub weight: Weight,
    /// Why.
    pub purpose: Purpose,
    /// The lease's epoch under which it was decided.
    pub epoch: u64,
    /// When the answer arrived that led to it; for the time from a breach to the read-back.
    pub cause: Instant,
}

/// What waits for a lane.
#[derive(Debug, Default)]
struct Waiting {
    orders: Vec<Order>,
    look: bool,
    closed: bool,
}

/// What a lane does next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Task {
    /// Write this.
    Write(Order),
    /// Read the instance now.
    Look,
    /// Nothing more will come.
    End,
}

/// A lane's mailbox.
#[derive(Debug, Default)]
pub struct Mailbox {
    waiting: Mutex<Waiting>,
    /// Something was posted.
    posted: Notify,
    /// A retreat was posted.
    retreat: Notify,
}

impl Mailbox {
    /// Posts an order. A retreat drops what waits, any other order drops all but a waiting retreat.
    pub fn post(&self, order: Order) {
        let mut waiting = self.waiting();
        waiting.orders.retain(|other| other.purpose == Purpose::Retreat && order.purpose != Purpose::Retreat);
        let urgent = order.purpose == Purpose::Retreat;
        waiting.orders.push(order);
        drop(waiting);
        self.posted.notify_one();
        if urgent {
            self.retreat.notify_one();
        }
    }

    /// Asks for a reading as soon as no order waits.
    pub fn look(&self) {
        self.waiting().look = true;
        self.posted.notify_one();
    }

    /// Ends the lane once what waits is done.
    pub fn close(&self) {
        self.waiting().closed = true;
        self.posted.notify_one();
    }

    /// What to do next, in the order: waiting orders, a reading, the end.
    pub async fn next(&self) -> Task {
        loop {
            let posted = self.posted.notified();
            if let Some(task) = self.take() {
                return task;
            }
            posted.await;
        }
    }

    /// Returns when an order waits, whichever.
    pub async fn any_order(&self) {
        self.until(|waiting| !waiting.orders.is_empty(), &self.posted).await;
    }

    /// Returns when a retreat waits: what is in flight is to be given up.
    pub async fn any_retreat(&self) {
        self.until(
            |waiting| waiting.orders.iter().any(|order| order.purpose == Purpose::Retreat),
            &self.retreat,
        )
        .await;
    }

    async fn until(&self, holds: impl Fn(&Waiting) -> bool, notify: &Notify) {
        loop {
            let notified = notify.notified();
            if holds(&self.waiting()) {
                return;
            }
            notified.await;
        }
    }

    fn take(&self) -> Option<Task> {
        let mut waiting = self.waiting();
        if !waiting.orders.is_empty() {
            return Some(Task::Write(waiting.orders.remove(0)));
        }
        if waiting.closed {
            return Some(Task::End);
        }
        std::mem::take(&mut waiting.look).then_some(Task::Look)
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(number: u64, purpose: Purpose) -> Order {
        Order { number, weight: Weight::ZERO, purpose, epoch: 1, cause: Instant::now() }
    }

    async fn waiting(mailbox: &Mailbox) -> Vec<u64> {
        mailbox.close();
        let mut numbers = Vec::new();
        while let Task::Write(order) = mailbox.next().await {
            numbers.push(order.number);
        }
        numbers
    }

    #[tokio::test]
    async fn the_latest_raise_wins() {
        let mailbox = Mailbox::default();
        mailbox.post(order(1, Purpose::Raise));
        mailbox.post(order(2, Purpose::PutBack));
        mailbox.post(order(3, Purpose::Raise));
        assert_eq!(waiting(&mailbox).await, [3]);
    }

    #[tokio::test]
    async fn a_retreat_drops_waiting_raises_and_older_retreats() {
        let mailbox = Mailbox::default();
        mailbox.post(order(1, Purpose::Raise));
        mailbox.post(order(2, Purpose::Retreat));
        mailbox.post(order(3, Purpose::Retreat));
        assert_eq!(waiting(&mailbox).await, [3]);
    }

    #[tokio::test]
    async fn a_waiting_retreat_is_dropped_by_nothing_but_a_retreat() {
        let mailbox = Mailbox::default();
        mailbox.post(order(1, Purpose::Retreat));
        mailbox.post(order(2, Purpose::Raise));
        mailbox.post(order(3, Purpose::PutBack));
        assert_eq!(waiting(&mailbox).await, [1, 3]);
    }

    #[tokio::test]
    async fn a_waiting_retreat_is_seen_by_whoever_comes_to_wait_for_it() {
        let mailbox = Mailbox::default();
        mailbox.post(order(1, Purpose::Raise));
        mailbox.any_order().await;
        mailbox.post(order(2, Purpose::Retreat));
        mailbox.any_retreat().await;
        assert!(matches!(mailbox.next().await, Task::Write(order) if order.number == 2));
    }

    #[tokio::test]
    async fn orders_come_before_a_reading_and_a_reading_is_asked_once() {
        let mailbox = Mailbox::default();
        mailbox.look();
        mailbox.look();
        mailbox.post(order(1, Purpose::Raise));
        assert!(matches!(mailbox.next().await, Task::Write(order) if order.number == 1));
        assert_eq!(mailbox.next().await, Task::Look);
        mailbox.close();
        assert_eq!(mailbox.next().await, Task::End);
    }
}
