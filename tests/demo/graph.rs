//! Bars made of characters: one column a second, eight steps a row.
//!
//! Figures in, lines out. It knows nothing of what they mean.

use std::env;
use std::fmt::Write as _;
use std::io::{IsTerminal as _, stdout};
use std::sync::LazyLock;

/// A colour of the terminal's 256.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Colour(pub u8);

/// Legacy.
pub const LEGACY: Colour = Colour(67);
/// Kubernetes.
pub const KUBERNETES: Colour = Colour(79);
/// All is well.
pub const CALM: Colour = Colour(72);
/// A warning.
pub const WARNING: Colour = Colour(214);
/// A failure.
pub const FAILURE: Colour = Colour(203);
/// What is less important.
pub const QUIET: Colour = Colour(243);

const STEPS: usize = 8;
const BLOCKS: [char; STEPS + 1] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// Whether colours are wanted: on a terminal, unless `NO_COLOR` is set.
static COLOURED: LazyLock<bool> =
    LazyLock::new(|| cfg!(test) || stdout().is_terminal() && env::var_os("NO_COLOR").is_none());

/// Text in a colour.
pub fn paint(colour: Colour, text: &str) -> String {
    if *COLOURED { format!("\x1b[38;5;{}m{text}\x1b[0m", colour.0) } else { text.to_owned() }
}

/// Text in bold.
pub fn bold(text: &str) -> String {
    if *COLOURED { format!("\x1b[1m{text}\x1b[0m") } else { text.to_owned() }
}

/// A column: parts that stand on each other, from the bottom up.
pub type Column = Vec<(f64, Colour)>;

/// A line across the graph, drawn where no column is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mark {
    /// At what height.
    pub at: f64,
    /// In which colour.
    pub colour: Colour,
    /// What it is called, at the left.
    pub name: &'static str,
}

/// How wide the labels at the left are.
pub const LABELS: usize = 15;

/// A graph of `rows` lines for values from 0 to `top`; the newest of the columns stands at the
/// right end, `width` characters with the labels.
pub fn graph(columns: &[Column], marks: &[Mark], top: f64, rows: usize, width: usize) -> Vec<String> {
    let places = width.saturating_sub(LABELS);
    let shown = &columns[columns.len().saturating_sub(places)..];
    let row_of = |value: f64| steps(value, top, rows).saturating_sub(1) / STEPS;
    (0..rows)
        .rev()
        .map(|row| {
            let mark = marks.iter().find(|mark| row_of(mark.at) == row);
            let label = mark.map_or(String::new(), |mark| format!("{} {:.0}", mark.name, mark.at));
            let mut line =
                paint(mark.map_or(QUIET, |mark| mark.colour), &format!("{label:>w$} ", w = LABELS - 1));
            for _ in shown.len()..places {
                line.push_str(&empty(mark));
            }
            for column in shown {
                line.push_str(&cell(column, row, top, rows).unwrap_or_else(|| empty(mark)));
            }
            line
        })
        .collect()
}

/// How many eighths of a row a value is high, of `rows` rows.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // clamped to the graph
fn steps(value: f64, top: f64, rows: usize) -> usize {
    let all = (rows * STEPS) as f64;
    (value / top.max(f64::MIN_POSITIVE) * all).round().clamp(0.0, all) as usize
}

fn empty(mark: Option<&Mark>) -> String {
    mark.map_or(" ".into(), |mark| paint(mark.colour, "┈"))
}

/// One character of a column; `None` where the column does not reach.
fn cell(column: &Column, row: usize, top: f64, rows: usize) -> Option<String> {
    let (low, high) = (row * STEPS, (row + 1) * STEPS);
    let mut sum = 0.0;
    let mut below: Option<(usize, Colour)> = None; // ends within this cell
    let mut above = None;
    for (value, colour) in column {
        sum += value;
        let end = steps(sum, top, rows);
        if end <= low {
            continue;
        }
        let Some((filled, _)) = below else {
            below = Some((end.min(high) - low, *colour));
            continue;
        };
        if filled < STEPS && end > low + filled {
            above = above.or(Some(*colour));
        }
    }
    let (filled, colour) = below?;
    let mut text = String::new();
    if let Some(Colour(above)) = above.filter(|_| *COLOURED) {
        // Writing to a string does not fail.
        write!(text, "\x1b[48;5;{above}m").ok();
    }
    text.push_str(&paint(colour, BLOCKS[filled].encode_utf8(&mut [0; 4])));
    Some(text)
}

/// Two sides of a whole as a bar: `part` percent of `width` in the second colour, from the left.
pub fn split(part: f64, width: usize, first: Colour, rest: Colour) -> String {
    let filled = steps(part, 100.0, width) / STEPS;
    paint(first, &"━".repeat(filled)) + &paint(rest, &"━".repeat(width - filled))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(lines: &[String]) -> Vec<String> {
        let strip = |line: &String| {
            let mut parts = line.split("\x1b[");
            let first = parts.next().unwrap_or_default().to_owned();
            parts.fold(first, |text, part| text + part.split_once('m').map_or("", |(_, rest)| rest))
        };
        lines.iter().map(|line| strip(line).split_off(LABELS)).collect()
    }

    #[test]
    fn a_graph_shows_the_newest_columns_at_the_right_and_marks_between() {
        let columns: Vec<Column> = [9.0, 1.0, 4.0, 8.0].map(|value| vec![(value, CALM)]).into();
        let marks = [Mark { at: 8.0, colour: FAILURE, name: "top" }];
        let lines = graph(&columns, &marks, 8.0, 2, LABELS + 3);
        assert_eq!(plain(&lines), ["┈┈█", "▂██"]);
    }

    #[test]
    fn parts_stand_on_each_other() {
        let column = vec![(4.0, KUBERNETES), (8.0, LEGACY), (4.0, FAILURE)];
        assert_eq!(plain(&graph(&[column.clone()], &[], 16.0, 2, LABELS + 1)), ["▄", "▄"]);
        let lower = cell(&column, 0, 16.0, 2).unwrap();
        assert!(lower.contains("48;5;67") && lower.contains("38;5;79"), "{lower:?}");
    }
}
