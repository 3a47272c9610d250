//! `crossfade check FILE`: everything that is wrong with the plans in a file, or what they will do.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::explain::explain;
use crate::api::document::{self, Document};
use crate::api::parse::Parsed;
use crate::api::{Problem, duration, wall, wording};
use crate::core::capacity::Source;

/// What `check` found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// What to print.
    pub text: String,
    /// Whether all plans can be accepted.
    pub good: bool,
}

/// Checks `text`, the content of `file`; `explained` tells too what each stage asks of both sides, and whether
/// the databases with these `max_connections` can hold what the plan may come to hold.
pub fn check(file: &str, text: &str, explained: Option<&BTreeMap<String, u32>>) -> Verdict {
    let documents = match document::read(text) {
        Ok(documents) => documents,
        Err(error) => return Verdict { text: format!("{file}: {error}\n"), good: false },
    };
    let mut verdict = Verdict { text: String::new(), good: true };
    let mut plans = 0;
    for document in &documents {
        if !document.is_plan() {
            let title = if document.title().is_empty() { "a document".into() } else { document.title() };
            // Writing to a String cannot fail.
            writeln!(verdict.text, "{title}: no MigrationPlan, skipped").unwrap_or_default();
            continue;
        }
        plans += 1;
        match document.parse() {
            Ok(parsed) => {
                verdict.text += &described(document, &parsed);
                if let Some(maxima) = explained {
                    verdict.text += &explain(&parsed.plan, maxima);
                }
            }
            Err(problems) => {
                verdict.good = false;
                verdict.text += &listed(document, &problems);
            }
        }
    }
    if plans == 0 {
        verdict.good = false;
        verdict.text += &format!("{file}: there is no MigrationPlan (crossfade.dev/v1alpha1) in it\n");
    }
    verdict
}

/// Reads `<database>=<number>`.
///
/// # Errors
/// What is wrong with it, and what to write.
pub fn maximum(text: &str) -> Result<(String, u32), String> {
    let read = text.split_once('=').and_then(|(name, count)| Some((name.to_owned(), count.parse().ok()?)));
    read.ok_or_else(|| format!("{text:?} is no <database>=<number>: write for example accounts=4000"))
}

/// Each problem with its reason, and what to do below.
pub fn listed(document: &Document, problems: &[Problem]) -> String {
    let count = problems.len();
    let mut text = format!(
        "{}: not accepted, {count} {}\n",
        document.title(),
        if count == 1 { "problem" } else { "problems" }
    );
    for problem in problems {
        text += &format!("  {}: {}\n      {}\n", problem.field, problem.reason, problem.remedy);
    }
    text
}

fn described(document: &Document, parsed: &Parsed) -> String {
    let plan = &parsed.plan;
    let mut text = format!("{}: accepted\n", document.title());
    for stage in &plan.stages {
        text += &format!("  stage {}\n", wording::stage(stage));
    }
    text += &format!(
        "  a retreat goes to {}, at most {} % every {}\n",
        match plan.rollback.to {
            crate::core::plan::RollbackTo::Previous => "the previous proven stage",
            crate::core::plan::RollbackTo::Zero => "0",
        },
        plan.rollback.max_step,
        duration::format(plan.rollback.every),
    );
    for database in &plan.databases {
        text +=
            &format!("  database {}, sampled every {}\n", database.name, duration::format(database.every));
        if database.guards.is_empty() {
            text += "    no guard: every one is switched off\n";
        }
        for guard in &database.guards {
            let [pause, rollback, resume] = wording::thresholds(guard);
            text += &format!("    {}\n", guard.signal);
            text += &format!(
                "      pauses      {pause}\n      rolls back  {rollback}\n      clears      {resume}\n"
            );
        }
    }
    if let Some(Source::Declared { requests_per_second, until: Some(until) }) =
        plan.capacity.legacy.map(|legacy| legacy.capacity)
    {
        text += &format!(
            "  that legacy carries {requests_per_second}/s counts until {}, 30 days from asOf\n",
            wall::write_seconds(until, 0)
        );
    }
    let secrets: Vec<_> = parsed.secrets().into_iter().collect();
    text + &format!("  Secrets: {} (`crossfade rbac` prints the right to read them)\n", secrets.join(", "))
}
