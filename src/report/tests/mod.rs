//! The page's promises, without a browser. What it does in one: `tests/adapters/page.rs`.

mod assets;
mod escaping;
mod structure;
mod thinning;
mod wording;
