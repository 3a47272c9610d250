//! The record as a Prometheus has it: one range query per signal, laid side by side.

use std::collections::BTreeMap;
use std::time::Duration;

use crossfade_core::time::Time;

use super::record::{self, MOST, Record, Row};
use crate::probe::prometheus::{self, Client, Point};

/// Why there is no record.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Prometheus gave none.
    #[error(transparent)]
    Prometheus(#[from] prometheus::Error),
    /// The query has no value in that time.
    #[error("`{0}` has no value in that time: is the metric's name right, and are its samples kept so long?")]
    Empty(String),
    /// Too many points.
    #[error("{points} points are more than the {MOST} that are replayed: ask for less time or a longer step")]
    Long {
        /// How many there would be.
        points: u64,
    },
    /// The points make no record.
    #[error(transparent)]
    Record(#[from] record::Error),
}

/// What to ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Queries {
    /// Attempts to connect per second.
    pub connection_rate: String,
    /// Connections held, in percent of the maximum.
    pub connections_of_max: Option<String>,
    /// Failed attempts per second.
    pub failed_rate: Option<String>,
}

/// The record from `start` to `end`, every `step`, and what Prometheus warned of.
pub async fn read(
    client: &Client,
    queries: &Queries,
    start: Time,
    end: Time,
    step: Duration,
) -> Result<(Record, Vec<String>), Error> {
    let points = u64::try_from(end.since(start).as_millis() / step.as_millis().max(1)).unwrap_or(u64::MAX);
    if points > MOST as u64 {
        return Err(Error::Long { points });
    }
    let asked =
        [Some(&queries.connection_rate), queries.connections_of_max.as_ref(), queries.failed_rate.as_ref()];
    let mut rows: BTreeMap<Time, [Option<f64>; 3]> = BTreeMap::new();
    let mut warnings = Vec::new();
    for (place, query) in asked.into_iter().enumerate().filter_map(|(place, query)| Some((place, query?))) {
        let answer = client.range(query, start, end, step).await?;
        if answer.points.is_empty() {
            return Err(Error::Empty(query.clone()));
        }
        for Point { at, value } in answer.points {
            let cells = rows.entry(at).or_default();
            if let Some(cell) = cells.get_mut(place) {
                *cell = Some(value.max(0.0));
            }
        }
        warnings.extend(answer.warnings);
    }
    let row = |(at, [rate, of_max, failed]): (Time, [Option<f64>; 3])| {
        Row::new(at, rate, of_max.map(|percent| percent.min(100.0)), failed)
    };
    Ok((Record::new(rows.into_iter().map(row).collect(), Some(step))?, warnings))
}
