//! The record week by week, and alarms as people count them.

use std::time::Duration;

use crossfade_core::guard::Level;
use crossfade_core::time::Time;

use super::Incident;
use super::record::Record;
use super::replay::Trip;

/// Seven days.
pub const WEEK: Duration = Duration::from_hours(7 * 24);

/// One alarm: guards that were tripped one during the other, until all were clear.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alarm {
    /// When the first guard tripped.
    pub began: Time,
    /// How far it went.
    pub level: Level,
    /// When the last guard was clear; `None` when the record ended before.
    pub ended: Option<Time>,
    /// Whether it began in no incident.
    pub wrong: bool,
}

/// The alarms that `trips`, in the order of time, make.
pub fn alarms(trips: &[Trip], incidents: &[Incident]) -> Vec<Alarm> {
    let mut alarms: Vec<Alarm> = Vec::new();
    for trip in trips {
        match alarms.last_mut() {
            Some(alarm) if alarm.ended.is_none_or(|ended| ended > trip.began) => {
                alarm.level = alarm.level.max(trip.level);
                alarm.ended = alarm.ended.zip(trip.ended).map(|(one, other)| one.max(other));
            }
            _ => alarms.push(Alarm {
                began: trip.began,
                level: trip.level,
                ended: trip.ended,
                wrong: is_false(trip, incidents),
            }),
        }
    }
    alarms
}

/// What happened in one week, counted from the record's begin.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Week {
    /// Its begin.
    pub begins: Time,
    /// How much of it the record covers.
    pub watched: Duration,
    /// Alarms that only paused.
    pub pauses: usize,
    /// Alarms that reached the rollback level.
    pub retreats: usize,
    /// Those of both that began in no incident: false alarms.
    pub wrong: usize,
    /// The longest alarm that began in it, up to the end of the record.
    pub longest: Duration,
}

/// Whether `trip` began in no incident.
pub fn is_false(trip: &Trip, incidents: &[Incident]) -> bool {
    !incidents.iter().any(|incident| incident.contains(trip.began))
}

/// Every week of the record, also those in which nothing happened.
pub fn weeks(record: &Record, alarms: &[Alarm]) -> Vec<Week> {
    let (first, last) = record.span();
    let index = |at: Time| usize::try_from(at.since(first).as_secs() / WEEK.as_secs()).unwrap_or_default();
    let begins = |index: usize| first + WEEK * u32::try_from(index).unwrap_or_default();
    let mut weeks: Vec<Week> =
        (0..=index(last)).map(|index| Week { begins: begins(index), ..Week::default() }).collect();
    let mut before = None;
    for row in record.rows() {
        if let (Some(week), Some(before)) = (weeks.get_mut(index(row.at)), before) {
            week.watched += record.covers(Some(before), row);
        }
        before = Some(row);
    }
    for alarm in alarms {
        let Some(week) = weeks.get_mut(index(alarm.began)) else { continue };
        if alarm.level == Level::Rollback {
            week.retreats += 1
        } else {
            week.pauses += 1
        }
        week.wrong += usize::from(alarm.wrong);
        week.longest = week.longest.max(alarm.ended.unwrap_or(last).since(alarm.began));
    }
    weeks
}
