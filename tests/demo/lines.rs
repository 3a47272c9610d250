//! The demo where there is no terminal: a line for each second and for each event.

use crate::board::{Board, Facts, Frame};
use crate::screen::{clock, line};

/// How much of the board was printed.
#[derive(Debug, Default)]
pub struct Printed {
    frames: usize,
    events: usize,
}

impl Printed {
    /// What came since the last call, as lines.
    pub fn news(&mut self, board: &Board) -> Vec<String> {
        let now = clock(board.now());
        let facts = board.facts();
        let events = facts.events[self.events..].iter().map(|event| line(event, 400));
        let frames =
            facts.frames[self.frames..].iter().map(|frame| format!("{now} {}", second(&facts, frame)));
        let lines = events.chain(frames).collect();
        (self.frames, self.events) = (facts.frames.len(), facts.events.len());
        lines
    }
}

fn second(facts: &Facts, frame: &Frame) -> String {
    let number = |value: Option<f64>| value.map_or("-".into(), |value| format!("{value:.0}"));
    format!(
        "          {:<11} asked {:>3} % read back {:>3} % observed {:>3} %  legacy {:>3}/s  kubernetes {:>3}/s  failed {:>3}/s  connections {:>4}/s",
        if facts.watched { facts.status.phase.as_str() } else { "unwatched" },
        number(facts.status.weight.intended),
        number(facts.read_back),
        number(frame.observed),
        frame.legacy,
        frame.kubernetes,
        frame.failed(),
        number(frame.connects),
    )
}
