//! The lowest thresholds that would have kept still outside the incidents.
//!
//! One pass over the record: each threshold begins as low as its guard's `resume` allows, and is
//! raised, on a grid of about two digits, exactly when it would have tripped outside an incident.
//! What comes out is replayed by the engine; if guards that act on each other left an alarm, the
//! thresholds go on from there.

use std::mem::discriminant;
use std::time::Duration;

use crossfade_core::defaults::{FAILURES_TO_PAUSE, FAILURES_TO_ROLL_BACK};
use crossfade_core::guard::{Condition, Guard, Level, Signal, Test, Tripped};
use crossfade_core::plan::Database;
use crossfade_core::watch::Watch;

use super::Incident;
use super::record::{Record, Row};
use super::replay::{Outcome, Scene};
use super::weeks::is_false;

/// How often the replay may find another alarm before it is given up.
const ROUNDS: usize = 8;

/// What would have kept still.
#[derive(Clone, Debug, PartialEq)]
pub struct Suggestion {
    /// What keeps each guard still.
    pub guards: Vec<Quiet>,
    /// The replay of the plan with the changes.
    pub outcome: Outcome,
    /// Whether no alarm outside an incident is left in it.
    pub still: bool,
}

/// What keeps one guard still; the times are those of the plan.
#[derive(Clone, Debug, PartialEq)]
pub struct Quiet {
    /// The lowest thresholds that do.
    pub lowest: Guard,
    /// What to write into the plan if its own thresholds gave a false alarm: nowhere below them.
    pub change: Option<Guard>,
    /// Whether there are any that a plan takes: a percentage must stay below 100.
    pub possible: bool,
}

/// Finds the lowest thresholds of the scene's guards that keep still, given what its own did.
pub fn suggest(scene: &Scene, record: &Record, incidents: &[Incident], own: &Outcome) -> Option<Suggestion> {
    let database = scene.database()?;
    let mut searches: Vec<Search> = database.guards.iter().map(Search::new).collect();
    for _ in 0..ROUNDS {
        pass(&mut searches, database, record, incidents);
        let lowest = scene.with(searches.iter().map(Search::guard).collect()).replay(record);
        let left = searches.iter_mut().filter_map(|search| {
            search.raise(wrong(&lowest, search.guard.signal, incidents)?);
            Some(())
        });
        if left.count() == 0 {
            break;
        }
    }
    let guards: Vec<Quiet> = database
        .guards
        .iter()
        .zip(&searches)
        .map(|(guard, search)| {
            let change = at_least(search.guard(), guard);
            let possible = is_possible(&change);
            let needed = possible && wrong(own, guard.signal, incidents).is_some();
            Quiet { lowest: search.guard(), change: needed.then_some(change), possible }
        })
        .collect();
    let outcome = if guards.iter().any(|quiet| quiet.change.is_some()) {
        let changed = database.guards.iter().zip(&guards);
        let changed = changed.map(|(own, quiet)| quiet.change.as_ref().unwrap_or(own));
        scene.with(changed.cloned().collect()).replay(record)
    } else {
        own.clone()
    };
    let still = outcome.trips.iter().all(|trip| !is_false(trip, incidents));
    Some(Suggestion { guards, outcome, still })
}

/// How far the guard of `signal` tripped outside the incidents.
fn wrong(outcome: &Outcome, signal: Signal, incidents: &[Incident]) -> Option<Level> {
    let of_it = outcome.trips.iter().filter(|trip| trip.signal == signal);
    of_it.filter(|trip| is_false(trip, incidents)).map(|trip| trip.level).max()
}

/// `guard` with no threshold below the one that `own` has of the same kind.
fn at_least(mut guard: Guard, own: &Guard) -> Guard {
    let raise = |conditions: &mut [Condition], own: &[Condition]| {
        for condition in conditions {
            let same = |other: &&Condition| discriminant(&other.test) == discriminant(&condition.test);
            if let Some(least) = own.iter().find(same).map(threshold)
                && threshold(condition) < least
            {
                set(condition, least);
            }
        }
    };
    raise(&mut guard.pause, &own.pause);
    raise(&mut guard.rollback, &own.rollback);
    in_order(guard)
}

/// `rollback` not below `pause`.
fn in_order(mut guard: Guard) -> Guard {
    let pause = guard.pause.first().map(threshold).unwrap_or_default();
    for condition in &mut guard.rollback {
        if threshold(condition) < pause {
            set(condition, pause);
        }
    }
    guard
}

fn is_possible(guard: &Guard) -> bool {
    let most = if guard.signal == Signal::ConnectionRate { f64::INFINITY } else { 100.0 };
    guard.pause.iter().chain(&guard.rollback).all(|condition| threshold(condition) < most)
}

/// The least value of the grid above `value`: two digits, the second in halves (2 300, 2 350).
pub fn next(value: f64) -> f64 {
    let value = value.max(0.001);
    // A value of the grid itself must not be found again by a rounding error.
    let above = value * (1.0 + 1e-9);
    let step = 10_f64.powf(above.log10().floor() - 1.0) / 2.0;
    let next = ((above / step).floor() + 1.0) * step;
    // Written with as many digits as it has.
    (next * 1e6).round() / 1e6
}

/// A guard's thresholds on their way up.
struct Search {
    guard: Guard,
    tripped: Tripped,
}

impl Search {
    /// The thresholds that a user would write for `guard`, as low as its `resume` allows.
    fn new(guard: &Guard) -> Self {
        let low = match guard.resume.test {
            Test::Below(value) | Test::BelowBaseline(value) | Test::FailuresBelow { percent: value } => value,
            _ => 0.0,
        };
        let lowest = next(low);
        let own = |conditions: &[Condition], per_second: f64| -> Vec<Condition> {
            let settable = conditions.iter().find_map(|condition| {
                let test = match condition.test {
                    Test::Above(_) => Test::Above(lowest),
                    Test::AboveBaseline(_) => Test::AboveBaseline(lowest),
                    Test::Failures { .. } => Test::Failures { percent: lowest, per_second },
                    _ => return None,
                };
                Some(Condition { test, ..*condition })
            });
            settable.into_iter().collect()
        };
        let pause = own(&guard.pause, FAILURES_TO_PAUSE);
        let rollback = own(&guard.rollback, FAILURES_TO_ROLL_BACK);
        Self { guard: Guard { pause, rollback, ..guard.clone() }, tripped: Tripped::default() }
    }

    /// With the thresholds as they stand.
    fn guard(&self) -> Guard {
        in_order(self.guard.clone())
    }

    /// One step up of the thresholds that gave an alarm of `level`.
    fn raise(&mut self, level: Level) {
        self.guard.pause.iter_mut().for_each(step_up);
        if level == Level::Rollback {
            self.guard.rollback.iter_mut().for_each(step_up);
        }
    }

    /// Takes a sample: trips inside an incident, and raises what would trip outside one.
    fn look(&mut self, watch: &mut Watch, row: &Row, in_incident: bool) {
        let mut judged = watch.judge(&self.guard, &self.tripped, row.at);
        if judged.is_blind() {
            return;
        }
        if self.tripped.level != Level::Clear {
            if judged.resume && !judged.pause && !judged.rollback {
                self.tripped = Tripped::default();
                watch.baseline(self.guard.signal).thaw();
            }
            return;
        }
        if !judged.pause && !judged.rollback {
            return;
        }
        if in_incident {
            self.tripped = Tripped { level: Level::Pause, since: row.at, baseline: judged.baseline };
            watch.baseline(self.guard.signal).freeze(judged.baseline);
            return;
        }
        while judged.pause || judged.rollback {
            let (pause, rollback) = (judged.pause, judged.rollback);
            self.guard.pause.iter_mut().filter(|_| pause).for_each(step_up);
            self.guard.rollback.iter_mut().filter(|_| rollback).for_each(step_up);
            judged = watch.judge(&self.guard, &self.tripped, row.at);
        }
    }
}

fn pass(searches: &mut [Search], database: &Database, record: &Record, incidents: &[Incident]) {
    let (first, _) = record.span();
    let mut watch = Watch::new(database, first);
    for search in searches.iter_mut() {
        search.tripped = Tripped::default();
    }
    for row in record.rows() {
        watch.observe(&row.observation(), row.at);
        let in_incident = incidents.iter().any(|incident| incident.contains(row.at));
        for search in searches.iter_mut() {
            search.look(&mut watch, row, in_incident);
        }
    }
}

/// The number that a user writes.
pub fn threshold(condition: &Condition) -> f64 {
    match condition.test {
        Test::Above(value)
        | Test::Below(value)
        | Test::AboveBaseline(value)
        | Test::BelowBaseline(value)
        | Test::Trend(value)
        | Test::Failures { percent: value, .. }
        | Test::FailuresBelow { percent: value } => value,
        Test::FullWithin(within) => within.as_secs_f64(),
    }
}

fn set(condition: &mut Condition, to: f64) {
    match &mut condition.test {
        Test::Above(value)
        | Test::Below(value)
        | Test::AboveBaseline(value)
        | Test::BelowBaseline(value)
        | Test::Trend(value)
        | Test::Failures { percent: value, .. }
        | Test::FailuresBelow { percent: value } => *value = to,
        Test::FullWithin(within) => *within = Duration::from_secs_f64(to),
    }
}

fn step_up(condition: &mut Condition) {
    set(condition, next(threshold(condition)));
}

#[cfg(test)]
mod tests {
    use super::next;

    #[test]
    fn the_grid_has_about_two_digits() {
        let grid = |value: f64| [next(value), next(next(value))];
        assert_eq!(grid(600.0), [605.0, 610.0]);
        assert_eq!(grid(998.0), [1000.0, 1050.0]);
        assert_eq!(grid(1234.0), [1250.0, 1300.0]);
        assert_eq!(grid(1.2), [1.25, 1.3]);
        assert_eq!(grid(0.02), [0.0205, 0.021]);
        assert_eq!(grid(0.0), [0.00105, 0.0011]);
        let mut value = 0.02;
        for _ in 0..2000 {
            let above = next(value);
            assert!(above > value && above <= value * 1.06, "{value} to {above}");
            value = above;
        }
    }
}
