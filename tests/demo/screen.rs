//! The live panel: the board as lines of a terminal, and the terminal itself.
//!
//! [`draw`] is pure. [`Terminal`] gives the terminal back as it was, whatever ends the program.

use std::io::{self, Write as _};
use std::time::Duration;

use crate::board::{Event, Facts, Frame, Who};
use crate::graph::{
    CALM, Colour, Column, FAILURE, KUBERNETES, LEGACY, Mark, QUIET, WARNING, bold, graph, paint, split,
};

/// The widest that the panel gets.
const WIDEST: usize = 120;
/// Rows of the two graphs.
const TRAFFIC_ROWS: usize = 5;
const DATABASE_ROWS: usize = 8;

/// The stages of the demo's plan.
const STAGES: [(&str, f64); 4] = [("canary", 5.0), ("tenth", 10.0), ("half", 50.0), ("full", 100.0)];

/// The alternate screen of a terminal; given back on drop.
#[derive(Debug)]
pub struct Terminal(io::Stdout);

impl Terminal {
    /// Takes the terminal over.
    pub fn open() -> Self {
        let terminal = Self(io::stdout());
        terminal.write("\x1b[?1049h\x1b[?25l\x1b[2J");
        terminal
    }

    /// Shows lines from the top left, and nothing else.
    pub fn show(&self, lines: &[String]) {
        let (_, rows) = size();
        let shown: Vec<String> = lines.iter().take(rows).map(|line| format!("{line}\x1b[K")).collect();
        // Synchronised, so that no half-drawn frame is seen.
        self.write(&format!("\x1b[?2026h\x1b[H{}\x1b[J\x1b[?2026l", shown.join("\r\n")));
    }
}

impl Terminal {
    /// A terminal that is gone is nobody's loss.
    fn write(&self, text: &str) {
        let mut out = self.0.lock();
        out.write_all(text.as_bytes()).and_then(|()| out.flush()).ok();
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.write("\x1b[?25h\x1b[?1049l");
    }
}

/// Columns and rows of the terminal, 100 x 30 if it does not say.
pub fn size() -> (usize, usize) {
    match rustix::termios::tcgetwinsize(io::stdout()) {
        Ok(size) if size.ws_col > 0 && size.ws_row > 0 => (size.ws_col.into(), size.ws_row.into()),
        _ => (100, 30),
    }
}

/// The panel, `width` characters wide.
pub fn draw(facts: &Facts, now: Duration, width: usize) -> Vec<String> {
    let width = width.min(WIDEST).saturating_sub(2);
    let last = facts.frames.last().cloned().unwrap_or_default();
    let mut lines =
        vec![title(facts, now, width), String::new(), stages(facts), weights(facts, &last, width)];
    lines.push(String::new());
    lines.push(traffic_header(&last));
    lines.extend(traffic(facts, width));
    lines.push(String::new());
    lines.push(database_header(&last));
    lines.extend(database(facts, width));
    lines.push(String::new());
    lines.extend(events(&facts.events, width, 7));
    lines.into_iter().map(|line| format!(" {line}")).collect()
}

fn title(facts: &Facts, now: Duration, width: usize) -> String {
    let phase = match facts.status.phase.as_str() {
        _ if !facts.watched => paint(FAILURE, "nobody watches"),
        "" => paint(QUIET, "starting"),
        phase @ "Paused" => paint(WARNING, phase),
        phase @ ("RollingBack" | "RolledBack") => paint(FAILURE, phase),
        phase => paint(CALM, phase),
    };
    let why = if facts.watched { facts.status.why() } else { "the operator was stopped; weights stay" };
    let used = 12 + 6 + 4 + facts.status.phase.len().max(8);
    let why = cut(why, width.saturating_sub(used));
    format!("{}  {}  {phase}  {}", bold("crossfade"), clock(now), paint(QUIET, &why))
}

fn stages(facts: &Facts) -> String {
    let at = STAGES.iter().position(|(name, _)| *name == facts.status.stage.name);
    let mut line = format!("{:<12}", "stage");
    for (index, (name, weight)) in STAGES.iter().enumerate() {
        let text = format!("{name} {weight} %");
        line += &match at {
            Some(at) if index < at => paint(CALM, &format!("✓ {text}")),
            Some(at) if index == at => bold(&format!("● {text}")),
            _ => paint(QUIET, &format!("○ {text}")),
        };
        line += "   ";
    }
    line
}

fn weights(facts: &Facts, last: &Frame, width: usize) -> String {
    let percent = |weight: Option<f64>| weight.map_or("-".into(), |weight| format!("{weight:.1}"));
    let words = format!(
        "asked {} %  read back {} %  observed {} %",
        percent(facts.status.weight.intended),
        percent(facts.read_back),
        percent(last.observed)
    );
    let bar = width.saturating_sub(12 + 50).max(10);
    format!("{:<12}{}  {words}", "Kubernetes", split(last.observed.unwrap_or(0.0), bar, KUBERNETES, LEGACY))
}

fn traffic_header(last: &Frame) -> String {
    let failed = |count: u64| {
        let text = format!("{count} failed");
        if count > 0 { paint(FAILURE, &text) } else { paint(QUIET, &text) }
    };
    format!(
        "{}  {} {:>3} ({})   {} {:>3} ({})   {}",
        bold("requests/s"),
        paint(LEGACY, "■ legacy"),
        last.legacy + last.legacy_failed,
        failed(last.legacy_failed),
        paint(KUBERNETES, "■ Kubernetes"),
        last.kubernetes + last.kubernetes_failed,
        failed(last.kubernetes_failed + last.other_failed),
        paint(QUIET, &format!("p99 {} ms", last.p99.as_millis())),
    )
}

fn traffic(facts: &Facts, width: usize) -> Vec<String> {
    let column = |frame: &Frame| -> Column {
        vec![
            (frame.kubernetes as f64, KUBERNETES),
            (frame.legacy as f64, LEGACY),
            (frame.failed() as f64, FAILURE),
        ]
    };
    let columns: Vec<Column> = facts.frames.iter().map(column).collect();
    let top =
        facts.frames.iter().map(|frame| frame.legacy + frame.kubernetes + frame.failed()).max().unwrap_or(1);
    graph(&columns, &[], (top as f64).max(400.0), TRAFFIC_ROWS, width)
}

fn database_header(last: &Frame) -> String {
    let number = |value: Option<f64>| value.map_or("-".into(), |value| format!("{value:.0}"));
    let held = last.connections.map_or("-".into(), |(now, max)| format!("{now} of {max}"));
    let refused = last.refused.unwrap_or(0.0);
    let refusals = format!("{refused:.0}/s refused");
    format!(
        "{}  {:>4}   {}   {}",
        bold("database connections/s"),
        number(last.connects),
        paint(QUIET, &format!("held {held}")),
        if refused > 0.0 { paint(FAILURE, &refusals) } else { paint(QUIET, &refusals) },
    )
}

fn database(facts: &Facts, width: usize) -> Vec<String> {
    let rate = facts.status.rate();
    let at = |threshold: Option<f64>| threshold.filter(|_| facts.watched);
    let pause = at(rate.and_then(|guard| guard.pause_at));
    let rollback = at(rate.and_then(|guard| guard.rollback_at));
    let mark = |at: Option<f64>, colour: Colour, name| at.map(|at| Mark { at, colour, name });
    let marks: Vec<Mark> =
        [mark(pause, WARNING, "pause"), mark(rollback, FAILURE, "rollback")].into_iter().flatten().collect();
    let colour = |value: f64| match () {
        () if rollback.is_some_and(|at| value > at) => FAILURE,
        () if pause.is_some_and(|at| value > at) => WARNING,
        () => CALM,
    };
    let values = facts.frames.iter().map(|frame| frame.connects.unwrap_or(0.0));
    let columns: Vec<Column> = values.clone().map(|value| vec![(value, colour(value))]).collect();
    let top = values.fold(rollback.unwrap_or(400.0) * 1.4, f64::max);
    graph(&columns, &marks, top, DATABASE_ROWS, width)
}

fn events(events: &[Event], width: usize, count: usize) -> Vec<String> {
    let last = &events[events.len().saturating_sub(count)..];
    last.iter().map(|event| line(event, width)).collect()
}

/// An event as a line.
pub fn line(event: &Event, width: usize) -> String {
    let (colour, who) = match event.who {
        Who::Incident => (WARNING, "incident"),
        Who::Operator => (CALM, "operator"),
        Who::Traffic => (KUBERNETES, "traffic"),
    };
    format!(
        "{} {} {}",
        clock(event.at),
        paint(colour, &format!("{who:<9}")),
        cut(&event.what, width.saturating_sub(16))
    )
}

/// Minutes and seconds.
pub fn clock(time: Duration) -> String {
    format!("{:02}:{:02}", time.as_secs() / 60, time.as_secs() % 60)
}

/// The begin of a text, as one line.
fn cut(text: &str, width: usize) -> String {
    let text = text.replace('\n', " ");
    if text.chars().count() <= width {
        return text;
    }
    text.chars().take(width.saturating_sub(1)).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::board::{Board, Status};

    /// A board in the middle of the incident.
    fn board() -> Board {
        let board = Board::new();
        board.facts().watched = true;
        let status = serde_json::json!({
            "phase": "Paused",
            "stage": {"name": "half"},
            "weight": {"intended": 50.0, "actual": 50.0},
            "blockedBy": [{"reason": "GuardPaused", "message": "accounts: ConnectionRate 330/s is above 250/s for 2s; waiting until it is below 180/s for 8s", "who": "Nobody"}],
            "databases": [{"guards": [{"signal": "ConnectionRate", "level": "Pause", "pauseAt": 250.0, "rollbackAt": 450.0}]}],
        });
        for weight in [0.0, 5.0, 10.0, 30.0, 50.0] {
            board.read_back(weight);
        }
        board.status(serde_json::from_value::<Status>(status).unwrap());
        for second in 0..60_u64 {
            let kubernetes = (second * 4).min(200);
            let surge = if second > 45 { 330.0 } else { 100.0 + (second % 3) as f64 };
            let failed = if second > 55 { 60 } else { 0 };
            board.facts().frames.push(Frame {
                legacy: 400 - kubernetes,
                kubernetes: kubernetes - failed,
                kubernetes_failed: failed,
                observed: Some(kubernetes as f64 / 4.0),
                connects: Some(if failed > 0 { 700.0 } else { surge }),
                connections: Some((20, 40)),
                ..Frame::default()
            });
        }
        board
    }

    #[test]
    fn the_panel_fits_a_terminal_of_100_by_30() {
        let board = board();
        let lines = draw(&board.facts(), Duration::from_secs(61), 100);
        assert!(lines.len() <= 30, "{} lines", lines.len());
        for line in &lines {
            let seen: usize = line
                .split("\x1b[")
                .enumerate()
                .map(|(index, part)| match index {
                    0 => part.chars().count(),
                    _ => part.split_once('m').map_or(0, |(_, text)| text.chars().count()),
                })
                .sum();
            assert!(seen <= 100, "{seen} characters: {line}");
            println!("{line}");
        }
        assert!(lines[0].contains("Paused") && lines[0].contains("above 250/s"));
    }
}
