//! What happens in the world, in words for people.

use std::time::Duration;

use super::words::{Side, Span};
use crate::sim::scenario::{Event, Hands, Mode, Scenario, What, Which};

/// What happens, in a sentence.
#[allow(clippy::too_many_lines)] // one line for each thing that happens
pub fn words(what: &What, scenario: &Scenario) -> String {
    let whose = |service: usize| match scenario.services.get(service) {
        Some(setup) if scenario.services.len() > 1 => format!(" of {}", setup.name),
        _ => String::new(),
    };
    let of = |database: usize| {
        scenario.databases.get(database).map_or(String::new(), |setup| format!("database {}", setup.name))
    };
    let lb = |service: usize, instance: usize| {
        let setup = scenario.services.get(service);
        setup.and_then(|setup| setup.plan.instance_keys().nth(instance)).unwrap_or_default()
    };
    match what {
        What::Connects { service, side, times, over } => {
            format!("connects per request of {}{} x{times}{}", name(*side), whose(*service), within(*over))
        }
        What::Demand { service, times, over } => {
            format!("demand{} x{times}{}", whose(*service), within(*over))
        }
        What::Servers { service, side, up } => {
            format!("{up} servers of {}{} are up", name(*side), whose(*service))
        }
        What::Replaced { service } => format!("every pod{} is replaced by a new one", whose(*service)),
        What::PerServer { service, side, requests_per_second } => format!(
            "each server of {}{} can serve {requests_per_second} requests/s",
            name(*side),
            whose(*service)
        ),
        What::Burst { database, connects_per_second, span } => {
            format!(
                "others connect {connects_per_second} times/s more to {}{}",
                of(*database),
                lasting(*span)
            )
        }
        What::ConnectCost { database, times } => {
            format!("a connect costs {} x{times} the usual", of(*database))
        }
        What::MaxConnections { database, maximum } => {
            format!("max_connections of {} is {maximum}", of(*database))
        }
        What::Restart { database, span, failover } => {
            let then = if *failover { "; then another server answers" } else { "" };
            format!("{} is gone for {}{then}", of(*database), Span(*span))
        }
        What::FlushStatus { database } => format!("FLUSH STATUS on {}", of(*database)),
        What::Blind { database, span } => format!("no data of {}{}", of(*database), lasting(*span)),
        What::MonitorRefused { database, span } => {
            format!("the monitor's connection to {} is lost and refused{}", of(*database), lasting(*span))
        }
        What::MonitorCrowdedOut { database, span } => {
            let of = of(*database);
            format!("the monitor's connection to {of} is refused for want of connections{}", lasting(*span))
        }
        What::Reload { service, instance, configured } => format!(
            "{} is reloaded and stands at the {configured} % of its configuration",
            lb(*service, *instance)
        ),
        What::Set { service, instance, weight } => {
            format!("somebody sets {} to {weight} %", lb(*service, *instance))
        }
        What::Hands { service, instance, hands, span } => {
            let goes = match hands {
                Hands::Well => "works again",
                Hands::Refuse => "refuses the operator",
                Hands::Lost => "loses its answers",
                Hands::Late => "carries out writes 3 s late",
                Hands::Slow => "answers after 1.5 s",
                Hands::Dropped => "drops what it is asked",
                Hands::Any => "carries out, loses or drops by chance",
            };
            format!("{} {goes}{}", lb(*service, *instance), lasting(*span))
        }
        What::Api { mode, span } => {
            let is = match mode {
                Mode::Up => "is back",
                Mode::Slow => "answers after 1 s",
                Mode::Lost => "loses its answers",
                Mode::Away => "is away",
                Mode::Late => "carries out writes 3 s late",
                Mode::Conflict => "answers each status write with a conflict",
                Mode::Any => "carries out, loses or drops by chance",
            };
            format!("the API server {is}{}", lasting(*span))
        }
        What::Touch { service } => format!("somebody changes the plan's object{}", whose(*service)),
        What::Crash { replica, span } => format!("replica {} dies{}", replica + 1, lasting(*span)),
        What::CrashAfter { actions, span } => {
            format!("the lease's holder dies after {actions} more actions{}", lasting(*span))
        }
        What::Freeze { replica, span } => format!("replica {} stands still{}", replica + 1, lasting(*span)),
        What::Stop { replica, span } => format!("replica {} is asked to end{}", replica + 1, lasting(*span)),
        What::Cut { replica, span } => {
            format!("replica {} cannot reach the API server{}", replica + 1, lasting(*span))
        }
        What::Unwatched { replica, span } => {
            format!("replica {}'s watch says nothing new{}", replica + 1, lasting(*span))
        }
        What::Retreated { service, times, ago } => {
            let ago = Span(*ago);
            format!("the status{} remembers {times} retreats, the last one {ago} ago", whose(*service))
        }
        What::ClockStep { replica, seconds } => {
            format!("the wall clock of replica {} steps by {seconds} s", replica + 1)
        }
        What::LeaseLost { stolen: true } => "somebody else takes the lease".into(),
        What::LeaseLost { stolen: false } => "somebody deletes the lease".into(),
        What::Plan { service, .. } => format!("the plan{} is replaced", whose(*service)),
        What::Pause { service, paused } => format!("spec.paused{} is {paused}", whose(*service)),
        What::TargetStage { service, stage } => {
            let stage = stage.as_deref().unwrap_or("taken away");
            format!("spec.targetStage{} is {stage}", whose(*service))
        }
        What::Hold { service, reason: Some(reason) } => {
            format!("somebody holds the plan{}: {reason}", whose(*service))
        }
        What::Hold { service, reason: None } => format!("the hold{} is taken away", whose(*service)),
        What::Approve { service, stage } => format!("somebody approves stage {stage}{}", whose(*service)),
        What::Rollback { service } => format!("somebody says rollback{}", whose(*service)),
        What::Resume { service } => format!("somebody says resume{}", whose(*service)),
        What::AcceptBaseline { service, database } => {
            format!("somebody accepts the baseline of database {database}{}", whose(*service))
        }
        What::Reject { service, rejected: true } => format!("the newest spec{} is wrong", whose(*service)),
        What::Reject { service, rejected: false } => {
            format!("the newest spec{} is right again", whose(*service))
        }
    }
}

/// What happens to both sides alike by two events that follow each other.
pub fn of_both(one: &Event, other: &Event, scenario: &Scenario) -> Option<String> {
    let mut same = other.clone();
    let both = match (&one.what, &mut same.what) {
        (
            What::Connects { side: before, .. }
            | What::Servers { side: before, .. }
            | What::PerServer { side: before, .. },
            What::Connects { side, .. } | What::Servers { side, .. } | What::PerServer { side, .. },
        ) if before != side => {
            *side = *before;
            same == *one
        }
        _ => false,
    };
    both.then(|| words(&one.what, scenario).replacen(" of legacy", " of both sides", 1))
}

/// Whether somebody asks the operator for something, rather than that something happens to the world.
pub fn is_asked(what: &What) -> bool {
    matches!(
        what,
        What::Plan { .. }
            | What::Pause { .. }
            | What::TargetStage { .. }
            | What::Hold { .. }
            | What::Approve { .. }
            | What::Rollback { .. }
            | What::Resume { .. }
            | What::AcceptBaseline { .. }
            | What::Reject { .. }
    )
}

fn name(side: Which) -> &'static str {
    match Side::from(side) {
        Side::Legacy => "legacy",
        Side::Kubernetes => "Kubernetes",
    }
}

fn within(over: Duration) -> String {
    if over.is_zero() { String::new() } else { format!(" within {}", Span(over)) }
}

fn lasting(span: Duration) -> String {
    if span.is_zero() { " to the end".into() } else { format!(" for {}", Span(span)) }
}

/// How often an event that comes again comes again.
pub fn again(every: Option<(Duration, Duration)>) -> String {
    every.map(|(every, _)| format!(", every {}", Span(every))).unwrap_or_default()
}
