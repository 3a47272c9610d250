//! The tasks: every one is joined, and one that ends unasked ends the process.

use std::future::poll_fn;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

/// A task ended that nobody had asked to end.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It returned.
    #[error("task {0} ended unasked; the process ends, so that it is started anew")]
    Ended(String),
    /// It panicked.
    #[error("a task failed: {0}; the process ends, so that it is started anew")]
    Failed(#[from] JoinError),
}

struct Ended {
    name: String,
    asked: bool,
}

/// All tasks of the process.
#[derive(Default)]
pub struct Crew {
    tasks: Mutex<JoinSet<Ended>>,
}

impl Crew {
    /// Starts a task that runs until `stop` is cancelled.
    pub fn start<F>(&self, name: impl Into<String>, stop: &CancellationToken, task: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let (name, stop) = (name.into(), stop.clone());
        self.tasks().spawn(async move {
            task.await;
            Ended { name, asked: stop.is_cancelled() }
        });
    }

    /// Waits until a task ends unasked. Never returns `Ok`; there must be at least one task.
    pub async fn watch(&self) -> Error {
        loop {
            match poll_fn(|context| self.tasks().poll_join_next(context)).await {
                None => return Error::Ended("the last".into()),
                Some(Err(error)) => return Error::Failed(error),
                Some(Ok(ended)) if !ended.asked => return Error::Ended(ended.name),
                Some(Ok(_)) => {}
            }
        }
    }

    /// Waits until every task has ended, each having been asked to.
    pub async fn gather(&self) {
        while poll_fn(|context| self.tasks().poll_join_next(context)).await.is_some() {}
    }

    fn tasks(&self) -> MutexGuard<'_, JoinSet<Ended>> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_task_that_returns_unasked_is_told_by_name() {
        let crew = Crew::default();
        let stop = CancellationToken::new();
        crew.start("patient", &stop, std::future::pending());
        let asked = CancellationToken::new();
        asked.cancel();
        crew.start("asked", &asked, async {});
        crew.start("hasty", &stop, async {});
        assert!(matches!(crew.watch().await, Error::Ended(name) if name == "hasty"));
    }

    #[tokio::test]
    async fn a_panic_is_told_even_by_a_task_started_later() {
        let crew = std::sync::Arc::new(Crew::default());
        let stop = CancellationToken::new();
        crew.start("patient", &stop, std::future::pending());
        let watching = tokio::spawn({
            let crew = crew.clone();
            async move { crew.watch().await }
        });
        tokio::task::yield_now().await;
        crew.start("broken", &stop, async { panic!("on purpose") });
        assert!(matches!(watching.await, Ok(Error::Failed(error)) if error.is_panic()));
    }
}
