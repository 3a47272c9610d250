//! R1: the connection rate after a step, predicted from what each side's requests cost, or from what earlier
//! steps have taught; and whether it came so.
//!
//! Where an input is unknown nothing is predicted, and nothing is asked of it.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::baseline::FLOOR;
use crate::capacity::Source;
use crate::guard::{Signal, Test};
use crate::lessons::{self, LEAST, Lessons, SETTLED, drift};
use crate::plan::Database;
use crate::prediction::{
    Basis, CHANCE, Costs, Expected, Foreseen, Learned, Missing, Prediction, Rates, Taught, WRONG,
};
use crate::reason::Reason;
use crate::rules::{capacity, raise};
use crate::state::Halt;
use crate::time::Time;
use crate::turn::Turn;
use crate::weight::Weight;
use crate::wording;

/// The share of a database's proven rate that may be asked for at the peak.
const OF_CAPACITY: f64 = 0.6;
/// An outcome is judged so long after the step,
const JUDGED: Duration = Duration::from_mins(1);
/// ... or after a restart as soon as enough was seen, but no later than this.
const LATEST: Duration = Duration::from_mins(2);

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
    let learned = || Some(Learned { level: lessons.level(turn.now)?, slope: lessons.slope(turn.now)? });
    learned().map(Basis::Steps).ok_or(Missing::Steps)
}

/// What is predicted at `weight` by `basis`.
fn rates(turn: &Turn, basis: &Basis, weight: Weight) -> Result<Rates, Missing> {
    let spare = capacity::spare(turn);
    let (demand, peak) = spare.demand.zip(spare.peak).ok_or(Missing::Demand)?;
    // By a mean, or what is too much would rise in a second in which few ask.
    let steady = turn.seen.figures.steady.highest(turn.now);
    let expected = basis.at(weight)?;
    let (now, _) = expected.rate(steady.unwrap_or(demand))?;
    let (peak, _) = expected.rate(peak)?;
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

/// A raise is recorded: so is what is predicted of it, to be compared with what comes.
pub fn foresee(turn: &mut Turn, to: Weight) {
    let known = turn.plan.databases.iter().enumerate().filter_map(|(place, database)| {
        // What came an hour ago, or before another plan's step, may keep a raise from being made, but says
        // nothing of what will come. Whether what was learned is certain enough is asked when it is compared.
        let of_now = database.by_side || turn.seen.lessons.get(place).is_some_and(Lessons::is_of_now);
        let expected = basis(turn, place).ok().filter(|_| of_now && is_asked(turn, database))?.at(to).ok()?;
        Some((database.name.clone(), expected))
    });
    let by: BTreeMap<String, Expected> = known.collect();
    turn.state.foreseen = Some(Foreseen { at: turn.now, to, by }).filter(|foreseen| !foreseen.by.is_empty());
}

/// The raise was read back at its weight: from now on it shows what comes of it.
pub fn reached(turn: &mut Turn) {
    let now = turn.now;
    turn.state.foreseen.iter_mut().for_each(|foreseen| foreseen.at = now);
    turn.state.volatile.saw_raise = Some(now);
}

/// Of a raise that was given up, or from whose weight the plan has moved on, nothing is to be compared; nor
/// while it is stopped.
pub fn forget(turn: &mut Turn) {
    let Some(foreseen) = turn.state.foreseen.as_ref() else { return };
    let stands = turn.state.raise.is_some() || foreseen.to == turn.intended();
    if !stands || turn.state.halt.is_some() {
        turn.state.foreseen = None;
        turn.record();
    }
}

/// A raise that did not come out as it was predicted stops the plan.
pub fn check(turn: &mut Turn) {
    forget(turn);
    let raising = turn.state.raise.is_some();
    let Some(at) = turn.state.foreseen.as_ref().filter(|_| !raising).map(|foreseen| foreseen.at) else {
        return;
    };
    if !turn.is_due(Some(at), JUDGED) {
        return;
    }
    let outcomes = outcomes(turn);
    // After a restart what came has yet to be seen.
    let early = outcomes.iter().any(|(_, outcome)| *outcome == Err(Unseen::Early));
    if early && turn.state.volatile.saw_raise != Some(at) && !turn.is_due(Some(at), LATEST) {
        return;
    }
    let wrong = outcomes.into_iter().find_map(|(name, outcome)| {
        let Outcome { rate, predicted, chance, steps } = outcome.ok()?;
        let off = (rate - predicted).abs() > WRONG * predicted.max(FLOOR) + chance;
        off.then_some((name, rate, predicted, steps))
    });
    turn.state.foreseen = None;
    turn.record();
    let Some((database, rate, predicted, steps)) = wrong else { return };
    let (to, learned) = (turn.intended(), wording::learned(steps));
    let message = format!(
        "after the raise to {to} % database {database} gets {rate:.0} connects/s, and {predicted:.0} were \
         predicted{learned}: find out why"
    );
    turn.state.halt =
        Some(Halt { reason: Reason::PredictionWrong, message: message.clone(), since: turn.now });
    turn.tell(Reason::PredictionWrong, message);
}

/// What came of a raise, in attempts per second.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Outcome {
    rate: f64,
    predicted: f64,
    /// What is left to chance, and to what nobody knows.
    chance: f64,
    /// From how many steps it was learned; `None` where the sides are told apart.
    steps: Option<usize>,
}

/// Why nothing can be said of an outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unseen {
    /// Too little was seen yet.
    Early,
    /// What was seen says nothing.
    Unclear,
}

/// What came of the raise that is compared, by the databases of which something was predicted.
fn outcomes<'a>(turn: &Turn<'a>) -> Vec<(&'a str, Result<Outcome, Unseen>)> {
    let Some(foreseen) = turn.state.foreseen.as_ref() else { return Vec::new() };
    let databases = turn.plan.databases.iter().enumerate();
    let of_one = |(place, database): (usize, &'a Database)| {
        let expected = foreseen.by.get(&database.name)?;
        let since = foreseen.at + SETTLED;
        let outcome = match expected.taught {
            None => by_users(turn, place, since, expected),
            Some(taught) => by_steps(turn, place, since, expected, taught),
        };
        Some((database.name.as_str(), outcome))
    };
    databases.filter_map(of_one).collect()
}

fn by_users(turn: &Turn, place: usize, since: Time, expected: &Expected) -> Result<Outcome, Unseen> {
    let came = turn.seen.tallies.get(place).ok_or(Unseen::Unclear)?.known_since(since);
    if came.known < came.covers {
        return Err(Unseen::Unclear);
    }
    if came.known < LEAST {
        return Err(Unseen::Early);
    }
    let seconds = came.covers.as_secs_f64();
    let demand = (came.requests.legacy + came.requests.kubernetes) / seconds;
    // What others connect is not this raise's doing: another plan's users are among them.
    let others = (came.all - came.connects.legacy - came.connects.kubernetes).max(0.0) / seconds;
    let expected = Expected { others, ..*expected };
    let (predicted, chance) = expected.rate(demand).map_err(|_| Unseen::Unclear)?;
    let chance = CHANCE * (chance * chance + predicted / seconds).sqrt();
    Ok(Outcome { rate: came.all / seconds, predicted, chance, steps: None })
}

/// What others connect does not follow what is asked for: while that changes, nobody knows what should come.
fn by_steps(
    turn: &Turn,
    place: usize,
    since: Time,
    expected: &Expected,
    taught: Taught,
) -> Result<Outcome, Unseen> {
    let lessons = turn.seen.lessons.get(place).ok_or(Unseen::Unclear)?;
    let came = lessons.since(since).ok_or(Unseen::Early)?;
    let drift = drift(taught.demand, came.demand);
    if drift > lessons::STEADY {
        return Err(Unseen::Unclear);
    }
    let (predicted, chance) = expected.rate(came.demand).map_err(|_| Unseen::Unclear)?;
    let chance = CHANCE * chance.hypot(came.noise * came.demand) + drift * predicted;
    Ok(Outcome {
        rate: came.each * came.demand,
        predicted,
        chance,
        steps: usize::try_from(taught.steps).ok(),
    })
}
