//! R1: the connection rate after a step, predicted from what each side's requests cost, or from what earlier
//! steps have taught; and whether it came so.
//!
//! Where an input is unknown nothing is predicted, and nothing is asked of it.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::baseline::FLOOR;
use crate::capacity::Source;
use crate::guard::{Signal, Test};
use crate::lessons::{self, drift};
use crate::plan::Database;
use crate::prediction::{Basis, CHANCE, Costs, Foreseen, Learned, Missing, Prediction, Rates, WRONG};
use crate::reason::Reason;
use crate::rules::{capacity, raise};
use crate::state::Halt;
use crate::turn::Turn;
use crate::weight::Weight;
use crate::wording;

/// The share of a database's proven rate that may be asked for at the peak.
const OF_CAPACITY: f64 = 0.6;
/// An outcome is judged so long after the step,
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
    /// From how many steps it was learned; `None` where the sides are told apart.
    pub steps: Option<usize>,
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

/// Whether anything is predicted of a database: its sides are told apart, or steps can teach what they cost.
fn is_asked(turn: &Turn, database: &Database) -> bool {
    let counted = || turn.plan.capacity.demand.is_some_and(|demand| matches!(demand.from, Source::Route(_)));
    database.by_side || counted()
}

/// What is predicted by of a database (its place in the plan).
fn basis(turn: &Turn, place: usize) -> Result<Basis, Missing> {
    if turn.plan.databases.get(place).is_some_and(|database| database.by_side) {
        let tally = turn.seen.tallies.get(place).ok_or(Missing::Requests)?;
        return Costs::of(&tally.known(turn.now)).map(Basis::Users).ok_or(Missing::Requests);
    }
    let lessons = turn.seen.lessons.get(place).ok_or(Missing::Steps)?;
    let learned = || Some(Learned { level: lessons.level()?, slope: lessons.slope(turn.now)? });
    learned().map(Basis::Steps).ok_or(Missing::Steps)
}

/// What is predicted at `weight` by `basis`.
fn rates(turn: &Turn, basis: &Basis, weight: Weight) -> Result<Rates, Missing> {
    let spare = capacity::spare(turn);
    let (demand, peak) = spare.demand.zip(spare.peak).ok_or(Missing::Demand)?;
    // By a mean, or what is too much would rise in a second in which few ask.
    let steady = turn.seen.figures.steady.highest(turn.now);
    let (now, _) = basis.rate(weight, steady.unwrap_or(demand))?;
    let (peak, _) = basis.rate(weight, peak)?;
    Ok(Rates { now, peak })
}

/// What is predicted of a database after the next step; `None` where nothing can be, or nothing is to be
/// raised.
pub fn prediction(turn: &Turn, place: usize) -> Option<Prediction> {
    turn.plan.databases.get(place).filter(|database| is_asked(turn, database))?;
    let weight = next_weight(turn)?;
    let basis = basis(turn, place);
    let steps = basis.as_ref().ok().and_then(Basis::steps);
    Some(Prediction { weight, rates: basis.and_then(|basis| rates(turn, &basis, weight)), steps })
}

/// What is predicted to be too high after a raise to `weight`.
pub fn against_raising(turn: &Turn, weight: Weight) -> Option<Excess> {
    turn.plan.databases.iter().enumerate().find_map(|(place, database)| {
        let basis = basis(turn, place).ok().filter(|_| is_asked(turn, database))?;
        let rates = rates(turn, &basis, weight).ok()?;
        let (rate, at_peak, limit) = exceeded(database, rates)?;
        let (database, steps) = (database.name.clone(), basis.steps());
        Some(Excess { database, weight, rate, at_peak, limit, steps })
    })
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
    let known = turn.plan.databases.iter().enumerate().filter_map(|(place, database)| {
        let basis = basis(turn, place).ok().filter(|_| is_asked(turn, database))?;
        // Whether what was learned is certain enough is asked when it is compared.
        basis.rate(to, 1.0).ok()?;
        Some((database.name.clone(), basis))
    });
    let by: BTreeMap<String, Basis> = known.collect();
    let foreseen = Foreseen { at: turn.now, to, by };
    turn.state.volatile.foreseen = Some(foreseen).filter(|foreseen| !foreseen.by.is_empty());
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
    let wrong = plan.databases.iter().enumerate().find_map(|(place, database)| {
        let basis = foreseen.by.get(&database.name)?;
        let outcome = match basis {
            Basis::Users(costs) => by_users(turn, place, &foreseen, costs),
            Basis::Steps(learned) => by_steps(turn, place, &foreseen, learned),
        }?;
        let Outcome { rate, predicted, chance } = outcome;
        let off = (rate - predicted).abs() > WRONG * predicted.max(FLOOR) + chance;
        off.then_some((&database.name, rate, predicted, basis.steps()))
    });
    let Some((database, rate, predicted, steps)) = wrong else { return };
    let learned = wording::learned(steps);
    let message = format!(
        "after the raise to {to} % database {database} gets {rate:.0} connects/s, and {predicted:.0} were \
         predicted{learned}: find out why"
    );
    turn.state.halt =
        Some(Halt { reason: Reason::PredictionWrong, message: message.clone(), since: turn.now });
    turn.record();
    turn.tell(Reason::PredictionWrong, message);
}

/// What came of a raise, in attempts per second.
struct Outcome {
    rate: f64,
    predicted: f64,
    /// What is left to chance, and to what nobody knows.
    chance: f64,
}

fn by_users(turn: &Turn, place: usize, foreseen: &Foreseen, costs: &Costs) -> Option<Outcome> {
    let came = turn.seen.tallies.get(place)?.since(foreseen.at + SETTLED);
    if came.known < LEAST || came.known < came.covers {
        return None;
    }
    let seconds = came.covers.as_secs_f64();
    let demand = (came.requests.legacy + came.requests.kubernetes) / seconds;
    let (predicted, chance) = costs.rate(foreseen.to, demand).ok()?;
    let chance = CHANCE * (chance * chance + predicted / seconds).sqrt();
    Some(Outcome { rate: came.all / seconds, predicted, chance })
}

/// What others connect does not follow what is asked for: while that changes, nobody knows what should come.
fn by_steps(turn: &Turn, place: usize, foreseen: &Foreseen, learned: &Learned) -> Option<Outcome> {
    let came = turn.seen.lessons.get(place)?.since(foreseen.at + SETTLED)?;
    let drift = Some(drift(&learned.level, &came)).filter(|drift| *drift <= lessons::STEADY)?;
    let (predicted, chance) = Basis::Steps(*learned).rate(foreseen.to, came.demand).ok()?;
    let chance = CHANCE * chance.hypot(came.noise * came.demand) + drift * predicted;
    Some(Outcome { rate: came.each * came.demand, predicted, chance })
}
