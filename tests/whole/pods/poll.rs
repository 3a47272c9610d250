//! Who looks from the side at what share Kubernetes has, and at what is ready for it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use tokio::time::sleep;
use tokio_util::task::AbortOnDropHandle;

use super::{DEMAND, PER_POD, WARM_UP};
use crate::stage::haproxy::HaProxy;
use crate::stage::pods::Pods;
use crate::stage::world::read_weight;

/// How often it looks.
const LOOK: Duration = Duration::from_millis(20);
/// How much earlier than here a pod may have been seen ready by the operator.
const EARLIER: Duration = Duration::from_millis(250);

/// One look.
#[derive(Clone, Copy, Debug)]
struct Poll {
    at: Instant,
    /// Kubernetes' share by `HAProxy`'s weights, in percent.
    weight: f64,
    /// Pods that were ready after that was read,
    ready: usize,
    /// ... and those of them that had been for the warm-up.
    warm: usize,
}

/// All looks since the beginning.
pub struct Polls {
    begin: Instant,
    seen: Arc<Mutex<Vec<Poll>>>,
    _task: AbortOnDropHandle<()>,
}

impl Polls {
    /// Begins to look.
    pub fn begin(haproxy: &HaProxy, pods: Pods) -> Self {
        let (seen, socket) = (Arc::new(Mutex::new(Vec::new())), haproxy.admin_unix());
        let task = tokio::spawn({
            let seen = Arc::clone(&seen);
            async move {
                loop {
                    // A reading into which a write came is torn, and differs from the next.
                    let (one, other) = (read_weight(&socket).await, read_weight(&socket).await);
                    let at = Instant::now();
                    if let (Ok(weight), Ok(again), Ok(ready)) = (one, other, pods.ready())
                        && (weight - again).abs() < f64::EPSILON
                    {
                        let warm = ready.iter().filter(|since| at - **since + EARLIER >= WARM_UP).count();
                        let poll = Poll { at, weight, ready: ready.len(), warm };
                        seen.lock().unwrap_or_else(PoisonError::into_inner).push(poll);
                    }
                    sleep(LOOK).await;
                }
            }
        });
        Self { begin: Instant::now(), seen, _task: AbortOnDropHandle::new(task) }
    }

    fn all(&self) -> Vec<Poll> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What changed, one line each.
    fn told(&self) -> String {
        let mut all = self.all();
        all.dedup_by_key(|poll| ((poll.weight * 10.0).round().to_bits(), poll.ready, poll.warm));
        let line = |poll: &Poll| {
            let Poll { at, weight, ready, warm } = *poll;
            let after = at - self.begin;
            format!("{after:>8.2?}  {weight:>5.1} %  {ready} ready  {warm} warm")
        };
        all.iter().map(line).collect::<Vec<_>>().join("\n")
    }

    /// An error unless so many pods were warm when the weight first stood above `weight`, and fewer some
    /// time before: it waited for them.
    pub fn rose_to(&self, weight: f64, warm: usize) -> Result<()> {
        let all = self.all();
        let rose = all.iter().position(|poll| poll.weight > weight);
        let rose = rose.with_context(|| format!("never above {weight} %:\n{}", self.told()))?;
        let before = all[..rose].iter().map(|poll| poll.warm).min();
        ensure!(
            all[rose].warm >= warm && before.is_some_and(|before| before < warm),
            "above {weight} % with {} pods warm, and not {warm}:\n{}",
            all[rose].warm,
            self.told()
        );
        Ok(())
    }

    /// An error if Kubernetes ever had more than all pods that were ready carry.
    pub fn never_ahead(&self) -> Result<()> {
        let all = self.all();
        let ahead = all.iter().find(|poll| poll.weight / 100.0 * DEMAND > poll.ready as f64 * PER_POD);
        ensure!(ahead.is_none(), "more than what was ready carries: {ahead:?}\n{}", self.told());
        println!("never ahead in {} looks", all.len());
        Ok(())
    }
}
