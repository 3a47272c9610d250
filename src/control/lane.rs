//! A lane: the only writer of one instance of one route. It reads the instance when it is asked to, which is every
//! second unless the [lookout](super::lookout) reads for it, writes what is ordered, each write with a fence and a
//! timeout, and decides nothing. No lane waits for another.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::error::Elapsed;
use tokio::time::{Instant, timeout};

use super::mailbox::{Order, Task};
use super::operator::Operator;
use super::reconcile::Refused;
use super::seat::Seat;
use crate::core::fence::Permit;
use crate::core::route::{Purpose, Reading};
use crate::route::{self, Instance, haproxy};

/// How long a reading may take.
const READ: Duration = Duration::from_secs(2);
/// How long a write with its read-back may take. The lease must outlive it.
const WRITE: Duration = Duration::from_secs(2);

/// One lane.
pub struct Lane {
    /// Whose it is, and where its orders come from.
    pub seat: Arc<Seat>,
    /// The instance that it owns.
    pub instance: Instance,
    /// What the tasks share.
    pub operator: Arc<Operator>,
    /// When its Secret was last asked to be read again.
    pub asked: Option<Instant>,
}

/// How an order ended.
enum Done {
    Read(Result<Reading, String>),
    /// A retreat came in between.
    GivenUp,
    /// The fence did not let it pass.
    Refused,
}

impl Lane {
    /// Works until the mailbox is closed and empty.
    pub async fn work(mut self) {
        let seat = Arc::clone(&self.seat);
        seat.mailbox.look();
        loop {
            let task = seat.mailbox.next().await;
            let _busy = seat.begin();
            match task {
                Task::End => return,
                Task::Write(order) => self.carry_out(&order).await,
                Task::Look => self.look().await,
            }
        }
    }

    async fn look(&mut self) {
        let read = timeout(READ, self.instance.read());
        let result = tokio::select! {
            biased;
            // An order is written at once; it reads the instance back itself.
            () = self.seat.mailbox.any_order() => return,
            read = read => read,
        };
        let result = self.judge(result, READ);
        self.operator.fleet(|fleet, now| fleet.read(&self.seat.plan, self.seat.lane, result, now));
    }

    async fn carry_out(&mut self, order: &Order) {
        let done = self.write(order).await;
        let (outcome, result) = match done {
            Done::Read(Ok(reading)) => ("done", Ok(reading)),
            Done::Read(Err(error)) => ("failed", Err(error)),
            Done::GivenUp => ("given-up", Err("given up for a retreat".into())),
            Done::Refused => ("refused", Err("this replica may not write it".into())),
        };
        if result.is_ok() && order.purpose == Purpose::Retreat {
            let took = order.cause.elapsed();
            self.operator.metrics.read_back(took.as_secs_f64());
            // `make bench` wants more than a histogram's buckets.
            tracing::debug!(plan = %self.seat.plan, micros = took.as_micros(), "retreat read back");
        }
        self.operator.metrics.route_write(&self.seat.plan.labels(), word(order.purpose), outcome);
        self.operator.fleet(|fleet, now| fleet.written(&self.seat.plan, self.seat.lane, order, result, now));
    }

    async fn write(&mut self, order: &Order) -> Done {
        // The fence is checked here, right before the write, and nothing waits in between.
        let lowering = match self.operator.permit(order.purpose, order.epoch, WRITE) {
            Permit::AsOrdered => false,
            Permit::LoweringOnly => true,
            Permit::Refused => return Done::Refused,
        };
        let instance = &mut self.instance;
        let write = timeout(WRITE, async {
            if lowering {
                let reading = instance.read().await?;
                if reading.weight <= order.weight {
                    return Ok(reading);
                }
            }
            instance.write(order.weight).await
        });
        let written = tokio::select! {
            biased;
            write = write => write,
            // Written after it on the same connection, and read back.
            () = self.seat.mailbox.any_retreat() => return Done::GivenUp,
        };
        Done::Read(self.judge(written, WRITE))
    }

    /// An error in words. A refused login asks for its Secret to be read again.
    fn judge(
        &mut self,
        result: Result<Result<Reading, route::Error>, Elapsed>,
        within: Duration,
    ) -> Result<Reading, String> {
        self.seat.answered(matches!(result, Ok(Ok(_))));
        let error = match result {
            Ok(Ok(reading)) => return Ok(reading),
            Ok(Err(error)) => error,
            Err(_) => return Err(format!("no answer within {} s", within.as_secs())),
        };
        let route::Error::HaProxy(cause) = &error;
        if matches!(cause, haproxy::Error::Tls { .. }) {
            self.operator.reread(&mut self.asked, Refused::Route(self.seat.plan.clone()));
        }
        Err(error.to_string())
    }
}

const fn word(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::Raise => "raise",
        Purpose::PutBack => "put-back",
        Purpose::Retreat => "retreat",
    }
}
