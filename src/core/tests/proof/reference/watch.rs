//! The watch over one database, as it was first written.

use std::collections::BTreeMap;
use std::time::Duration;

use super::baseline::Baseline;
use super::series::{Point, Series};
use crossfade_core::guard::{Guard, Judgement, Level, Signal, Tripped, Unknown};
use crossfade_core::meter::{Observation, Reading, Sample};
use crossfade_core::plan::Database;
use crossfade_core::time::Time;

/// Data older than this many sampling periods is unknown (R5).
const STALE_PERIODS: u32 = 3;
/// ... but never before this: a scheduler's hiccup is no blindness.
const STALE_AT_LEAST: Duration = Duration::from_secs(1);

/// The watch over one database, for one plan.
#[derive(Clone, Debug, PartialEq)]
pub struct Watch {
    every: Duration,
    began: Time,
    newest: Option<Time>,
    /// Since when samples have counted without a gap.
    counted: Option<Time>,
    down: Option<(Time, String)>,
    returning: Option<Time>,
    series: BTreeMap<Signal, Series>,
    keep: BTreeMap<Signal, Duration>,
}

impl Watch {
    /// A watch that begins now.
    pub fn new(database: &Database, now: Time) -> Self {
        let mut watch = Self {
            every: database.every,
            began: now,
            newest: None,
            counted: None,
            down: None,
            returning: None,
            series: BTreeMap::new(),
            keep: BTreeMap::new(),
        };
        watch.configure(database);
        watch
    }

    /// Takes over a changed configuration; what was seen stays.
    pub fn configure(&mut self, database: &Database) {
        self.every = database.every;
        self.keep = database.guards.iter().map(|guard| (guard.signal, guard.longest())).collect();
        self.series.retain(|signal, _| self.keep.contains_key(signal));
    }

    /// Takes in what the meter made of an answer.
    pub fn observe(&mut self, observation: &Observation, now: Time) {
        match &observation.reading {
            Reading::Down { since, error } => {
                self.down = Some((*since, error.clone()));
                self.counted = None;
            }
            Reading::Late => {}
            Reading::Sample(sample) => {
                self.down = None;
                self.returning = observation.returning_until.filter(|until| *until > now);
                self.take(sample);
            }
        }
    }

    fn take(&mut self, sample: &Sample) {
        if self.newest.is_some_and(|newest| sample.at <= newest) {
            return;
        }
        // A sample stands for the time since the one before, unless that time was unknown.
        let gap = self.newest.map(|newest| sample.at.since(newest));
        let covers = gap.filter(|gap| *gap <= self.every * STALE_PERIODS).unwrap_or(self.every);
        self.newest = Some(sample.at);
        if self.returning.is_some() {
            self.counted = None;
            return;
        }
        if gap.is_none_or(|gap| gap > self.stale_after()) {
            self.counted = None;
        }
        self.counted.get_or_insert(sample.at);
        for (signal, keep) in &self.keep {
            let value = match signal {
                Signal::ConnectionRate => sample.connection_rate,
                Signal::ConnectionsOfMax => sample.of_max,
                Signal::FailedConnections => sample.failed_percent,
            };
            let Some(value) = value else { continue };
            let per_second = match signal {
                Signal::FailedConnections => sample.failed_rate.unwrap_or(0.0),
                _ => 0.0,
            };
            let point = Point { at: sample.at, covers, value, per_second, saturated: sample.saturated };
            self.series.entry(*signal).or_default().push(point, *keep);
        }
    }

    /// What is known of one signal's baseline, to be changed.
    pub fn baseline(&mut self, signal: Signal) -> &mut Baseline {
        &mut self.series.entry(signal).or_default().baseline
    }

    /// Starts the trend of a signal anew, as after its guard has cleared.
    pub fn restart_trend(&mut self, signal: Signal) {
        if let Some(series) = self.series.get_mut(&signal) {
            series.restart_trend();
        }
    }

    /// Forgets what is normal and learns it anew.
    pub fn relearn(&mut self) {
        self.series.values_mut().for_each(Series::relearn);
    }

    /// What the samples say of `guard` now.
    pub fn judge(&self, guard: &Guard, tripped: &Tripped, now: Time) -> Judgement {
        let series = self.series.get(&guard.signal);
        let newest = series.and_then(Series::newest);
        let value = newest.map(|point| point.value);
        let frozen = tripped.baseline.filter(|_| tripped.level != Level::Clear);
        let baseline = frozen.or_else(|| series.and_then(|series| normal(guard.signal, &series.baseline)));
        let unknown = self.unknown(guard, series, now).or_else(|| self.young(guard, tripped));
        let blind = Judgement { value, baseline, unknown, ..Judgement::default() };
        let Some(series) = series.filter(|_| !blind.is_blind()) else { return blind };
        Judgement {
            pause: guard.pause.iter().any(|condition| series.holds(condition)),
            rollback: guard.rollback.iter().any(|condition| series.holds(condition)),
            resume: tripped.level != Level::Clear && series.holds(&guard.resume),
            ..blind
        }
    }

    /// When its data becomes unknown, or known again, if nothing is observed before.
    pub fn changes_at(&self, now: Time) -> Option<Time> {
        if self.down.is_some() {
            return None;
        }
        let newest = self.series.values().filter_map(Series::newest).map(|point| point.at);
        let stale = newest.chain([self.began]).map(|at| at + self.stale_after() + Duration::from_millis(1));
        stale.chain(self.returning).filter(|at| *at > now).min()
    }

    fn stale_after(&self) -> Duration {
        (self.every * STALE_PERIODS).max(STALE_AT_LEAST)
    }

    fn unknown(&self, guard: &Guard, series: Option<&Series>, now: Time) -> Option<Unknown> {
        if let Some((since, error)) = &self.down {
            return Some(Unknown::Down { since: *since, error: error.clone() });
        }
        if let Some(until) = self.returning.filter(|until| *until > now) {
            return Some(Unknown::Returning { until });
        }
        let newest = series.and_then(Series::newest).map_or(self.began, |point| point.at);
        let stale = now.since(newest) > self.stale_after();
        let Some(series) = series.filter(|series| !stale && series.newest().is_some()) else {
            return Some(Unknown::Stale { since: newest });
        };
        let learned = !guard.is_relative() || series.baseline.value().is_some();
        (!learned).then(|| Unknown::Learning { until: series.baseline.learned_at(now) })
    }

    /// A surge that began before the watch did shows only after the time in which it is measured:
    /// until then a guard that never tripped is not clear.
    fn young(&self, guard: &Guard, tripped: &Tripped) -> Option<Unknown> {
        let measured_in = guard.pause.iter().map(|condition| condition.within).max()?;
        let until = self.counted? + measured_in;
        let young = tripped.level == Level::Clear && self.newest? < until;
        young.then_some(Unknown::Young { until })
    }
}

/// What a signal's tests compare with: failures with whatever was seen so far.
fn normal(signal: Signal, baseline: &Baseline) -> Option<f64> {
    match signal {
        Signal::FailedConnections => Some(baseline.so_far().unwrap_or(0.0)),
        Signal::ConnectionRate | Signal::ConnectionsOfMax => baseline.value(),
    }
}
