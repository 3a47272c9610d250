//! What the user knows of the record: when something really was wrong.

use std::str::FromStr;
use std::time::Duration;

use crossfade_core::guard::Level;
use crossfade_core::time::Time;

use super::moment::Moment;
use super::replay::Trip;
use super::show;

/// A time in which an alarm is right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Incident {
    /// Its first moment.
    pub start: Time,
    /// Its last moment.
    pub end: Time,
}

impl Incident {
    /// Whether `at` lies in it.
    pub fn contains(&self, at: Time) -> bool {
        self.start <= at && at <= self.end
    }
}

impl FromStr for Incident {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (start, end) = text
            .split_once('/')
            .ok_or("an incident is START/END: write for example 2026-11-12T09:00:00Z/2026-11-12T10:00:00Z")?;
        let read = |text: &str| text.parse::<Moment>().map_err(|error| error.to_string());
        let (Moment(start), Moment(end)) = (read(start)?, read(end)?);
        if start < end { Ok(Self { start, end }) } else { Err("it ends before it begins".to_owned()) }
    }
}

impl std::fmt::Display for Incident {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", show(self.start), show(self.end))
    }
}

/// How long after an incident's begin the plan was held, and how long after it walked back, if it
/// did; zero if it already was.
pub fn caught(incident: &Incident, trips: &[Trip]) -> (Option<Duration>, Option<Duration>) {
    let on = || trips.iter().filter(|trip| trip.ended.is_none_or(|ended| ended >= incident.start));
    let first = |times: &mut dyn Iterator<Item = Time>| {
        times.filter(|at| *at <= incident.end).min().map(|at| at.since(incident.start))
    };
    let paused = first(&mut on().map(|trip| trip.began));
    let retreated =
        first(&mut on().filter(|trip| trip.level == Level::Rollback).filter_map(|trip| trip.rollback_at));
    (paused, retreated)
}
