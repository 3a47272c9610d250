//! What can be reached today.

use super::Kind;

/// Everything that many runs together must visit.
pub const DECLARED: &[(Kind, &str, &[&str])] = &[];
