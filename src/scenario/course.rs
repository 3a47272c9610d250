//! The course of a run for people: what happened and why, in order, and its figures.

use std::time::Duration;

use super::run::Played;
use super::telling;
use super::words::Span;
use crate::core::reason::Reason;
use crate::core::report::Phase;
use crate::core::time::Time;
use crate::sim::scenario::{Event, Scenario, What};

/// Events that come again are told so often, then only counted.
const TOLD_AGAIN: u32 = 5;

/// Something that happened or was decided.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// When, after the begin.
    pub at: Duration,
    /// Whose plan; `None` for the world.
    pub service: Option<String>,
    /// The plan's phase then.
    pub phase: String,
    /// Where the load balancers stood then, in percent.
    pub weight: Option<f64>,
    /// Why: the reason of an event on the plan; `world` for what happened to it.
    pub reason: String,
    /// The reason, if the engine said it.
    pub said: Option<Reason>,
    /// In words.
    pub message: String,
}

/// What happened and what was decided, in order.
pub fn rows(scenario: &Scenario, played: &Played) -> Vec<Row> {
    let mut rows: Vec<Row> = happened(scenario);
    for mark in &played.recording.marks {
        let service = scenario.services.get(mark.service).map(|service| service.name.clone());
        rows.push(Row {
            at: mark.at.since(scenario.begins),
            service,
            phase: played.recording.phase(mark.service, mark.at).map_or("", Phase::name).to_owned(),
            weight: Some(weight(played, mark.service, mark.at)),
            reason: mark.reason.name().to_owned(),
            said: Some(mark.reason),
            message: mark.message.clone(),
        });
    }
    // What happens comes before what is decided on it.
    rows.sort_by_key(|row| (row.at, row.said.is_some()));
    rows
}

/// Something that happens in the world, for people.
#[derive(Clone, Debug, PartialEq)]
pub struct Happening<'a> {
    /// The event; of what happens to both sides alike that of the first.
    pub event: &'a Event,
    /// What happens, in words.
    pub words: String,
}

/// What happens in the world. What happens to both sides alike happens once.
pub fn happenings(scenario: &Scenario) -> Vec<Happening<'_>> {
    let mut found: Vec<Happening> = Vec::new();
    for event in &scenario.events {
        let both = found.last().and_then(|before| telling::of_both(before.event, event, scenario));
        match (found.last_mut(), both) {
            (Some(before), Some(words)) => before.words = words,
            _ => found.push(Happening { event, words: telling::words(&event.what, scenario) }),
        }
    }
    found
}

fn happened(scenario: &Scenario) -> Vec<Row> {
    let mut rows = Vec::new();
    for Happening { event, words } in happenings(scenario) {
        let words = words + &telling::again(event.every);
        let mut row = Row {
            at: event.after,
            service: None,
            phase: String::new(),
            weight: None,
            reason: "world".into(),
            said: None,
            message: words,
        };
        let Some((every, last)) = event.every.filter(|(every, _)| !every.is_zero()) else {
            rows.push(row);
            continue;
        };
        let mut told = 0;
        while row.at <= last && row.at <= scenario.lasts && told < TOLD_AGAIN {
            rows.push(row.clone());
            row.at += every;
            told += 1;
        }
        if row.at <= last && row.at <= scenario.lasts {
            row.message += ", and so on";
            rows.push(row);
        }
    }
    rows
}

/// The mean of a service's load balancers at a time, in percent.
pub fn weight(played: &Played, service: usize, at: Time) -> f64 {
    let stands = &played.evidence.stands;
    let place = stands.partition_point(|stand| stand.at <= at);
    let mut known: Vec<(usize, f64)> = Vec::new();
    for stand in stands.iter().take(place).rev().filter(|stand| stand.service == service) {
        if !known.iter().any(|(instance, _)| *instance == stand.instance) {
            known.push((stand.instance, stand.weight.percent()));
        }
    }
    known.iter().map(|(_, weight)| weight).sum::<f64>() / known.len().max(1) as f64
}

/// A figure of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct Figure {
    /// What it is.
    pub label: String,
    /// The figure.
    pub value: String,
    /// What to compare it with.
    pub note: String,
    /// Whether it is better than without Crossfade; `None` where nothing is to be compared.
    pub better: Option<bool>,
}

/// The run in figures.
pub fn figures(scenario: &Scenario, played: &Played, without: &Played) -> Vec<Figure> {
    let share = |played: &Played, of: fn(&crate::sim::recording::ServiceCurves) -> [f64; 2]| {
        let all = played.recording.services.iter().map(of);
        let (requests, failed) = all.fold((0.0, 0.0), |sum, [all, failed]| (sum.0 + all, sum.1 + failed));
        100.0 * failed / f64::max(requests, f64::MIN_POSITIVE)
    };
    let compared = |label: &str, of: fn(&crate::sim::recording::ServiceCurves) -> [f64; 2]| {
        let (with, alone) = (share(played, of), share(without, of));
        Figure {
            label: label.into(),
            value: percent(with),
            note: format!("{} without Crossfade", percent(alone)),
            better: ((with - alone).abs() > 0.001).then_some(with < alone),
        }
    };
    let plain =
        |label: &str, value: String| Figure { label: label.into(), value, note: String::new(), better: None };
    let turns = |phase: Phase| played.recording.phases.iter().filter(|turn| turn.phase == phase).count();
    let steps = &played.evidence.steps;
    let falls = steps.iter().filter(|step| is_retreat(step.reason) && step.to < step.from).count();
    let marks = played.recording.marks.iter();
    let retreats = marks.filter(|mark| mark.message.starts_with("retreat from")).count();
    let ends: Vec<String> = (0..scenario.services.len())
        .map(|service| format!("{:.2} %", weight(played, service, scenario.begins + scenario.lasts)))
        .collect();
    vec![
        compared("requests answered by an error", |curves| curves.attempts),
        compared("requests given up by their users", |curves| curves.requests),
        plain("pauses", turns(Phase::Paused).to_string()),
        plain("retreats", format!("{retreats} ({falls} steps)")),
        plain("weight at the end", ends.join(", ")),
        plain("first reaction", reaction(scenario, played)),
    ]
}

/// How long after the first thing that happened to the world a plan paused or walked back.
fn reaction(scenario: &Scenario, played: &Played) -> String {
    let happens = scenario.events.iter().filter(|event| !telling::is_asked(&event.what));
    let first = happens.map(|event| event.after).min();
    let reacts = |phase: Phase| matches!(phase, Phase::Paused | Phase::RollingBack);
    let turns = played.recording.phases.iter().filter(|turn| reacts(turn.phase));
    let mut turns = turns.map(|turn| turn.at.since(scenario.begins));
    match first.and_then(|first| turns.find(|at| *at >= first).map(|at| at.saturating_sub(first))) {
        Some(after) => format!("{} after the first incident", Span(after)),
        None => "none".into(),
    }
}

fn percent(value: f64) -> String {
    if value >= 10.0 { format!("{value:.1} %") } else { format!("{value:.2} %") }
}

/// A time after the begin: `0:12:30`, from a day on `3d 4:05:00`.
pub fn time(at: Duration) -> String {
    let all = at.as_secs();
    let (days, hours, minutes, seconds) = (all / 86_400, all / 3600 % 24, all / 60 % 60, all % 60);
    let day = if days > 0 { format!("{days}d ") } else { String::new() };
    let part = at.subsec_millis();
    let part = if part > 0 { format!(".{part:03}").trim_end_matches('0').to_owned() } else { String::new() };
    format!("{day}{hours}:{minutes:02}:{seconds:02}{part}")
}

/// Whether something that happens lasts, and how long.
pub fn lasting(what: &What) -> Option<Duration> {
    let span = match *what {
        What::Burst { span, .. }
        | What::Restart { span, .. }
        | What::Blind { span, .. }
        | What::MonitorRefused { span, .. }
        | What::MonitorCrowdedOut { span, .. }
        | What::Hands { span, .. }
        | What::Api { span, .. }
        | What::Crash { span, .. }
        | What::Freeze { span, .. } => span,
        What::Connects { over, .. } | What::Demand { over, .. } => over,
        _ => Duration::ZERO,
    };
    (!span.is_zero()).then_some(span)
}

/// Whether a step for this reason is one of a retreat.
pub fn is_retreat(reason: Reason) -> bool {
    matches!(reason, Reason::GuardRollback | Reason::KubernetesFailing)
}
