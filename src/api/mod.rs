//! The API `MigrationPlan`: its types, what the API server checks, and the way between the spec
//! and the core, and between the core's state and the status.
//!
//! Nothing here talks to anything: documents in, values out.

pub mod commands;
pub mod conditions;
pub mod crd;
pub mod document;
pub mod duration;
pub mod number;
pub mod outline;
pub mod parse;
pub mod problem;
pub mod rbac;
pub mod remember;
pub mod render;
pub mod restore;
pub mod rules;
pub mod schema;
mod shape;
pub mod spec;
pub mod status;
pub mod wall;
pub mod wording;
pub mod worth;

#[cfg(test)]
mod tests;

pub use problem::Problem;
pub use spec::{MigrationPlan, MigrationPlanSpec};

/// The API group.
pub const GROUP: &str = "crossfade.dev";
/// The API version.
pub const VERSION: &str = "v1alpha1";
/// The kind.
pub const KIND: &str = "MigrationPlan";
/// The field manager under which the command line writes. It must not begin with `kubectl`: Flux
/// removes what such managers wrote.
pub const CLI_MANAGER: &str = "crossfade-cli";
/// The annotation that holds a plan while it is present; its value is the reason.
pub const HOLD: &str = "crossfade.dev/hold";
