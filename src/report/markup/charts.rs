//! The charts' frames: rows of charts with the same id, a column for each run. What a chart shows
//! is told in its label and its legend, so that the page is of use before the script draws.

use crate::report::wording::{figure, measure};
use crate::report::{Chart, Clock, Run, Series, data, escape};

/// How many signs there are to tell curves apart; the style sheet's and the script's are the same.
const SIGNS: usize = 6;

/// The rows of charts, in the order in which the first run has them.
pub fn write(out: &mut String, clock: Clock, runs: &[Run]) {
    let ids = ids(runs);
    if ids.is_empty() {
        return;
    }
    *out += &format!("<section class=\"charts columns-{}\">\n", runs.len().min(2));
    *out += "<noscript><p>The charts need JavaScript. Their figures are below, and so are the tables.</p></noscript>\n";
    *out += &format!(
        "<p class=\"help\">{} <span class=\"hands\">Drag over a chart to zoom all of them, double-click to see \
         all again. <button type=\"button\" id=\"reset\" hidden>See all</button></span></p>\n",
        match clock {
            Clock::SinceBegin => "Times count from the start.",
            Clock::Unix => "Times are in UTC.",
        }
    );
    for id in ids {
        row(out, runs, id);
    }
    *out += "<p id=\"readout\" hidden></p>\n</section>\n";
}

/// Each chart's id once.
fn ids(runs: &[Run]) -> Vec<&str> {
    let mut ids: Vec<&str> = Vec::new();
    for chart in runs.iter().flat_map(|run| &run.charts) {
        if !ids.contains(&chart.id.as_str()) {
            ids.push(&chart.id);
        }
    }
    ids
}

fn row(out: &mut String, runs: &[Run], id: &str) {
    let Some(first) = runs.iter().flat_map(|run| &run.charts).find(|chart| chart.id == id) else { return };
    *out += &format!("<section class=\"row\">\n<h2>{}", escape::html(&first.title));
    if !first.unit.is_empty() {
        *out += &format!(" <span class=\"unit\">{}</span>", escape::html(&first.unit));
    }
    *out += "</h2>\n";
    for (at, run) in runs.iter().enumerate() {
        match run.charts.iter().position(|chart| chart.id == id) {
            Some(place) => figure_of(out, run, at, place),
            None => *out += "<div class=\"none\"></div>\n",
        }
    }
    *out += "</section>\n";
}

fn figure_of(out: &mut String, run: &Run, run_at: usize, chart_at: usize) {
    let chart = &run.charts[chart_at];
    *out += &format!("<figure data-run=\"{run_at}\" data-chart=\"{chart_at}\">\n");
    *out += &format!("<figcaption>{}</figcaption>\n<ul class=\"legend\">\n", escape::html(&run.title));
    for at in 0..chart.series.len() {
        legend(out, chart, at);
    }
    for line in chart.lines.iter().filter(|line| line.value.is_finite()) {
        *out += &format!(
            "<li class=\"{}\">{}<span class=\"name\">{}</span> <span>{}</span></li>\n",
            data::threshold(line.kind),
            "<svg class=\"key\" aria-hidden=\"true\"><path d=\"M0 7h30\"/></svg>",
            escape::html(&line.label),
            figure(line.value)
        );
    }
    *out += &format!(
        "</ul>\n<div class=\"plot\" role=\"img\" aria-label=\"{}\"></div>\n</figure>\n",
        escape::html(&in_words(run, chart))
    );
}

fn legend(out: &mut String, chart: &Chart, at: usize) {
    let series = &chart.series[at];
    *out += &format!(
        "<li class=\"{} dash-{}\">{}<span class=\"name\">{}</span> <span class=\"value\">{}</span></li>\n",
        data::role(series.role),
        data::dash(chart, at),
        key(at),
        escape::html(&series.name),
        extremes(series).map_or_else(|| "no data".to_owned(), |seen| seen.range()),
    );
}

/// A piece of the curve with its sign, as the chart draws it.
fn key(at: usize) -> String {
    let sign = match at % SIGNS {
        0 => "M11 7a4 4 0 1 0 8 0a4 4 0 1 0 -8 0z",
        1 => "M11.5 3.5h7v7h-7z",
        2 => "M15 2.5l4.5 8h-9z",
        3 => "M15 2l5 5l-5 5l-5 -5z",
        4 => "M15 11.5l4.5 -8h-9z",
        _ => "M11.5 5.5h7v3h-7z",
    };
    format!(
        "<svg class=\"key\" aria-hidden=\"true\"><path d=\"M0 7h30\"/><path class=\"sign\" d=\"{sign}\"/></svg>"
    )
}

/// What is worth saying of a curve.
struct Extremes {
    least: f64,
    greatest: f64,
    last: f64,
}

impl Extremes {
    fn range(&self) -> String {
        let (least, greatest) = (figure(self.least), figure(self.greatest));
        if least == greatest { least } else { format!("{least} to {greatest}") }
    }
}

fn extremes(series: &Series) -> Option<Extremes> {
    let mut seen = series.values.iter().copied().flatten();
    let first = seen.next()?;
    let start = Extremes { least: first, greatest: first, last: first };
    Some(seen.fold(start, |seen, value| Extremes {
        least: seen.least.min(value),
        greatest: seen.greatest.max(value),
        last: value,
    }))
}

/// The chart for who cannot see it.
fn in_words(run: &Run, chart: &Chart) -> String {
    let mut words = format!("{}, {}.", chart.title, run.title);
    for series in &chart.series {
        words += &match extremes(series) {
            Some(seen) => format!(
                " {}: least {}, most {}, last {}.",
                series.name,
                figure(seen.least),
                figure(seen.greatest),
                measure(seen.last, &chart.unit)
            ),
            None => format!(" {}: no data.", series.name),
        };
    }
    for line in chart.lines.iter().filter(|line| line.value.is_finite()) {
        words += &format!(" Line {} at {}.", line.label, measure(line.value, &chart.unit));
    }
    words
}
