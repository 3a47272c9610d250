//! The page as HTML. The markup holds all that is told in words; the script only draws.

mod charts;
mod tables;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use ring::digest::{SHA256, digest};

use super::{Fact, Page, Run, Verdict, data, escape, thin};

/// The chart library: its origin and licence stand beside it.
pub(super) const UPLOT_SCRIPT: &str = include_str!("../assets/uplot.min.js");
/// The chart library's style.
pub(super) const UPLOT_STYLE: &str = include_str!("../assets/uplot.min.css");
/// The chart library's licence, which goes with each copy.
pub(super) const UPLOT_LICENSE: &str = include_str!("../assets/uplot.LICENSE");
/// What the scripts share, what they draw, and the page's own, in this order.
const SCRIPTS: [&str; 3] = [
    include_str!("../assets/shared.js"),
    include_str!("../assets/draw.js"),
    include_str!("../assets/page.js"),
];
pub(super) const STYLE: &str = include_str!("../assets/page.css");

/// The page as one HTML document. Runs with more than [`thin::POINTS`] times are thinned.
#[must_use]
pub fn render(page: &Page) -> String {
    let runs: Vec<Run> = page.runs.iter().map(|run| thin::thin(run, thin::POINTS)).collect();
    let [shared, draw, act] = SCRIPTS;
    let scripts = [UPLOT_SCRIPT, shared, draw, act];
    let styles = [UPLOT_STYLE, STYLE];
    let mut out = String::from("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
    out +=
        &format!("<meta http-equiv=\"Content-Security-Policy\" content=\"{}\">\n", policy(&scripts, &styles));
    out += "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n";
    out += "<meta name=\"color-scheme\" content=\"light dark\">\n";
    out += &format!("<title>{}</title>\n", escape::html(&page.title));
    for style in styles {
        out += &format!("<style>{style}</style>\n");
    }
    out += "</head>\n<body>\n";
    head(&mut out, page);
    out += "<main>\n";
    charts::write(&mut out, page.clock, &runs);
    tables::write(&mut out, page);
    notes(&mut out, page);
    out += "</main>\n";
    if !page.footer.is_empty() {
        out += &format!("<footer>{}</footer>\n", escape::html(&page.footer));
    }
    out += &format!("<script type=\"application/json\" id=\"data\">{}</script>\n", data::json(page, &runs));
    out += &format!("<!-- uPlot:\n{UPLOT_LICENSE}\n-->\n");
    for script in scripts {
        out += &format!("<script>{script}</script>\n");
    }
    out + "</body>\n</html>\n"
}

/// Nothing may be loaded, and only what we wrote may run: should a name ever get past the escaping,
/// the browser still does not run it.
fn policy(scripts: &[&str], styles: &[&str]) -> String {
    let source = |text: &&str| format!("'sha256-{}'", sha256(text));
    let sources = |texts: &[&str]| texts.iter().map(source).collect::<Vec<_>>().join(" ");
    format!(
        "default-src 'none'; script-src {}; style-src {}; base-uri 'none'; form-action 'none'",
        sources(scripts),
        sources(styles)
    )
}

/// The SHA-256 of a text in base64, as a content security policy names it.
pub(super) fn sha256(text: &str) -> String {
    BASE64_STANDARD.encode(digest(&SHA256, text.as_bytes()))
}

fn head(out: &mut String, page: &Page) {
    *out += &format!("<header class=\"{}\">\n", class(page.verdict));
    match page.verdict {
        Verdict::Good => *out += "<p class=\"verdict\"><span aria-hidden=\"true\">✓</span> as expected</p>\n",
        Verdict::Bad => {
            *out += "<p class=\"verdict\"><span aria-hidden=\"true\">✗</span> not as expected</p>\n";
        }
        Verdict::Neutral => {}
    }
    *out += &format!("<h1>{}</h1>\n", escape::html(&page.title));
    if !page.headline.is_empty() {
        *out += &format!("<p class=\"headline\">{}</p>\n", escape::html(&page.headline));
    }
    if !page.facts.is_empty() {
        *out += "<dl class=\"facts\">\n";
        page.facts.iter().for_each(|fact| write_fact(out, fact));
        *out += "</dl>\n";
    }
    *out += "</header>\n";
}

fn write_fact(out: &mut String, fact: &Fact) {
    *out += &format!(
        "<div class=\"{}\"><dt>{}</dt><dd>{}{}</dd>",
        class(fact.verdict),
        escape::html(&fact.label),
        sign(fact.verdict),
        escape::html(&fact.value)
    );
    if !fact.note.is_empty() {
        *out += &format!("<dd class=\"note\">{}</dd>", escape::html(&fact.note));
    }
    *out += "</div>\n";
}

fn notes(out: &mut String, page: &Page) {
    if page.notes.is_empty() {
        return;
    }
    *out += "<section class=\"notes\">\n<h2>Notes</h2>\n";
    for note in &page.notes {
        *out += &format!("<p>{}</p>\n", escape::html(note));
    }
    *out += "</section>\n";
}

fn class(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Good => "good",
        Verdict::Bad => "bad",
        Verdict::Neutral => "neutral",
    }
}

/// A verdict as a sign, with a word for who does not see it.
fn sign(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Good => "<span class=\"sign\" role=\"img\" aria-label=\"good\">✓</span> ",
        Verdict::Bad => "<span class=\"sign\" role=\"img\" aria-label=\"bad\">✗</span> ",
        Verdict::Neutral => "",
    }
}
