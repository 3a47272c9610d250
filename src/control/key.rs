//! What a plan is called.

use std::fmt;
use std::sync::Arc;

use crate::serve::metrics::PlanLabels;

/// A plan's namespace and name, as `namespace/name`; a copy costs nothing.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PlanKey(Arc<str>);

impl PlanKey {
    /// The key of a plan.
    pub fn new(namespace: &str, name: &str) -> Self {
        Self(format!("{namespace}/{name}").into())
    }

    /// Its namespace.
    pub fn namespace(&self) -> &str {
        self.0.split_once('/').map_or("", |(namespace, _)| namespace)
    }

    /// Its name.
    pub fn name(&self) -> &str {
        self.0.split_once('/').map_or(&self.0, |(_, name)| name)
    }

    /// Both, as one word.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// As labels of metrics.
    pub fn labels(&self) -> PlanLabels {
        PlanLabels { namespace: self.namespace().into(), plan: self.name().into() }
    }
}

impl fmt::Display for PlanKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
