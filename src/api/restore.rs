//! What the engine remembered, out of the status.
//!
//! Tolerant: the status may have been written by another version, or by hand. What cannot be read
//! is reported and left out; the rest is kept.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::Problem;
use super::status::{
    AcceptedStatus, AnsweredStatus, ByHandStatus, CooldownStatus, ExpectedStatus, FloorStatus,
    ForeseenStatus, HaltStatus, MoveStatus, NormalStatus, PeakStatus, PeriodStatus, PutBackStatus,
    RaiseStatus, RetreatStatus, StageStatus, StrainStatus, SurgeStatus, TaughtStatus, TrialStatus,
    TripStatus, WeightStatus,
};
use super::{duration, wall};
use crate::core::guard::{Level, Signal, Tripped};
use crate::core::peaks::{Peak, Peaks};
use crate::core::periods::{Period, Periods};
use crate::core::plan::Plan;
use crate::core::prediction::{Expected, Foreseen, Taught};
use crate::core::reason::Reason;
use crate::core::side::BySide;
use crate::core::state::{
    Answered, ByHand, Command, GuardKey, Halt, Move, PutBack, Raise, Retreat, State, Strain,
};
use crate::core::surge::{Surge, Trial, Whose};
use crate::core::time::Time;
use crate::core::weight::Weight;

/// The spec that was in force, and its generation; `None` when none was accepted yet.
pub fn accepted(status: &Value) -> Option<AcceptedStatus> {
    serde_json::from_value(status.get("accepted")?.clone()).ok()
}

/// The lease's epoch under which the status was written.
pub fn epoch(status: &Value) -> Option<i64> {
    status.get("epoch")?.as_i64()
}

/// The state that `status` holds, and what could not be read of it. A missing or empty status is
/// the state of a plan that was never seen. `plan` is the accepted one; `offset` is how many
/// milliseconds the wall clock is ahead of the core's.
pub fn state(status: &Value, plan: &Plan, offset: i64) -> (State, Vec<Problem>) {
    let mut reader = Reader { status, offset, problems: Vec::new() };
    let weight: WeightStatus = reader.field("weight").unwrap_or_default();
    let cooldown: CooldownStatus = reader.field("cooldown").unwrap_or_default();
    let mut state = State {
        intended: weight.intended.map(Weight::from_percent),
        shift: shift(weight.shift.unwrap_or_default()),
        raise: reader.raise(),
        proven: reader.list::<String>("proven").into_iter().map(|(_, name)| name).collect(),
        spent: reader.list::<String>("spent").into_iter().map(|(_, name)| name).collect(),
        approved: reader.field("approved"),
        guards: reader.trips(),
        surges: reader.surges(),
        strain: reader.strain(),
        retreat: reader.retreat(),
        rolled_back_by_hand: reader.by_hand(),
        last_step: reader.field::<String>("lastStep").and_then(|text| reader.time("lastStep", &text)),
        cooldown_until: cooldown.until.and_then(|text| reader.time("cooldown.until", &text)),
        retreats: cooldown
            .retreats
            .iter()
            .enumerate()
            .filter_map(|(n, text)| reader.time(&format!("cooldown.retreats[{n}]"), text))
            .collect(),
        retreats_ever: cooldown.retreats_ever,
        put_backs: reader
            .list::<PutBackStatus>("putBacks")
            .into_iter()
            .filter_map(|(path, PutBackStatus { at, instance })| {
                Some(PutBack { at: reader.time(&path, &at)?, instance })
            })
            .collect(),
        halt: reader.halt(),
        joined: reader.list::<String>("joined").into_iter().map(|(_, name)| name).collect(),
        commands: reader.commands(),
        history: reader.history().into(),
        peaks: reader.peaks(),
        floors: reader
            .list::<FloorStatus>("floors")
            .into_iter()
            .map(|(_, floor)| (floor.workload, floor.pods))
            .filter(|(_, pods)| *pods > 0)
            .collect(),
        foreseen: reader.foreseen(),
        ..State::default()
    };
    reader.stage(&mut state, plan);
    (state, reader.problems)
}

/// In hundredths of a percent.
#[allow(clippy::cast_possible_truncation)] // clamped just before
fn shift(percent: f64) -> i16 {
    (percent * 100.0).round().clamp(-10_000.0, 10_000.0) as i16
}

struct Reader<'a> {
    status: &'a Value,
    offset: i64,
    problems: Vec<Problem>,
}

impl Reader<'_> {
    fn report(&mut self, path: &str, reason: impl Into<String>) {
        self.problems.push(Problem::new(
            format!("status.{path}"),
            reason,
            "it is left out; the next write of the status replaces it",
        ));
    }

    fn parse<T: DeserializeOwned>(&mut self, path: &str, value: &Value) -> Option<T> {
        match serde_json::from_value(value.clone()) {
            Ok(parsed) => Some(parsed),
            Err(error) => {
                self.report(path, format!("cannot be read: {error}"));
                None
            }
        }
    }

    fn field<T: DeserializeOwned>(&mut self, name: &str) -> Option<T> {
        let value = self.status.get(name).filter(|value| !value.is_null())?;
        self.parse(name, value)
    }

    /// The readable items of a list, each with its path.
    fn list<T: DeserializeOwned>(&mut self, name: &str) -> Vec<(String, T)> {
        match self.status.get(name) {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::Array(items)) => items
                .iter()
                .enumerate()
                .filter_map(|(n, item)| {
                    let path = format!("{name}[{n}]");
                    self.parse(&path, item).map(|item| (path, item))
                })
                .collect(),
            Some(_) => {
                self.report(name, "is no list");
                Vec::new()
            }
        }
    }

    fn time(&mut self, path: &str, text: &str) -> Option<Time> {
        let time = wall::read(text, self.offset);
        if time.is_none() {
            self.report(path, format!("\"{}\" is no time", text.chars().take(40).collect::<String>()));
        }
        time
    }

    fn reason(&mut self, path: &str, name: &str) -> Option<Reason> {
        let reason = Reason::ALL.iter().copied().find(|reason| reason.name() == name);
        if reason.is_none() {
            self.report(path, format!("\"{name}\" is no reason that this version knows"));
        }
        reason
    }

    fn key(&mut self, path: &str, database: String, signal: &str) -> Option<GuardKey> {
        let signal = Signal::ALL.into_iter().find(|known| known.name() == signal);
        if signal.is_none() {
            self.report(path, "is of a signal that this version does not know");
        }
        Some(GuardKey { database, signal: signal? })
    }

    /// The stage by its name, as it may have moved; by the weight, if it is gone.
    fn stage(&mut self, into: &mut State, plan: &Plan) {
        let Some(stage) = self.field::<StageStatus>("stage") else { return };
        into.stage_since = stage.since.and_then(|text| self.time("stage.since", &text)).unwrap_or_default();
        if let Some(text) = stage.soaked {
            match duration::parse(&text) {
                Ok(soaked) => into.soaked = soaked,
                Err(error) => self.report("stage.soaked", error.to_string()),
            }
        }
        into.periods.peaks = stage.peaks;
        into.periods.now = stage.period.as_ref().and_then(|period| self.period(period));
        let Some(name) = stage.name else { return };
        into.stage = plan.stages.iter().position(|known| known.name == name);
        if into.stage.is_none() {
            into.stage = into.intended.and_then(|weight| plan.stage_at(weight));
            into.soaked = std::time::Duration::ZERO;
            into.shift = 0;
            into.periods = Periods::default();
            self.report(
                "stage.name",
                format!("\"{name}\" is no stage of the accepted spec; taken by weight, soak anew"),
            );
        }
    }

    /// Of one that cannot be read nothing is known: another begins.
    fn period(&mut self, period: &PeriodStatus) -> Option<Period> {
        let since = self.time("stage.period.since", &period.since)?;
        match duration::parse(&period.watched) {
            Ok(watched) => Some(Period { since, watched, highest: period.highest }),
            Err(error) => {
                self.report("stage.period.watched", error.to_string());
                None
            }
        }
    }

    fn raise(&mut self) -> Option<Raise> {
        let RaiseStatus { from, to, at } = self.field("raise")?;
        let at = self.time("raise.at", &at).unwrap_or_default();
        Some(Raise { from: Weight::from_percent(from), to: Weight::from_percent(to), at })
    }

    fn trips(&mut self) -> BTreeMap<GuardKey, Tripped> {
        let trips = self.list::<TripStatus>("trips");
        trips.into_iter().filter_map(|(path, trip)| self.trip(&path, trip)).collect()
    }

    /// A trip survives whatever else is wrong with it.
    fn trip(&mut self, path: &str, trip: TripStatus) -> Option<(GuardKey, Tripped)> {
        let key = self.key(path, trip.database, &trip.signal)?;
        let level = match trip.level.as_str() {
            "Clear" => Level::Clear,
            "Pause" => Level::Pause,
            "Rollback" => Level::Rollback,
            other => {
                self.report(&format!("{path}.level"), format!("\"{other}\" is no level; taken as Pause"));
                Level::Pause
            }
        };
        let since = self.time(&format!("{path}.since"), &trip.since).unwrap_or_default();
        let baseline = trip.baseline.and_then(|text| {
            let number = text.parse::<f64>().ok().filter(|number| number.is_finite());
            if number.is_none() {
                self.report(&format!("{path}.baseline"), "is no number");
            }
            number
        });
        Some((key, Tripped { level, since, baseline }))
    }

    /// One that cannot be read is judged anew.
    fn surges(&mut self) -> BTreeMap<String, Surge> {
        let mut surges = BTreeMap::new();
        for (path, stored) in self.list::<SurgeStatus>("surges") {
            let Some(whose) = Whose::ALL.into_iter().find(|whose| whose.name() == stored.whose) else {
                self.report(&format!("{path}.whose"), "is no answer that this version knows");
                continue;
            };
            let since = self.time(&format!("{path}.since"), &stored.since).unwrap_or_default();
            let normal =
                stored.normal.map(|NormalStatus { legacy, kubernetes }| BySide { legacy, kubernetes });
            let trial = stored.trial.and_then(|trial| self.trial(&path, trial));
            surges.insert(stored.database, Surge { whose, since, normal, trial });
        }
        surges
    }

    fn trial(&mut self, path: &str, trial: TrialStatus) -> Option<Trial> {
        let TrialStatus { at, signal, before, predicted, enough } = trial;
        let at = self.time(&format!("{path}.trial.at"), &at)?;
        let signal = self.key(&format!("{path}.trial.signal"), String::new(), &signal)?.signal;
        Some(Trial { at, signal, before, predicted, enough })
    }

    fn strain(&mut self) -> Option<Strain> {
        let StrainStatus { before, seen } = self.field("strain")?;
        let seen = seen.and_then(|seen| self.time("strain.seen", &seen));
        Some(Strain { before, seen })
    }

    /// Of one that cannot be read nothing is compared.
    fn foreseen(&mut self) -> Option<Foreseen> {
        let ForeseenStatus { at, to, databases } = self.field("foreseen")?;
        let at = self.time("foreseen.at", &at)?;
        let expected = |stored: ExpectedStatus| {
            let ExpectedStatus { name, each, noise, others, taught } = stored;
            let taught = taught.map(|TaughtStatus { steps, demand }| Taught { steps, demand });
            (name, Expected { each, noise, others, taught })
        };
        let by = databases.into_iter().map(expected).collect();
        Some(Foreseen { at, to: Weight::from_percent(to), by })
    }

    fn retreat(&mut self) -> Option<Retreat> {
        let retreat: RetreatStatus = self.field("retreat")?;
        let guard = match (retreat.database, retreat.signal) {
            (None, None) => None,
            (database, signal) => {
                let signal = signal.unwrap_or_default();
                Some(self.key("retreat.signal", database.unwrap_or_default(), &signal)?)
            }
        };
        Some(Retreat {
            target: Weight::from_percent(retreat.target),
            since: self.time("retreat.since", &retreat.since).unwrap_or_default(),
            guard,
            arrived: retreat.arrived,
        })
    }

    fn by_hand(&mut self) -> Option<ByHand> {
        let ByHandStatus { target, since, reason } = self.field("rolledBackByHand")?;
        let since = self.time("rolledBackByHand.since", &since).unwrap_or_default();
        Some(ByHand { target: Weight::from_percent(target), since, reason })
    }

    /// A halt with an unknown reason still halts.
    fn halt(&mut self) -> Option<Halt> {
        let HaltStatus { reason, message, since } = self.field("halt")?;
        let reason = self.reason("halt.reason", &reason).unwrap_or(Reason::Drift);
        let since = self.time("halt.since", &since).unwrap_or_default();
        Some(Halt { reason, message, since })
    }

    fn commands(&mut self) -> BTreeMap<Command, Answered> {
        let stored: BTreeMap<String, Value> = self.field("commands").unwrap_or_default();
        let mut commands = BTreeMap::new();
        for (name, value) in stored {
            let path = format!("commands.{name}");
            let Some(command) = Command::ALL.into_iter().find(|command| command.name() == name) else {
                self.report(&path, "is no command that this version knows");
                continue;
            };
            if let Some(AnsweredStatus { value, at, answer }) = self.parse(&path, &value) {
                let at = self.time(&format!("{path}.at"), &at).unwrap_or_default();
                commands.insert(command, Answered { value, at, answer });
            }
        }
        commands
    }

    /// The window of the demand; what else stands there is measured anew.
    fn peaks(&mut self) -> Peaks {
        let demand = self.status.get("demand").unwrap_or(&Value::Null);
        if !demand.is_null() && !demand.is_object() {
            self.report("demand", "is no object");
        }
        let stored = match demand.get("window") {
            Some(window) => self.parse::<Vec<Value>>("demand.window", window).unwrap_or_default(),
            None => Vec::new(),
        };
        let mut peaks = Peaks::default();
        for (n, item) in stored.iter().enumerate() {
            let path = format!("demand.window[{n}]");
            let Some(PeakStatus { at, requests_per_second }) = self.parse(&path, item) else { continue };
            if requests_per_second < 0.0 {
                self.report(&path, "is of a negative demand");
                continue;
            }
            if let Some(at) = self.time(&path, &at) {
                peaks.0.push_back(Peak { at, requests_per_second });
            }
        }
        peaks
    }

    fn history(&mut self) -> Vec<Move> {
        let moves = self.list::<MoveStatus>("history");
        moves
            .into_iter()
            .filter_map(|(path, step)| {
                Some(Move {
                    at: self.time(&path, &step.at)?,
                    from: Weight::from_percent(step.from),
                    to: Weight::from_percent(step.to),
                    reason: self.reason(&path, &step.reason)?,
                })
            })
            .collect()
    }
}
