//! The guard loop of one database: asks for its counters on its own period and lets every plan that
//! names it decide at once. It waits for nothing but the database.
//!
//! One connection serves all plans; plans that ask for different periods or users each get their own
//! samples, so that none changes what another's thresholds mean.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::fleet::{DatabaseId, Sampled};
use super::operator::Operator;
use super::pace::{self, Pace};
use super::reconcile::Refused;
use crate::core::meter::{Answer, Counters, Meter};
use crate::probe::mysql::{ByUser, Source};

/// One sampled database.
pub struct Sampler {
    /// Its name for the life of the process.
    pub id: DatabaseId,
    /// Host and port, for metrics.
    pub endpoint: String,
    /// Where answers come from.
    pub source: Source,
    /// The paces that plans ask for.
    pub paces: watch::Receiver<BTreeSet<Pace>>,
    /// What the tasks share.
    pub operator: Arc<Operator>,
    /// When its Secret was last asked to be read again.
    pub asked: Option<Instant>,
}

/// The samples of one pace.
struct Beat {
    meter: Meter,
    due: Instant,
}

impl Sampler {
    /// Samples until `stop`.
    pub async fn sample(mut self, stop: CancellationToken) {
        let mut beats = BTreeMap::new();
        self.follow(&mut beats);
        loop {
            let due = beats.values().map(|beat: &Beat| beat.due).min();
            let due = due.unwrap_or_else(|| Instant::now() + Duration::from_mins(1));
            tokio::select! {
                () = stop.cancelled() => return,
                changed = self.paces.changed() => {
                    if changed.is_err() {
                        stop.cancelled().await;
                        return;
                    }
                    self.follow(&mut beats);
                    continue;
                }
                () = tokio::time::sleep_until(due) => {}
            }
            let asked = Instant::now();
            let answer = tokio::select! {
                () = stop.cancelled() => return,
                answer = self.source.ask() => answer,
            };
            let answered = Instant::now();
            self.feed(&mut beats, &answer, asked, answered);
        }
    }

    fn feed(&mut self, beats: &mut BTreeMap<Pace, Beat>, answer: &Answer, asked: Instant, answered: Instant) {
        let at = self.operator.clock.at(answered);
        let by_user = self.source.by_user();
        for (pace, beat) in beats.iter_mut().filter(|(_, beat)| beat.due <= asked) {
            let observation = match answer {
                Answer::Counters(counters) if pace.users.is_some() => {
                    let counters = Counters { by_side: pace.by_side(by_user), ..counters.clone() };
                    beat.meter.observe(&Answer::Counters(counters), at)
                }
                answer => beat.meter.observe(answer, at),
            };
            let lacks = (*by_user != ByUser::Absent).then(|| pace.lacks(by_user));
            let maximum = match answer {
                Answer::Counters(counters) => Some(counters.maximum),
                _ => None,
            };
            let sampled = Sampled { observation, maximum, lacks };
            self.operator.fleet(|fleet, now| fleet.sample(self.id, pace, &sampled, now, answered));
            beat.due += pace.every;
            if beat.due < answered {
                // Late: samples that were missed are not made up for.
                beat.due = answered + pace.every;
            }
        }
        let outcome = match answer {
            Answer::Counters(_) => "counters",
            Answer::Full => "full",
            Answer::Late => "late",
            Answer::Down(_) => "down",
        };
        self.operator.metrics.sample(&self.endpoint, outcome);
        if self.source.refused_login() {
            self.operator.reread(&mut self.asked, Refused::Database(self.id));
        }
    }

    fn follow(&mut self, beats: &mut BTreeMap<Pace, Beat>) {
        let paces = self.paces.borrow_and_update();
        beats.retain(|pace, _| paces.contains(pace));
        for pace in paces.iter() {
            beats
                .entry(pace.clone())
                .or_insert_with(|| Beat { meter: Meter::default(), due: Instant::now() });
        }
        self.source.set_users(pace::users(paces.iter()));
    }
}
