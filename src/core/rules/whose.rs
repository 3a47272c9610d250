//! R4: whose surge is it? What Kubernetes alone causes is walked back. What both sides cause is not cured by
//! moving traffic, and what legacy causes is made worse: it is held. Where the sides are not told apart, one
//! step back is taken, and its effect tells.

use std::f64::consts::SQRT_2;
use std::time::Duration;

use crate::guard::{Level, Signal};
use crate::plan::{Database, When};
use crate::reason::Reason;
use crate::side::BySide;
use crate::sides::Cost;
use crate::state::GuardKey;
use crate::surge::{Look, Mean, Surge, Trial, Whose};
use crate::time::Time;
use crate::turn::{ROUTE_STALE, Turn};
use crate::weight::Weight;
use crate::wording;

/// A breach so soon after our own raise is the raise's, if nothing tells the sides apart.
const OURS: Duration = Duration::from_mins(1);
/// So long the effect of a first step is looked for.
pub const JUDGED_IN: Duration = Duration::from_secs(30);
/// This part of the predicted fall must show,
const SHOWS: f64 = 0.2;
/// ... and more than chance makes of the difference of two means, in standard deviations,
const CHANCE: f64 = 3.0 * SQRT_2;
/// ... but where chance hides more than this part of it, this much is enough: a brake that can hardly measure
/// still brakes.
const HIDDEN: f64 = 0.6;
/// A rate is above normal from so many times it on.
const ABOVE: f64 = 1.2;
/// A side's rise counts from this part of the other's on: a database that is slow for one is a little so for
/// both.
const COUNTS: f64 = 1.0 / 3.0;
/// ... and where it counted, or did not, before: an answer does not change with each sample.
const COUNTS_STILL: f64 = 0.25;
const COUNTS_NEW: f64 = 0.42;

/// Judges each breach, as far as it can be judged now.
pub fn judge(turn: &mut Turn) {
    let breached = |guard: &crate::guard::Tripped| guard.level == Level::Rollback;
    let any = turn.state.guards.values().any(breached);
    if !turn.state.volatile.settled || !any && turn.state.surges.is_empty() {
        return;
    }
    forget(turn);
    if turn.plan.rollback.when == When::Always {
        return;
    }
    let plan = turn.plan;
    for (place, database) in plan.databases.iter().enumerate() {
        let Some((key, since)) = breach(turn, database) else { continue };
        match answer(turn, place, &key, since) {
            Some(whose) => settle(turn, place, whose, None),
            // Its trial was not kept: another step tells.
            None => drop(turn.state.surges.remove(&database.name)),
        }
    }
}

/// Whether a retreat for this guard may take its next step.
pub fn permits(turn: &Turn, key: &GuardKey) -> bool {
    turn.state.surges.get(&key.database).is_none_or(|surge| surge.whose.permits())
}

/// Whether some breach is known not to be Kubernetes', so that nothing walks back but by hand.
pub fn is_held(turn: &Turn) -> bool {
    turn.state.surges.values().any(|surge| surge.whose.is_held())
}

/// Whether the retreat under way is held.
pub fn holds(turn: &Turn) -> bool {
    let retreat = turn.state.retreat.as_ref().filter(|retreat| !retreat.arrived);
    let surge = retreat
        .and_then(|retreat| retreat.guard.as_ref())
        .and_then(|guard| turn.state.surges.get(&guard.database));
    surge.is_some_and(|surge| surge.whose.is_held())
}

/// The reason by which status names what keeps a plan from moving.
pub const fn reason(whose: Whose) -> Reason {
    match whose {
        Whose::Kubernetes | Whose::Unmeasured => Reason::GuardRollback,
        Whose::Judging => Reason::JudgingSurge,
        Whose::Common => Reason::SurgeCommon,
        Whose::Legacy => Reason::SurgeLegacy,
        Whose::Neither => Reason::SurgeElsewhere,
    }
}

/// A step of a retreat was taken: where it is not known whose surge it is, its effect will tell.
pub fn tried(turn: &mut Turn, from: Weight, to: Weight) {
    if turn.plan.rollback.when == When::Always || to >= from {
        return;
    }
    let plan = turn.plan;
    let part = from.minus(to).percent() / from.percent();
    for (place, database) in plan.databases.iter().enumerate() {
        let Some((key, _)) = breach(turn, database) else { continue };
        let known = turn.state.surges.contains_key(&database.name);
        let Some((signal, mean)) = turn.seen.looks.get(place).and_then(|look| above(look, key.signal)) else {
            continue;
        };
        if !known {
            let predicted = part * (mean.now - mean.normal);
            let enough = (SHOWS * predicted).max((CHANCE * mean.noise).min(HIDDEN * predicted));
            let trial = Trial { at: turn.now, signal, before: mean.now, predicted, enough };
            settle(turn, place, Whose::Judging, Some(trial));
        }
    }
}

/// What is no longer breached, or no longer asked about, is forgotten.
fn forget(turn: &mut Turn) {
    let (state, plan) = (&mut *turn.state, turn.plan);
    let known = state.surges.len();
    state.surges.retain(|name, _| {
        let of_it = |(key, guard): (&GuardKey, &crate::guard::Tripped)| {
            key.database == *name && guard.level == Level::Rollback
        };
        plan.rollback.when == When::Attributed && state.guards.iter().any(of_it)
    });
    if state.surges.len() != known {
        turn.record();
    }
}

/// The first guard of a database at its rollback level whose data is fresh, and since when it is.
fn breach(turn: &Turn, database: &Database) -> Option<(GuardKey, Time)> {
    let fresh = turn.seen.judgements.iter().filter(|(_, judgement)| !judgement.is_blind());
    let mut of_it = fresh.filter(|(key, _)| key.database == database.name);
    of_it.find_map(|(key, _)| {
        let guard = turn.state.guards.get(key).filter(|guard| guard.level == Level::Rollback)?;
        Some((key.clone(), guard.since))
    })
}

/// Remembers an answer, if it is another than before.
fn settle(turn: &mut Turn, place: usize, whose: Whose, trial: Option<Trial>) {
    let Some(database) = turn.plan.databases.get(place) else { return };
    let before = turn.state.surges.get(&database.name);
    if before.is_some_and(|before| before.whose == whose) {
        return;
    }
    let normal = || turn.seen.looks.get(place)?.normal;
    let surge = Surge {
        whose,
        since: turn.now,
        normal: before.and_then(|before| before.normal).or_else(normal),
        trial: trial.or_else(|| before.and_then(|before| before.trial)),
    };
    turn.state.surges.insert(database.name.clone(), surge);
    turn.record();
    // A retreat that is held from now on changes the phase, which is told.
    if whose.is_held() && turn.state.retreat.is_none() {
        let blocker = wording::surge_words(turn, place);
        turn.tell(blocker.reason, blocker.message);
    }
}

/// Whose surge the breach of `key` is; `None` where only a step can tell.
fn answer(turn: &mut Turn, place: usize, key: &GuardKey, since: Time) -> Option<Whose> {
    let look = turn.seen.looks.get(place).copied().unwrap_or_default();
    let before = turn.state.surges.get(&key.database).copied();
    if let Some(whose) = by_sides(&look, before.map(|before| before.whose)) {
        return Some(whose);
    }
    if !is_told(&look) && kubernetes_fails_more(turn) {
        return Some(Whose::Kubernetes);
    }
    match before {
        Some(Surge { whose: Whose::Judging, trial: Some(trial), .. }) => Some(by_trial(turn, &look, &trial)),
        Some(before) if before.whose != Whose::Judging => Some(before.whose),
        _ => at_first(turn, &look, key.signal, since),
    }
}

/// By the sides' costs, if one or both have risen.
fn by_sides(look: &Look, before: Option<Whose>) -> Option<Whose> {
    let BySide { legacy, kubernetes } = look.sides?;
    let (mut times_l, mut times_k) = legacy.times().zip(kubernetes.times())?;
    let mut rose = [legacy.rose(), kubernetes.rose()];
    if look.saturated {
        // What is accepted splits as what is tried does: a side below its normal stands for no fall.
        let least = times_l.min(times_k).clamp(f64::MIN_POSITIVE, 1.0);
        (times_l, times_k) = (times_l / least, times_k / least);
        rose = [times_l > ABOVE && is_some(&legacy), times_k > ABOVE && is_some(&kubernetes)];
    }
    let (rise_l, rise_k) = ((times_l - 1.0).max(0.0), (times_k - 1.0).max(0.0));
    let counted = |side: Whose| before.is_some_and(|before| before == side || before == Whose::Common);
    let from = |own: Whose, other: Whose| match before {
        Some(before) if before == own || before == Whose::Common => COUNTS_STILL,
        Some(before) if before == other => COUNTS_NEW,
        _ => COUNTS,
    };
    let counts = |rise: f64, rose: bool, others: f64, own: Whose, other: Whose| {
        (rose || counted(own)) && rise >= from(own, other) * others
    };
    let of_legacy = counts(rise_l, rose[0], rise_k, Whose::Legacy, Whose::Kubernetes);
    let of_kubernetes = counts(rise_k, rose[1], rise_l, Whose::Kubernetes, Whose::Legacy);
    match (of_legacy, of_kubernetes) {
        (true, true) => Some(Whose::Common),
        (true, false) if rose[0] => Some(Whose::Legacy),
        (false, true) if rose[1] => Some(Whose::Kubernetes),
        _ => None,
    }
}

/// Whether the sides are told apart now.
fn is_told(look: &Look) -> bool {
    look.sides.is_some_and(|sides| sides.legacy.normal.and(sides.kubernetes.normal).is_some())
}

/// Whether Kubernetes fails its requests, and legacy fails fewer: whoever asks for more connections is refused
/// more of them. What both sides share fails both alike.
fn kubernetes_fails_more(turn: &Turn) -> bool {
    let split = turn.seen.figures.split.filter(|(at, _)| turn.now.since(*at) <= ROUTE_STALE);
    split.is_some_and(|(_, load)| load.kubernetes.fails_alone(&load.legacy))
}

/// Whether more than chance was counted of a side at all.
fn is_some(cost: &Cost) -> bool {
    cost.counted > CHANCE * CHANCE
}

/// By what came of the step that was taken.
fn by_trial(turn: &mut Turn, look: &Look, trial: &Trial) -> Whose {
    let mean = match trial.signal {
        Signal::FailedConnections => look.failures,
        // A rate that falls while the database is full proves nothing (R6).
        _ => look.rate.filter(|_| !look.saturated),
    };
    let fell = mean.is_some_and(|mean| mean.now <= trial.before - trial.enough);
    let over = turn.is_due(Some(trial.at), JUDGED_IN);
    match (fell, over) {
        (true, _) => Whose::Kubernetes,
        (false, true) if mean.is_some() || look.saturated => Whose::Common,
        (false, _) => Whose::Judging,
    }
}

/// Before anything was tried.
fn at_first(turn: &Turn, look: &Look, signal: Signal, since: Time) -> Option<Whose> {
    let told = is_told(look);
    if !told && last_raise(turn).is_some_and(|at| at <= since && since.since(at) <= OURS) {
        return Some(Whose::Kubernetes);
    }
    match above(look, signal) {
        Some((Signal::ConnectionRate, _)) if told && !look.saturated => Some(Whose::Neither),
        Some(_) => None,
        None if look.saturated => Some(Whose::Common),
        None => Some(Whose::Unmeasured),
    }
}

/// When we last raised.
fn last_raise(turn: &Turn) -> Option<Time> {
    let under_way = turn.state.raise.filter(|raise| raise.to == turn.intended()).map(|raise| raise.at);
    let mut done = turn.state.history.iter().rev().filter(|step| step.reason == Reason::Raising);
    under_way.or_else(|| done.find(|step| step.to > step.from).map(|step| step.at))
}

/// What of a breach can be compared with what comes after a step: what is above normal, by more than chance.
fn above(look: &Look, signal: Signal) -> Option<(Signal, Mean)> {
    let above =
        |mean: &Mean| mean.now > ABOVE * mean.normal && mean.now - mean.normal > CHANCE / SQRT_2 * mean.noise;
    let failures = || look.failures.filter(above).map(|mean| (Signal::FailedConnections, mean));
    let rate = || look.rate.filter(above).map(|mean| (Signal::ConnectionRate, mean));
    match signal {
        Signal::FailedConnections => failures(),
        _ if look.saturated => failures().or_else(rate),
        _ => rate(),
    }
}
