//! R1: the connection rate after a step, predicted from what each side's requests cost; and whether it came
//! so.
//!
//! Where an input is unknown nothing is predicted, and nothing is asked of it.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::baseline::FLOOR;
use crate::guard::{Signal, Test};
use crate::plan::Database;
use crate::prediction::{Costs, Foreseen, Missing, Prediction, Rates};
use crate::reason::Reason;
use crate::rules::{capacity, raise};
use crate::state::Halt;
use crate::turn::Turn;
use crate::weight::Weight;

/// The share of a database's proven rate that may be asked for at the peak.
const OF_CAPACITY: f64 = 0.6;
/// An outcome that differs from what was predicted by more than this share is wrong,
const WRONG: f64 = 0.25;
/// ... if chance does not make it, in standard deviations.
const CHANCE: f64 = 3.0;
/// It is judged so long after the step,
const JUDGED: Duration = Duration::from_mins(1);
/// ... by what came after pools were filled.
const SETTLED: Duration = Duration::from_secs(15);
/// ... if that is at least so much.
const LEAST: Duration = Duration::from_secs(20);

/// A predicted rate that is too high.
#[derive(Clone, Debug, PartialEq)]
pub struct Excess {
    /// The database.
    pub database: String,
    /// The weight after the step.
    pub weight: Weight,
    /// The rate.
    pub rate: f64,
    /// Whether that is at the peak.
    pub at_peak: bool,
    /// What it must stay below.
    pub limit: Limit,
}

/// What a predicted rate must stay below.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Limit {
    /// The guard would not clear above this.
    Resume(f64),
    /// The guard would pause above this.
    Pause(f64),
    /// Of what the database is proven to answer, 0.6.
    Capacity(f64),
}

/// The weight after the next step, if there is one: also of a stage that waits.
pub fn next_weight(turn: &Turn) -> Option<Weight> {
    if let Some(raise) = turn.state.raise {
        return Some(raise.to);
    }
    let present = turn.state.stage.and_then(|stage| raise::step_to(turn, stage));
    let next = turn.state.stage.map_or(0, |stage| stage + 1);
    present.or_else(|| raise::step_to(turn, next))
}

/// What is predicted of a database (its place in the plan) at `weight`.
fn predict(turn: &Turn, place: usize, weight: Weight) -> Result<Rates, Missing> {
    let spare = capacity::spare(turn);
    let (demand, peak) = spare.demand.zip(spare.peak).ok_or(Missing::Demand)?;
    let tally = turn.seen.tallies.get(place).ok_or(Missing::Requests)?;
    let costs = Costs::of(&tally.known(turn.now)).ok_or(Missing::Requests)?;
    let (now, _) = costs.rate(weight, demand)?;
    let (peak, _) = costs.rate(weight, peak)?;
    Ok(Rates { now, peak })
}

/// What is predicted of a database after the next step; `None` where its sides are not told apart, or nothing
/// is to be raised.
pub fn prediction(turn: &Turn, place: usize) -> Option<Prediction> {
    turn.plan.databases.get(place).filter(|database| database.by_side)?;
    let weight = next_weight(turn)?;
    Some(Prediction { weight, rates: predict(turn, place, weight) })
}

/// What is predicted to be too high after a raise to `weight`.
pub fn against_raising(turn: &Turn, weight: Weight) -> Option<Excess> {
    let databases = turn.plan.databases.iter().enumerate().filter(|(_, database)| database.by_side);
    let excess = |(place, database): (usize, &Database)| {
        let rates = predict(turn, place, weight).ok()?;
        let (rate, at_peak, limit) = exceeded(database, rates)?;
        Some(Excess { database: database.name.clone(), weight, rate, at_peak, limit })
    };
    databases.into_iter().find_map(excess)
}

fn exceeded(database: &Database, rates: Rates) -> Option<(f64, bool, Limit)> {
    let guard = database.guards.iter().find(|guard| guard.signal == Signal::ConnectionRate);
    let resume = guard.and_then(|guard| match guard.resume.test {
        Test::Below(level) => Some(level),
        _ => None,
    });
    let pauses = guard.into_iter().flat_map(|guard| &guard.pause);
    let pause = pauses.filter_map(|pause| match pause.test {
        Test::Above(level) => Some(level),
        _ => None,
    });
    let limits = [
        resume.filter(|level| rates.now >= *level).map(|level| (rates.now, false, Limit::Resume(level))),
        pause
            .reduce(f64::min)
            .filter(|level| rates.peak >= *level)
            .map(|level| (rates.peak, true, Limit::Pause(level))),
        database
            .connection_rate_capacity
            .filter(|capacity| rates.peak > OF_CAPACITY * capacity)
            .map(|capacity| (rates.peak, true, Limit::Capacity(capacity))),
    ];
    limits.into_iter().flatten().next()
}

/// A raise was read back at its weight: what it was predicted by is kept, to be compared with what comes.
pub fn remember(turn: &mut Turn, to: Weight) {
    let databases = turn.plan.databases.iter().zip(&turn.seen.tallies);
    let costs = databases.filter(|(database, _)| database.by_side).filter_map(|(database, tally)| {
        let costs = Costs::of(&tally.known(turn.now))?;
        costs.rate(to, 1.0).ok()?;
        Some((database.name.clone(), costs))
    });
    let costs: BTreeMap<String, Costs> = costs.collect();
    let foreseen = Foreseen { at: turn.now, to, costs };
    turn.state.volatile.foreseen = Some(foreseen).filter(|foreseen| !foreseen.costs.is_empty());
}

/// A raise that did not come out as it was predicted stops the plan.
pub fn check(turn: &mut Turn) {
    let Some((at, to)) = turn.state.volatile.foreseen.as_ref().map(|foreseen| (foreseen.at, foreseen.to))
    else {
        return;
    };
    if turn.intended() == to && turn.state.halt.is_none() && !turn.is_due(Some(at), JUDGED) {
        return;
    }
    let Some(foreseen) = turn.state.volatile.foreseen.take() else { return };
    if turn.intended() != to || turn.state.halt.is_some() {
        return;
    }
    let plan = turn.plan;
    let wrong = plan.databases.iter().zip(&turn.seen.tallies).find_map(|(database, tally)| {
        let costs = foreseen.costs.get(&database.name)?;
        let came = tally.since(at + SETTLED);
        if came.known < LEAST || came.known < came.covers {
            return None;
        }
        let seconds = came.covers.as_secs_f64();
        let demand = (came.requests.legacy + came.requests.kubernetes) / seconds;
        let (predicted, chance) = costs.rate(to, demand).ok()?;
        let rate = came.all / seconds;
        let chance = (chance * chance + predicted / seconds).sqrt();
        let off = (rate - predicted).abs();
        (off > WRONG * predicted.max(FLOOR) + CHANCE * chance).then_some((&database.name, rate, predicted))
    });
    let Some((database, rate, predicted)) = wrong else { return };
    let message = format!(
        "after the raise to {to} % database {database} gets {rate:.0} connects/s, and {predicted:.0} were \
         predicted: find out why"
    );
    turn.state.halt =
        Some(Halt { reason: Reason::PredictionWrong, message: message.clone(), since: turn.now });
    turn.record();
    turn.tell(Reason::PredictionWrong, message);
}
