//! A record: what one database's connections did over days or weeks.

use std::time::Duration;

use crossfade_core::guard::Signal;
use crossfade_core::meter::{Observation, Reading, SATURATED_PERCENT, Sample};
use crossfade_core::time::Time;

use super::show;

/// The most samples that a record may have: 57 days at 1 s, over two years at 15 s. In memory they
/// are 200 MB.
pub const MOST: usize = 5_000_000;
/// The longest step: with a coarser one, no guard sees anything in time.
pub const COARSEST: Duration = Duration::from_mins(5);
/// A distance of more steps than this is a gap: unknown to the operator too (R5).
const GAP: u32 = 3;

/// Why samples make no record.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Nothing to replay.
    #[error("the record has {0} samples; at least 2 are needed")]
    Short(usize),
    /// Too many.
    #[error("the record has more than {MOST} samples: take less time, or a longer step")]
    Long,
    /// Too coarse.
    #[error(
        "the record has a sample every {0:?}: guards look at seconds, take one with at most {COARSEST:?} between them"
    )]
    Coarse(Duration),
    /// Not in order.
    #[error("the sample of {at} does not come after that of {before}: sort them, and keep one of each time")]
    Order {
        /// The one that is wrong.
        at: String,
        /// The one before it.
        before: String,
    },
}

/// One sample. A value that is missing is unknown.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Row {
    /// When it was taken; rates are those of the time since the one before.
    pub at: Time,
    connection_rate: f64,
    of_max: f64,
    failed_rate: f64,
    /// The database came back from a restart: for so many milliseconds its data does not count.
    returning: u32,
    saturated: bool,
}

impl Row {
    /// A sample of rates: attempts per second, connections in percent of the maximum, failed
    /// attempts per second.
    pub fn new(at: Time, rate: Option<f64>, of_max: Option<f64>, failed_rate: Option<f64>) -> Self {
        let saturated = of_max.is_some_and(|percent| percent >= SATURATED_PERCENT);
        let (connection_rate, of_max) = (pack(rate), pack(of_max));
        Self { at, connection_rate, of_max, failed_rate: pack(failed_rate), returning: 0, saturated }
    }

    /// What the meter made of counters; `None` when it is no sample.
    pub fn of(observation: &Observation) -> Option<Self> {
        let Reading::Sample(sample) = &observation.reading else { return None };
        let returning = observation.returning_until.map_or(0, |until| until.since(sample.at).as_millis());
        let row = Self::new(sample.at, sample.connection_rate, sample.of_max, sample.failed_rate);
        let returning = u32::try_from(returning).unwrap_or(u32::MAX);
        Some(Self { returning, saturated: sample.saturated, ..row })
    }

    /// Attempts per second.
    pub fn connection_rate(&self) -> Option<f64> {
        unpack(self.connection_rate)
    }

    /// The value of `signal`, in its unit.
    pub fn value(&self, signal: Signal) -> Option<f64> {
        match signal {
            Signal::ConnectionRate => self.connection_rate(),
            Signal::ConnectionsOfMax => unpack(self.of_max),
            Signal::FailedConnections => self.failed_percent(),
        }
    }

    /// In percent of the attempts; as the meter does it.
    fn failed_percent(&self) -> Option<f64> {
        let (failed, attempts) = (unpack(self.failed_rate)?, self.connection_rate()?);
        Some(match (failed > 0.0, attempts > 0.0) {
            (false, _) => 0.0,
            (true, false) => 100.0,
            (true, true) => (100.0 * failed / attempts).min(100.0),
        })
    }

    /// As the engine is told of it.
    pub fn observation(&self) -> Observation {
        let returning = u64::from(self.returning);
        Observation {
            reading: Reading::Sample(Sample {
                by_side: None,
                at: self.at,
                connection_rate: self.connection_rate(),
                of_max: unpack(self.of_max),
                failed_percent: self.failed_percent(),
                failed_rate: unpack(self.failed_rate),
                saturated: self.saturated,
            }),
            returning_until: (returning > 0).then(|| self.at + Duration::from_millis(returning)),
        }
    }
}

fn pack(value: Option<f64>) -> f64 {
    value.unwrap_or(f64::NAN)
}

fn unpack(value: f64) -> Option<f64> {
    (!value.is_nan()).then_some(value)
}

/// A record, in the order of time.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    rows: Vec<Row>,
    step: Duration,
}

/// What of a record's time is missing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Gaps {
    /// How many.
    pub count: usize,
    /// The longest.
    pub longest: Duration,
}

impl Record {
    /// A record of `rows`, every `step`; without one, by the median of their distances.
    pub fn new(rows: Vec<Row>, step: Option<Duration>) -> Result<Self, Error> {
        if rows.len() < 2 {
            return Err(Error::Short(rows.len()));
        }
        if rows.len() > MOST {
            return Err(Error::Long);
        }
        if let Some((before, row)) = pairs(&rows).find(|(before, row)| row.at <= before.at) {
            return Err(Error::Order { at: show(row.at), before: show(before.at) });
        }
        let step = step.unwrap_or_else(|| median_distance(&rows));
        if step > COARSEST {
            return Err(Error::Coarse(step));
        }
        Ok(Self { rows, step })
    }

    /// The samples; at least two.
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// The time between two samples.
    pub fn step(&self) -> Duration {
        self.step
    }

    /// The first and the last moment.
    pub fn span(&self) -> (Time, Time) {
        let at = |row: Option<&Row>| row.map_or(Time::default(), |row| row.at);
        (at(self.rows.first()), at(self.rows.last()))
    }

    /// How much of the time before `row` it stands for: nothing of a gap but one step.
    pub fn covers(&self, before: Option<&Row>, row: &Row) -> Duration {
        let distance = before.map_or(self.step, |before| row.at.since(before.at));
        if distance > self.step * GAP { self.step } else { distance }
    }

    /// The time that it covers, gaps left out.
    pub fn watched(&self) -> Duration {
        pairs(&self.rows).map(|(before, row)| self.covers(Some(before), row)).sum()
    }

    /// Whether there is a value of `signal` at all.
    pub fn has(&self, signal: Signal) -> bool {
        self.rows.iter().any(|row| row.value(signal).is_some())
    }

    /// What is missing.
    pub fn gaps(&self) -> Gaps {
        let distances = pairs(&self.rows).map(|(before, row)| row.at.since(before.at));
        distances.filter(|distance| *distance > self.step * GAP).fold(Gaps::default(), |gaps, distance| {
            Gaps { count: gaps.count + 1, longest: gaps.longest.max(distance) }
        })
    }

    /// How often the database restarted, as far as counters show it.
    pub fn restarts(&self) -> usize {
        let returning = |row: &Row| row.returning > 0;
        // While it comes back, what is left of that time only shrinks.
        pairs(&self.rows).filter(|(before, row)| returning(row) && row.returning >= before.returning).count()
    }
}

/// Each row with the one before it.
fn pairs(rows: &[Row]) -> impl Iterator<Item = (&Row, &Row)> {
    rows.iter().zip(rows.iter().skip(1))
}

fn median_distance(rows: &[Row]) -> Duration {
    let mut distances: Vec<u64> =
        pairs(rows).map(|(before, row)| row.at.as_millis().saturating_sub(before.at.as_millis())).collect();
    let middle = distances.len() / 2;
    let (_, median, _) = distances.select_nth_unstable(middle);
    Duration::from_millis(*median)
}
