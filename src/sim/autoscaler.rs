//! An autoscaler of the pods of a service, as Kubernetes' own on CPU: it looks every 15 s, scales up at once,
//! and down to the most that it found right within 5 minutes (the defaults of kube-controller-manager).
//! Pods that wait for a database use no CPU: it takes them for idle.

use std::collections::VecDeque;
use std::time::Duration;

use crossfade_core::time::Time;

/// How often it looks.
const EVERY: Duration = Duration::from_secs(15);
/// It scales down to what it found right in this time.
const STABLE: Duration = Duration::from_mins(5);
/// It does nothing while it is off by less.
const TOLERANCE: f64 = 0.1;

/// An autoscaler as it begins.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AutoscalerSetup {
    /// The fewest pods.
    pub least: u32,
    /// The most.
    pub most: u32,
    /// The share of what pods can do that they should be doing, 0 to 1.
    pub target: f64,
}

/// An autoscaler.
#[derive(Clone, Debug)]
pub struct Autoscaler {
    setup: AutoscalerSetup,
    /// The fewest pods now.
    floor: u32,
    due: Time,
    found: VecDeque<(Time, u32)>,
}

impl Autoscaler {
    /// As `setup` says.
    pub fn new(setup: AutoscalerSetup) -> Self {
        Self { setup, floor: setup.least, due: Time::default(), found: VecDeque::new() }
    }

    /// The fewest pods now, and before anybody raised that.
    pub fn floor(&self) -> (u32, u32) {
        (self.floor, self.setup.least)
    }

    /// Somebody promises so many pods: never fewer than there were to be anyway.
    pub fn promise(&mut self, pods: u32) {
        self.floor = pods.max(self.setup.least).min(self.setup.most);
    }

    /// How many pods there should be, where there are `pods` that do together as much as `busy` of them could;
    /// `None` if it does not look now. Pods that warm up do nothing yet, and count.
    pub fn look(&mut self, pods: u32, busy: f64, now: Time) -> Option<u32> {
        if now < self.due {
            return None;
        }
        self.due = now + EVERY;
        let wanted = busy / self.setup.target.max(f64::MIN_POSITIVE);
        let off = wanted / f64::from(pods.max(1));
        let right = if (off - 1.0).abs() <= TOLERANCE { pods } else { whole(wanted) };
        self.found.push_back((now, right));
        self.found.retain(|(at, _)| now.since(*at) <= STABLE);
        let most = self.found.iter().map(|(_, right)| *right).max().unwrap_or(right);
        // Down slowly, up at once.
        let right = if right < pods { most.min(pods) } else { right };
        Some(right.max(self.floor).min(self.setup.most))
    }
}

/// So many pods suffice.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // saturates
fn whole(pods: f64) -> u32 {
    pods.ceil() as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_scales_up_at_once_and_down_after_five_minutes_and_never_below_its_floor() {
        let at = |seconds: u64| Time::from_millis(1_000_000 + seconds * 1000);
        let mut autoscaler = Autoscaler::new(AutoscalerSetup { least: 2, most: 20, target: 0.5 });
        assert_eq!(autoscaler.look(10, 5.4, at(0)), Some(10), "near enough");
        assert_eq!(autoscaler.look(10, 10.0, at(14)), None, "it does not look");
        assert_eq!(autoscaler.look(10, 10.0, at(15)), Some(20));
        assert_eq!(autoscaler.look(20, 1.0, at(30)), Some(20), "20 were right a moment ago");
        assert_eq!(autoscaler.look(20, 1.0, at(316)), Some(2));
        autoscaler.promise(8);
        assert_eq!((autoscaler.floor(), autoscaler.look(20, 1.0, at(700))), ((8, 2), Some(8)));
        autoscaler.promise(0);
        assert_eq!(autoscaler.look(8, 0.1, at(1100)), Some(2));
        autoscaler.promise(99);
        assert_eq!(autoscaler.look(8, 4.0, at(1200)), Some(20), "the most that it may");
    }
}
