//! The page's promises, without a browser.

mod escaping;
