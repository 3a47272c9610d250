//! All that a backtest found, for whoever shows it.

use std::time::Duration;

use crossfade_core::baseline;
use crossfade_core::engine::Engine;
use crossfade_core::guard::{Guard, Signal};
use crossfade_core::plan::{Database, Plan};
use crossfade_core::weight::Weight;

use super::record::Record;
use super::replay::{Outcome, Scene};
use super::suggest::{Suggestion, suggest};
use super::weeks::{Alarm, WEEK, Week, alarms, weeks};
use super::{Incident, caught};
use crate::api::duration;

/// Where a record is from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A file, by its name.
    File(String),
    /// A Prometheus, by its address, and the query.
    Prometheus {
        /// The address.
        url: String,
        /// The query of the connection rate.
        query: String,
    },
}

/// What a backtest found.
#[derive(Clone, Debug)]
pub struct Findings {
    /// Where the record is from.
    pub source: Source,
    /// The database as the plan has it.
    pub database: Database,
    /// Where the plan stood in the replay.
    pub weight: Weight,
    /// When something really was wrong.
    pub incidents: Vec<Incident>,
    /// What the plan would have done.
    pub outcome: Outcome,
    /// The connection rate's baseline at each sample, NaN while there is none.
    pub baselines: Vec<f32>,
    /// Its alarms, as people count them.
    pub alarms: Vec<Alarm>,
    /// The record week by week.
    pub weeks: Vec<Week>,
    /// Thresholds that keep still.
    pub suggestion: Option<Suggestion>,
    /// The record's time, gaps left out.
    pub watched: Duration,
}

impl Findings {
    /// Replays `record` through the guards of `database` of `plan` at `weight`.
    pub fn find(
        plan: &Plan,
        database: &Database,
        weight: Weight,
        source: Source,
        record: &Record,
        incidents: Vec<Incident>,
    ) -> Self {
        let scene = Scene::new(plan, database, weight, record);
        let mut baselines = Vec::with_capacity(record.rows().len());
        let outcome = scene.replay_seen(record, |engine| baselines.push(baseline_of(engine)));
        let alarms = alarms(&outcome.trips, &incidents);
        Self {
            suggestion: suggest(&scene, record, &incidents, &outcome),
            weeks: weeks(record, &alarms),
            alarms,
            watched: record.watched(),
            database: database.clone(),
            weight,
            source,
            incidents,
            outcome,
            baselines,
        }
    }

    /// How many alarms began in no incident.
    pub fn wrong(&self) -> usize {
        self.alarms.iter().filter(|alarm| alarm.wrong).count()
    }

    /// False alarms a week; `None` when less than a week was watched.
    pub fn wrong_a_week(&self) -> Option<f64> {
        let weeks = self.watched.as_secs_f64() / WEEK.as_secs_f64();
        (weeks >= 1.0).then(|| self.wrong() as f64 / weeks)
    }

    /// The incidents in which the plan would not even have paused.
    pub fn missed(&self) -> usize {
        let missed = |incident: &&Incident| caught(incident, &self.outcome.trips).0.is_none();
        self.incidents.iter().filter(missed).count()
    }

    /// The guards of the plan that the record says something about, and the signals of which it
    /// says nothing.
    pub fn guards(&self, record: &Record) -> (Vec<&Guard>, Vec<Signal>) {
        let (known, unknown): (Vec<&Guard>, Vec<&Guard>) =
            self.database.guards.iter().partition(|guard| record.has(guard.signal));
        (known, unknown.into_iter().map(|guard| guard.signal).collect())
    }

    /// What one must know to read the result rightly.
    pub fn notes(&self, record: &Record) -> Vec<String> {
        let (step, every) = (record.step(), self.database.every);
        let (shown, planned) = (duration::format(step), duration::format(every));
        let mut notes = vec![format!(
            "The replay stands at {} %; after each retreat it stands there again, so that each breach counts once. What was recorded does not react to a retreat.",
            self.weight
        )];
        if step > every {
            notes.push(format!(
                "The plan samples every {planned}, the record every {shown}: it is replayed at {shown}. It cannot show surges shorter than {shown}, and a threshold that must hold for less than that holds with one sample.",
            ));
        } else if step < every {
            notes.push(format!(
                "The plan samples every {planned}, the record every {shown}: it is replayed at {shown}. The operator would see means over {planned}, and so fewer short bursts.",
            ));
        }
        if let Source::Prometheus { query, .. } = &self.source
            && query.contains('[')
        {
            notes.push("A rate over a window in Prometheus shows a surge late and flattened: scraped every 15s, a rate over 1m shows it after about 44s. The operator reads the database itself, and sees it after a few seconds.".to_owned());
        }
        let (known, unknown) = self.guards(record);
        if known.iter().any(|guard| guard.is_relative()) {
            notes.push(format!(
                "Thresholds relative to the baseline say nothing in the first {} of the record.",
                duration::format(baseline::WINDOW)
            ));
        }
        if !unknown.is_empty() {
            let names: Vec<_> = unknown.iter().map(|signal| signal.name()).collect();
            notes.push(format!("Not replayed, as the record says nothing of it: {}.", names.join(", ")));
        }
        notes
    }
}

/// The connection rate's baseline; for a curve, so that its digits do not matter.
#[allow(clippy::cast_possible_truncation)]
fn baseline_of(engine: &Engine) -> f32 {
    let mut judged = engine.seen().judgements.iter();
    let rate = judged.find(|(key, _)| key.signal == Signal::ConnectionRate);
    rate.and_then(|(_, judgement)| judgement.baseline).map_or(f32::NAN, |baseline| baseline as f32)
}
