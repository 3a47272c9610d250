//! What a backtest found, as a page to attach to a change request.

use crossfade_core::guard::{Condition, Guard, Level, Signal, Test};
use crossfade_core::time::Time;

use super::findings::Findings;
use super::record::Record;
use super::replay::Trip;
use super::text::{self, count, value};
use super::weeks::is_false;
use crate::api::wording::unit;
use crate::report::{
    Chart, Clock, Column, Fact, Mark, MarkKind, Page, Role, Row, Run, Series, Table, Threshold,
    ThresholdKind, Verdict,
};

/// The most marks of a page; the rest is counted.
const MARKS: usize = 1000;

/// The page. `title` names the plan.
pub fn page(title: &str, findings: &Findings, record: &Record) -> Page {
    let (wrong, missed) = (findings.wrong(), findings.missed());
    let judged = |bad: bool| if bad { Verdict::Bad } else { Verdict::Good };
    let mut page = Page::new(
        format!("Backtest: {title}, database {}", findings.database.name),
        judged(wrong + missed > 0),
        text::summary(findings),
    )
    .clock(Clock::Unix)
    .fact(
        Fact::new("false alarms", wrong.to_string()).verdict(judged(wrong > 0)).note(
            findings
                .wrong_a_week()
                .map_or("in less than a week".to_owned(), |weekly| format!("{weekly:.1} a week")),
        ),
    )
    .fact(
        Fact::new("incidents without an alarm", format!("{missed} of {}", findings.incidents.len()))
            .verdict(if findings.incidents.is_empty() { Verdict::Neutral } else { judged(missed > 0) }),
    )
    .fact(Fact::new("alarms", findings.alarms.len().to_string()))
    .fact(Fact::new("recorded", format!("{:.1} days", findings.watched.as_secs_f64() / 86_400.0)))
    .run(run(findings, record))
    .table(weeks(findings));
    if !findings.incidents.is_empty() {
        page = page.table(incidents(findings));
    }
    if let Some(suggestion) = &findings.suggestion {
        let columns = ["signal", "lowest without a false alarm", "to write into the plan"].map(Column::text);
        let mut table = Table::new("Thresholds that would have kept still", columns);
        for quiet in &suggestion.guards {
            let change = quiet.change.as_ref().map_or("-".to_owned(), text::yaml);
            let signal = quiet.lowest.signal.to_string();
            table = table.row(Row::new([signal, text::lowest(quiet), change]));
        }
        page = page.table(table);
        if text::changes(suggestion).next().is_some() {
            page = page.note(text::replayed(findings, suggestion));
        }
    }
    let left_out = findings.outcome.trips.len().saturating_sub(MARKS);
    if left_out > 0 {
        page = page.note(format!("{} more are not shown.", count(left_out, "trip")));
    }
    for note in findings.notes(record) {
        page = page.note(note);
    }
    page
}

/// Seconds since the epoch, as the page's clock counts.
fn seconds(at: Time) -> f64 {
    at.as_millis() as f64 / 1000.0
}

fn run(findings: &Findings, record: &Record) -> Run {
    let times: Vec<f64> = record.rows().iter().map(|row| seconds(row.at)).collect();
    let mut run = Run::new("As recorded", times);
    for guard in findings.guards(record).0 {
        run = run.chart(chart(findings, record, guard));
    }
    for incident in &findings.incidents {
        let mark = Mark::new(seconds(incident.start), MarkKind::Incident, "incident", "as it was given");
        run = run.mark(mark.until(seconds(incident.end)));
    }
    for trip in findings.outcome.trips.iter().take(MARKS) {
        run = run.mark(mark(findings, record, trip));
    }
    run.marks.sort_by(|one, other| one.at.total_cmp(&other.at));
    run
}

fn chart(findings: &Findings, record: &Record, guard: &Guard) -> Chart {
    let (name, title, role) = match guard.signal {
        Signal::ConnectionRate => ("rate", "Attempts to connect", Role::Rate),
        Signal::ConnectionsOfMax => ("of max", "Connections of the maximum", Role::Connections),
        Signal::FailedConnections => ("failed", "Failed attempts", Role::Failed),
    };
    let values: Vec<Option<f64>> = record.rows().iter().map(|row| row.value(guard.signal)).collect();
    let mut chart = Chart::new(name, title, unit(guard.signal).trim()).series(Series::line(
        guard.signal.name(),
        role,
        values,
    ));
    if guard.signal == Signal::ConnectionRate && guard.is_relative() {
        let baseline = findings.baselines.iter().map(|value| (!value.is_nan()).then(|| f64::from(*value)));
        chart = chart.series(Series::line("baseline", Role::Other(0), baseline.collect::<Vec<_>>()));
    }
    let resume = std::slice::from_ref(&guard.resume);
    for (label, kind, conditions) in [
        ("pause", ThresholdKind::Pause, guard.pause.as_slice()),
        ("rollback", ThresholdKind::Rollback, guard.rollback.as_slice()),
        ("resume", ThresholdKind::Resume, resume),
    ] {
        for level in conditions.iter().filter_map(level) {
            chart = chart.line(Threshold::new(label, level, kind));
        }
    }
    chart
}

/// Where an absolute threshold lies.
fn level(condition: &Condition) -> Option<f64> {
    match condition.test {
        Test::Above(value) | Test::Below(value) => Some(value),
        _ => None,
    }
}

fn mark(findings: &Findings, record: &Record, trip: &Trip) -> Mark {
    let (kind, did) = match (trip.level, trip.retreat) {
        (Level::Rollback, Some((from, to))) => (MarkKind::Retreat, format!("{from} → {to} %")),
        (Level::Rollback, None) => (MarkKind::Retreat, "retreat".to_owned()),
        _ => (MarkKind::Pause, "pause".to_owned()),
    };
    let ended = trip.ended.unwrap_or(record.span().1);
    let text = format!(
        "{}: {} at {}, highest {}, for {}",
        if is_false(trip, &findings.incidents) { "false alarm" } else { "in an incident" },
        trip.signal,
        value(trip.value, trip.signal),
        value(trip.highest, trip.signal),
        text::seconds(ended.since(trip.began)),
    );
    Mark::new(seconds(trip.began), kind, did, text).until(seconds(ended))
}

fn weeks(findings: &Findings) -> Table {
    let (head, rows) = text::week_rows(findings);
    let columns = head.into_iter().enumerate().map(|(index, name)| match index {
        0 => Column::text(name),
        _ => Column::figure(name),
    });
    let mut table = Table::new("Week by week", columns);
    for (cells, week) in rows.into_iter().zip(&findings.weeks) {
        let verdict = if week.wrong > 0 { Verdict::Bad } else { Verdict::Good };
        table = table.row(Row::new(cells).at(seconds(week.begins)).verdict(verdict));
    }
    table
}

fn incidents(findings: &Findings) -> Table {
    let columns = ["incident", "the plan as it is", "with the change"].map(Column::text);
    let mut table = Table::new("Incidents", columns);
    let changed = findings.suggestion.as_ref().map(|suggestion| &suggestion.outcome.trips);
    for incident in &findings.incidents {
        let own = text::seen(incident, &findings.outcome.trips);
        let then = changed.map_or("-".to_owned(), |trips| text::seen(incident, trips));
        table = table.row(Row::new([incident.to_string(), own, then]).at(seconds(incident.start)));
    }
    table
}
