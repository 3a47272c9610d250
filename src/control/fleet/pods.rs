//! What the engines are told of pods.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use super::{Entry, Fleet};
use crate::capacity::Count;
use crate::control::counter::CountId;
use crate::core::capacity::Figure;
use crate::core::time::Time;

/// A count of pods that is older says nothing; the core takes it no longer either.
const COUNT_STALE: Duration = Duration::from_secs(45);

impl Fleet {
    /// The pods of workloads were counted. `alive` is when that was known to be so.
    pub fn counted(&mut self, counts: &[(CountId, Count)], alive: Time, now: Time) {
        self.counts.extend(counts.iter().map(|(id, count)| (*id, (alive, *count))));
        let told = |id| counts.binary_search_by_key(&id, |(id, _)| *id).is_ok();
        let mut touched = Vec::new();
        for (key, entry) in &mut self.plans {
            if tell(entry, &self.counts, told) {
                touched.push(key.clone());
            }
        }
        self.settle(touched, now, Instant::now());
    }

    /// These are counted no more.
    pub fn uncounted(&mut self, gone: &[CountId]) {
        for id in gone {
            self.counts.remove(id);
        }
    }

    /// The pods of a plan's workloads, in its order, where that is known now.
    pub fn pods(&self, entry: &Entry, now: Time) -> Vec<Option<Count>> {
        let known = |id| self.counts.get(id).filter(|(alive, _)| now.since(*alive) <= COUNT_STALE);
        entry.links.workloads.iter().map(|id| known(id).map(|(_, count)| *count)).collect()
    }
}

/// Tells an engine its pods that `concerned` names; whether there are such.
pub(super) fn tell(
    entry: &mut Entry,
    counts: &BTreeMap<CountId, (Time, Count)>,
    concerned: impl Fn(CountId) -> bool,
) -> bool {
    let mut told = false;
    for (place, id) in entry.links.workloads.iter().enumerate().filter(|(_, id)| concerned(**id)) {
        if let Some((alive, count)) = counts.get(id) {
            entry.engine.measured(Figure::Pods(place), f64::from(count.warm), *alive);
            told = true;
        }
    }
    told
}
