//! The watch over one database: its samples, and what they say of a guard.
//!
//! Judges, and decides nothing. Data of a database that is down or has just come back says nothing.

use std::time::Duration;

use crate::baseline::Baseline;
use crate::guard::{Condition, Guard, Judgement, Level, Signal, Tripped, Unknown};
use crate::meter::{Observation, Reading, Sample};
use crate::plan::Database;
use crate::series::{Point, Series};
use crate::side::BySide;
use crate::sides::{self, Sides};
use crate::surge::{Look, Mean};
use crate::time::Time;

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
    /// The database was full or nearly at that sample.
    saturated: Option<Time>,
    /// Where the sides are told apart.
    sides: Option<Box<Sides>>,
    /// The sides' shares of the traffic, while they are known.
    shares: Option<BySide<f64>>,
    signals: [Watched; Signal::ALL.len()],
}

/// What is watched of one signal.
#[derive(Clone, Debug, Default, PartialEq)]
struct Watched {
    /// The conditions of its guard; `None` if it has none.
    conditions: Option<Vec<Condition>>,
    /// `None` before its first value.
    series: Option<Series>,
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
            saturated: None,
            sides: None,
            shares: None,
            signals: Default::default(),
        };
        watch.configure(database);
        watch
    }

    /// Takes over a changed configuration; what was seen stays.
    pub fn configure(&mut self, database: &Database) {
        self.every = database.every;
        self.sides = database.by_side.then(|| self.sides.take().unwrap_or_default());
        for signal in Signal::ALL {
            // Of two guards on one signal the later counts.
            let guard = database.guards.iter().rfind(|guard| guard.signal == signal);
            let conditions = guard.map(|guard| guard.conditions().copied().collect::<Vec<_>>());
            let watched = &mut self.signals[signal as usize];
            match (&conditions, &mut watched.series) {
                (Some(conditions), Some(series)) => series.watch(signal, conditions),
                (None, series) => *series = None,
                (Some(_), None) => {}
            }
            watched.conditions = conditions;
        }
    }

    /// Takes in what the meter made of an answer.
    pub fn observe(&mut self, observation: &Observation, now: Time) {
        match &observation.reading {
            Reading::Down { since, error } => {
                self.down = Some((*since, error.clone()));
                self.counted = None;
                self.interrupt_sides();
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
            self.interrupt_sides();
            return;
        }
        if gap.is_none_or(|gap| gap > self.stale_after()) {
            self.counted = None;
            self.interrupt_sides();
        }
        self.counted.get_or_insert(sample.at);
        if sample.saturated {
            self.saturated = Some(sample.at);
        }
        if let Some(sides) = &mut self.sides {
            match sample.by_side.zip(self.shares) {
                Some((connects, shares)) => sides.push(covers, connects, shares, sample.saturated),
                None => sides.interrupt(),
            }
        }
        for signal in Signal::ALL {
            let watched = &mut self.signals[signal as usize];
            if watched.conditions.is_none() {
                continue;
            }
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
            watched.series(signal).push(point);
        }
    }

    /// Takes in how the traffic is split now; `None` while that is not known.
    pub fn see_shares(&mut self, shares: Option<BySide<f64>>) {
        self.shares = shares;
    }

    /// What is known of the sides' costs, to be changed, if the sides are told apart.
    pub fn sides(&mut self) -> Option<&mut Sides> {
        self.sides.as_deref_mut()
    }

    fn interrupt_sides(&mut self) {
        if let Some(sides) = &mut self.sides {
            sides.interrupt();
        }
    }

    /// What the samples say of whose surge it is; `tripped` while a guard of the database is.
    pub fn look(&mut self, tripped: bool, now: Time) -> Look {
        // Nobody asks in calm whose surge it is, where the sides are not told apart.
        if !tripped && self.sides.is_none() {
            return Look::default();
        }
        let fresh = self.newest.filter(|newest| now.since(*newest) <= self.stale_after());
        let counts = self.down.is_none() && self.returning.is_none_or(|until| until <= now);
        let normal = self.sides.as_ref().and_then(|sides| sides.normal());
        let Some(newest) = fresh.filter(|_| counts) else { return Look { normal, ..Look::default() } };
        let span = sides::MEAN.max(self.every * 2);
        Look {
            sides: self.sides.as_ref().and_then(|sides| sides.costs()),
            normal,
            rate: self.mean(Signal::ConnectionRate, tripped, span, newest),
            failures: self.mean(Signal::FailedConnections, tripped, span, newest),
            saturated: self.saturated.is_some_and(|at| newest.since(at) < span),
        }
    }

    /// The mean of a signal up to its newest sample, if the database's newest gave one.
    fn mean(&mut self, signal: Signal, tripped: bool, span: Duration, newest: Time) -> Option<Mean> {
        let series = self.signals[signal as usize].series.as_mut().filter(|_| tripped)?;
        series.newest().filter(|point| point.at == newest)?;
        let (value, per_second, covered) = series.mean_of(span)?;
        let normal = normal(signal, &series.baseline).unwrap_or(0.0);
        let (now, normal) = match signal {
            // The share that usually fails, of what is tried now.
            Signal::FailedConnections if value > 0.0 => (per_second, per_second * (normal / value).min(1.0)),
            Signal::FailedConnections => (per_second, 0.0),
            Signal::ConnectionRate | Signal::ConnectionsOfMax => (value, normal),
        };
        // As connects come by chance, or as they were seen to vary, if that is more.
        let seconds = covered.as_secs_f64();
        let spread = match signal {
            Signal::ConnectionRate if normal > 0.0 => series.baseline.remember_deviation() * now / normal,
            _ => 0.0,
        };
        Some(Mean { now, normal, noise: now.sqrt().max(spread) / seconds.sqrt() })
    }

    fn series(&self, signal: Signal) -> Option<&Series> {
        self.signals[signal as usize].series.as_ref()
    }

    /// What is known of one signal's baseline, to be changed.
    pub fn baseline(&mut self, signal: Signal) -> &mut Baseline {
        &mut self.signals[signal as usize].series(signal).baseline
    }

    /// Starts the trend of a signal anew, as after its guard has cleared.
    pub fn restart_trend(&mut self, signal: Signal) {
        if let Some(series) = &mut self.signals[signal as usize].series {
            series.restart_trend();
        }
    }

    /// Forgets what is normal and learns it anew.
    pub fn relearn(&mut self) {
        self.signals.iter_mut().filter_map(|watched| watched.series.as_mut()).for_each(Series::relearn);
        if let Some(sides) = &mut self.sides {
            sides.relearn();
        }
    }

    /// What the samples say of `guard` now. Whether it may resume is asked of a tripped one only.
    pub fn judge(&mut self, guard: &Guard, tripped: &Tripped, now: Time) -> Judgement {
        let is_tripped = tripped.level != Level::Clear;
        if let Some(series) = &mut self.signals[guard.signal as usize].series {
            series.trip(is_tripped);
        }
        let series = self.series(guard.signal);
        let newest = series.and_then(Series::newest);
        let value = newest.map(|point| point.value);
        let frozen = tripped.baseline.filter(|_| is_tripped);
        let baseline = frozen.or_else(|| series.and_then(|series| normal(guard.signal, &series.baseline)));
        let unknown = self.unknown(guard, series, now).or_else(|| self.young(guard, tripped));
        let blind = Judgement { value, baseline, unknown, ..Judgement::default() };
        let Some(series) = series.filter(|_| !blind.is_blind()) else { return blind };
        // In the order of `Guard::conditions`, as the series was asked for them.
        let (rollback, resume) = (guard.pause.len(), guard.pause.len() + guard.rollback.len());
        let any = |first, conditions: &[Condition]| {
            (first..).zip(conditions).any(|(place, condition)| series.holds(place, condition))
        };
        Judgement {
            pause: any(0, &guard.pause),
            rollback: any(rollback, &guard.rollback),
            resume: is_tripped && series.holds(resume, &guard.resume),
            ..blind
        }
    }

    /// When its data becomes unknown, or known again, if nothing is observed before.
    pub fn changes_at(&self, now: Time) -> Option<Time> {
        if self.down.is_some() {
            return None;
        }
        let series = self.signals.iter().filter_map(|watched| watched.series.as_ref());
        let newest = series.filter_map(Series::newest).map(|point| point.at);
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
        let learned = series.baseline.value().is_some() || !guard.is_relative();
        (!learned).then(|| Unknown::Learning { until: series.baseline.learned_at(now) })
    }

    /// A surge that began before the watch did shows only after the time in which it is measured:
    /// until then a guard that never tripped is not clear.
    fn young(&self, guard: &Guard, tripped: &Tripped) -> Option<Unknown> {
        let (counted, newest) = self.counted.zip(self.newest).filter(|_| tripped.level == Level::Clear)?;
        let until = counted + guard.pause.iter().map(|condition| condition.within).max()?;
        (newest < until).then_some(Unknown::Young { until })
    }
}

impl Watched {
    fn series(&mut self, signal: Signal) -> &mut Series {
        self.series.get_or_insert_with(|| {
            let mut series = Series::default();
            series.watch(signal, self.conditions.as_deref().unwrap_or_default());
            series
        })
    }
}

/// What a signal's tests compare with: failures with whatever was seen so far.
fn normal(signal: Signal, baseline: &Baseline) -> Option<f64> {
    match signal {
        Signal::FailedConnections => Some(baseline.so_far().unwrap_or(0.0)),
        Signal::ConnectionRate | Signal::ConnectionsOfMax => baseline.value(),
    }
}
