//! Thresholds that would have kept still.

use super::{ABSOLUTE, database, half, incident, plan, record, second};
use crate::backtest::replay::Scene;
use crate::backtest::suggest::{Suggestion, next, suggest, threshold};
use crate::backtest::{Findings, Incident, Source, page, record::Record, text};
use crate::core::guard::Guard;
use crate::report::{MarkKind, Verdict};

const DAY: u64 = 86_400;

/// Four weeks every 30 s: by day 400/s, by night 200/s, a cron job at three of 1180/s for two
/// minutes (on Sundays 1720/s), and on the twelfth day a surge of 2400/s for twenty minutes.
fn month() -> Record {
    record(28 * DAY, 30, |at| {
        let (day, clock) = (at / DAY, at % DAY);
        let normal = if clock / 3600 < 8 { 200.0 } else { 400.0 };
        let cron = (10_800..10_920).contains(&clock);
        let surge = day == 11 && (32_400..33_600).contains(&clock);
        Some(match (surge, cron, day % 7) {
            (true, ..) => 2400.0,
            (_, true, 0) => 1720.0,
            (_, true, _) => 1180.0,
            _ => normal,
        })
    })
}

fn the_surge() -> Incident {
    incident(11 * DAY + 32_400, 11 * DAY + 33_600)
}

fn suggested(guards: &str, record: &Record, incidents: &[Incident]) -> Suggestion {
    let plan = plan(guards);
    let scene = Scene::new(&plan, database(&plan), half(), record);
    suggest(&scene, record, incidents, &scene.replay(record)).unwrap()
}

fn thresholds(guard: &Guard) -> Vec<f64> {
    guard.pause.iter().chain(&guard.rollback).map(threshold).collect()
}

#[test]
fn a_month_with_a_cron_job_and_a_surge_is_told_whole() {
    let (plan, record) = (plan(ABSOLUTE), month());
    let incidents = vec![the_surge()];
    let source = Source::File("month.csv".into());
    let findings = Findings::find(&plan, database(&plan), half(), source, &record, incidents);
    let text = text::text("MigrationPlan prod/mail", &findings, &record);
    insta::assert_snapshot!(text);
    let page = page::page("MigrationPlan prod/mail", &findings, &record);
    let facts: Vec<_> =
        page.facts.iter().map(|fact| (fact.label.as_str(), fact.value.as_str(), fact.verdict)).collect();
    assert_eq!(
        facts,
        [
            ("false alarms", "28", Verdict::Bad),
            ("incidents without an alarm", "0 of 1", Verdict::Good),
            ("alarms", "29", Verdict::Neutral),
            ("recorded", "28.0 days", Verdict::Neutral),
        ]
    );
    let [run] = page.runs.as_slice() else { panic!("{} runs", page.runs.len()) };
    let marks = |kind| run.marks.iter().filter(|mark| mark.kind == kind).count();
    let kinds = [MarkKind::Pause, MarkKind::Retreat, MarkKind::Incident].map(marks);
    assert_eq!(kinds, [24, 5, 1]);
    let lines: Vec<_> = run.charts[0].lines.iter().map(|line| (line.label.as_str(), line.value)).collect();
    assert_eq!(lines, [("pause", 800.0), ("rollback", 1500.0), ("resume", 600.0)]);
    let verdicts: Vec<_> = page.tables[0].rows.iter().map(|row| row.verdict).collect();
    assert_eq!(verdicts, [Verdict::Bad; 4]);
    assert_eq!((findings.wrong(), findings.missed()), (28, 0));
    assert_eq!(findings.wrong_a_week().map(f64::round), Some(7.0));
}

#[test]
fn the_lowest_thresholds_keep_still_and_one_step_below_does_not() {
    let record = month();
    let suggestion = suggested(ABSOLUTE, &record, &[the_surge()]);
    assert_eq!(thresholds(&suggestion.guards[0].lowest), [1750.0, 1750.0]);
    assert!(suggestion.still);
    assert_eq!(next(1700.0).to_string(), "1750");
    let lower = ABSOLUTE.replace("800", "1700").replace("1500", "1700");
    let plan = plan(&lower);
    let scene = Scene::new(&plan, database(&plan), half(), &record);
    assert_eq!(scene.replay(&record).trips.len(), 5);
}

#[test]
fn a_change_is_never_more_nervous_than_the_plan() {
    // Only the pause is wrong: the rollback stays where it is.
    let record = record(7200, 1, |at| Some(if (3000..3010).contains(&at) { 990.0 } else { 300.0 }));
    let suggestion = suggested(ABSOLUTE, &record, &[]);
    let quiet = &suggestion.guards[0];
    assert_eq!(thresholds(&quiet.lowest), [990.0, 990.0]);
    assert_eq!(quiet.change.as_ref().map(thresholds), Some(vec![990.0, 1500.0]));
    let still = suggested(ABSOLUTE, &self::record_below_pause(), &[]);
    assert_eq!(still.guards[0].change, None);
}

fn record_below_pause() -> Record {
    record(7200, 1, |at| Some(if at == 3000 { 990.0 } else { 300.0 }))
}

#[test]
fn a_relative_guard_gets_a_factor() {
    let record = record(7200, 1, |at| Some(if (3000..3010).contains(&at) { 612.0 } else { 300.0 }));
    let suggestion = suggested("[]", &record, &[]);
    let change = suggestion.guards[0].change.as_ref().unwrap();
    assert_eq!(
        text::yaml(change),
        "- signal: ConnectionRate\n  pause: {aboveBaseline: \"2.05\", for: 3s}\n  resume: {belowBaseline: \"1.2\", for: 57s, within: 1m}\n"
    );
    assert!(suggestion.still);
}

#[test]
fn what_is_printed_can_be_written_into_the_plan() {
    let suggestion = suggested(ABSOLUTE, &month(), &[the_surge()]);
    for written in [text::yaml, text::yaml_line] {
        let yaml: String = text::changes(&suggestion).map(written).collect();
        let list = serde_saphyr::from_str::<serde_json::Value>(&yaml).unwrap();
        let changed = plan(&list.to_string());
        assert_eq!(database(&changed).guards[0], *text::changes(&suggestion).next().unwrap());
    }
}

#[test]
fn an_incident_that_a_quiet_threshold_would_miss_is_told() {
    // A surge that is lower than the cron job: no threshold tells them apart.
    let record = record(7200, 1, |at| {
        Some(if (3000..3020).contains(&at) {
            1800.0
        } else if (5000..5060).contains(&at) {
            900.0
        } else {
            300.0
        })
    });
    let plan = plan(ABSOLUTE);
    let source = Source::File("record.csv".into());
    let findings =
        Findings::find(&plan, database(&plan), half(), source, &record, vec![incident(4990, 5100)]);
    assert_eq!(findings.missed(), 0);
    let suggestion = findings.suggestion.as_ref().unwrap();
    assert_eq!(
        text::incident_lines(&findings, &suggestion.outcome.trips),
        [format!("{}: MISSED: nothing", incident(4990, 5100))]
    );
    assert_eq!(suggestion.outcome.trips, []);
    let about = text::about_changes(&findings, suggestion);
    assert!(about[1].starts_with("With the change an incident would be missed"), "{about:?}");
    assert_eq!(findings.outcome.trips[0].began, second(3002));
}
