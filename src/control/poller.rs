//! Asks a Prometheus for one figure of one plan, on its own period. It waits for nothing else, and
//! decides nothing.
//!
//! What cannot be had is told once, with the field that asks for it. The figure then grows old, and
//! what is old is unknown (R5); no guard waits for any of it. A value counts from the moment at which
//! it was asked. Prometheus looks back for up to 5 minutes for the sample behind it: a query of a rate
//! shows that nobody scrapes any more, a bare gauge does not.

use std::sync::Arc;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::key::PlanKey;
use super::operator::Operator;
use super::reconcile::Refused;
use super::teller::Telling;
use super::wire::FigureWire;
use crate::core::reason::Reason;
use crate::probe::prometheus::{Client, Error};

/// One figure that is polled.
pub struct Poller {
    /// The plan.
    pub plan: PlanKey,
    /// What is asked.
    pub wire: FigureWire,
    /// Whom.
    pub client: Client,
    /// What the tasks share.
    pub operator: Arc<Operator>,
    /// When its Secrets were last asked to be read again.
    pub asked: Option<Instant>,
    /// What was told last; `None` while there are answers.
    pub failing: Option<Error>,
}

impl Poller {
    /// Polls until `stop`.
    pub async fn poll(mut self, stop: CancellationToken) {
        let mut due = Instant::now();
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep_until(due) => {}
            }
            let asked = Instant::now();
            let answer = tokio::select! {
                () = stop.cancelled() => return,
                answer = self.client.amount(self.wire.query()) => answer,
            };
            match answer {
                Ok(value) => self.feed(value, asked, &stop),
                Err(error) => self.fail(error),
            }
            due += self.wire.every;
            if due < Instant::now() {
                // Late: questions that were missed are not made up for.
                due = Instant::now() + self.wire.every;
            }
        }
    }

    fn feed(&mut self, value: f64, asked: Instant, stop: &CancellationToken) {
        let FigureWire { figure, field, .. } = self.wire;
        let at = self.operator.clock.at(asked);
        self.operator.fleet(|fleet, now| {
            // What another query said says nothing of what is asked for by now.
            if !stop.is_cancelled() {
                fleet.measured(&self.plan, figure, value, at, now);
            }
        });
        if self.failing.take().is_some() {
            tracing::info!(plan = %self.plan, field, value, "the figure is known again");
        }
    }

    fn fail(&mut self, error: Error) {
        if error.is_refusal() {
            self.operator.reread(&mut self.asked, Refused::Figure(self.plan.clone()));
        }
        if self.failing.as_ref().is_none_or(|before| !before.is_like(&error)) {
            let message = format!("{}: {error}; it is asked again by itself", self.wire.field);
            self.operator.teller.tell(Telling {
                plan: self.plan.clone(),
                reason: Reason::DataUnknown,
                message,
            });
        }
        self.failing = Some(error);
    }
}
