//! The command lines: `crossfade check`, `rbac`, `simulate` and `backtest`, and `kubectl crossfade`. They
//! say what is so and pass on what a person wants; they decide nothing.
#![allow(clippy::format_push_string)] // short texts for people, put together once

pub mod act;
pub mod backtest;
pub mod check;
pub mod explain;
pub mod kubectl;
pub mod rbac;
pub mod show;
pub mod simulate;

#[cfg(test)]
mod tests;
