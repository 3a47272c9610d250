//! The decision rules, one idea each. Each is a function of a [`crate::turn::Turn`].

pub mod adopt;
pub mod balance;
pub mod capacity;
pub mod commands;
pub mod converge;
pub mod drift;
pub mod expiry;
pub mod floors;
pub mod join;
pub mod last_holder;
pub mod levels;
pub mod obstacles;
pub mod outright;
pub mod peak;
pub mod peaks;
pub mod predict;
pub mod raise;
pub mod retreat;
pub mod soak;
pub mod strain;
pub mod tell;
pub mod walk_back;
pub mod whose;
