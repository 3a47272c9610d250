//! The API server: the plans' objects with their versions, the lease, and calls that are answered, late
//! or never.

use std::time::Duration;

use crossfade_core::lease::{self, Found, Next};
use crossfade_core::plan::Plan;
use crossfade_core::reason::Reason;
use crossfade_core::seen::Wishes;
use crossfade_core::state::{GuardKey, State};
use crossfade_core::time::Time;

use crate::scenario::Mode;

/// How long a call is waited for, as in the shell.
pub const TIMEOUT: Duration = Duration::from_secs(2);
/// How late an answer of [`Mode::Slow`] is.
const SLOW: Duration = Duration::from_secs(1);

/// A call under way.
#[derive(Clone, Debug)]
pub struct Call<T> {
    /// When it was sent.
    pub sent: Time,
    /// Its answer and when that arrives; `None` if it never does.
    pub answer: Option<(Time, T)>,
}

impl<T> Call<T> {
    /// Whether it is over, by its answer or by its timeout.
    pub fn is_over(&self, now: Time) -> bool {
        let answered = self.answer.as_ref().is_some_and(|(at, _)| *at <= now);
        answered || now.since(self.sent) >= TIMEOUT
    }

    /// The answer of a call that is over; `None` if it never came.
    pub fn end(self, now: Time) -> Option<T> {
        self.answer.filter(|(at, _)| *at <= now).map(|(_, answer)| answer)
    }
}

/// The object of one plan.
#[derive(Clone, Debug)]
pub struct Object {
    /// Changes with every write, whoever makes it.
    pub version: u64,
    /// The spec in force.
    pub plan: Plan,
    /// Changes with `plan`.
    pub generation: u64,
    /// The annotations.
    pub wishes: Wishes,
    /// Why the newest spec is not accepted.
    pub rejected: Option<(Reason, String)>,
    /// What the status remembers; `None` while there is none.
    pub status: Option<State>,
    /// The baselines in the status, with the time of its measurements.
    pub baselines: (Time, Vec<(GuardKey, f64)>),
}

/// The API server.
#[derive(Clone, Debug, Default)]
pub struct ApiServer {
    /// What becomes of calls, and until when.
    pub mode: (Mode, Time),
    /// The plans' objects.
    pub objects: Vec<Object>,
    /// The lease.
    pub lease: Option<Found>,
    versions: u64,
}

impl ApiServer {
    /// What becomes of calls now.
    pub fn mode(&self, now: Time) -> Mode {
        if now < self.mode.1 { self.mode.0 } else { Mode::Up }
    }

    /// Whether a watch delivers now.
    pub fn is_watched(&self, now: Time) -> bool {
        self.mode(now) != Mode::Away
    }

    /// Makes a call: `carry_out` is what the server does with it, if it arrives.
    pub fn call<T>(&mut self, now: Time, carry_out: impl FnOnce(&mut Self) -> T) -> Call<T> {
        let mode = self.mode(now);
        let answer = match mode {
            Mode::Away => None,
            Mode::Up => Some((now, carry_out(self))),
            Mode::Slow => Some((now + SLOW, carry_out(self))),
            Mode::Lost => {
                carry_out(self);
                None
            }
        };
        Call { sent: now, answer }
    }

    /// A version that no object had before.
    pub fn next_version(&mut self) -> u64 {
        self.versions += 1;
        self.versions
    }

    /// Somebody changes an object.
    pub fn change(&mut self, service: usize, change: impl FnOnce(&mut Object)) {
        let version = self.next_version();
        if let Some(object) = self.objects.get_mut(service) {
            change(object);
            object.version = version;
        }
    }

    /// Writes a status over exactly `version`; the new version, or `None` for a conflict.
    pub fn write_status(
        &mut self,
        service: usize,
        over: u64,
        status: State,
        baselines: (Time, Vec<(GuardKey, f64)>),
    ) -> Option<u64> {
        let version = self.next_version();
        let object = self.objects.get_mut(service).filter(|object| object.version == over)?;
        (object.status, object.baselines, object.version) = (Some(status), baselines, version);
        Some(version)
    }

    /// Carries out what a replica asks of the lease.
    pub fn lease(&mut self, next: &Next) -> lease::Answer {
        match next {
            Next::Read | Next::Wait(_) => lease::Answer::Read(self.lease.clone()),
            Next::Write { record, over } => {
                if self.lease.as_ref().map(|found| &found.version) != over.as_ref() {
                    return lease::Answer::Conflict;
                }
                let version = self.next_version().to_string();
                let found = Found { record: record.clone(), version };
                self.lease = Some(found.clone());
                lease::Answer::Written(found)
            }
        }
    }
}
