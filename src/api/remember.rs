//! What the engine remembers, into the status. [`super::restore`] reads it again:
//! `State -> status -> State` is the identity, to the millisecond.

use std::collections::BTreeMap;

use super::status::{
    AnsweredStatus, ByHandStatus, CooldownStatus, DemandStatus, ExpectedStatus, FloorStatus, ForeseenStatus,
    HaltStatus, LONGEST_MESSAGE, MigrationPlanStatus, MoveStatus, NormalStatus, PeakStatus, PeriodStatus,
    PutBackStatus, RaiseStatus, RetreatStatus, StageStatus, StrainStatus, SurgeStatus, TaughtStatus,
    TrialStatus, TripStatus, WeightStatus,
};
use super::{duration, wall};
use crate::core::guard::{Level, Tripped};
use crate::core::peaks::{PARTS, Peaks};
use crate::core::plan::Plan;
use crate::core::prediction::{Expected, Foreseen, Taught};
use crate::core::side::BySide;
use crate::core::state::{ByHand, GuardKey, Retreat, State, Strain};
use crate::core::surge::{Surge, Trial};
use crate::core::time::Time;
use crate::core::weight::Weight;

/// The name of a level as status spells it.
pub const fn level(level: Level) -> &'static str {
    match level {
        Level::Clear => "Clear",
        Level::Pause => "Pause",
        Level::Rollback => "Rollback",
    }
}

/// `text`, cut to what a message of the status may hold.
pub fn cut(text: &str) -> String {
    match text.char_indices().nth(LONGEST_MESSAGE) {
        None => text.to_owned(),
        Some(_) => text.chars().take(LONGEST_MESSAGE - 1).chain(['…']).collect(),
    }
}

/// The newest `longest` of `items`, which is all of them unless something went very wrong.
fn newest<T, U>(items: &std::collections::VecDeque<T>, longest: usize, write: impl Fn(&T) -> U) -> Vec<U> {
    items.iter().skip(items.len().saturating_sub(longest)).map(write).collect()
}

/// Writes `state` into `status`. `offset` is how many milliseconds the wall clock is ahead.
pub fn remember(status: &mut MigrationPlanStatus, state: &State, plan: &Plan, offset: i64) {
    // Destructured without `..`, so that a new field must be decided on.
    let State {
        intended,
        raise,
        stage: _, // these four by remember_stage
        shift,
        stage_since: _,
        soaked: _,
        periods: _,
        proven,
        spent,
        approved,
        guards,
        surges,
        strain,
        retreat,
        rolled_back_by_hand,
        last_step,
        cooldown_until,
        retreats,
        retreats_ever,
        put_backs,
        halt,
        joined,
        commands,
        history,
        peaks,
        floors,
        foreseen,
        volatile: _, // it ends with the process
    } = state;
    let time = |time: Time| wall::write(time, offset);

    let weight = status.weight.get_or_insert_with(WeightStatus::default);
    weight.intended = intended.map(Weight::percent);
    weight.shift = (*shift != 0).then(|| f64::from(*shift) / 100.0);
    status.raise = raise.map(|raise| RaiseStatus {
        from: raise.from.percent(),
        to: raise.to.percent(),
        at: time(raise.at),
    });
    status.stage = Some(remember_stage(state, plan, time));
    status.proven = proven.iter().cloned().collect();
    status.spent = spent.iter().cloned().collect();
    status.approved.clone_from(approved);
    status.trips = guards.iter().map(|guard| remember_trip(guard, time)).collect();
    status.surges = surges.iter().map(|(database, surge)| self::surge(database, surge, time)).collect();
    status.strain = strain.map(|Strain { before, seen }| StrainStatus { before, seen: seen.map(time) });
    status.retreat = retreat.as_ref().map(|retreat| self::retreat(retreat, time));
    status.rolled_back_by_hand = rolled_back_by_hand.as_ref().map(|back| by_hand(back, time));
    status.last_step = last_step.map(time);
    let cooldown = CooldownStatus {
        until: cooldown_until.map(time),
        retreats: newest(retreats, 256, |at| time(*at)),
        retreats_ever: *retreats_ever,
    };
    status.cooldown = (cooldown != CooldownStatus::default()).then_some(cooldown);
    status.put_backs = newest(put_backs, 256, |put_back| PutBackStatus {
        at: time(put_back.at),
        instance: put_back.instance.clone(),
    });
    status.halt = halt.as_ref().map(|halt| HaltStatus {
        reason: halt.reason.name().into(),
        message: cut(&halt.message),
        since: time(halt.since),
    });
    status.joined = joined.iter().cloned().collect();
    status.commands = commands
        .iter()
        .map(|(command, answered)| {
            let value = cut(&answered.value);
            let answer = cut(&answered.answer);
            (command.name().into(), AnsweredStatus { value, at: time(answered.at), answer })
        })
        .collect();
    status.history = newest(history, 20, |step| MoveStatus {
        at: time(step.at),
        from: step.from.percent(),
        to: step.to.percent(),
        reason: step.reason.name().into(),
    });
    status.floors = remember_floors(floors);
    status.foreseen = foreseen.as_ref().map(|foreseen| self::foreseen(foreseen, time));
    remember_peaks(status, peaks, time);
}

fn foreseen(foreseen: &Foreseen, time: impl Fn(Time) -> String) -> ForeseenStatus {
    let Foreseen { at, to, by } = foreseen;
    let expected = |(name, expected): (&String, &Expected)| {
        let Expected { each, noise, others, taught } = *expected;
        let taught = taught.map(|Taught { steps, demand }| TaughtStatus { steps, demand });
        ExpectedStatus { name: name.clone(), each, noise, others, taught }
    };
    ForeseenStatus { at: time(*at), to: to.percent(), databases: by.iter().map(expected).collect() }
}

fn by_hand(by_hand: &ByHand, time: impl Fn(Time) -> String) -> ByHandStatus {
    let ByHand { target, since, reason } = by_hand;
    ByHandStatus { target: target.percent(), since: time(*since), reason: cut(reason) }
}

fn retreat(retreat: &Retreat, time: impl Fn(Time) -> String) -> RetreatStatus {
    let Retreat { target, since, guard, arrived } = retreat;
    RetreatStatus {
        target: target.percent(),
        since: time(*since),
        database: guard.as_ref().map(|guard| guard.database.clone()),
        signal: guard.as_ref().map(|guard| guard.signal.name().into()),
        arrived: *arrived,
    }
}

fn remember_trip((key, tripped): (&GuardKey, &Tripped), time: impl Fn(Time) -> String) -> TripStatus {
    TripStatus {
        database: key.database.clone(),
        signal: key.signal.name().into(),
        level: level(tripped.level).into(),
        since: time(tripped.since),
        baseline: tripped.baseline.map(|baseline| baseline.to_string()),
    }
}

fn remember_floors(floors: &BTreeMap<String, u32>) -> Vec<FloorStatus> {
    let floor = |(workload, pods): (&String, &u32)| FloorStatus {
        workload: workload.clone(),
        pods: *pods,
        ..FloorStatus::default()
    };
    floors.iter().map(floor).collect()
}

fn surge(database: &str, surge: &Surge, time: impl Fn(Time) -> String) -> SurgeStatus {
    let Surge { whose, since, normal, trial } = surge;
    SurgeStatus {
        database: database.into(),
        whose: whose.name().into(),
        since: time(*since),
        normal: normal.map(|BySide { legacy, kubernetes }| NormalStatus { legacy, kubernetes }),
        trial: trial.map(|Trial { at, signal, before, predicted, enough }| TrialStatus {
            at: time(at),
            signal: signal.name().into(),
            before,
            predicted,
            enough,
        }),
    }
}

fn remember_peaks(status: &mut MigrationPlanStatus, peaks: &Peaks, time: impl Fn(Time) -> String) {
    if peaks.0.is_empty() {
        return;
    }
    let demand = status.demand.get_or_insert_with(DemandStatus::default);
    // One more than the parts: the oldest and the newest share one.
    demand.window = newest(&peaks.0, PARTS as usize + 1, |peak| PeakStatus {
        at: time(peak.at),
        requests_per_second: peak.requests_per_second,
    });
}

fn remember_stage(state: &State, plan: &Plan, time: impl Fn(Time) -> String) -> StageStatus {
    let State { stage, stage_since, soaked, periods, .. } = state;
    StageStatus {
        name: stage.and_then(|index| plan.stages.get(index)).map(|stage| stage.name.clone()),
        index: stage.and_then(|index| u32::try_from(index).ok()),
        since: (*stage_since != Time::default()).then(|| time(*stage_since)),
        soaked: (!soaked.is_zero()).then(|| duration::format(*soaked)),
        peaks: periods.peaks.clone(),
        period: periods.now.map(|period| PeriodStatus {
            since: time(period.since),
            watched: duration::format(period.watched),
            highest: period.highest,
        }),
        ends_at: None,
    }
}
