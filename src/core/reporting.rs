//! What a plan's status says: phase and conditions, from the same causes that keep it from rising.

use crate::guard::{Level, Unknown};
use crate::reason::Reason;
use crate::report::{Blocker, CapacityReport, Condition, DatabaseReport, GuardReport, Phase, Report};
use crate::rules::capacity::{self, Shortage};
use crate::rules::obstacles::{self, Obstacle};
use crate::rules::predict::{self, Excess};
use crate::rules::{commands, expiry, floors, peaks, raise, soak, walk_back, whose};
use crate::surge::Whose;
use crate::time::Time;
use crate::turn::Turn;
use crate::wording;

pub use crate::wording::words;

/// Why nothing rises now.
#[derive(Clone, Debug, PartialEq)]
pub enum Cause {
    /// Something stands against it.
    Obstacle(Obstacle, Reason),
    /// The intent is being stored.
    Recording,
    /// The next step of the ramp is due then.
    Ramp(Time),
    /// The stage soaks; its end, while the clock runs.
    Soak(Option<Time>),
    /// The stage has not seen its peaks; when the next can have been seen, while the clock runs.
    Peaks(Option<Time>),
    /// This stage needs a person's approval.
    Approval(usize),
    /// Balance has lowered the weight below the stage's.
    Balanced,
    /// The next stage is beyond `targetStage`.
    TargetReached,
    /// The next step would ask for more capacity than there is.
    Short(Shortage),
    /// The next step is predicted to bring too many connects.
    Excess(Excess),
}

impl Cause {
    /// The reason by which status names it.
    pub fn reason(&self) -> Reason {
        match self {
            Self::Obstacle(_, reason) => *reason,
            Self::Recording => Reason::Recording,
            Self::Ramp(_) => Reason::RampWaiting,
            Self::Soak(_) => Reason::Soaking,
            Self::Peaks(_) => Reason::AwaitingPeak,
            Self::Approval(_) => Reason::AwaitingApproval,
            Self::Balanced => Reason::Balancing,
            Self::TargetReached => Reason::TargetStageReached,
            Self::Short(_) => Reason::CapacityShort,
            Self::Excess(_) => Reason::ConnectionsPredicted,
        }
    }
}

impl Cause {
    /// When it ends, or changes what status says, by itself, if that is known.
    pub fn until(&self, turn: &Turn) -> Option<Time> {
        match self {
            Self::Obstacle(Obstacle::Cooldown(until), _) | Self::Ramp(until) => Some(*until),
            Self::Soak(until) | Self::Peaks(until) => *until,
            Self::Obstacle(Obstacle::Surge(place), _) => {
                let trial = turn.surge(*place).filter(|surge| surge.whose == Whose::Judging)?.trial?;
                Some(trial.at + whose::JUDGED_IN)
            }
            Self::Obstacle(Obstacle::Unknown(place), _) => {
                match turn.seen.judgements.get(*place)?.1.unknown.as_ref()? {
                    Unknown::Stale { since } => Some(*since + obstacles::BLIND),
                    Unknown::Returning { until } | Unknown::Young { until } | Unknown::Learning { until } => {
                        Some(*until)
                    }
                    Unknown::Down { .. } => None,
                }
            }
            Self::Obstacle(..)
            | Self::Recording
            | Self::Approval(_)
            | Self::Balanced
            | Self::TargetReached
            | Self::Short(_)
            | Self::Excess(_) => None,
        }
    }
}

/// Why nothing rises now, the first to be shown first: obstacles, then what the stage waits for.
pub fn causes(turn: &Turn) -> Vec<Cause> {
    let failing = turn.seen.instances.iter().any(|seen| seen.failing.is_some());
    // A route that fails says more than that it is waited for.
    let obstacles = obstacles::all(turn).filter(|obstacle| !failing || *obstacle != Obstacle::ReadingRoutes);
    let mut causes: Vec<Cause> = obstacles
        .map(|obstacle| {
            let reason = obstacle_reason(turn, &obstacle);
            Cause::Obstacle(obstacle, reason)
        })
        .collect();
    let stops = |cause: &Cause| matches!(cause, Cause::Obstacle(obstacle, _) if soak::stops(obstacle));
    let soaks = soak::is_at_weight(turn) && !causes.iter().any(stops);
    causes.extend(wait(turn, soaks));
    causes.extend(unseen(turn, soaks));
    causes
}

fn obstacle_reason(turn: &Turn, obstacle: &Obstacle) -> Reason {
    match obstacle {
        Obstacle::ReadingRoutes => Reason::ReadingRoutes,
        Obstacle::NotLeader => Reason::NotLeader,
        Obstacle::Rejected => turn.seen.rejected.as_ref().map_or(Reason::InvalidSpec, |(reason, _)| *reason),
        Obstacle::RolledBackByHand => Reason::RollbackByHand,
        Obstacle::Halted => turn.state.halt.as_ref().map_or(Reason::Drift, |halt| halt.reason),
        Obstacle::PausedBySpec => Reason::PausedBySpec,
        Obstacle::Held => Reason::Held,
        Obstacle::Tripped(place) => {
            let guard = turn.seen.judgements.get(*place).and_then(|(key, _)| turn.state.guards.get(key));
            match guard.map(|guard| guard.level) {
                Some(Level::Rollback) => Reason::GuardRollback,
                _ => Reason::GuardPaused,
            }
        }
        Obstacle::Unknown(place) => {
            let judged = turn.seen.judgements.get(*place);
            match judged.and_then(|(_, judgement)| judgement.unknown.as_ref()) {
                Some(Unknown::Down { .. } | Unknown::Returning { .. }) => Reason::DatabaseDown,
                Some(Unknown::Learning { .. }) => Reason::BaselineLearning,
                _ => Reason::DataUnknown,
            }
        }
        Obstacle::Retreating => Reason::GuardRollback,
        Obstacle::Surge(place) => {
            whose::reason(turn.surge(*place).map_or(Whose::Common, |surge| surge.whose))
        }
        Obstacle::Cooldown(_) => Reason::Cooldown,
        Obstacle::TargetLowered => Reason::TargetStageLowered,
        Obstacle::RouteFailing(_) => Reason::RouteFailing,
        Obstacle::OutOfSync(_) => Reason::OutOfSync,
        Obstacle::AnotherRaising => Reason::AnotherPlanRaising,
        Obstacle::Short(_) => Reason::CapacityShort,
        Obstacle::Full | Obstacle::TooHigh(_) => Reason::LegacyFull,
        Obstacle::Failing(_) => Reason::KubernetesFailing,
    }
}

/// What the stage waits for; `soaks` while the soak clock runs.
fn wait(turn: &Turn, soaks: bool) -> Option<Cause> {
    let stage = turn.state.stage.and_then(|index| turn.plan.stages.get(index));
    if let Some(raise) = turn.state.raise {
        return (raise.to != turn.intended()).then_some(Cause::Recording);
    }
    if let Some(next) = raise::next_stage(turn) {
        return if next > turn.plan.furthest() {
            Some(Cause::TargetReached)
        } else if commands::is_approved(turn, next) {
            short(turn, next)
        } else {
            Some(Cause::Approval(next))
        };
    }
    let stage = stage?;
    if turn.state.shift < 0
        && Some(turn.intended()) == turn.state.stage.and_then(|stage| turn.weight_of(stage))
    {
        return Some(Cause::Balanced);
    }
    if turn.intended() < stage.weight {
        let due = turn.state.last_step.zip(stage.ramp).map(|(last, ramp)| last + ramp.every);
        let waits = due.filter(|due| *due > turn.now).map(Cause::Ramp);
        return waits.or_else(|| short(turn, turn.state.stage?));
    }
    let ends = turn.now + stage.soak.saturating_sub(turn.state.soaked);
    (turn.state.soaked < stage.soak).then(|| Cause::Soak(soaks.then_some(ends)))
}

/// The peaks that the stage has not seen yet.
fn unseen(turn: &Turn, soaks: bool) -> Option<Cause> {
    let stage = turn.plan.stages.get(turn.state.stage?).filter(|_| soak::is_at_weight(turn))?;
    let missing = turn.state.periods.seen() < stage.peaks;
    missing.then(|| Cause::Peaks(peaks::next(turn).filter(|_| soaks)))
}

/// What the first step towards a stage is short of.
fn short(turn: &Turn, stage: usize) -> Option<Cause> {
    let to = raise::step_to(turn, stage)?;
    let short = capacity::against_raising(turn, to).map(Cause::Short);
    short.or_else(|| predict::against_raising(turn, to).map(Cause::Excess))
}

/// Whether every stage is done.
fn completed(turn: &Turn) -> bool {
    let Some(stage) = turn.plan.stages.last() else { return false };
    turn.state.stage == Some(turn.plan.stages.len() - 1)
        && turn.state.intended.is_some_and(|weight| weight >= stage.weight)
        && turn.state.raise.is_none()
        && soak::is_done(turn.state, stage)
}

/// Where the plan stands, in one word.
pub fn phase(turn: &Turn, causes: &[Cause]) -> Phase {
    let state = &turn.state;
    let paused = |cause: &Cause| match cause {
        Cause::Obstacle(Obstacle::Unknown(place), _) => {
            turn.seen.judgements.get(*place).is_some_and(|(_, judged)| {
                judged.unknown.as_ref().is_some_and(|unknown| obstacles::pauses(unknown, turn.now))
            })
        }
        Cause::Obstacle(obstacle, _) => matches!(
            obstacle,
            Obstacle::Halted
                | Obstacle::PausedBySpec
                | Obstacle::Held
                | Obstacle::Tripped(_)
                | Obstacle::Surge(_)
                | Obstacle::Short(Shortage::Legacy { .. } | Shortage::Kubernetes { .. })
                | Obstacle::Failing(_)
        ),
        _ => false,
    };
    // One that has gone as far as it fits has arrived, for now.
    let full = causes.iter().any(|cause| matches!(cause, Cause::Obstacle(Obstacle::Full, _)));
    let retreat = state.retreat.as_ref().map(|retreat| retreat.arrived || full);
    // One that R4 holds is a pause: it is not known to help.
    let retreat = retreat.filter(|_| !whose::holds(turn));
    let walks = walk_back::target(turn).is_some();
    let cooling = causes.iter().any(|cause| matches!(cause, Cause::Obstacle(Obstacle::Cooldown(_), _)));
    if state.intended.is_none() {
        Phase::Pending
    } else if retreat == Some(false) || walks {
        Phase::RollingBack
    } else if retreat == Some(true)
        || (cooling && !whose::is_held(turn))
        || state.rolled_back_by_hand.is_some()
    {
        Phase::RolledBack
    } else if causes.iter().any(paused) {
        Phase::Paused
    } else if completed(turn) {
        Phase::Completed
    } else if causes.iter().any(|cause| matches!(cause, Cause::Approval(_))) {
        Phase::AwaitingApproval
    } else if causes
        .iter()
        .any(|cause| matches!(cause, Cause::Soak(_) | Cause::Peaks(_) | Cause::TargetReached))
    {
        Phase::Soaking
    } else {
        Phase::Shifting
    }
}

/// Everything that status says.
pub fn report(turn: &Turn) -> Report {
    let causes = causes(turn);
    let phase = phase(turn, &causes);
    let blocked_by: Vec<Blocker> = causes.iter().map(|cause| words(turn, cause)).collect();
    let guards = turn.seen.judgements.iter().map(|(key, judgement)| {
        let tripped = turn.state.guards.get(key).copied().unwrap_or_default();
        GuardReport {
            key: key.clone(),
            level: tripped.level,
            since: tripped.since,
            judgement: judgement.clone(),
        }
    });
    let readings = turn.seen.instances.iter().filter_map(|seen| seen.reading.as_ref());
    Report {
        phase,
        actual: readings.map(|(_, reading)| reading.weight).min(),
        conditions: conditions(turn, phase, &blocked_by),
        blocked_by,
        guards: guards.collect(),
        soak_ends: soak::ends(turn),
        approval_token: commands::expected(turn),
        token_needed: commands::token_needed(turn),
        capacity: figures(turn),
        floors: floors::report(turn),
        databases: databases(turn),
    }
}

fn databases(turn: &Turn) -> Vec<DatabaseReport> {
    let connects = |place: usize| turn.seen.tallies.get(place)?.known(turn.now).rate;
    let places = 0..turn.plan.databases.len();
    places
        .map(|place| DatabaseReport {
            connects: connects(place),
            normal: turn.seen.looks.get(place).and_then(|look| look.normal),
            predicted: predict::prediction(turn, place),
            learned: turn
                .seen
                .lessons
                .get(place)
                .map(|it| it.learned().copied().collect())
                .unwrap_or_default(),
        })
        .collect()
}

fn figures(turn: &Turn) -> CapacityReport {
    let spare = capacity::spare(turn);
    let demand = turn.plan.capacity.demand;
    CapacityReport {
        spare,
        absorbed_by_legacy: spare.absorbed_by_legacy(turn.intended()),
        absorbed_by_kubernetes: spare.absorbed_by_kubernetes(turn.intended()),
        peak: demand.and_then(|demand| turn.state.peaks.highest(demand.peak_window, turn.now)),
    }
}

/// The conditions, by kstatus: never both `Reconciling` and `Stalled`, and `Ready` is false with
/// either.
fn conditions(turn: &Turn, phase: Phase, blocked_by: &[Blocker]) -> Vec<Condition> {
    let first = blocked_by.first();
    let (reason, message) = match first {
        _ if phase == Phase::Completed => (Reason::Completed, "every stage is done".to_owned()),
        Some(blocker) => (blocker.reason, blocker.message.clone()),
        None => (Reason::Raising, "raising towards the stage's weight".to_owned()),
    };
    // A hand on the plan, and what its stage would wait for anyway.
    let by_hand = |reason: Reason| {
        matches!(
            reason,
            Reason::Held
                | Reason::PausedBySpec
                | Reason::Soaking
                | Reason::AwaitingPeak
                | Reason::RampWaiting
                | Reason::AwaitingApproval
                | Reason::TargetStageReached
        )
    };
    let stalled = turn.state.halt.is_some()
        || turn.seen.rejected.is_some()
        || (phase == Phase::AwaitingApproval && turn.state.retreats_ever > 0);
    let waits = match phase {
        Phase::Pending | Phase::RollingBack | Phase::RolledBack => true,
        Phase::Paused => !blocked_by.iter().all(|blocker| by_hand(blocker.reason)),
        Phase::Shifting | Phase::Soaking | Phase::AwaitingApproval | Phase::Completed => false,
    };
    let reconciling = waits && !stalled;
    let tripped = blocked_by.iter().find(|blocker| {
        matches!(
            blocker.reason,
            Reason::GuardPaused
                | Reason::GuardRollback
                | Reason::SurgeCommon
                | Reason::SurgeLegacy
                | Reason::SurgeElsewhere
                | Reason::JudgingSurge
                | Reason::DataUnknown
                | Reason::DatabaseDown
                | Reason::BaselineLearning
        )
    });
    let routes = blocked_by.iter().find(|blocker| {
        matches!(
            blocker.reason,
            Reason::RouteFailing | Reason::OutOfSync | Reason::ReadingRoutes | Reason::Drift
        )
    });
    let short = blocked_by
        .iter()
        .find(|blocker| matches!(blocker.reason, Reason::CapacityShort | Reason::LegacyFull))
        .map(|blocker| (blocker.reason, blocker.message.clone()));
    let lacking = || Some((Reason::CapacityShort, wording::short_words(turn, &capacity::lacking(turn)?).0));
    let configured = turn.plan.capacity.legacy.is_some();
    let rolled_back = matches!(phase, Phase::RolledBack | Phase::RollingBack);
    let condition =
        |kind, status, reason, message: &str| Condition { kind, status, reason, message: message.into() };
    let unless = |kind, bad: Option<&Blocker>, reason, message: &str| match bad {
        Some(blocker) => condition(kind, false, blocker.reason, &blocker.message),
        None => condition(kind, true, reason, message),
    };
    vec![
        condition("Ready", !stalled && !reconciling, reason, &message),
        condition("Reconciling", reconciling, reason, &message),
        condition("Stalled", stalled, reason, &message),
        unless("GuardsClear", tripped, Reason::GuardsClear, "every guard is clear"),
        unless("RoutesInSync", routes, Reason::InSync, "every route stands at the plan's weight"),
        if configured {
            let kept = "both sides keep what was asked for";
            let kept = expiry::words(turn).map_or(kept.into(), |until| format!("{kept}; {until}"));
            match short.or_else(lacking) {
                Some((reason, message)) => condition("CapacityReserved", false, reason, &message),
                None => condition("CapacityReserved", true, Reason::CapacityReserved, &kept),
            }
        } else {
            let message = "spec.legacy says nothing of capacity: a retreat goes in small steps, and nothing is kept free";
            condition("CapacityReserved", false, Reason::CapacityNotConfigured, message)
        },
        condition(
            "RolledBack",
            rolled_back,
            if rolled_back { reason } else { Reason::GuardsClear },
            if rolled_back { &message } else { "no retreat" },
        ),
    ]
}
