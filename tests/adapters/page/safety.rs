use serde_json::json;

use crossfade::report::{Chart, Clock, Mark, MarkKind, Page, Role, Run, Series, Verdict, render};

use super::browser::Browser;
use super::sample;
use super::sample::HOSTILE;

#[test]
fn a_hostile_name_is_shown_as_it_is_and_does_nothing() {
    let mut browser = sample(1600);
    assert_eq!(
        browser.value("[typeof window.hacked, document.images.length, document.scripts.length]"),
        json!(["undefined", 0, 5])
    );
    // Of a character that turns the direction of text only a replacement is left.
    let shown = HOSTILE.replace('\u{202e}', "\u{fffd}");
    assert_eq!(
        browser.value("[...document.querySelectorAll('.legend .name')][2].textContent"),
        format!("route {shown}")
    );
    assert_eq!(browser.value("document.querySelector('tr[data-mark=\"5\"]').lastChild.textContent"), shown);
    assert_eq!(browser.complaints(), Vec::<String>::new());
}

#[test]
fn nothing_runs_or_loads_that_is_not_ours_even_if_it_gets_in() {
    let mut browser = sample(1600);
    browser.value(
        "(() => {
            const script = document.createElement('script');
            script.textContent = 'window.hacked = 1';
            document.body.append(script);
            document.body.insertAdjacentHTML('beforeend', '<img src=http://example.invalid/ onerror=\"window.hacked = 2\">');
        })()",
    );
    assert_eq!(
        browser.value("fetch('http://example.invalid/').then(() => 'fetched', () => 'refused')"),
        "refused"
    );
    assert_eq!(browser.value("typeof window.hacked"), "undefined");
    let complaints = browser.complaints();
    let refused = complaints.iter().filter(|complaint| complaint.contains("Content Security Policy")).count();
    assert!(refused >= 3, "{complaints:?}");
}

#[test]
fn without_scripts_the_figures_and_tables_are_still_there() {
    let mut browser = Browser::start();
    browser.ask("Emulation.setScriptExecutionDisabled", &json!({"value": true}));
    browser.open_still(&render(&sample::page()), 1600, 1000);
    browser.picture(&super::kept("no-script.png"));
    let words = browser.value("document.body.innerText");
    let words = words.as_str().unwrap();
    for told in [
        "The charts need JavaScript",
        "no request in ten thousand failed, without it one in nine",
        "932 to 1,633",
        "accounts: 1,418 connects/s, above 1.5 x the baseline of 940 for 3 s; nothing rises",
    ] {
        assert!(words.contains(told), "{told}: {words}");
    }
}

#[test]
fn odd_pages_are_drawn_without_a_complaint() {
    let empty = Page::new("Nothing", Verdict::Neutral, "");
    let chart = |values: Vec<Option<f64>>| {
        Chart::new("c", "Chart", "")
            .series(Series::area("a", Role::Other(1), values.clone()))
            .series(Series::band("b", Role::Other(2), values))
    };
    let one = Run::new("one point", [1_736_424_000.0]).chart(chart(vec![Some(-3.0)]));
    let none =
        Run::new("no point", []).chart(chart(Vec::new())).mark(Mark::new(5.0, MarkKind::Event, "", ""));
    let gaps = Run::new("gaps alone", [1.0, 2.0, 3.0]).chart(chart(vec![None; 3]));
    let pages = [
        empty.clone(),
        empty.clone().clock(Clock::Unix).run(one),
        empty.clone().run(none),
        empty.clone().run(gaps.clone()),
        empty.clone().run(Run::new("no chart", [1.0, 2.0])).run(gaps),
    ];
    let mut browser = Browser::start();
    for page in pages {
        browser.open(&render(&page), 900, 600);
        let drawn = browser
            .value("[...document.querySelectorAll('figure')].every(figure => 'from' in figure.dataset)");
        assert_eq!(drawn, true, "{page:?}");
        assert_eq!(browser.complaints(), Vec::<String>::new(), "{page:?}");
    }
}
