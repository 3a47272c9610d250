//! The pods of one namespace, and how many of a workload's are ready and warm. Pure: it is told the
//! time, and how far the wall clock of the pods' conditions is ahead of it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;

use super::pod::{Pod, Readiness};
use super::selector::Selector;
use crate::core::time::Time;

/// Kubernetes cuts a condition's time to the second (`metav1.Time`): it may be so much later.
const CUT: Duration = Duration::from_secs(1);

/// A moment, and how many milliseconds the wall clock is ahead of it.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// By the core's clock.
    pub now: Time,
    /// How far the wall clock is ahead, in milliseconds.
    pub offset: i64,
}

/// How many pods a workload has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// That take requests.
    pub ready: u32,
    /// That have taken requests for the whole warm-up.
    pub warm: u32,
}

/// The pods of one namespace.
#[derive(Debug, Default)]
pub struct Roster {
    pods: BTreeMap<Box<str>, Known>,
}

/// What is known of one pod.
#[derive(Debug)]
struct Known {
    uid: Box<str>,
    labels: Labels,
    ready: Option<Ready>,
    /// When it was last seen to take none.
    unready: Option<Time>,
}

/// A pod that takes requests.
#[derive(Clone, Copy, Debug)]
struct Ready {
    /// What its condition says.
    said: Option<Timestamp>,
    /// Since when it counts.
    since: Time,
}

/// A pod's labels in their order.
type Labels = Box<[(Box<str>, Box<str>)]>;

/// The labels of a pod that changed, as they were and as they are.
#[derive(Debug, Default)]
pub struct Touched(Vec<Labels>);

impl Touched {
    /// Whether the pod belongs, or belonged, to the workload that `selector` selects.
    pub fn concerns(&self, selector: &Selector) -> bool {
        self.0.iter().any(|labels| fits(selector, labels))
    }
}

impl Roster {
    /// These are all the pods that there are.
    pub fn replace(&mut self, pods: Vec<Pod>, at: Moment) {
        let names: BTreeSet<&str> = pods.iter().map(|pod| pod.metadata.name.as_str()).collect();
        self.pods.retain(|name, _| names.contains(&**name));
        for pod in pods {
            self.is(pod, at);
        }
    }

    /// A pod is so.
    pub fn is(&mut self, pod: Pod, at: Moment) -> Touched {
        let readiness = pod.readiness();
        let known = self.pods.remove(pod.metadata.name.as_str());
        let before = known.as_ref().map(|known| known.labels.clone());
        let same = known.filter(|known| *known.uid == *pod.metadata.uid);
        let unready = match readiness {
            Readiness::No => Some(at.now),
            Readiness::Yes(_) => same.as_ref().and_then(|known| known.unready),
        };
        let ready = match readiness {
            Readiness::No => None,
            Readiness::Yes(said) => {
                let stays = same.and_then(|known| known.ready).filter(|ready| ready.said == said);
                Some(stays.unwrap_or_else(|| Ready { said, since: since(said, unready, at) }))
            }
        };
        let boxed = |(key, value): (String, String)| (key.into_boxed_str(), value.into_boxed_str());
        let labels: Labels = pod.metadata.labels.into_iter().map(boxed).collect();
        let touched = Touched(before.into_iter().chain([labels.clone()]).collect());
        let known = Known { uid: pod.metadata.uid.into(), labels, ready, unready };
        self.pods.insert(pod.metadata.name.into(), known);
        touched
    }

    /// A pod is gone.
    pub fn gone(&mut self, name: &str) -> Touched {
        Touched(self.pods.remove(name).map(|known| known.labels).into_iter().collect())
    }

    /// How many pods fit `selector`, and when one more becomes warm by time alone.
    pub fn count(&self, selector: &Selector, warm_up: Duration, now: Time) -> (Count, Option<Time>) {
        let mut count = Count::default();
        let mut next = None;
        for known in self.pods.values() {
            let Some(ready) = known.ready else { continue };
            if !fits(selector, &known.labels) {
                continue;
            }
            count.ready += 1;
            let warm = ready.since + warm_up;
            if warm <= now {
                count.warm += 1;
            } else {
                next = Some(next.map_or(warm, |next: Time| next.min(warm)));
            }
        }
        (count, next)
    }
}

/// Whether labels fit.
fn fits(selector: &Selector, labels: &[(Box<str>, Box<str>)]) -> bool {
    selector.matches(|key| {
        let place = labels.binary_search_by(|(name, _)| (**name).cmp(key)).ok()?;
        labels.get(place).map(|(_, value)| &**value)
    })
}

/// Since when a pod has taken requests for certain. Its node says so by a clock that may be wrong: never
/// before it was last seen to take none, and never after now.
fn since(said: Option<Timestamp>, unready: Option<Time>, at: Moment) -> Time {
    let said = said.map_or(at.now, |said| {
        let millis = said.as_millisecond().saturating_sub(at.offset);
        Time::from_millis(u64::try_from(millis).unwrap_or(0)) + CUT
    });
    unready.map_or(said, |unready| said.max(unready)).min(at.now)
}

#[cfg(test)]
mod tests;
