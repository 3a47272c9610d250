//! The report: one HTML page that stands alone, to be attached to a change request and read at
//! night. [`render`] is a pure function of a [`Page`]: it reads no clock and opens no file, and the
//! page that it writes asks no network for anything. It knows neither the simulator nor the command
//! line: callers fill the types of [`page`], [`run`] and [`table`].
//!
//! ```
//! use crossfade::report::{Chart, Fact, Mark, MarkKind, Page, Role, Run, Series, Verdict, render};
//!
//! let run = Run::new("With Crossfade", [0.0, 1.0, 2.0])
//!     .chart(Chart::new("weight", "Weight", "%").series(Series::step(
//!         "edge",
//!         Role::Weight,
//!         [Some(50.0), Some(50.0), Some(25.0)],
//!     )))
//!     .mark(Mark::new(2.0, MarkKind::Retreat, "50 → 25 %", "connection rate 1610/s above 1500"));
//! let page = Page::new("A surge", Verdict::Good, "Half of the traffic was taken back in time.")
//!     .fact(Fact::new("failed requests", "0.0 %").note("10.6 % without"))
//!     .run(run);
//! assert!(render(&page).starts_with("<!doctype html>"));
//! ```

mod data;
mod escape;
mod markup;
pub mod page;
pub mod run;
pub mod table;
pub mod thin;
mod wording;

#[cfg(test)]
mod tests;

pub use markup::render;
pub use page::{Clock, Fact, Page, Verdict};
pub use run::{Chart, Mark, MarkKind, Role, Run, Series, Style, Threshold, ThresholdKind};
pub use table::{Align, Column, Row, Table};
