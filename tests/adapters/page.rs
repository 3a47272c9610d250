//! The report in a real browser.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // helpers of tests

mod browser;
mod sample;

use std::path::PathBuf;

use crossfade::report::render;

use browser::Browser;

/// Where pictures are kept for a person to look at.
fn kept(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("page");
    std::fs::create_dir_all(&folder).unwrap();
    folder.join(name)
}

#[test]
fn look() {
    let page = render(&sample::page());
    std::fs::write(kept("sample.html"), &page).unwrap();
    let mut browser = Browser::start();
    browser.open(&page, 1600, 1000);
    for (scheme, width) in [("light", 1600), ("dark", 1600), ("light", 800), ("dark", 800)] {
        browser.size(width, 1000);
        browser.scheme(scheme, "");
        browser.picture(&kept(&format!("{scheme}-{width}.png")));
    }
    std::fs::write(kept("paper.pdf"), browser.paper()).unwrap();
    assert_eq!(browser.complaints(), Vec::<String>::new());
}
