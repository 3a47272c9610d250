//! The API server: the plans' objects with their versions, the lease, and calls that are answered, late
//! or never.

use std::time::Duration;

use crossfade_core::lease::{self, Found, Next};
use crossfade_core::lessons::Lesson;
use crossfade_core::plan::Plan;
use crossfade_core::reason::Reason;
use crossfade_core::seen::Wishes;
use crossfade_core::side::BySide;
use crossfade_core::state::{GuardKey, State};
use crossfade_core::time::Time;

use crate::chance::Chance;
use crate::scenario::Mode;

/// How long a call is waited for, as in the shell.
pub const TIMEOUT: Duration = Duration::from_secs(2);
/// When a write of [`Mode::Late`] is carried out.
const LATE: Duration = Duration::from_secs(3);
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
    /// Changes with every write but those of the status.
    pub asked: u64,
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
    /// The present stage in the status, by its name: the plan may have other stages by the time it is read.
    pub stage: Option<String>,
    /// The baselines in the status, with the time of its measurements.
    pub baselines: (Time, Normals),
}

/// What a status says is normal, and what it remembers of what steps have taught.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Normals {
    /// For each guard on the connection rate.
    pub rates: Vec<(GuardKey, f64)>,
    /// For each side of a database, in connects per second that all of the traffic would bring by it.
    pub sides: Vec<(String, BySide<f64>)>,
    /// What steps have taught of each database.
    pub lessons: Vec<(String, Vec<Lesson>)>,
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
    /// How often the lease was made where there was none.
    pub leases: u64,
    /// The replica that calls is cut off.
    pub cut: bool,
    pub(crate) chance: Chance,
    late: Vec<(Time, Late)>,
    versions: u64,
}

/// A write that is carried out late.
#[derive(Clone, Debug)]
enum Late {
    Status { service: usize, over: u64, status: Box<Status> },
    Lease(Next),
}

/// What a replica writes into a status.
#[derive(Clone, Debug)]
pub struct Status {
    /// What it remembers.
    pub state: State,
    /// The present stage's name.
    pub stage: Option<String>,
    /// The baselines, with the time of their measurements.
    pub baselines: (Time, Normals),
}

impl ApiServer {
    /// What becomes of calls now.
    pub fn mode(&self, now: Time) -> Mode {
        if now < self.mode.1 { self.mode.0 } else { Mode::Up }
    }

    /// Whether a watch delivers now.
    pub fn is_watched(&self, now: Time) -> bool {
        !self.cut && self.mode(now) != Mode::Away
    }

    /// What becomes of the next call.
    fn meet(&mut self, now: Time) -> Mode {
        match self.mode(now) {
            _ if self.cut => Mode::Away,
            Mode::Any => match self.chance.below(12) {
                0 => Mode::Slow,
                1 => Mode::Lost,
                2 => Mode::Away,
                3 => Mode::Late,
                4 => Mode::Conflict,
                _ => Mode::Up,
            },
            mode => mode,
        }
    }

    /// Carries out the writes that are late.
    pub(crate) fn land(&mut self, now: Time) {
        while let Some(place) = self.late.iter().position(|(at, _)| *at <= now) {
            match self.late.remove(place).1 {
                Late::Status { service, over, status } => {
                    self.write_status(service, over, *status);
                }
                Late::Lease(next) => {
                    self.lease(&next);
                }
            }
        }
    }

    /// Asks for a status to be written over exactly `version`.
    pub fn store(&mut self, now: Time, service: usize, over: u64, status: Status) -> Call<Option<u64>> {
        let mode = self.meet(now);
        if mode == Mode::Late {
            self.late.push((now + LATE, Late::Status { service, over, status: Box::new(status) }));
            return Call { sent: now, answer: None };
        }
        if mode == Mode::Conflict {
            self.change(service, |_| {});
        }
        Self::answered(mode, now, || self.write_status(service, over, status))
    }

    /// Asks what a replica asks of the lease.
    pub fn ask_lease(&mut self, now: Time, next: &Next) -> Call<lease::Answer> {
        let mode = self.meet(now);
        if mode == Mode::Late && matches!(next, Next::Write { .. }) {
            self.late.push((now + LATE, Late::Lease(next.clone())));
            return Call { sent: now, answer: None };
        }
        Self::answered(mode, now, || self.lease(next))
    }

    /// Makes a call: `carry_out` is what the server does with it, if it arrives.
    pub fn call<T>(&mut self, now: Time, carry_out: impl FnOnce(&mut Self) -> T) -> Call<T> {
        let mode = self.meet(now);
        Self::answered(mode, now, || carry_out(self))
    }

    fn answered<T>(mode: Mode, now: Time, carry_out: impl FnOnce() -> T) -> Call<T> {
        let answer = match mode {
            Mode::Away | Mode::Late => None,
            Mode::Up | Mode::Conflict | Mode::Any => Some((now, carry_out())),
            Mode::Slow => Some((now + SLOW, carry_out())),
            Mode::Lost => {
                carry_out();
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
            (object.version, object.asked) = (version, version);
        }
    }

    /// Writes a status over exactly `version`; the new version, or `None` for a conflict.
    pub fn write_status(&mut self, service: usize, over: u64, status: Status) -> Option<u64> {
        let version = self.next_version();
        let object = self.objects.get_mut(service).filter(|object| object.version == over)?;
        let Status { state, stage, baselines } = status;
        (object.status, object.stage, object.baselines) = (Some(state), stage, baselines);
        object.version = version;
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
                self.leases += u64::from(self.lease.is_none());
                self.lease = Some(found.clone());
                lease::Answer::Written(found)
            }
        }
    }
}
