use serde_json::{Value, json};

use crate::report::{
    Chart, Clock, Column, Fact, Mark, MarkKind, Page, Role, Row, Run, Series, Table, Threshold,
    ThresholdKind, Verdict, render,
};

const HOSTILE: &str = "</script><img src=x onerror=\"hacked()\"><!--";

fn rate(values: [Option<f64>; 3]) -> Chart {
    Chart::new("rate", "Connection rate", "connects/s")
        .series(Series::line("attempts", Role::Rate, values))
        .line(Threshold::new("pause", 800.0, ThresholdKind::Pause))
}

fn two_runs() -> Page {
    let with = Run::new("With", [0.0, 1.0, 2.0])
        .chart(rate([Some(400.0), Some(1_610.25), Some(500.0)]))
        .chart(Chart::new("weight", "Weight", "%"))
        .mark(Mark::new(1.0, MarkKind::Retreat, "50 → 25 %", "above 800 for 3 s"));
    let without = Run::new("Without", [0.0, 1.0, 2.0]).chart(rate([None, Some(f64::NAN), Some(2_000.0)]));
    Page::new("A surge", Verdict::Good, "It held.").run(with).run(without)
}

/// What stands between the first `from` and the next `to`.
fn between<'a>(text: &'a str, from: &str, to: &str) -> &'a str {
    text.split_once(from).unwrap().1.split_once(to).unwrap().0
}

fn data(page: &str) -> Value {
    serde_json::from_str(between(page, "id=\"data\">", "</script>")).unwrap()
}

#[test]
fn the_page_asks_for_nothing_from_outside() {
    let page = render(&two_runs());
    for word in [" src=", " href=", "@import", "url(", "<link", "<iframe"] {
        assert!(!page.contains(word), "{word}");
    }
    let policy = between(&page, "Content-Security-Policy\" content=\"", "\"");
    assert!(policy.starts_with("default-src 'none'; script-src 'sha256-"), "{policy}");
    assert!(!policy.contains("unsafe") && !policy.contains("http"), "{policy}");
}

#[test]
fn charts_with_the_same_id_make_one_row_and_a_missing_one_leaves_its_place() {
    let page = render(&two_runs());
    let rows: Vec<&str> = page.split("<section class=\"row\">").skip(1).collect();
    assert_eq!(rows.len(), 2);
    assert_eq!([rows[0].matches("<figure").count(), rows[0].matches("class=\"none\"").count()], [2, 0]);
    assert_eq!([rows[1].matches("<figure").count(), rows[1].matches("class=\"none\"").count()], [1, 1]);
}

#[test]
fn a_chart_is_told_in_words() {
    let page = render(&two_runs());
    let labels: Vec<&str> =
        page.split("aria-label=\"").skip(1).map(|rest| rest.split_once('"').unwrap().0).collect();
    assert_eq!(
        labels,
        [
            "Connection rate, With. attempts: least 400, most 1,610, last 500 connects/s. Line pause at 800 connects/s.",
            "Connection rate, Without. attempts: least 2,000, most 2,000, last 2,000 connects/s. Line pause at 800 connects/s.",
            "Weight, With.",
        ]
    );
}

#[test]
fn the_script_reads_the_runs_and_never_what_is_no_number() {
    let mut page = two_runs();
    page.runs[0].charts[0].lines.push(Threshold::new("none", f64::INFINITY, ThresholdKind::Limit));
    page.runs[0].marks.push(Mark::new(f64::NAN, MarkKind::Event, "never", ""));
    page.runs[1].marks.push(Mark::new(0.5, MarkKind::Incident, "surge", "").until(f64::INFINITY));
    let chart = |values: Value| {
        json!({
            "id": "rate", "unit": "connects/s",
            "series": [{"name": "attempts", "role": "rate", "style": "line", "dash": 0, "values": values}],
            "lines": [{"label": "pause", "value": 800.0, "kind": "pause"}],
        })
    };
    assert_eq!(
        data(&render(&page)),
        json!({"clock": "begin", "runs": [
            {
                "title": "With", "times": [0.0, 1.0, 2.0],
                "charts": [
                    chart(json!([400.0, 1_610.25, 500.0])),
                    {"id": "weight", "unit": "%", "series": [], "lines": []},
                ],
                "marks": [{"at": 1.0, "until": null, "kind": "retreat", "label": "50 → 25 %", "text": "above 800 for 3 s"}],
            },
            {
                "title": "Without", "times": [0.0, 1.0, 2.0],
                "charts": [chart(json!([null, null, 2_000.0]))],
                "marks": [{"at": 0.5, "until": null, "kind": "incident", "label": "surge", "text": ""}],
            },
        ]})
    );
}

#[test]
fn what_happened_is_listed_with_time_and_reason() {
    let page = render(&two_runs());
    let row = between(&page, "<tr data-run=\"0\" data-mark=\"0\" data-at=\"1\">", "</tr>");
    let words = row.split('<').filter_map(|tag| Some(tag.split_once('>')?.1.trim()));
    let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
    assert_eq!(words, ["1", "0:00:01", "▼", "retreat", "50 → 25 %", "above 800 for 3 s"]);
}

#[test]
fn a_callers_table_keeps_its_columns_and_leads_to_its_times() {
    let table = Table::new("Trips", [Column::text("guard"), Column::figure("value")])
        .row(Row::new(["ConnectionRate", "1,610", "too many"]).at(1_736_424_000.0).verdict(Verdict::Bad))
        .row(Row::new(["short"]));
    let page = render(&Page::new("t", Verdict::Neutral, "").clock(Clock::Unix).table(table));
    assert_eq!(
        between(&page, "<tbody>\n", "</tbody>"),
        concat!(
            "<tr class=\"bad\" data-at=\"1736424000\"><td><span class=\"sign\" role=\"img\" aria-label=\"bad\">✗</span> ",
            "<button type=\"button\" title=\"show 2025-01-09 12:00:00 in the charts\">ConnectionRate</button></td>",
            "<td class=\"right\">1,610</td></tr>\n",
            "<tr class=\"neutral\"><td>short</td><td class=\"right\"></td></tr>\n"
        )
    );
}

#[test]
fn no_text_of_a_caller_becomes_markup() {
    let run = Run::new(HOSTILE, [0.0, 1.0])
        .chart(
            Chart::new(HOSTILE, HOSTILE, HOSTILE)
                .series(Series::line(HOSTILE, Role::Other(200), [Some(1.0)]))
                .line(Threshold::new(HOSTILE, 1.0, ThresholdKind::Limit)),
        )
        .mark(Mark::new(0.0, MarkKind::Event, HOSTILE, HOSTILE));
    let hostile = |text: &str| text.matches("<img").count() + text.matches("onerror=\"").count();
    let page = Page::new(HOSTILE, Verdict::Bad, HOSTILE)
        .fact(Fact::new(HOSTILE, HOSTILE).note(HOSTILE))
        .run(run)
        .table(Table::new(HOSTILE, [Column::text(HOSTILE)]).row(Row::new([HOSTILE])))
        .note(HOSTILE)
        .footer(HOSTILE);
    let quiet = Page::new("", Verdict::Bad, "");
    let page = render(&page);
    assert_eq!(hostile(&page), 0);
    let ends = |page: &str| [page.matches("</script>").count(), page.matches("<!--").count()];
    assert_eq!(ends(&page), ends(&render(&quiet)));
    assert_eq!(data(&page)["runs"][0]["marks"][0]["text"], HOSTILE);
}

#[test]
fn a_day_of_samples_with_thirty_curves_stays_under_a_megabyte() {
    let wave = |phase: u32| -> Vec<Option<f64>> {
        (0_u32..86_400).map(|at| Some(10_000.0 + 1_234.567 * f64::from(at * 7 + phase).sin())).collect()
    };
    let run = |title: &str| {
        (0..5_u32).fold(Run::new(title, (0..86_400).map(f64::from).collect::<Vec<_>>()), |run, at| {
            let chart = (0..3).fold(Chart::new(at.to_string(), "chart", "/s"), |chart, curve| {
                chart.series(Series::line("curve", Role::Demand, wave(at + curve)))
            });
            run.chart(chart)
        })
    };
    let page = render(&Page::new("long", Verdict::Good, "").run(run("With")).run(run("Without")));
    assert!(page.len() < 1_000_000, "{}", page.len());
    assert_eq!(data(&page)["runs"][1]["times"].as_array().unwrap().len(), 1_988);
}
