//! What the page's script reads: the runs as JSON.

use serde::Serialize;

use super::{Clock, MarkKind, Page, Role, Run, Style, ThresholdKind, escape};

#[derive(Serialize)]
struct Data<'a> {
    clock: &'static str,
    runs: Vec<Course<'a>>,
}

#[derive(Serialize)]
struct Course<'a> {
    title: &'a str,
    times: &'a [f64],
    charts: Vec<Picture<'a>>,
    marks: Vec<Event<'a>>,
}

#[derive(Serialize)]
struct Picture<'a> {
    id: &'a str,
    unit: &'a str,
    series: Vec<Curve<'a>>,
    lines: Vec<Line<'a>>,
}

#[derive(Serialize)]
struct Curve<'a> {
    name: &'a str,
    role: String,
    style: &'static str,
    dash: usize,
    values: Vec<Option<f64>>,
}

#[derive(Serialize)]
struct Line<'a> {
    label: &'a str,
    value: f64,
    kind: &'static str,
}

#[derive(Serialize)]
struct Event<'a> {
    at: f64,
    until: Option<f64>,
    kind: &'static str,
    label: &'a str,
    text: &'a str,
}

/// The page's runs as JSON that may stand in a script element. The runs are thin already.
pub fn json(page: &Page, runs: &[Run]) -> String {
    let data = Data {
        clock: match page.clock {
            Clock::SinceBegin => "begin",
            Clock::Unix => "unix",
        },
        runs: runs.iter().map(course).collect(),
    };
    // Neither maps with keys that are no strings nor own `Serialize`: it cannot fail.
    escape::json(&serde_json::to_string(&data).unwrap_or_else(|_| "null".to_owned()))
}

fn course(run: &Run) -> Course<'_> {
    let charts = run.charts.iter().map(|chart| Picture {
        id: &chart.id,
        unit: &chart.unit,
        series: (0..chart.series.len())
            .map(|at| {
                let series = &chart.series[at];
                Curve {
                    name: &series.name,
                    role: role(series.role),
                    style: style(series.style),
                    dash: dash(chart, at),
                    values: series.values.iter().map(|value| value.and_then(short)).collect(),
                }
            })
            .collect(),
        lines: chart
            .lines
            .iter()
            .filter(|line| line.value.is_finite())
            .map(|line| Line { label: &line.label, value: line.value, kind: threshold(line.kind) })
            .collect(),
    });
    let marks = run.marks.iter().filter(|mark| mark.at.is_finite()).map(|mark| Event {
        at: mark.at,
        until: mark.until.filter(|until| until.is_finite()),
        kind: mark_kind(mark.kind),
        label: &mark.label,
        text: &mark.text,
    });
    Course { title: &run.title, times: &run.times, charts: charts.collect(), marks: marks.collect() }
}

/// Six digits that count: more are not seen, and cost half of the page.
fn short(value: f64) -> Option<f64> {
    format!("{value:.5e}").parse().ok().filter(|short: &f64| short.is_finite())
}

/// The role as the style sheet calls it.
pub fn role(role: Role) -> String {
    match role {
        Role::Legacy => "legacy".to_owned(),
        Role::Kubernetes => "kubernetes".to_owned(),
        Role::Demand => "demand".to_owned(),
        Role::Capacity => "capacity".to_owned(),
        Role::Failed => "failed".to_owned(),
        Role::Rate => "rate".to_owned(),
        Role::Connections => "connections".to_owned(),
        Role::Weight => "weight".to_owned(),
        Role::Intended => "intended".to_owned(),
        Role::Other(number) => format!("other-{}", number % 4),
    }
}

/// Which dash a curve has: 0 is none. The same role again in one chart has the next.
pub fn dash(chart: &super::Chart, at: usize) -> usize {
    let role = chart.series[at].role;
    let before = chart.series[..at].iter().filter(|series| series.role == role).count();
    let first = usize::from(matches!(role, Role::Capacity | Role::Intended));
    (first + before) % 4
}

fn style(style: Style) -> &'static str {
    match style {
        Style::Line => "line",
        Style::Step => "step",
        Style::Area => "area",
        Style::Band => "band",
    }
}

/// The line's kind as the style sheet calls it.
pub fn threshold(kind: ThresholdKind) -> &'static str {
    match kind {
        ThresholdKind::Pause => "pause",
        ThresholdKind::Rollback => "rollback",
        ThresholdKind::Resume => "resume",
        ThresholdKind::Limit => "limit",
    }
}

/// The mark's kind as the style sheet calls it.
pub fn mark_kind(kind: MarkKind) -> &'static str {
    match kind {
        MarkKind::Raise => "raise",
        MarkKind::Retreat => "retreat",
        MarkKind::Pause => "pause",
        MarkKind::Clear => "clear",
        MarkKind::Event => "event",
        MarkKind::Incident => "incident",
    }
}
