//! The report in a real Chromium: what is drawn, what a hand does to it, and that nothing else runs.
//! Pictures and the page are kept in the target folder, under `tmp/page`, for a person to look at.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // helpers of tests

mod browser;
mod drawing;
mod hands;
mod safety;
mod sample;

use std::path::PathBuf;

use crossfade::report::render;
use serde::Deserialize;

use browser::Browser;

/// Where things are kept for a person to look at.
fn kept(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("page");
    std::fs::create_dir_all(&folder).unwrap();
    folder.join(name)
}

/// The sample in a browser, in a light window of this width.
fn sample(width: u32) -> Browser {
    let page = render(&sample::page());
    std::fs::write(kept("sample.html"), &page).unwrap();
    let mut browser = Browser::start();
    browser.scheme("light", "");
    browser.open(&page, width, 1000);
    browser
}

/// A chart as the browser has it. Places are in the page, not in the window.
#[derive(Debug, Deserialize)]
struct Frame {
    id: String,
    run: usize,
    /// The colours of its curves, `#rrggbb`.
    colours: Vec<String>,
    left: f64,
    top: f64,
    width: f64,
    height: f64,
    /// The times in view, as last drawn.
    from: f64,
    to: f64,
}

fn frames(browser: &mut Browser) -> Vec<Frame> {
    let frames = browser.value(
        "[...document.querySelectorAll('figure')].map(figure => {
            const chart = JSON.parse(document.getElementById('data').textContent)
                .runs[figure.dataset.run].charts[figure.dataset.chart];
            const style = getComputedStyle(document.documentElement);
            const { left, top, width, height } = figure.querySelector('.u-over').getBoundingClientRect();
            return {
                id: chart.id, run: +figure.dataset.run,
                colours: chart.series.map(series => style.getPropertyValue('--' + series.role).trim()),
                left: left + scrollX, top: top + scrollY, width, height,
                from: +figure.dataset.from, to: +figure.dataset.to,
            };
        })",
    );
    serde_json::from_value(frames).unwrap()
}
