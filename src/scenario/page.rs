//! The report's page of a scenario: the run with Crossfade, and the same incident without it beside it.

use super::course::{self, Happening, Row};
use super::curves;
use super::load::Loaded;
use super::run::Played;
use crate::core::reason::Reason;
use crate::report::{self, Align, Column, Fact, Mark, MarkKind, Page, Table, Verdict, render};
use crate::sim::scenario::Scenario;

/// So many pauses and clears become marks; more would hide the charts.
const MOST_MARKS: usize = 120;

/// The page.
pub fn page(loaded: &Loaded, played: &Played, without: &Played) -> String {
    let scenario = &loaded.scenario;
    let good = played.holds();
    let verdict = match (played.outcomes.is_empty(), good) {
        (true, _) => Verdict::Neutral,
        (false, true) => Verdict::Good,
        (false, false) => Verdict::Bad,
    };
    let mut page = Page::new(loaded.name.clone(), verdict, headline(loaded, played, without));
    for figure in course::figures(scenario, played, without) {
        let verdict = match figure.better {
            Some(true) => Verdict::Good,
            Some(false) => Verdict::Bad,
            None => Verdict::Neutral,
        };
        page = page.fact(Fact::new(figure.label, figure.value).note(figure.note).verdict(verdict));
    }
    let lines = &played.recording;
    page = page
        .run(marked(curves::run("With Crossfade", scenario, played, lines), scenario, played))
        .run(marked(curves::run("Without Crossfade", scenario, without, lines), scenario, without));
    if !played.outcomes.is_empty() {
        page = page.table(expectations(played));
    }
    if !loaded.needs.is_empty() {
        page = page.table(lacking(loaded));
    }
    if !loaded.description.is_empty() {
        page = page.note(loaded.description.clone());
    }
    for note in notes(loaded) {
        page = page.note(note);
    }
    let version = env!("CARGO_PKG_VERSION");
    let seed = scenario.seed;
    render(&page.footer(format!(
        "Crossfade {version}, simulated with seed {seed}: crossfade simulate --scenario {}.yaml --seed {seed} \
         --out report.html",
        loaded.name
    )))
}

fn headline(loaded: &Loaded, played: &Played, without: &Played) -> String {
    let errors = |played: &Played| {
        let all = played.recording.services.iter().map(|curves| curves.attempts);
        let (requests, failed) = all.fold((0.0, 0.0), |sum, [all, failed]| (sum.0 + all, sum.1 + failed));
        100.0 * failed / f64::max(requests, f64::MIN_POSITIVE)
    };
    let figures = format!(
        "With Crossfade {:.2} % of all requests were answered by an error, without it {:.2} %",
        errors(played),
        errors(without)
    );
    let wrong = played.outcomes.iter().filter(|outcome| !outcome.holds).count();
    let all = played.outcomes.len();
    let mut lacking: Vec<&str> = loaded.needs.iter().map(|need| need.feature.as_str()).collect();
    lacking.dedup();
    let lacking = if lacking.is_empty() || wrong == 0 {
        String::new()
    } else {
        format!("; this version lacks {}", lacking.join(", "))
    };
    match (all, wrong) {
        (0, _) => format!("{figures}."),
        (_, 0) => format!("{figures}. All that was expected holds."),
        _ => format!("{figures}. {wrong} of {all} expectations do not hold{lacking}."),
    }
}

fn expectations(played: &Played) -> Table {
    let columns = [Column::text("expected"), Column::text("found"), Column::text("needs")];
    let mut table = Table::new("What was expected", columns);
    for outcome in &played.outcomes {
        let needs = match &outcome.needs {
            Some(feature) => format!("{feature}, which this version lacks"),
            None => String::new(),
        };
        let row = report::Row::new([outcome.expected.clone(), outcome.found.clone(), needs]);
        table = table.row(row.verdict(if outcome.holds { Verdict::Good } else { Verdict::Bad }));
    }
    table
}

fn lacking(loaded: &Loaded) -> Table {
    let columns = [
        Column::text("feature"),
        Column { name: "what it is".into(), align: Align::Left },
        Column::text("fields left out"),
    ];
    loaded.needs.iter().fold(Table::new("What this version lacks", columns), |table, need| {
        table.row(report::Row::new([need.feature.clone(), need.missing.clone(), need.fields.join(", ")]))
    })
}

fn notes(loaded: &Loaded) -> Vec<String> {
    let mut notes = vec![
        "Without Crossfade: the same incident, the same plan and its stages by the clock, and nobody at the \
         brake. The guards are taken out of the plan; all else is the same."
            .to_owned(),
        "Both runs were played by a model of users, servers, databases and load balancers around the very \
         engine of the operator. It is good for what happens and in which order, and for orders of magnitude; \
         its figures are no forecast. What it leaves out stands in the reference of scenario files."
            .to_owned(),
    ];
    if !loaded.left_out.is_empty() {
        let fields = loaded.left_out.join(", ");
        notes.push(format!(
            "Fields of the plan that this version does not know and that were left out: {fields}."
        ));
    }
    notes
}

/// The run with what happened and what was decided.
fn marked(mut run: report::Run, scenario: &Scenario, played: &Played) -> report::Run {
    let mut marks: Vec<Mark> = Vec::new();
    for Happening { event, words } in course::happenings(scenario) {
        let again = super::telling::again(event.every);
        let at = event.after.as_secs_f64();
        let mark = Mark::new(at, MarkKind::Incident, words, again.trim_start_matches(", "));
        marks.push(match course::lasting(&event.what).filter(|_| event.every.is_none()) {
            Some(span) => mark.until(at + span.as_secs_f64()),
            None => mark,
        });
    }
    let rows = course::rows(scenario, played);
    let said: Vec<&Row> = rows.iter().filter(|row| row.said.is_some() && !is_turn(row)).collect();
    for step in &played.evidence.steps {
        let kind = if step.to > step.from { MarkKind::Raise } else { MarkKind::Retreat };
        let at = step.at.since(scenario.begins);
        let why = said.iter().rev().find(|row| row.at <= at && row.said == Some(step.reason));
        let why = match why {
            Some(row) if row.at == at => row.message.clone(),
            Some(row) => format!("a further step: {}", row.message),
            None => step.reason.name().to_owned(),
        };
        marks.push(Mark::new(at.as_secs_f64(), kind, format!("{} → {} %", step.from, step.to), why));
    }
    let mut quiet = 0;
    for row in rows.iter().filter(|row| row.said.is_some()) {
        let Some(kind) = kind(row) else { continue };
        let at = row.at.as_secs_f64();
        let same = marks.iter().any(|mark| (mark.at - at).abs() < 1e-9 && mark.text == row.message);
        quiet += 1;
        if !same && quiet <= MOST_MARKS {
            marks.push(Mark::new(at, kind, label(row), row.message.clone()));
        }
    }
    marks.sort_by(|a, b| a.at.total_cmp(&b.at));
    run.marks = marks;
    run
}

/// What a mark is called: of a guard its signal, which its message begins with.
fn label(row: &Row) -> String {
    match row.said {
        Some(Reason::GuardPaused | Reason::GuardRollback | Reason::GuardsClear) => {
            row.message.split(' ').next().unwrap_or_default().to_owned()
        }
        _ => row.reason.clone(),
    }
}

/// "Paused after Soaking: ..." says once more what was said already.
fn is_turn(row: &Row) -> bool {
    row.message.starts_with(&format!("{} after ", row.phase))
}

fn kind(row: &Row) -> Option<MarkKind> {
    let reason = row.said?;
    match reason {
        _ if is_turn(row) => match reason {
            Reason::GuardPaused
            | Reason::GuardRollback
            | Reason::KubernetesFailing
            | Reason::Soaking
            | Reason::RampWaiting
            | Reason::Recording => None,
            Reason::DataUnknown | Reason::DatabaseDown | Reason::BaselineLearning => Some(MarkKind::Pause),
            _ => Some(MarkKind::Event),
        },
        // Steps have marks of their own.
        Reason::Raising => None,
        _ if course::is_retreat(reason) && row.message.starts_with("retreat from") => None,
        Reason::GuardPaused | Reason::GuardRollback => Some(MarkKind::Pause),
        Reason::GuardsClear => Some(MarkKind::Clear),
        _ => Some(MarkKind::Event),
    }
}
