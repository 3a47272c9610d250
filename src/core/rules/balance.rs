//! Balance: when one side runs out of its headroom at the present weight and the other has room, the weight
//! moves a little from the stage's, in either direction, and comes back when both have room there.
//!
//! Not a brake and not a raise of the plan's own: it moves only while nothing stands against a raise (what
//! ends by time alone does not hold a fall up), falls as a retreat does (R3), rises as a raise does (R1, R8).

use crate::band::Band;
use crate::capacity::{Capacity, Kubernetes, Legacy, Source};
use crate::plan::Stage;
use crate::reason::Reason;
use crate::rules::{capacity, obstacles, predict, raise, retreat, soak};
use crate::state::Raise;
use crate::turn::{Turn, same};
use crate::weight::Weight;

/// It comes back when both sides would have room there with this part of what they may be asked for: else
/// it would leave again with the next noise.
const BACK: f64 = 0.95;
/// A smaller move than this is not worth one: there is headroom left.
const WORTH: Weight = Weight::from_hundredths(100);

/// What is known now of both sides, with so much more demand than there is; `None` if that is not all.
fn band(turn: &Turn, times: f64) -> Option<Band> {
    let Capacity { demand, legacy, kubernetes, .. } = &turn.plan.capacity;
    let (Legacy { headroom: of_legacy, .. }, Kubernetes { headroom: of_kubernetes, .. }) =
        (legacy.as_ref()?, kubernetes.as_ref()?);
    let spare = capacity::spare(turn);
    // What was counted a moment ago is nothing to move by.
    let asked = match demand.as_ref()?.from {
        Source::Route(_) => turn.seen.figures.steady.highest(turn.now).filter(|_| spare.demand.is_some()),
        Source::Declared { .. } | Source::Measured => spare.demand,
    };
    let (legacy, kubernetes) = (spare.legacy.ready?, spare.kubernetes.ready?);
    Some(Band::of(asked? * times, legacy * (1.0 - of_legacy), kubernetes * (1.0 - of_kubernetes)))
}

/// A rise beyond the stage that was broken off, or has come a step further: whether more is wanted is asked
/// anew.
pub fn settle(turn: &mut Turn) {
    let goal = turn.state.stage.and_then(|stage| turn.weight_of(stage));
    let now = turn.intended();
    if turn.state.shift > 0 && turn.state.raise.is_none() && Some(now) < goal {
        turn.set_shift(Some(now));
        turn.record();
    }
}

/// Moves the weight, if it is time.
pub fn step(turn: &mut Turn) {
    let Some((index, stage)) = turn.state.stage.and_then(|index| Some((index, turn.plan.stages.get(index)?)))
    else {
        return;
    };
    if turn.state.raise.is_some() || !turn.state.volatile.settled {
        return;
    }
    let now = turn.intended();
    if Some(now) != turn.weight_of(index) || !is_as_set(turn) {
        return;
    }
    let Some(to) = wanted(turn, stage, now) else { return };
    let stands = |obstacle| soak::stops(&obstacle);
    if obstacles::all(turn).any(|obstacle| to > now || stands(obstacle)) {
        return;
    }
    let every = turn.plan.capacity.balance.map_or(turn.plan.rollback.every, |balance| balance.every);
    if !turn.is_due(turn.state.last_step, every) {
        return;
    }
    if to < now {
        fall(turn, stage, to);
    } else {
        rise(turn, stage, to);
    }
}

/// The first step of a rise that nothing but capacity, or its time, stands against.
pub fn ahead(turn: &Turn) -> Option<Weight> {
    let index = turn.state.stage?;
    let (stage, now) = (turn.plan.stages.get(index)?, turn.intended());
    let stands = turn.state.raise.is_none() && Some(now) == turn.weight_of(index) && is_as_set(turn);
    let to = wanted(turn, stage, now).filter(|to| *to > now && stands)?;
    let free = turn.state.volatile.settled && obstacles::all(turn).next().is_none();
    free.then(|| stage.ramp.map_or(to, |ramp| now.plus(ramp.step).min(to)))
}

/// Whether every instance has the share that was set. Where servers have gone the load balancer gives the
/// pool less by itself.
fn is_as_set(turn: &Turn) -> bool {
    (0..turn.seen.instances.len()).all(|instance| {
        let both = turn.reading(instance).zip(turn.ours(instance));
        both.is_some_and(|(reading, ours)| same(reading.weight, ours.weight))
    })
}

/// Where the weight should stand in the stage, if not here.
fn wanted(turn: &Turn, stage: &Stage, now: Weight) -> Option<Weight> {
    let own = stage.weight;
    let balance = turn.plan.capacity.balance.filter(|balance| now.distance(own) <= balance.max_shift);
    let Some(balance) = balance else {
        // It is switched off, or may not go so far any more.
        return (now != own).then_some(own);
    };
    let asked = band(turn, 1.0)?.asks(now);
    let back = || band(turn, 1.0 / BACK).is_some_and(|band| band.holds(own)).then_some(own);
    let to = asked.or_else(back)?.clamp(own.minus(balance.max_shift), own.plus(balance.max_shift));
    // Back is worth a small step too.
    (to.distance(now) >= WORTH || (to == own && to != now)).then_some(to)
}

/// A rise is a raise as any other, recorded first.
fn rise(turn: &mut Turn, stage: &Stage, to: Weight) {
    let waits = stage.ramp.is_some_and(|ramp| !turn.is_due(turn.state.last_step, ramp.every));
    let now = turn.intended();
    let first = stage.ramp.map_or(to, |ramp| now.plus(ramp.step).min(to));
    if waits || raise::is_too_much(turn, first) {
        return;
    }
    turn.set_shift(Some(to));
    turn.state.raise = Some(Raise { from: now, to: first, at: turn.now });
    predict::foresee(turn, first);
    turn.state.volatile.soak_counted_to = None;
    turn.record();
    let own = stage.weight;
    turn.tell(
        Reason::Balancing,
        format!("rises from {now} % towards {to} %, stage {} is at {own} %", stage.name),
    );
}

/// A fall goes as far as it fits.
fn fall(turn: &mut Turn, stage: &Stage, to: Weight) {
    let now = turn.intended();
    let fits = capacity::fits(turn, retreat::fallen(turn, turn.plan.rollback.every));
    let to = to.max(now.minus(fits));
    if now.minus(to) == Weight::ZERO {
        return;
    }
    turn.move_to(to, Reason::Balancing);
    // It stands until the routes are there.
    turn.state.volatile.soak_counted_to = None;
    turn.set_shift(Some(to));
    let own = stage.weight;
    turn.tell(Reason::Balancing, format!("fell from {now} % to {to} %, stage {} is at {own} %", stage.name));
}
