//! R13 in words: what is waited for, until when, who must act, and what they can do.

mod full;

use std::time::Duration;

use crate::guard::{Condition, Signal, Test, Unknown};
use crate::periods;
use crate::report::{Blocker, Who};
use crate::reporting::Cause;
use crate::rules::capacity::Shortage;
use crate::rules::obstacles::Obstacle;
use crate::rules::outright::Failing;
use crate::rules::predict::{Excess, Limit};
use crate::rules::{commands, floors, peaks, whose};
use crate::state::GuardKey;
use crate::surge::Whose;
use crate::time::Time;
use crate::turn::Turn;

/// After so long a tripped relative guard is offered a new normal.
const NEW_NORMAL: Duration = Duration::from_mins(15);

/// One cause as status shows it.
pub fn words(turn: &Turn, cause: &Cause) -> Blocker {
    let reason = cause.reason();
    let says = |message: String, since: Option<Time>, until: Option<Time>, who: Who| Blocker {
        reason,
        message,
        since,
        until,
        who,
    };
    let waits = |message: String, until: Option<Time>| says(message, None, until, Who::Nobody);
    match cause {
        Cause::Obstacle(obstacle, _) => obstacle_words(turn, obstacle, &says),
        Cause::Recording => waits("the raise is being recorded before it is written".into(), None),
        Cause::Ramp(until) => waits("the next step of the ramp is not due yet".into(), Some(*until)),
        Cause::Soak(until) => waits("the stage soaks".into(), *until),
        Cause::Peaks(until) => {
            let stage = turn.state.stage.and_then(|index| turn.plan.stages.get(index));
            let seen = stage.and_then(|stage| peaks::words(turn.state, stage)).unwrap_or_default();
            let length = turn.plan.capacity.demand.map(|demand| periods::length(&demand)).unwrap_or_default();
            let hours = length.as_secs_f64() / 3600.0;
            let message = format!(
                "{seen}; another is with each full {hours} h in which demand comes within 10 % of the highest of \
                 spec.demand.peakWindow"
            );
            waits(message, *until)
        }
        Cause::Approval(stage) => {
            let name = turn.plan.stages.get(*stage).map_or("", |stage| stage.name.as_str());
            let value = if commands::token_needed(turn) {
                format!("{name}/{}", commands::expected(turn))
            } else {
                name.to_owned()
            };
            let message = format!(
                "stage {name} needs an approval: add {value:?} to spec.approvals or run kubectl crossfade approve"
            );
            says(message, None, None, Who::Person)
        }
        Cause::Balanced => {
            let stage = turn.state.stage.and_then(|stage| turn.plan.stages.get(stage));
            let (own, now) = (stage.map(|stage| stage.weight).unwrap_or_default(), turn.intended());
            waits(
                format!(
                    "Kubernetes is short of its headroom: {now} % until both sides have it at the stage's {own} %, at the peak too"
                ),
                None,
            )
        }
        Cause::TargetReached => says(
            "the next stage is beyond spec.targetStage: raise it to go on".into(),
            None,
            None,
            Who::Person,
        ),
        Cause::Short(shortage) => {
            let (message, who) = short_words(turn, shortage);
            says(format!("the next step waits: {message}"), None, None, who)
        }
        Cause::Excess(excess) => {
            says(format!("the next step waits: {}", excess_words(excess)), None, None, Who::Person)
        }
    }
}

/// Which figure is too high, and what helps.
fn excess_words(excess: &Excess) -> String {
    let Excess { database, weight, rate, at_peak, limit, steps } = excess;
    let when = if *at_peak { "at the peak" } else { "at what is asked for now" };
    let (than, helps) = match limit {
        Limit::Resume(level) => (
            format!("the guard's resume threshold is {level}"),
            "make connections cost less (pool them), or raise the thresholds",
        ),
        Limit::Pause(level) => (
            format!("the guard's pause threshold is {level}"),
            "make connections cost less (pool them), or raise the thresholds",
        ),
        Limit::Capacity(capacity) => (
            format!("that is over 60 % of its connectionRateCapacity, {capacity}"),
            "make connections cost less (pool them), or prove a higher capacity",
        ),
    };
    format!(
        "at {weight} % database {database} is predicted to get {rate:.0} connects/s {when}{}, and {than}: {helps}{}",
        learned(*steps),
        if steps.is_some() {
            ", or forget what was learned if that is past (accept-baseline; guards that compare with what is normal then see \
             nothing for 15 minutes)"
        } else {
            ""
        }
    )
}

/// From how many steps something was learned, if it was.
pub fn learned(steps: Option<usize>) -> String {
    steps.map(|steps| format!(" by what {steps} steps have shown")).unwrap_or_default()
}

/// What is short, what helps, and who must do it.
pub fn short_words(turn: &Turn, shortage: &Shortage) -> (String, Who) {
    let message = match shortage {
        Shortage::DemandUnknown => {
            "it is not known how much is asked for: see that spec.demand can be read".to_owned()
        }
        Shortage::LegacyUnknown => {
            "it is not known what legacy can carry: see that spec.legacy.capacity can be read, and is not out of date"
                .to_owned()
        }
        Shortage::KubernetesUnknown => {
            "it is not known what Kubernetes can carry: see that the pods of spec.kubernetes.workloads can be read"
                .to_owned()
        }
        Shortage::Legacy { needs, ready } => format!(
            "legacy can carry {ready:.0} requests/s, and must be able to carry {needs:.0} to take over what \
             spec.takeover.legacy promises at the peak: bring servers up, or promise less"
        ),
        Shortage::Kubernetes { needs, ready } => {
            let says = format!(
                "Kubernetes can carry {ready:.0} requests/s by warm pods, and must be able to carry {needs:.0} with \
                 its headroom, a surge and spec.takeover.kubernetes: "
            );
            let (what, who) = floor_words(turn);
            return (says + &what, who);
        }
        Shortage::Floor(place) => {
            let workload = turn.plan.capacity.kubernetes.as_ref().and_then(|side| side.workloads.get(*place));
            let name = workload.map_or("", |workload| workload.name.as_str());
            return match floors::found(turn, *place).and_then(|found| found.lack.as_ref()) {
                Some(lack) => (lack.clone(), Who::Person),
                None => (format!("the floor of workload {name} is being raised"), Who::Nobody),
            };
        }
    };
    (message, Who::Person)
}

/// Why pods are missing, and who can help.
fn floor_words(turn: &Turn) -> (String, Who) {
    let floors = floors::report(turn);
    let lacks = floors.iter().filter_map(|floor| floor.found.as_ref()?.lack.as_deref());
    let lacks: Vec<&str> = lacks.collect();
    if !lacks.is_empty() {
        return (lacks.join("; "), Who::Person);
    }
    let raised = floors.iter().filter(|floor| floor.pods > 0);
    let raised: Vec<String> =
        raised.map(|floor| format!("{} at {} pods", floor.workload, floor.pods)).collect();
    if raised.is_empty() {
        return ("add pods, or wait until they are warm".into(), Who::Person);
    }
    let message = format!(
        "the floor of {} stands or is being raised, and its pods are awaited until they are ready and warm",
        raised.join(", ")
    );
    (message, Who::Nobody)
}

type Says<'a> = &'a dyn Fn(String, Option<Time>, Option<Time>, Who) -> Blocker;

fn obstacle_words(turn: &Turn, obstacle: &Obstacle, says: Says) -> Blocker {
    let state = &turn.state;
    let waits = |message: &str, until: Option<Time>| says(message.into(), None, until, Who::Nobody);
    let asks = |message: String, since: Option<Time>| says(message, since, None, Who::Person);
    match obstacle {
        Obstacle::ReadingRoutes => waits("waiting for a first answer of every route", None),
        Obstacle::NotLeader => waits("another replica holds the lease, or nobody does yet", None),
        Obstacle::Rejected => {
            let why = turn.seen.rejected.as_ref().map_or("", |(_, message)| message.as_str());
            asks(format!("the newest spec is not accepted, the last accepted one goes on: {why}"), None)
        }
        Obstacle::RolledBackByHand => {
            let back = state.rolled_back_by_hand.as_ref();
            let why = back.map_or("", |back| back.reason.as_str());
            asks(
                format!("rolled back by hand ({why}): run kubectl crossfade resume to go on"),
                back.map(|back| back.since),
            )
        }
        Obstacle::Halted => {
            let halt = state.halt.as_ref();
            let why = halt.map_or("", |halt| halt.message.as_str());
            asks(format!("{why}; then run kubectl crossfade resume"), halt.map(|halt| halt.since))
        }
        Obstacle::PausedBySpec => asks("spec.paused is set: set it to false to go on".into(), None),
        Obstacle::Held => {
            let why = turn.seen.wishes.hold.as_deref().unwrap_or_default();
            asks(format!("held ({why}): run kubectl crossfade resume to go on"), None)
        }
        Obstacle::Tripped(place) => tripped_words(turn, *place, says),
        Obstacle::Unknown(place) => unknown_words(turn, *place, says),
        Obstacle::Retreating => {
            let target = state.retreat.as_ref().map(|retreat| retreat.target).unwrap_or_default();
            waits(&format!("a retreat towards {target} % is under way"), None)
        }
        Obstacle::Surge(place) => surge_words(turn, *place),
        Obstacle::Cooldown(until) => {
            let count = state.retreats.len();
            waits(&format!("cooling down after retreat {count} of the last 24 h"), Some(*until))
        }
        Obstacle::TargetLowered => waits("spec.targetStage lies below the weight", None),
        Obstacle::RouteFailing(instance) => {
            let seen = turn.seen.instances.get(*instance);
            let key = seen.map_or("", |seen| seen.key.as_str());
            let failing = seen.and_then(|seen| seen.failing.as_ref());
            let why = failing.map_or("not read yet, or too long ago", |(_, error)| error.as_str());
            asks(format!("route {key}: {why}"), failing.map(|(since, _)| *since))
        }
        Obstacle::OutOfSync(instance) => {
            let key = turn.seen.instances.get(*instance).map_or("", |seen| seen.key.as_str());
            waits(&format!("route {key} does not stand at the plan's weight yet"), None)
        }
        Obstacle::TooHigh(instance) => asks(full::of_instance(turn, *instance), None),
        Obstacle::Short(shortage) => asks(short_words(turn, shortage).0, None),
        Obstacle::Failing(Failing::NoServer) => {
            asks("no Kubernetes server is up in any load balancer: bring them up".into(), None)
        }
        Obstacle::Failing(Failing::Pods(now)) => asks(
            format!("{now}: find out where the others went, and bring pods up"),
            turn.seen.figures.ready.few_since,
        ),
        Obstacle::Failing(Failing::Requests) => {
            let since = turn.seen.figures.failing_since;
            asks(
                "over half of the requests to Kubernetes fail, and not so on legacy: find out why".into(),
                since,
            )
        }
        Obstacle::Full => {
            let (message, since) = full::words(turn);
            asks(message, since)
        }
        Obstacle::AnotherRaising => {
            let other = turn.seen.others_raising.as_deref().unwrap_or_default();
            waits(&format!("plan {other}, which shares a database, is raising"), None)
        }
    }
}

/// Whose surge it is, by which figures, and what helps.
pub fn surge_words(turn: &Turn, place: usize) -> Blocker {
    let surge = turn.surge(place);
    let name = turn.plan.databases.get(place).map_or("", |database| database.name.as_str());
    let look = turn.seen.looks.get(place).copied().unwrap_or_default();
    let sides = look.sides.and_then(|sides| sides.legacy.times().zip(sides.kubernetes.times()));
    let times = sides.map_or_else(
        || "by how much is not known now".to_owned(),
        |(legacy, kubernetes)| format!("legacy {legacy:.1} times, Kubernetes {kubernetes:.1} times"),
    );
    let helps = "shed what is optional, give the database room, and find what changed";
    let whose = surge.map_or(Whose::Common, |surge| surge.whose);
    let trial = surge.and_then(|surge| surge.trial);
    let message = match (whose, trial) {
        (Whose::Judging, Some(trial)) => format!(
            "one step back was taken; if the surge of database {name} is Kubernetes' alone, {} fall by {:.0}/s \
             from {:.0}/s",
            compared(trial.signal),
            trial.predicted,
            trial.before
        ),
        (Whose::Legacy, _) => format!(
            "the surge of database {name} is legacy's, in connects of what is usual: {times}; moving traffic \
             there would make it worse, so nothing moves: {helps} on legacy"
        ),
        (Whose::Neither, _) => format!(
            "the surge of database {name} is of users of neither side, in connects of what is usual: {times}; \
             moving traffic does not help, so nothing moves: find who else connects, or name all users of both \
             sides in spec.databases[].users"
        ),
        (_, Some(trial)) if sides.is_none() => format!(
            "the surge of database {name} is both sides': one step back was to take {:.0}/s off the {} of \
             {:.0}/s, and took less than {:.0}/s; moving traffic does not help, so nothing moves: {helps}",
            trial.predicted,
            compared(trial.signal),
            trial.before,
            trial.enough
        ),
        (_, None) if look.saturated && sides.is_none() => format!(
            "database {name} is full, so that nothing tells whose surge it is, and nothing moves: {helps}; \
             kubectl crossfade rollback walks back all the same"
        ),
        _ => format!(
            "the surge of database {name} is both sides', in connects of what is usual: {times}; moving \
             traffic does not help, so nothing moves: {helps} on both"
        ),
    };
    let until = trial.filter(|_| whose == Whose::Judging).map(|trial| trial.at + whose::JUDGED_IN);
    Blocker {
        reason: whose::reason(whose),
        message,
        since: surge.map(|surge| surge.since),
        until,
        who: if until.is_some() { Who::Nobody } else { Who::Person },
    }
}

fn compared(signal: Signal) -> &'static str {
    match signal {
        Signal::FailedConnections => "failed connects",
        Signal::ConnectionRate | Signal::ConnectionsOfMax => "connects",
    }
}

fn tripped_words(turn: &Turn, place: usize, says: Says) -> Blocker {
    let Some((key, judgement)) = turn.seen.judgements.get(place) else {
        return says(String::new(), None, None, Who::Nobody);
    };
    let tripped = turn.state.guards.get(key).copied().unwrap_or_default();
    let value = judgement.value.map_or("unknown".to_owned(), |value| format!("{value:.1}"));
    let database = &key.database;
    let old = tripped.baseline.is_some() && turn.now.since(tripped.since) >= NEW_NORMAL;
    let offer = format!(
        "; if this is the new normal: kubectl annotate --field-manager=crossfade-cli --overwrite mplan NAME \
         crossfade.dev/accept-baseline=\"$(date -Is) {database}\""
    );
    let offer = if old { offer.as_str() } else { "" };
    let clears = clears(turn, key);
    let message = format!("{} of database {database} is tripped, at {value} now{clears}{offer}", key.signal);
    says(message, Some(tripped.since), None, if old { Who::Person } else { Who::Nobody })
}

/// What the guard waits for.
fn clears(turn: &Turn, key: &GuardKey) -> String {
    let Some(guard) = turn.plan.guard(key) else { return String::new() };
    let Condition { test, lasting, within } = guard.resume;
    let below = match test {
        Test::Below(value) => value.to_string(),
        Test::BelowBaseline(times) => format!("{times} x its baseline"),
        Test::FailuresBelow { percent } => format!("{percent} % over its median"),
        Test::Above(_)
        | Test::AboveBaseline(_)
        | Test::Trend(_)
        | Test::FullWithin(_)
        | Test::Failures { .. } => {
            return String::new();
        }
    };
    let of = if within > lasting { format!(" of {}", within.as_secs_f64()) } else { String::new() };
    format!("; it clears below {below} for {}{of} s", lasting.as_secs_f64())
}

fn unknown_words(turn: &Turn, place: usize, says: Says) -> Blocker {
    let judged = turn.seen.judgements.get(place);
    let Some((key, unknown)) = judged.and_then(|(key, judged)| Some((key, judged.unknown.as_ref()?))) else {
        return says(String::new(), None, None, Who::Nobody);
    };
    let name = format!("{} of database {}", key.signal, key.database);
    match unknown {
        Unknown::Stale { since } => says(format!("{name}: no fresh data"), Some(*since), None, Who::Nobody),
        Unknown::Down { since, error } => {
            says(format!("{name}: the database does not answer: {error}"), Some(*since), None, Who::Person)
        }
        Unknown::Returning { until } => says(
            format!("{name}: the database has just come back, its reconnects are let pass"),
            None,
            Some(*until),
            Who::Nobody,
        ),
        Unknown::Young { until } => {
            says(format!("{name}: watched for too short a time to be clear"), None, Some(*until), Who::Nobody)
        }
        Unknown::Learning { until } => {
            says(format!("{name}: learning what is normal"), None, Some(*until), Who::Nobody)
        }
    }
}
