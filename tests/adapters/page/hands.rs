use serde_json::{Value, json};

use super::browser::Browser;
use super::{frames, sample};

/// Where the crosshair stands in each chart; `null` where there is none.
const CROSSHAIRS: &str = "[...document.querySelectorAll('.u-cursor-x')].map(line =>
    line.classList.contains('u-off') ? null : Math.round(new DOMMatrix(getComputedStyle(line).transform).e))";
const READOUT: &str =
    "document.getElementById('readout').hidden ? '' : document.getElementById('readout').innerText";

/// The ranges of time in view; one if all charts agree.
fn views(browser: &mut Browser) -> Vec<(f64, f64)> {
    browser.settle();
    let mut views: Vec<_> = frames(browser).iter().map(|frame| (frame.from, frame.to)).collect();
    views.dedup();
    views
}

/// A place in a chart of the first row, as a part of its width, in the window.
fn place(browser: &mut Browser, run: usize, part: f64) -> (f64, f64) {
    let scrolled = browser.value("scrollY").as_f64().unwrap();
    let frame = &frames(browser)[run];
    (frame.left + frame.width * part, frame.top + frame.height / 2.0 - scrolled)
}

fn point(browser: &mut Browser, part: f64) {
    let (x, y) = place(browser, 0, part);
    browser.mouse("mouseMoved", x, y, 0);
    browser.settle();
}

#[test]
fn one_crosshair_runs_through_all_charts_and_tells_what_was_done_there() {
    let mut browser = sample(1600);
    assert_eq!(browser.value(READOUT), "");
    // 322 of the 1,799 seconds: the second retreat.
    point(&mut browser, 322.0 / 1_799.0);
    let crosshairs = browser.value(CROSSHAIRS);
    let first = crosshairs[0].clone();
    assert!(first.as_f64().unwrap() > 50.0, "{crosshairs}");
    assert_eq!(crosshairs, Value::Array(vec![first; 12]));
    let words = browser.value(READOUT);
    let words: Vec<&str> = words.as_str().unwrap().lines().collect();
    assert_eq!(
        words[1..],
        [
            "With Crossfade: 4 · retreat 25 → 10 % at 0:05:22: still above 1,500 after 5 s; legacy has room",
            "Without Crossfade: 1 · incident connects per request x6 at 0:05:00: release 4.12 of the Kubernetes side opens a connection for each request",
        ]
    );
    assert!(words[0].starts_with("0:05:2"), "{words:?}");
    let marked = browser
        .value("[...document.querySelectorAll('tr.now')].map(row => row.dataset.run + row.dataset.mark)");
    assert_eq!(marked, json!(["03", "10"]));
    let intended = "document.querySelector('figure .value').textContent";
    assert!(["10", "25"].map(Value::from).contains(&browser.value(intended)));

    browser.mouse("mouseMoved", 5.0, 5.0, 0);
    browser.settle();
    assert_eq!(browser.value(READOUT), "");
    assert_eq!(browser.value(intended), "10 to 50");
    assert_eq!(browser.complaints(), Vec::<String>::new());
}

#[test]
fn a_drag_zooms_all_charts_and_a_double_click_shows_all_again() {
    let mut browser = sample(1600);
    assert_eq!(views(&mut browser), [(0.0, 1_799.0)]);
    let (left, y) = place(&mut browser, 1, 0.25);
    let (right, _) = place(&mut browser, 1, 0.5);
    browser.mouse("mouseMoved", left, y, 0);
    browser.mouse("mousePressed", left, y, 1);
    browser.mouse("mouseMoved", left.midpoint(right), y, 1);
    browser.mouse("mouseMoved", right, y, 1);
    browser.mouse("mouseReleased", right, y, 1);
    let zoomed = views(&mut browser);
    let [(from, to)] = zoomed[..] else { panic!("{zoomed:?}") };
    assert!((from - 450.0).abs() < 8.0 && (to - 900.0).abs() < 8.0, "{zoomed:?}");
    assert_eq!(browser.value("document.getElementById('reset').hidden"), false);

    for clicks in [1, 2] {
        browser.mouse("mousePressed", left, y, clicks);
        browser.mouse("mouseReleased", left, y, clicks);
    }
    assert_eq!(views(&mut browser), [(0.0, 1_799.0)]);
    assert_eq!(browser.value("document.getElementById('reset').hidden"), true);
    assert_eq!(browser.complaints(), Vec::<String>::new());
}

#[test]
fn a_row_of_a_table_leads_to_its_time() {
    let mut browser = sample(1600);
    for row in ["tr[data-run='0'][data-mark='3'] button", "tr.good[data-at='322'] button"] {
        browser.value(&format!("document.querySelector(\"{row}\").click()"));
        browser.settle();
        let words = browser.value(READOUT);
        assert!(words.as_str().unwrap().starts_with("0:05:22\n"), "{words}");
        let zoomed = views(&mut browser);
        let [(from, to)] = zoomed[..] else { panic!("{zoomed:?}") };
        assert!(from < 322.0 && 322.0 < to && to - from < 400.0, "{zoomed:?}");
        let charts_in_sight =
            browser.value("Math.abs(document.querySelector('.charts').getBoundingClientRect().top) < 2");
        assert_eq!(charts_in_sight, true);
        browser.value("document.dispatchEvent(new KeyboardEvent('keydown', { key: 'Escape' }))");
        assert_eq!(views(&mut browser), [(0.0, 1_799.0)]);
    }
    assert_eq!(browser.complaints(), Vec::<String>::new());
}
