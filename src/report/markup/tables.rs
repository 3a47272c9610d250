//! The tables: what happened in each run, and what the caller adds.

use super::{class, sign};
use crate::report::wording::time;
use crate::report::{Align, Clock, Mark, MarkKind, Page, Row, Run, Table, data, escape};

/// A table with more rows than this is folded.
const OPEN_ROWS: usize = 40;

/// What happened in each run, then the caller's tables.
pub fn write(out: &mut String, page: &Page) {
    for (at, run) in page.runs.iter().enumerate() {
        happened(out, page.clock, run, at);
    }
    for table in &page.tables {
        write_table(out, page.clock, table);
    }
}

fn happened(out: &mut String, clock: Clock, run: &Run, run_at: usize) {
    let marks: Vec<&Mark> = run.marks.iter().filter(|mark| mark.at.is_finite()).collect();
    if marks.is_empty() {
        return;
    }
    let title = format!("What happened: {}", run.title);
    open(out, &title, marks.len());
    *out += concat!(
        "<thead><tr><th class=\"right\" scope=\"col\">#</th><th class=\"right\" scope=\"col\">Time</th>",
        "<th scope=\"col\">What</th><th scope=\"col\">Why</th></tr></thead>\n<tbody>\n"
    );
    for (at, mark) in marks.into_iter().enumerate() {
        *out += &format!(
            "<tr data-run=\"{run_at}\" data-mark=\"{at}\" data-at=\"{}\"><td class=\"right\">{}</td>",
            mark.at,
            at + 1
        );
        *out += &format!("<td class=\"right\">{}</td>", link(clock, mark.at, &time(clock, mark.at)));
        *out += &format!(
            "<td class=\"what {}\"><span class=\"sign\" aria-hidden=\"true\">{}</span> {} <b>{}</b></td><td>{}</td></tr>\n",
            data::mark_kind(mark.kind),
            glyph(mark.kind),
            word(mark.kind),
            escape::html(&mark.label),
            escape::html(&mark.text)
        );
    }
    close(out);
}

fn write_table(out: &mut String, clock: Clock, table: &Table) {
    open(out, &table.title, table.rows.len());
    *out += "<thead><tr>";
    for column in &table.columns {
        *out += &format!("<th{} scope=\"col\">{}</th>", align(column.align), escape::html(&column.name));
    }
    *out += "</tr></thead>\n<tbody>\n";
    for row in &table.rows {
        write_row(out, clock, table, row);
    }
    close(out);
}

fn write_row(out: &mut String, clock: Clock, table: &Table, row: &Row) {
    let at = row.at.filter(|at| at.is_finite());
    let link_to = at.map_or_else(String::new, |at| format!(" data-at=\"{at}\""));
    *out += &format!("<tr class=\"{}\"{link_to}>", class(row.verdict));
    for (place, column) in table.columns.iter().enumerate() {
        let text = row.cells.get(place).map(String::as_str).unwrap_or_default();
        let first = place == 0;
        let text = match at {
            Some(at) if first => link(clock, at, text),
            _ => escape::html(text),
        };
        let sign = if first { sign(row.verdict) } else { "" };
        *out += &format!("<td{}>{sign}{text}</td>", align(column.align));
    }
    *out += "</tr>\n";
}

/// A cell that leads to its place in the charts.
fn link(clock: Clock, at: f64, text: &str) -> String {
    format!(
        "<button type=\"button\" title=\"show {} in the charts\">{}</button>",
        escape::html(&time(clock, at)),
        escape::html(text)
    )
}

fn open(out: &mut String, title: &str, rows: usize) {
    let open = if rows > OPEN_ROWS { "" } else { " open" };
    *out += &format!(
        "<details class=\"table\"{open}>\n<summary><h2>{}</h2> <span class=\"unit\">{rows}</span></summary>\n<div class=\"wide\"><table>\n",
        escape::html(title)
    );
}

fn close(out: &mut String) {
    *out += "</tbody>\n</table></div>\n</details>\n";
}

fn align(align: Align) -> &'static str {
    match align {
        Align::Left => "",
        Align::Right => " class=\"right\"",
    }
}

/// The sign that the chart draws too.
fn glyph(kind: MarkKind) -> &'static str {
    match kind {
        MarkKind::Raise => "▲",
        MarkKind::Retreat => "▼",
        MarkKind::Pause => "‖",
        MarkKind::Clear => "●",
        MarkKind::Event => "◆",
        MarkKind::Incident => "✱",
    }
}

fn word(kind: MarkKind) -> &'static str {
    match kind {
        MarkKind::Raise => "raise",
        MarkKind::Retreat => "retreat",
        MarkKind::Pause => "pause",
        MarkKind::Clear => "clear",
        MarkKind::Event => "event",
        MarkKind::Incident => "incident",
    }
}
