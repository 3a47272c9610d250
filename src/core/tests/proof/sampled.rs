//! One database with one guard, sampled at times that a test chooses.

use std::time::Duration;

use crossfade_core::guard::{Condition, Guard, Judgement, Level, Signal, Test, Tripped};
use crossfade_core::meter::{Observation, Reading, Sample};
use crossfade_core::plan::Database;
use crossfade_core::time::Time;
use crossfade_core::watch::Watch;

use crate::build::{NOW, rate_guard};

/// One database with one guard, sampled at times that the test chooses.
pub struct Sampled {
    pub watch: Watch,
    pub guard: Guard,
    pub now: Time,
    pub tripped: Tripped,
}

pub fn millis(count: u64) -> Duration {
    Duration::from_millis(count)
}

pub fn sampled(guard: Guard, every: Duration) -> Sampled {
    let database = Database {
        name: "accounts".into(),
        every,
        guards: vec![guard.clone()],
        connection_rate_capacity: None,
        by_side: false,
    };
    Sampled { watch: Watch::new(&database, NOW), guard, now: NOW, tripped: Tripped::default() }
}

impl Sampled {
    /// The guard is tripped: it is asked whether it may resume.
    pub fn tripped(mut self) -> Self {
        self.tripped.level = Level::Pause;
        self
    }

    pub fn sample(&mut self, after: Duration, value: f64, saturated: bool) -> Judgement {
        self.now = self.now + after;
        let mut sample = Sample { at: self.now, saturated, ..Sample::default() };
        match self.guard.signal {
            Signal::ConnectionRate => sample.connection_rate = Some(value),
            Signal::ConnectionsOfMax => sample.of_max = Some(value),
            Signal::FailedConnections => {
                sample.failed_percent = Some(value);
                sample.failed_rate = Some(value * 10.0);
            }
        }
        let observation = Observation { reading: Reading::Sample(sample), returning_until: None };
        self.watch.observe(&observation, self.now);
        self.judge()
    }

    pub fn judge(&mut self) -> Judgement {
        self.watch.judge(&self.guard, &self.tripped, self.now)
    }

    /// The number of samples of `value` after which `what` is first true, if within `most`.
    pub fn trips_on(
        &mut self,
        every: Duration,
        value: f64,
        most: u32,
        what: fn(&Judgement) -> bool,
    ) -> Option<u32> {
        (1..=most).find(|_| what(&self.sample(every, value, false)))
    }

    pub fn quiet(&mut self, every: Duration, value: f64, span: Duration) {
        let end = self.now + span;
        while self.now < end {
            self.sample(every, value, false);
        }
    }
}

pub fn pauses(judgement: &Judgement) -> bool {
    judgement.pause
}

pub fn rolls_back(judgement: &Judgement) -> bool {
    judgement.rollback
}

pub fn resumes(judgement: &Judgement) -> bool {
    judgement.resume
}

pub fn rate_above(limit: f64, lasting: Duration) -> Guard {
    Guard { pause: vec![Condition { test: Test::Above(limit), lasting, within: lasting }], ..rate_guard() }
}
