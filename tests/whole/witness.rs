//! Who watches a `HAProxy`'s weights while the operator is at work: the proof that there was never
//! more than allowed, whatever the end is.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Result, ensure};
use tokio::time::{Instant, sleep};
use tokio_util::task::AbortOnDropHandle;

use crate::ground::NEAR;
use crate::stage::haproxy::HaProxy;
use crate::stage::world::read_weight;

/// How often it looks.
const LOOK: Duration = Duration::from_millis(20);

/// Looks at a `HAProxy`'s weights from the side, 50 times a second, whatever else happens.
pub struct Witness {
    seen: Arc<Mutex<Vec<(Instant, f64)>>>,
    _task: AbortOnDropHandle<()>,
}

impl Witness {
    /// Begins to look.
    pub fn of(haproxy: &HaProxy) -> Self {
        let (seen, socket) = (Arc::new(Mutex::new(Vec::new())), haproxy.admin_unix());
        let task = tokio::spawn({
            let seen = Arc::clone(&seen);
            async move {
                loop {
                    // One that is down or frozen has no weight to see. A reading is made server by
                    // server: one that a write came into the middle of is torn, and differs from the next.
                    let (one, other) = (read_weight(&socket).await, read_weight(&socket).await);
                    if let (Ok(weight), Ok(again)) = (one, other)
                        && (weight - again).abs() < f64::EPSILON
                    {
                        seen.lock().unwrap_or_else(PoisonError::into_inner).push((Instant::now(), weight));
                    }
                    sleep(LOOK).await;
                }
            }
        });
        Self { seen, _task: AbortOnDropHandle::new(task) }
    }

    /// Each weight that differs from the one before, with the time at which it was first seen.
    pub fn moves(&self) -> Vec<(Instant, f64)> {
        let mut moves = self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone();
        moves.dedup_by(|later, earlier| (later.1 - earlier.1).abs() < NEAR / 2.0);
        moves
    }

    /// The weights of [`Witness::moves`], as text.
    pub fn path(&self) -> String {
        self.moves().iter().map(|(_, weight)| format!("{weight:.1}")).collect::<Vec<_>>().join(" ")
    }

    /// An error unless the weight never rose.
    pub fn never_rose(&self) -> Result<()> {
        let moves = self.moves();
        let rose = moves.windows(2).any(|pair| pair[1].1 > pair[0].1 + NEAR);
        ensure!(!rose, "the weight rose: {}", self.path());
        Ok(())
    }

    /// An error unless the weight never rose by more than `step` at once, nor above `highest`.
    pub fn rose_within(&self, step: f64, highest: f64) -> Result<()> {
        let moves = self.moves();
        let leapt = moves.windows(2).any(|pair| pair[1].1 > pair[0].1 + step + NEAR);
        let above = moves.iter().any(|(_, weight)| *weight > highest + NEAR);
        ensure!(!leapt && !above, "more than {step} at once, or above {highest}: {}", self.path());
        Ok(())
    }
}
