//! What the tasks of the process share.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::sync::mpsc::Sender;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::clock::Clock;
use super::crew::Crew;
use super::fleet::Fleet;
use super::lease;
use super::reconcile::Refused;
use super::teller::Teller;
use crate::core::fence::{Permit, permit};
use crate::core::lease::{Lease, Standing};
use crate::core::plan::Plan;
use crate::core::report::Report;
use crate::core::route::Purpose;
use crate::core::side::BySide;
use crate::core::spare::Side;
use crate::core::time::Time;
use crate::serve::figures::{ConnectFigures, GuardFigures, PlanFigures, SideFigures};
use crate::serve::health::Health;
use crate::serve::metrics::Metrics;

/// A Secret is read again at most so often because of a refused login.
const REREAD: Duration = Duration::from_secs(30);

/// What the tasks share.
pub struct Operator {
    /// The one clock.
    pub clock: Clock,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// Whether the process is ready.
    pub health: Arc<Health>,
    /// The tasks.
    pub crew: Crew,
    /// Tells people.
    pub teller: Teller,
    fleet: Mutex<Fleet>,
    /// The lease as last confirmed; asked anew for every write, so that not even a moment passes
    /// between the end of a claim and the end of the right to write.
    lease: Mutex<Option<Lease>>,
    /// What the engines were last told.
    told: Mutex<(Standing, String)>,
    /// A plan wants to decide earlier than the ticker knows.
    earlier: Notify,
    refused: Sender<Refused>,
}

impl Operator {
    /// Without plans, and without the right to write.
    pub fn new(metrics: Arc<Metrics>, health: Arc<Health>, teller: Teller, refused: Sender<Refused>) -> Self {
        Self {
            clock: Clock::start(),
            fleet: Mutex::new(Fleet::new(teller.clone(), metrics.clone())),
            metrics,
            health,
            crew: Crew::default(),
            teller,
            lease: Mutex::default(),
            told: Mutex::default(),
            earlier: Notify::new(),
            refused,
        }
    }

    /// Does something with the plans, now. It must not wait for anything.
    pub fn fleet<T>(&self, act: impl FnOnce(&mut Fleet, Time) -> T) -> T {
        let mut fleet = lock(&self.fleet);
        let before = fleet.deadline();
        let done = act(&mut fleet, self.clock.now());
        let after = fleet.deadline();
        drop(fleet);
        if after.is_some_and(|after| before.is_none_or(|before| after < before)) {
            self.earlier.notify_one();
        }
        done
    }

    /// Takes the lease as it is confirmed now, and tells the engines what this replica may do.
    pub fn stand(&self, lease: &Lease) {
        *lock(&self.lease) = Some(lease.clone());
        let standing = lease.standing(self.clock.now());
        let holder = lease.holder().unwrap_or_default();
        let (before, before_holder) =
            std::mem::replace(&mut *lock(&self.told), (standing, holder.to_owned()));
        let (word, epoch) = (lease::word(standing), epoch(standing));
        if lease::word(before) != word || self::epoch(before) != epoch {
            tracing::info!(standing = word, epoch, holder, "what this replica may do changed");
            self.metrics.standing(word, epoch);
            self.fleet(|fleet, now| fleet.stand(standing, now));
        } else if before_holder != holder {
            tracing::info!(holder, "the lease changed hands");
        } else if before != standing {
            self.fleet(|fleet, now| fleet.stand(standing, now));
        }
    }

    /// What this replica may do now.
    pub fn standing(&self) -> Standing {
        lock(&self.lease).as_ref().map(|lease| lease.standing(self.clock.now())).unwrap_or_default()
    }

    /// Whether a write of `purpose` decided under `epoch` may be made now.
    pub fn permit(&self, purpose: Purpose, epoch: u64, takes: Duration) -> Permit {
        permit(self.standing(), purpose, epoch, takes, self.clock.now())
    }

    /// Asks for a Secret to be read again, at most every 30 s; `asked` remembers when.
    pub fn reread(&self, asked: &mut Option<Instant>, refused: Refused) {
        if asked.is_none_or(|asked| asked.elapsed() >= REREAD) && self.refused.try_send(refused).is_ok() {
            *asked = Some(Instant::now());
        }
    }

    /// Lets each plan decide when its deadline comes, until `stop`.
    pub async fn tick(self: Arc<Self>, stop: CancellationToken) {
        loop {
            let earlier = self.earlier.notified();
            let deadline = self.fleet(|fleet, _| fleet.deadline()).map(|time| self.clock.instant(time));
            tokio::select! {
                () = stop.cancelled() => return,
                () = earlier => continue,
                () = at(deadline) => {}
            }
            self.fleet(super::fleet::Fleet::tick);
        }
    }

    /// The figures of all plans for a scrape. Each plan is looked at by itself, so that a scrape
    /// never delays a decision by more than one of them.
    pub fn figures(&self) -> Vec<PlanFigures> {
        let keys: Vec<_> = self.fleet(|fleet, _| fleet.plans().map(|(key, _)| key.clone()).collect());
        keys.iter()
            .filter_map(|key| {
                self.fleet(|fleet, now| {
                    let engine = &fleet.get(key)?.engine;
                    let report = engine.report(now);
                    let connects = connects(engine.plan(), &report);
                    let guards = report.guards.into_iter().map(|guard| GuardFigures {
                        database: guard.key.database,
                        signal: guard.key.signal.name(),
                        level: guard.level as u8,
                        value: guard.judgement.value,
                    });
                    Some(PlanFigures {
                        plan: key.labels(),
                        intended: engine.state().intended.map(crate::core::weight::Weight::percent),
                        actual: report.actual.map(crate::core::weight::Weight::percent),
                        phase: report.phase.name(),
                        guards: guards.collect(),
                        demand: report.capacity.spare.demand,
                        peak: report.capacity.peak.map(|peak| peak.requests_per_second),
                        sides: [
                            ("legacy", report.capacity.spare.legacy),
                            ("kubernetes", report.capacity.spare.kubernetes),
                        ]
                        .map(|(side, Side { ready, load })| SideFigures {
                            side,
                            ready,
                            load,
                        }),
                        connects,
                    })
                })
            })
            .collect()
    }
}

fn connects(plan: &Plan, report: &Report) -> Vec<ConnectFigures> {
    let known = plan.databases.iter().zip(&report.databases);
    let known = known.filter_map(|(database, report)| Some((&database.name, report.connects?)));
    known
        .flat_map(|(database, BySide { legacy, kubernetes })| {
            [("legacy", legacy), ("kubernetes", kubernetes)].map(|(side, rate)| ConnectFigures {
                database: database.clone(),
                side,
                rate,
            })
        })
        .collect()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The epoch of the claim, if there is one.
pub const fn epoch(standing: Standing) -> Option<u64> {
    match standing {
        Standing::Holder { epoch, .. } => Some(epoch),
        Standing::LastHolder { .. } | Standing::None => None,
    }
}

/// Sleeps until then; for ever without a time.
pub async fn at(deadline: Option<tokio::time::Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}
