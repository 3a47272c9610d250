//! What the engine remembers. Everything here but [`State::volatile`] stands in the plan's status,
//! so that a restart goes on from it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use crate::guard::{Level, Signal, Tripped};
use crate::peaks::Peaks;
use crate::periods::Periods;
use crate::prediction::Foreseen;
use crate::reason::Reason;
use crate::report::Phase;
use crate::route::Reading;
use crate::rules::retreat;
use crate::surge::Surge;
use crate::time::Time;
use crate::weight::Weight;

/// How many moves [`State::history`] keeps.
pub const HISTORY: usize = 20;

/// What the engine remembers of one plan.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct State {
    /// The weight at which all routes should stand; `None` until the plan has adopted what it found.
    pub intended: Option<Weight>,
    /// A raise that is recorded, until every instance has been read back at its weight.
    pub raise: Option<Raise>,
    /// The present stage's index; `None` below the first.
    pub stage: Option<usize>,
    /// How far balance has moved the weight from the stage's, in hundredths of a percent; above 0 it is
    /// towards Kubernetes.
    pub shift: i16,
    /// Since when the plan is in this stage.
    pub stage_since: Time,
    /// How long the stage has soaked, as far as the clock has counted.
    pub soaked: Duration,
    /// The peaks that the stage has seen at its weight.
    pub periods: Periods,
    /// Stages (by name) whose soak completed and that no retreat has passed since.
    pub proven: BTreeSet<String>,
    /// Approvals from `spec.approvals` that were spent by an entry.
    pub spent: BTreeSet<String>,
    /// A stage approved by annotation and not entered yet.
    pub approved: Option<String>,
    /// The guards that are, or were, tripped.
    pub guards: BTreeMap<GuardKey, Tripped>,
    /// Whose surge each breach is (R4), by the name of its database.
    pub surges: BTreeMap<String, Surge>,
    /// The retreat under way, or at its end while its guard is still tripped.
    pub retreat: Option<Retreat>,
    /// What the retreat under way does to legacy.
    pub strain: Option<Strain>,
    /// Where the plan walks back to by a person's wish (`rollback`).
    pub rolled_back_by_hand: Option<ByHand>,
    /// The last change of the weight, by us or found.
    pub last_step: Option<Time>,
    /// Nothing rises before this.
    pub cooldown_until: Option<Time>,
    /// When each retreat of the last 24 h began.
    pub retreats: VecDeque<Time>,
    /// All retreats and falls to an earlier stage ever: part of the approval token.
    pub retreats_ever: u32,
    /// Rises by another writer that were put back in the last 10 minutes.
    pub put_backs: VecDeque<PutBack>,
    /// What stops the plan until a person says `resume`.
    pub halt: Option<Halt>,
    /// Instances (`route/instance`) that have stood at the plan's weight and so may drift.
    pub joined: BTreeSet<String>,
    /// The annotations that were acted on: command to value.
    pub commands: BTreeMap<Command, Answered>,
    /// The last moves, oldest first, at most [`HISTORY`].
    pub history: VecDeque<Move>,
    /// The highest demand of the last days.
    pub peaks: Peaks,
    /// The pods that each workload, by its name, is promised at least (R9).
    pub floors: BTreeMap<String, u32>,
    /// What was predicted of the last raise, until it is compared with what came.
    pub foreseen: Option<Foreseen>,
    /// What no restart remembers.
    pub volatile: Volatile,
}

impl State {
    /// The same where it is `now`. The wall clock may have been put back since it was stored, or another
    /// host's may be late: what has happened has happened by now, and nothing runs for longer than it can.
    #[must_use]
    pub fn by_the_clock_of(mut self, now: Time) -> Self {
        self.last_step = self.last_step.map(|at| at.min(now));
        self.history.iter_mut().for_each(|step| step.at = step.at.min(now));
        self.retreats.iter_mut().for_each(|at| *at = (*at).min(now));
        self.put_backs.iter_mut().for_each(|put_back| put_back.at = put_back.at.min(now));
        self.strain.iter_mut().for_each(|strain| strain.seen = strain.seen.map(|at| at.min(now)));
        for surge in self.surges.values_mut() {
            surge.since = surge.since.min(now);
            surge.trial.iter_mut().for_each(|trial| trial.at = trial.at.min(now));
        }
        self.peaks.0.iter_mut().for_each(|peak| peak.at = peak.at.min(now));
        self.periods.now.iter_mut().for_each(|period| period.since = period.since.min(now));
        self.foreseen.iter_mut().for_each(|foreseen| foreseen.at = foreseen.at.min(now));
        self.cooldown_until = self.cooldown_until.map(|until| until.min(now + retreat::DAY));
        self
    }
}

/// What does not stand in the status, because it ends with the process.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Volatile {
    /// Whether this process has compared what it found with what was stored.
    pub settled: bool,
    /// Whether this process took over a weight that it found, and that is not known to be stored.
    pub adopting: bool,
    /// Number of the last order given.
    pub orders: u64,
    /// What each joined instance looked like when it last stood as this plan wants it; drift is a
    /// difference from that.
    pub ours: BTreeMap<String, Reading>,
    /// The number of the order of which `ours` is the outcome, per instance.
    pub remembered: BTreeMap<String, u64>,
    /// A raise found begun after a restart: completed if R1 holds, else taken back.
    pub raise_in_doubt: bool,
    /// Up to when the soak clock has counted; `None` while it stands. Time that nobody watched
    /// does not count.
    pub soak_counted_to: Option<Time>,
    /// The phase and its first reason that people were told last.
    pub told: Option<(Phase, Option<Reason>)>,
    /// The end of a declared capacity that people were warned of.
    pub warned: Option<Time>,
    /// The mean of demand that is being made.
    pub mean: Mean,
    /// When nothing fitted the retreat under way last.
    pub full: Option<Time>,
    /// When legacy was last seen to fail by the retreat under way.
    pub strained: Option<Time>,
    /// Since when the floors have been higher than needed, and might have been lowered.
    pub floors_too_high_since: Option<Time>,
    /// The workloads whose floors were found since this process took the plan over.
    pub floors_found: BTreeSet<String>,
    /// When this process has seen the last raise come to its weight.
    pub saw_raise: Option<Time>,
}

/// A mean of demand that is being made.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Mean {
    /// Up to when demand has been taken in.
    pub counted_to: Option<Time>,
    /// Requests.
    pub sum: f64,
    /// The time over which they came.
    pub covered: Duration,
}

/// A guard's name within a plan.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GuardKey {
    /// The database's name in the plan.
    pub database: String,
    /// The signal.
    pub signal: Signal,
}

/// A raise: recorded first, then written (R8).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Raise {
    /// Where it began.
    pub from: Weight,
    /// Where it goes.
    pub to: Weight,
    /// When it was decided.
    pub at: Time,
}

/// A retreat by a guard: all its steps until the guard clears (R7).
#[derive(Clone, Debug, PartialEq)]
pub struct Retreat {
    /// Where it goes.
    pub target: Weight,
    /// When it began.
    pub since: Time,
    /// The guard that asks for it; `None` if Kubernetes failed outright.
    pub guard: Option<GuardKey>,
    /// Whether its target is reached.
    pub arrived: bool,
}

/// What a retreat does to legacy.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Strain {
    /// The share of its requests that legacy failed by itself before the last step, 0 to 1.
    pub before: f64,
    /// When it was first seen to fail more by that step.
    pub seen: Option<Time>,
}

/// A walk back by a person's wish; nothing rises until `resume`.
#[derive(Clone, Debug, PartialEq)]
pub struct ByHand {
    /// Where it goes.
    pub target: Weight,
    /// When it was asked.
    pub since: Time,
    /// What the person wrote.
    pub reason: String,
}

/// What stops a plan until a person says `resume`.
#[derive(Clone, Debug, PartialEq)]
pub struct Halt {
    /// Why: [`Reason::Drift`], [`Reason::LoweredByHand`] or [`Reason::PredictionWrong`].
    pub reason: Reason,
    /// What was found, in words.
    pub message: String,
    /// Since when.
    pub since: Time,
}

/// A command given as an annotation. Each acts once per value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Command {
    /// `approve: "<stage>"` or `"<stage>/<token>"`.
    Approve,
    /// `rollback: "<time> <reason>"`.
    Rollback,
    /// `resume: "<time> <reason>"`.
    Resume,
    /// `accept-baseline: "<time> <database>"`.
    AcceptBaseline,
}

impl Command {
    /// Every command.
    pub const ALL: [Self; 4] = [Self::Approve, Self::Rollback, Self::Resume, Self::AcceptBaseline];

    /// The name as annotation and status spell it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Approve => "approve",
            Self::Rollback => "rollback",
            Self::Resume => "resume",
            Self::AcceptBaseline => "accept-baseline",
        }
    }
}

/// A command that was acted on.
#[derive(Clone, Debug, PartialEq)]
pub struct Answered {
    /// Its value then.
    pub value: String,
    /// When.
    pub at: Time,
    /// What came of it.
    pub answer: String,
}

/// A rise by another writer that was put back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PutBack {
    /// When.
    pub at: Time,
    /// On which instance (`route/instance`).
    pub instance: String,
}

/// One change of the weight.
#[derive(Clone, Debug, PartialEq)]
pub struct Move {
    /// When.
    pub at: Time,
    /// From where.
    pub from: Weight,
    /// To where.
    pub to: Weight,
    /// Why.
    pub reason: Reason,
}

impl State {
    /// Whether a guard is tripped.
    pub fn is_tripped(&self, guard: &GuardKey) -> bool {
        // Names are compared only while some guard is tripped.
        let tripped = |guard: &Tripped| guard.level != Level::Clear;
        self.guards.values().any(tripped) && self.guards.get(guard).is_some_and(tripped)
    }
}

impl GuardKey {
    /// The key of `signal` on `database`.
    pub fn new(database: impl Into<String>, signal: Signal) -> Self {
        Self { database: database.into(), signal }
    }
}
