//! `crossfade simulate`: what a plan would have done in an incident.

use std::fmt::Write as _;

use crate::api::{Problem, document};
use crate::core::plan::Plan;
use crate::scenario::{self, Loaded, Played, course};

/// What came of a simulation.
#[derive(Clone, Debug, PartialEq)]
pub enum Simulated {
    /// It was played.
    Played {
        /// What to print.
        text: String,
        /// The report's page, if it was asked for.
        page: Option<String>,
        /// Whether every expectation holds.
        holds: bool,
    },
    /// The input is wrong; what to print.
    Wrong(String),
}

/// A file that was read: its name and its text.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its text.
    pub text: &'a str,
}

/// Plays `scenario`, with the plans of `plan` if there is one, `seed` in place of the file's, and the page
/// of it if `page` is asked for.
pub fn simulate(scenario: Input, plan: Option<Input>, seed: Option<u64>, page: bool) -> Simulated {
    match load(scenario, plan, seed) {
        Err(text) => Simulated::Wrong(text),
        Ok(loaded) => {
            let played = scenario::run(&loaded);
            let without = scenario::run_without(&loaded);
            let text = described(&loaded, &played, &without);
            let page = page.then(|| scenario::page(&loaded, &played, &without));
            Simulated::Played { text, page, holds: played.holds() }
        }
    }
}

fn load(scenario: Input, plan: Option<Input>, seed: Option<u64>) -> Result<Loaded, String> {
    let listed = |problems: &[Problem]| listed(scenario.name, problems);
    let plans = plan.map_or(Ok(Vec::new()), plans)?;
    let mut file = scenario::read(scenario.text).map_err(|problems| listed(&problems))?;
    if let Some(seed) = seed {
        file.scenario.seed = seed;
    }
    scenario::load(&file, &plans).map_err(|problems| listed(&problems))
}

/// The plans in a file, as users write them.
fn plans(plan: Input) -> Result<Vec<(String, Plan)>, String> {
    let documents = document::read(plan.text).map_err(|error| format!("{}: {error}\n", plan.name))?;
    let mut plans = Vec::new();
    let mut wrong = String::new();
    for document in documents.iter().filter(|document| document.is_plan()) {
        match document.parse() {
            Ok(parsed) => plans.push((document.name(), parsed.plan)),
            Err(problems) => wrong += &super::check::listed(document, &problems),
        }
    }
    if plans.is_empty() && wrong.is_empty() {
        wrong = format!("{}: there is no MigrationPlan (crossfade.dev/v1alpha1) in it\n", plan.name);
    }
    if wrong.is_empty() { Ok(plans) } else { Err(wrong) }
}

fn listed(file: &str, problems: &[Problem]) -> String {
    let count = problems.len();
    let mut text = format!("{file}: {count} {}\n", if count == 1 { "problem" } else { "problems" });
    for problem in problems {
        let field = if problem.field.is_empty() { "the file" } else { &problem.field };
        text += &format!("  {field}: {}\n      {}\n", problem.reason, problem.remedy);
    }
    text
}

/// What happened and why, in figures, and what came of the expectations.
fn described(loaded: &Loaded, played: &Played, without: &Played) -> String {
    let mut text = format!("{}\n", loaded.name);
    for line in wrapped(&loaded.description, 100) {
        text += &format!("  {line}\n");
    }
    text += "\n";
    let rows = course::rows(&loaded.scenario, played);
    let several = loaded.scenario.services.len() > 1;
    let mut table =
        vec![["TIME".to_owned(), "PHASE".into(), "WEIGHT".into(), "REASON".into(), "MESSAGE".into()]];
    table.extend(rows.iter().map(|row| {
        let message = match (&row.service, several) {
            (Some(service), true) => format!("{service}: {}", row.message),
            _ => row.message.clone(),
        };
        let weight = row.weight.map(|weight| format!("{weight:.2} %")).unwrap_or_default();
        [course::time(row.at), row.phase.clone(), weight, row.reason.clone(), message]
    }));
    text += &columns(&table);
    text += "\n";
    for figure in course::figures(&loaded.scenario, played, without) {
        let note = if figure.note.is_empty() { String::new() } else { format!(" ({})", figure.note) };
        // Writing to a String cannot fail.
        writeln!(text, "  {:<34} {}{note}", figure.label, figure.value).unwrap_or_default();
    }
    if !played.outcomes.is_empty() {
        text += "\n";
    }
    for outcome in &played.outcomes {
        let sign = if outcome.holds { "ok  " } else { "FAIL" };
        text += &format!("{sign} {}: {}\n", outcome.expected, outcome.found);
        if let Some(feature) = &outcome.needs {
            text += &format!("     needs {feature}, which this version lacks\n");
        }
    }
    for need in &loaded.needs {
        text += &format!("\nlacking: {}: {}\n", need.feature, need.missing);
        if !need.fields.is_empty() {
            text += &format!("  left out of the plan: {}\n", need.fields.join(", "));
        }
    }
    text
}

/// The rows of a table, each column as wide as its widest cell.
pub(super) fn columns<const N: usize>(table: &[[String; N]]) -> String {
    let mut widths = [0; N];
    for row in table {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut text = String::new();
    for row in table {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}"));
        text += cells.collect::<Vec<_>>().join("  ").trim_end();
        text += "\n";
    }
    text
}

/// Lines of at most `width` characters, broken between words.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}
