//! What a backtest found, for a terminal.
#![allow(clippy::format_push_string)] // a text for people, put together once

use std::time::Duration;

use crossfade_core::guard::{Condition, Guard, Level, Signal, Test};

use super::findings::{Findings, Source};
use super::record::Record;
use super::replay::Trip;
use super::suggest::{Quiet, Suggestion};
use super::weeks::{Week, is_false};
use super::{Incident, caught, show, weeks};
use crate::api::duration;
use crate::api::wording::{self, unit};

/// How many trips are listed.
const LISTED: usize = 50;

/// Everything, as text. `title` names the plan.
pub fn text(title: &str, findings: &Findings, record: &Record) -> String {
    let mut text = head(title, findings, record);
    text += &trips(findings);
    text += &incidents(findings);
    text += &by_week(findings);
    text += &format!("\n{}\n", summary(findings));
    if let Some(suggestion) = &findings.suggestion {
        text += &suggestions(findings, suggestion);
    }
    text += "\nTo read it rightly\n";
    for note in findings.notes(record) {
        text += &format!("  - {note}\n");
    }
    text
}

fn head(title: &str, findings: &Findings, record: &Record) -> String {
    let source = match &findings.source {
        Source::File(name) => name.clone(),
        Source::Prometheus { url, query } => format!("{url}, {query}"),
    };
    let (first, last) = record.span();
    let mut text = format!(
        "Backtest of {title}, database {}, at {} % on Kubernetes\n  record  {source}\n          {} to {}, every {}, {} samples{}\n",
        findings.database.name,
        findings.weight,
        show(first),
        show(last),
        duration::format(record.step()),
        record.rows().len(),
        missing(record),
    );
    for guard in findings.guards(record).0 {
        let [pause, rollback, resume] = wording::thresholds(guard);
        text += &format!(
            "  {}\n    pauses      {pause}\n    rolls back  {rollback}\n    clears      {resume}\n",
            guard.signal
        );
    }
    text
}

fn missing(record: &Record) -> String {
    let (gaps, restarts) = (record.gaps(), record.restarts());
    let mut text = String::new();
    if gaps.count > 0 {
        text += &format!(", {} (the longest {})", count(gaps.count, "gap"), duration::format(gaps.longest));
    }
    if restarts > 0 {
        text += &format!(", {} of the database", count(restarts, "restart"));
    }
    text
}

/// "1 alarm", "2 alarms".
pub fn count(number: usize, thing: &str) -> String {
    format!("{number} {thing}{}", if number == 1 { "" } else { "s" })
}

/// A value in its signal's unit, with the digits that one reads.
pub fn value(value: f64, signal: Signal) -> String {
    let digits = if value >= 100.0 { 0 } else { 2 - usize::from(value >= 10.0) };
    format!("{value:.digits$}{}", unit(signal))
}

/// To the second.
pub fn seconds(span: Duration) -> String {
    duration::format(Duration::from_secs(span.as_secs()))
}

/// The trips as a table: head and rows.
pub fn trip_rows(findings: &Findings) -> (Vec<&'static str>, Vec<Vec<String>>) {
    let head = vec!["began", "signal", "would have", "at", "highest", "baseline", "lasted", ""];
    let row = |trip: &Trip| {
        let did = match (trip.level, trip.retreat) {
            (Level::Rollback, Some((from, to))) => format!("retreated {from} % to {to} %"),
            (Level::Rollback, None) => "retreated too".to_owned(),
            _ => "paused".to_owned(),
        };
        vec![
            show(trip.began),
            trip.signal.to_string(),
            did,
            value(trip.value, trip.signal),
            value(trip.highest, trip.signal),
            trip.baseline.map_or("-".to_owned(), |baseline| value(baseline, trip.signal)),
            trip.ended.map_or("to the end".to_owned(), |ended| seconds(ended.since(trip.began))),
            if is_false(trip, &findings.incidents) { "false alarm".into() } else { "incident".into() },
        ]
    };
    (head, findings.outcome.trips.iter().map(row).collect())
}

/// The weeks as a table: head and rows.
pub fn week_rows(findings: &Findings) -> (Vec<&'static str>, Vec<Vec<String>>) {
    let head = vec!["week from", "watched", "pauses", "retreats", "false alarms", "longest"];
    let row = |week: &Week| {
        vec![
            show(week.begins),
            format!("{:.1} days", week.watched.as_secs_f64() / 86_400.0),
            week.pauses.to_string(),
            week.retreats.to_string(),
            week.wrong.to_string(),
            if week.longest.is_zero() { "-".to_owned() } else { seconds(week.longest) },
        ]
    };
    (head, findings.weeks.iter().map(row).collect())
}

fn trips(findings: &Findings) -> String {
    let (head, mut rows) = trip_rows(findings);
    if rows.is_empty() {
        return "\nNo guard would have tripped.\n".to_owned();
    }
    let more = rows.len().saturating_sub(LISTED);
    rows.truncate(LISTED);
    let mut text = format!("\nGuards that would have tripped (UTC)\n{}", table(&head, &rows));
    if more > 0 {
        text += &format!("  ... and {more} more; --out writes them all\n");
    }
    text
}

/// What was seen of an incident.
pub fn seen(incident: &Incident, trips: &[Trip]) -> String {
    let after = |span: Duration| {
        if span.is_zero() { "at once".to_owned() } else { format!("after {}", seconds(span)) }
    };
    match caught(incident, trips) {
        (None, _) => "MISSED: nothing".to_owned(),
        (Some(paused), None) => format!("paused {}, no retreat", after(paused)),
        (Some(paused), Some(retreated)) => {
            format!("paused {}, retreated {}", after(paused), after(retreated))
        }
    }
}

/// Each incident with what was seen of it.
pub fn incident_lines(findings: &Findings, trips: &[Trip]) -> Vec<String> {
    let line = |incident: &Incident| format!("{incident}: {}", seen(incident, trips));
    findings.incidents.iter().map(line).collect()
}

fn incidents(findings: &Findings) -> String {
    let lines = incident_lines(findings, &findings.outcome.trips);
    if lines.is_empty() { String::new() } else { format!("\nIncidents\n  {}\n", lines.join("\n  ")) }
}

fn by_week(findings: &Findings) -> String {
    let (head, rows) = week_rows(findings);
    format!("\nWeeks\n{}", table(&head, &rows))
}

/// The result in one line.
pub fn summary(findings: &Findings) -> String {
    let alarms = &findings.alarms;
    let retreats = alarms.iter().filter(|alarm| alarm.level == Level::Rollback).count();
    let wrong = findings.wrong();
    let weekly = match findings.wrong_a_week() {
        Some(weekly) => format!("{weekly:.1} a week"),
        None => "less than a week was recorded".to_owned(),
    };
    let held = findings.outcome.held;
    let share = 100.0 * held.as_secs_f64() / findings.watched.as_secs_f64().max(1.0);
    format!(
        "{}, {} of them with a retreat; {} ({weekly}); nothing could have risen for {} ({share:.1} %), cooldowns included.",
        count(alarms.len(), "alarm"),
        retreats,
        count(wrong, "false alarm"),
        seconds(held),
    )
}

fn suggestions(findings: &Findings, suggestion: &Suggestion) -> String {
    let mut text =
        "\nThe lowest thresholds without a false alarm in this record (times as in the plan)\n".to_owned();
    for quiet in &suggestion.guards {
        text += &format!("  {:<18}{}\n", quiet.lowest.signal.to_string(), lowest(quiet));
    }
    let changes: Vec<&Guard> = changes(suggestion).collect();
    if changes.is_empty() {
        return text;
    }
    text += &format!(
        "\nA change that keeps still, nowhere below the plan's own (guards of database {})\n",
        findings.database.name
    );
    for guard in changes {
        text += &yaml(guard);
    }
    text += &format!("\n{}\n", replayed(findings, suggestion));
    for line in incident_lines(findings, &suggestion.outcome.trips) {
        text += &format!("  {line}\n");
    }
    text
}

/// The guards to write into the plan.
pub fn changes(suggestion: &Suggestion) -> impl Iterator<Item = &Guard> {
    suggestion.guards.iter().filter_map(|quiet| quiet.change.as_ref())
}

/// What the replay with the changes gave.
pub fn replayed(findings: &Findings, suggestion: &Suggestion) -> String {
    let alarms = weeks::alarms(&suggestion.outcome.trips, &findings.incidents);
    let left = alarms.iter().filter(|alarm| alarm.wrong).count();
    format!(
        "Replayed with it: {}. It lies just above what this record holds: leave some room. Thresholds of one's own replace the default ones, their trend and slope with them.",
        count(left, "false alarm")
    )
}

/// "pause 910/s, rollback 1550/s".
pub fn lowest(quiet: &Quiet) -> String {
    let guard = &quiet.lowest;
    let says = |condition: &Condition| match condition.test {
        Test::AboveBaseline(factor) => format!("{factor} x baseline"),
        Test::Above(value) => format!("{value}{}", unit(guard.signal)),
        Test::Failures { percent, .. } => format!("{percent} %"),
        _ => wording::one(condition, guard.signal),
    };
    if !quiet.possible {
        return "none below 100 %: let it hold for longer, or switch the guard off".to_owned();
    }
    let named = [("pause", &guard.pause), ("rollback", &guard.rollback)];
    let said = named.into_iter().flat_map(|(name, conditions)| {
        conditions.iter().map(move |condition| format!("{name} {}", says(condition)))
    });
    let said = said.collect::<Vec<_>>().join(", ");
    if quiet.change.is_some() { said } else { format!("{said} (the plan's own gave none either)") }
}

/// The guard as a plan writes it.
pub fn yaml(guard: &Guard) -> String {
    let line = |name: &str, condition: &Condition| {
        let threshold = match condition.test {
            Test::AboveBaseline(factor) => format!("aboveBaseline: \"{factor}\""),
            Test::BelowBaseline(factor) => format!("belowBaseline: \"{factor}\""),
            Test::Below(value) | Test::FailuresBelow { percent: value } => format!("below: {value}"),
            _ => format!("above: {}", super::suggest::threshold(condition)),
        };
        let within = if condition.within == condition.lasting {
            String::new()
        } else {
            format!(", within: {}", duration::format(condition.within))
        };
        format!("  {name}: {{{threshold}, for: {}{within}}}\n", duration::format(condition.lasting))
    };
    let mut text = format!("- signal: {}\n", guard.signal);
    text.extend(guard.pause.iter().map(|condition| line("pause", condition)));
    text.extend(guard.rollback.iter().map(|condition| line("rollback", condition)));
    text + &line("resume", &guard.resume)
}

fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    let cells = |row: &[String], index: usize| row.get(index).map_or(0, |cell| cell.chars().count());
    let width = |index: usize, name: &str| {
        rows.iter().map(|row| cells(row, index)).chain([name.len()]).max().unwrap_or_default()
    };
    let widths: Vec<usize> = head.iter().enumerate().map(|(index, name)| width(index, name)).collect();
    let line = |cells: &mut dyn Iterator<Item = &str>| {
        let padded: Vec<_> = cells.zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        format!("  {}\n", padded.join("  ").trim_end())
    };
    let mut text = line(&mut head.iter().copied());
    for row in rows {
        text += &line(&mut row.iter().map(String::as_str));
    }
    text
}
