//! What is wrong with a plan: which field, why, and what to do.

pub use crate::core::check::Problem;

/// The problems as one text, one per line, for `Accepted` and for the terminal.
pub fn list(problems: &[Problem]) -> String {
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}
