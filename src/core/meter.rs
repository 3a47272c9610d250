//! From a database's counters to rates: deltas, resets, restarts, refusals.
//!
//! A [`Meter`] compares each answer with the one before it. It judges nothing.
//!
//! Which counters of MariaDB 10.11.19 what moves (measured; `max_connections` = N; the server has
//! one slot more, for a user with administration rights):
//!
//! | event | `Connections` | `Connection_errors_max_connections` | `Aborted_connects` |
//! | --- | --- | --- | --- |
//! | login | +1 | | |
//! | wrong password, unknown user, user's own limit (1226) | +1 | | +1 |
//! | bare TCP connect, or bytes that are not the protocol | +1 | | +1 |
//! | refused (1040) while N are connected and the last slot is free | +1 | | +1 |
//! | refused (1040) while N + 1 are connected or connecting | **0** | +1 | +1 |
//! | refused (1040) at the `extra_port` | +1 | | +1 |
//! | client killed | | | |
//! | `FLUSH STATUS` | kept | to 0 | to 0 |
//!
//! So attempts are `Connections` + `Connection_errors_max_connections`, every refusal is among the
//! failed ones too, and `Connections` alone collapses exactly when the server is full.
//! `Threads_connected` leaves out those of the `extra_port`, and `Uptime` outlives `FLUSH STATUS`.

use std::time::Duration;

use crate::side::BySide;
use crate::time::Time;

#[cfg(test)]
mod tests;

/// How long the data of a database that came back does not count (DESIGN section 4, "Down is not a
/// breach"): the clients' reconnect storm is no surge.
pub const RETURNING: Duration = Duration::from_mins(1);

/// A server counts its uptime by the wall clock, which may be set back a little, in seconds: no restart. One
/// within its first seconds shows by the connection that was lost.
const SET_BACK: u64 = 2;

/// From this share of the maximum on, in percent, a low connection rate proves nothing (R6).
pub const SATURATED_PERCENT: f64 = 90.0;

/// What a database answered to one question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Its counters.
    Counters(Counters),
    /// It refused us for want of connections: a sample of `ConnectionsOfMax` = 100 % (R6).
    Full,
    /// No answer yet, and nothing is lost: the question, or the first login, is still under way.
    /// The data grows older meanwhile (R5).
    Late,
    /// It did not answer, or the standing connection was lost; what was said, without secrets.
    Down(String),
}

/// Counters as a database gives them. Each may be reset on its own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Which server this is: it changes when another one answers under the same name.
    pub identity: u64,
    /// Seconds since the server started.
    pub uptime: u64,
    /// Attempts to connect since the start, those refused at the limit left out.
    pub attempts: u64,
    /// Attempts refused at the limit since the start.
    pub refused: u64,
    /// Attempts that failed since the start.
    pub failed: u64,
    /// Connections held now.
    pub connected: u64,
    /// Connections that may be held.
    pub maximum: u64,
    /// Connects by each side's users since the start, if the database tells them apart.
    pub by_side: Option<BySide<u64>>,
}

/// What one answer says, compared with the one before.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sample {
    /// When it was taken.
    pub at: Time,
    /// Attempts per second since the sample before, the refused ones included.
    pub connection_rate: Option<f64>,
    /// Connections held, in percent of the maximum.
    pub of_max: Option<f64>,
    /// Failed attempts, in percent of all, since the sample before.
    pub failed_percent: Option<f64>,
    /// Failed attempts per second since the sample before.
    pub failed_rate: Option<f64>,
    /// The database is full or nearly: a low rate proves nothing (R6).
    pub saturated: bool,
    /// Connects per second by each side's users since the sample before; those refused are not in it.
    pub by_side: Option<BySide<f64>>,
}

/// What one answer means.
#[derive(Clone, Debug, PartialEq)]
pub struct Observation {
    /// What was read.
    pub reading: Reading,
    /// The database came back, restarted or is another server: until then its data does not count.
    /// `None` when it counts, and while it is down. A database that was lost and refuses us for want of
    /// connections (its [`Reading`] is then a sample of 100 %) counts when it has done so for as long:
    /// no reconnect storm lasts a minute.
    pub returning_until: Option<Time>,
}

/// What one answer gave.
#[derive(Clone, Debug, PartialEq)]
pub enum Reading {
    /// Values.
    Sample(Sample),
    /// Nothing yet; the standing connection still stands.
    Late,
    /// The standing connection is lost, or never came to be.
    Down {
        /// When it was first seen lost.
        since: Time,
        /// What was said last, without secrets.
        error: String,
    },
}

/// Turns the answers of one database into samples.
#[derive(Clone, Debug, Default)]
pub struct Meter {
    /// The counters before, while they may be compared with the next ones.
    before: Option<(Time, Counters)>,
    /// The server that answered last: identity and uptime. Kept while it is down.
    server: Option<(u64, u64)>,
    /// Since when it is down, and what was said last.
    down: Option<(Time, String)>,
    /// The standing connection was lost and has not come back.
    lost: bool,
    /// Since when nothing but refusals for want of connections is heard.
    refused: Option<Time>,
    /// Until when the data does not count.
    returning: Option<Time>,
}

impl Meter {
    /// A meter that has seen nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// What `answer`, received at `at`, means after all answers before it.
    pub fn observe(&mut self, answer: &Answer, at: Time) -> Observation {
        match answer {
            Answer::Counters(counters) => self.counters(counters, at),
            Answer::Full => self.full(at),
            Answer::Late => self.late(at),
            Answer::Down(error) => self.down(error, at),
        }
    }

    fn counters(&mut self, now: &Counters, at: Time) -> Observation {
        let here = (now.identity, now.uptime);
        let restarted = self
            .server
            .is_some_and(|(identity, uptime)| identity != here.0 || here.1.saturating_add(SET_BACK) < uptime);
        if restarted {
            self.before = None;
        }
        if restarted || self.lost {
            self.returning = Some(at + RETURNING);
        }
        self.server = Some(here);
        self.down = None;
        self.lost = false;
        self.refused = None;

        let sample = match &self.before {
            Some((then, before)) => sample(now, before, at.since(*then), at),
            None => first(now, at),
        };
        // Answers within the same millisecond have no rate; the next one is compared with the
        // first of them, so that nothing goes uncounted.
        if self.before.as_ref().is_none_or(|(then, _)| *then != at) {
            self.before = Some((at, now.clone()));
        }
        Observation { reading: Reading::Sample(sample), returning_until: self.returning_at(at) }
    }

    fn full(&mut self, at: Time) -> Observation {
        self.lose();
        self.down = None;
        let sample = Sample { at, of_max: Some(100.0), saturated: true, ..Sample::default() };
        let counts = *self.refused.get_or_insert(at) + RETURNING;
        let returning_until = (self.lost && at < counts).then_some(counts);
        Observation { reading: Reading::Sample(sample), returning_until }
    }

    fn late(&self, at: Time) -> Observation {
        match &self.down {
            Some((since, error)) => Observation {
                reading: Reading::Down { since: *since, error: error.clone() },
                returning_until: None,
            },
            None => Observation { reading: Reading::Late, returning_until: self.returning_at(at) },
        }
    }

    fn down(&mut self, error: &str, at: Time) -> Observation {
        self.lose();
        self.lost = true;
        self.refused = None;
        let since = self.down.as_ref().map_or(at, |(since, _)| *since);
        self.down = Some((since, error.to_owned()));
        Observation { reading: Reading::Down { since, error: error.to_owned() }, returning_until: None }
    }

    /// The standing connection is gone, if there was one. The counters go with it: what moves them
    /// until the next ones includes our own attempts to come back.
    fn lose(&mut self) {
        self.lost |= self.before.take().is_some();
        self.returning = None;
    }

    fn returning_at(&self, at: Time) -> Option<Time> {
        self.returning.filter(|until| at < *until)
    }
}

/// A sample without rates: there is nothing to compare it with.
fn first(now: &Counters, at: Time) -> Sample {
    let of_max = share(now.connected, now.maximum);
    Sample { at, of_max, saturated: nearly_full(of_max), ..Sample::default() }
}

fn sample(now: &Counters, before: &Counters, span: Duration, at: Time) -> Sample {
    let refused = now.refused.checked_sub(before.refused);
    let attempts = now
        .attempts
        .checked_sub(before.attempts)
        .and_then(|attempts| refused.and_then(|refused| attempts.checked_add(refused)));
    let failed = now.failed.checked_sub(before.failed);
    // A counter that was reset and stands above zero again has moved too.
    let refusing = now.refused != before.refused && now.refused > 0;

    let mut sample = first(now, at);
    sample.saturated |= refusing;
    if !span.is_zero() {
        let per_second = |count: u64| count as f64 / span.as_secs_f64();
        sample.connection_rate = attempts.map(per_second);
        sample.failed_rate = failed.map(per_second);
        sample.by_side = now.by_side.zip(before.by_side).and_then(|(now, before)| {
            let rate = |now: u64, before: u64| now.checked_sub(before).map(per_second);
            let (legacy, kubernetes) =
                rate(now.legacy, before.legacy).zip(rate(now.kubernetes, before.kubernetes))?;
            Some(BySide { legacy, kubernetes })
        });
        sample.failed_percent =
            failed.zip(attempts).map(|(failed, attempts)| match share(failed, attempts) {
                Some(percent) => percent,
                None if failed == 0 => 0.0,
                None => 100.0,
            });
    }
    sample
}

/// `part` in percent of `whole`, at most 100; `None` when there is no whole.
fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| (100.0 * part as f64 / whole as f64).min(100.0))
}

fn nearly_full(of_max: Option<f64>) -> bool {
    of_max.is_some_and(|percent| percent >= SATURATED_PERCENT)
}
