//! Whether the process is ready, as data with reasons.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// What readiness depends on.
#[derive(Debug, Default)]
pub struct Health {
    facts: Mutex<Facts>,
}

#[derive(Clone, Debug, Default)]
struct Facts {
    watch: Watch,
    lease_refused: Option<String>,
}

/// How far the watch of the plans is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Watch {
    /// Not begun.
    #[default]
    Starting,
    /// The CRD is not installed.
    NoCrd,
    /// The API server refuses or does not answer; what it said.
    Failing(String),
    /// All plans are known.
    Synced,
}

impl Health {
    /// Sets how far the watch is; says whether that is news.
    pub fn watch(&self, watch: Watch) -> bool {
        let mut facts = self.facts();
        let news = facts.watch != watch;
        facts.watch = watch;
        news
    }

    /// The API server refused a request for the lease.
    pub fn lease_refused(&self, why: &str) {
        let mut facts = self.facts();
        if facts.lease_refused.as_deref() != Some(why) {
            tracing::error!(
                why,
                "the lease is refused; this replica never writes until its rights are repaired"
            );
            facts.lease_refused = Some(why.into());
        }
    }

    /// The API server answered a request for the lease.
    pub fn lease_answered(&self) {
        self.facts().lease_refused = None;
    }

    /// `Err` with the reasons if the process is not ready.
    pub fn ready(&self) -> Result<(), String> {
        let facts = self.facts().clone();
        let watch = match facts.watch {
            Watch::Starting => Some("the plans have not been listed yet".to_owned()),
            Watch::NoCrd => Some(
                "the CRD migrationplans.crossfade.dev is not installed: run `crossfade crd | kubectl apply -f -`"
                    .to_owned(),
            ),
            Watch::Failing(why) => Some(format!("the plans cannot be watched: {why}")),
            Watch::Synced => None,
        };
        let lease = facts.lease_refused.map(|why| format!("the lease is refused: {why}"));
        let reasons: Vec<String> = watch.into_iter().chain(lease).collect();
        if reasons.is_empty() { Ok(()) } else { Err(reasons.join("\n")) }
    }

    fn facts(&self) -> MutexGuard<'_, Facts> {
        self.facts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_ready_when_the_plans_are_known_and_says_why_not_before() {
        let health = Health::default();
        assert!(health.ready().is_err_and(|why| why.contains("not been listed")));
        assert!(health.watch(Watch::NoCrd));
        assert!(!health.watch(Watch::NoCrd));
        assert!(health.ready().is_err_and(|why| why.contains("crossfade crd | kubectl apply")));
        health.watch(Watch::Synced);
        assert_eq!(health.ready(), Ok(()));
        health.lease_refused("forbidden");
        assert_eq!(health.ready(), Err("the lease is refused: forbidden".into()));
        health.lease_answered();
        assert_eq!(health.ready(), Ok(()));
    }
}
