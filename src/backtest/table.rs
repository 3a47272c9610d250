//! The record as a CSV file.
//!
//! A header, then one line per sample in the order of time; an empty cell (or `NaN`) is unknown.
//! `time` (RFC 3339, or seconds since 1970, fractions allowed), and either rates:
//!
//! | column | what |
//! | --- | --- |
//! | `connection_rate` | attempts to connect per second, since the line before |
//! | `connections_of_max` | connections held, in percent of the maximum |
//! | `failed_rate` | failed attempts per second; with `connection_rate` |
//!
//! or the server's counters, from which the operator's own meter makes the rates:
//!
//! | column | `MySQL`'s name |
//! | --- | --- |
//! | `attempts` | `Connections` |
//! | `refused` | `Connection_errors_max_connections` |
//! | `failed` | `Aborted_connects` |
//! | `connected` and `maximum` | `Threads_connected`, `max_connections` |
//! | `uptime` | `Uptime`; without it, a restart is when `attempts` falls |

use std::io::Read;

use crossfade_core::meter::{Answer, Counters, Meter, Reading};
use crossfade_core::time::Time;
use csv::{ReaderBuilder, StringRecord, Trim};

use super::moment::Moment;
use super::record::{self, MOST, Record, Row};

/// The largest file that is read, in bytes.
pub const LARGEST: u64 = 512 << 20;

/// Why a file is no record. Lines and columns count from 1.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file cannot be read, or is no CSV.
    #[error("the file cannot be read as CSV: {0}")]
    Csv(#[from] csv::Error),
    /// It is too large.
    #[error("the file has more than {} MiB: take less time, or a longer step", LARGEST >> 20)]
    Large,
    /// A column whose meaning is not known.
    #[error("column {column} is called \"{name}\": {advice}")]
    Column {
        /// Which one.
        column: usize,
        /// Its name.
        name: String,
        /// What to do.
        advice: String,
    },
    /// The columns do not go together.
    #[error("{0}")]
    Columns(&'static str),
    /// A line that is longer or shorter than the header.
    #[error(
        "line {line} has {cells} cells, the header {columns}: give each line as many, empty ones for what is unknown"
    )]
    Cells {
        /// Which line.
        line: u64,
        /// How many it has.
        cells: usize,
        /// How many the header has.
        columns: usize,
    },
    /// A cell that is wrong.
    #[error("line {line}, column {column} ({name}): {why}")]
    Cell {
        /// Which line.
        line: u64,
        /// Which column.
        column: usize,
        /// Its name.
        name: &'static str,
        /// What is wrong, and what to do.
        why: String,
    },
    /// The samples make no record.
    #[error(transparent)]
    Record(#[from] record::Error),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Column {
    Time,
    ConnectionRate,
    ConnectionsOfMax,
    FailedRate,
    Attempts,
    Refused,
    Failed,
    Connected,
    Maximum,
    Uptime,
}

impl Column {
    const ALL: [Self; 10] = [
        Self::Time,
        Self::ConnectionRate,
        Self::ConnectionsOfMax,
        Self::FailedRate,
        Self::Attempts,
        Self::Refused,
        Self::Failed,
        Self::Connected,
        Self::Maximum,
        Self::Uptime,
    ];

    const fn name(self) -> &'static str {
        match self {
            Self::Time => "time",
            Self::ConnectionRate => "connection_rate",
            Self::ConnectionsOfMax => "connections_of_max",
            Self::FailedRate => "failed_rate",
            Self::Attempts => "attempts",
            Self::Refused => "refused",
            Self::Failed => "failed",
            Self::Connected => "connected",
            Self::Maximum => "maximum",
            Self::Uptime => "uptime",
        }
    }
}

/// Reads a record.
pub fn read(file: impl Read) -> Result<Record, Error> {
    let mut bounded = file.take(LARGEST + 1);
    let read = read_rows(&mut bounded);
    if bounded.limit() == 0 { Err(Error::Large) } else { Ok(Record::new(read?, None)?) }
}

fn read_rows(file: impl Read) -> Result<Vec<Row>, Error> {
    let mut reader = ReaderBuilder::new().flexible(true).trim(Trim::All).from_reader(file);
    let columns = columns(reader.headers()?)?;
    let counted = columns.contains(&Column::Attempts);
    let mut counters = counted.then(|| Counting::new(&columns));
    let mut rows: Vec<Row> = Vec::new();
    let mut before: Option<Time> = None;
    let mut cells = StringRecord::new();
    while reader.read_record(&mut cells)? {
        let line = Line {
            number: cells.position().map_or(0, csv::Position::line),
            columns: &columns,
            cells: &cells,
        };
        if cells.len() != columns.len() {
            return Err(Error::Cells { line: line.number, cells: cells.len(), columns: columns.len() });
        }
        let at = line.time()?;
        if before.is_some_and(|before| at <= before) {
            let why = "it does not come after the line before: sort the lines, and keep one of each time";
            return Err(line.wrong(Column::Time, why));
        }
        before = Some(at);
        rows.extend(match &mut counters {
            Some(counters) => counters.row(&line, at)?,
            None => line.row(at)?,
        });
        if rows.len() > MOST {
            return Err(record::Error::Long.into());
        }
    }
    Ok(rows)
}

/// What the header says; every column must be known.
fn columns(header: &StringRecord) -> Result<Vec<Column>, Error> {
    let mut columns = Vec::new();
    for (index, name) in header.iter().enumerate() {
        // Spreadsheets begin a file with a byte order mark.
        let name = name.trim_start_matches('\u{feff}').trim();
        let known = Column::ALL.into_iter().find(|column| column.name() == name);
        let refuse = |advice: String| {
            let name = name.chars().take(80).collect();
            Error::Column { column: index + 1, name, advice }
        };
        let column = known.ok_or_else(|| refuse(advice(name)))?;
        if columns.contains(&column) {
            return Err(refuse("it stands twice: keep one".to_owned()));
        }
        columns.push(column);
    }
    let has = |column| columns.contains(&column);
    let rates = [Column::ConnectionRate, Column::ConnectionsOfMax, Column::FailedRate].into_iter().any(has);
    let counters = columns.iter().any(|column| {
        matches!(
            column,
            Column::Attempts
                | Column::Refused
                | Column::Failed
                | Column::Connected
                | Column::Maximum
                | Column::Uptime
        )
    });
    let wrong = if !has(Column::Time) {
        Some("there is no column `time`: the first line names the columns, see `crossfade backtest --help`")
    } else if rates && counters {
        Some(
            "rates and counters stand side by side: give connection_rate, connections_of_max and failed_rate, or attempts and the other counters",
        )
    } else if !rates && !counters {
        Some("there is nothing but the time: give connection_rate, or the counter attempts")
    } else if counters && !has(Column::Attempts) {
        Some("the counters need `attempts` (MySQL's Connections)")
    } else if has(Column::FailedRate) && !has(Column::ConnectionRate) {
        Some("failed_rate needs connection_rate: failures are judged in percent of the attempts")
    } else if has(Column::Connected) != has(Column::Maximum) {
        Some("connected and maximum go together")
    } else {
        None
    };
    wrong.map_or(Ok(columns), |wrong| Err(Error::Columns(wrong)))
}

/// What to call a column, by what others call theirs.
fn advice(name: &str) -> String {
    let lower = name.to_lowercase();
    let like = |parts: &[&str]| parts.iter().any(|part| lower.contains(part));
    let rename = if name.contains(';') {
        return "separate the columns by commas".to_owned();
    } else if like(&["time", "date"]) {
        "time"
    } else if like(&["max_connections_errors", "errors_max_connections"]) {
        "refused"
    } else if like(&["aborted"]) {
        "failed"
    } else if like(&["threads_connected"]) {
        "connected"
    } else if like(&["max_connections"]) {
        "maximum"
    } else if like(&["global_status_connections"]) && !like(&["rate"]) {
        "attempts"
    } else if lower == "value" || like(&["rate", "connections", "value #"]) {
        "connection_rate"
    } else {
        let names: Vec<_> = Column::ALL.iter().map(|column| column.name()).collect();
        return format!("rename it or leave it out; known are {}", names.join(", "));
    };
    format!("call it {rename}, if that is what it holds, or leave it out")
}

struct Line<'a> {
    number: u64,
    columns: &'a [Column],
    cells: &'a StringRecord,
}

impl Line<'_> {
    fn cell(&self, column: Column) -> Option<&str> {
        let place = self.columns.iter().position(|known| *known == column)?;
        self.cells.get(place)
    }

    fn wrong(&self, column: Column, why: impl Into<String>) -> Error {
        let place = self.columns.iter().position(|known| *known == column).unwrap_or_default();
        Error::Cell { line: self.number, column: place + 1, name: column.name(), why: why.into() }
    }

    fn time(&self) -> Result<Time, Error> {
        let text = self.cell(Column::Time).unwrap_or_default();
        let moment = text.parse::<Moment>();
        moment.map(|moment| moment.0).map_err(|error| self.wrong(Column::Time, error.to_string()))
    }

    /// A number from 0 up; `None` when it is unknown.
    fn number(&self, column: Column) -> Result<Option<f64>, Error> {
        let Some(text) = self.cell(column).filter(|text| !text.is_empty()) else { return Ok(None) };
        match text.parse::<f64>() {
            Ok(value) if value.is_nan() => Ok(None),
            Ok(value) if value.is_finite() && value >= 0.0 => Ok(Some(value)),
            _ => {
                let shown: String = text.chars().take(40).collect();
                Err(self.wrong(
                    column,
                    format!("\"{shown}\" is no number from 0 up: correct it, or leave the cell empty if it is unknown"),
                ))
            }
        }
    }

    /// A line of rates; `None` when nothing is known at that time.
    fn row(&self, at: Time) -> Result<Option<Row>, Error> {
        let rate = self.number(Column::ConnectionRate)?;
        let of_max = self.number(Column::ConnectionsOfMax)?;
        let failed = self.number(Column::FailedRate)?;
        // A server lets in one or two over its limit.
        if of_max.is_some_and(|percent| percent > 110.0) {
            let why =
                "it is a percentage: for a number of connections use the counters connected and maximum";
            return Err(self.wrong(Column::ConnectionsOfMax, why));
        }
        let of_max = of_max.map(|percent| percent.min(100.0));
        let known = rate.or(of_max).or(failed).is_some();
        Ok(known.then(|| Row::new(at, rate, of_max, failed)))
    }
}

/// Turns lines of counters into rates, by the operator's own meter.
struct Counting {
    meter: Meter,
    has: [bool; 3],
    /// When the server started, as far as is known, and the attempts counted before.
    started: Time,
    attempts: u64,
}

impl Counting {
    fn new(columns: &[Column]) -> Self {
        let has = [Column::Failed, Column::Maximum, Column::Uptime].map(|column| columns.contains(&column));
        Self { meter: Meter::new(), has, started: Time::default(), attempts: 0 }
    }

    /// A line with a counter missing is a gap.
    fn row(&mut self, line: &Line, at: Time) -> Result<Option<Row>, Error> {
        let [failed, maximum, uptime] = self.has;
        let mut values = [Some(0); 6];
        let columns = [
            Column::Attempts,
            Column::Refused,
            Column::Failed,
            Column::Connected,
            Column::Maximum,
            Column::Uptime,
        ];
        for (value, column) in values.iter_mut().zip(columns) {
            if line.cell(column).is_some() {
                *value = line.number(column)?.map(count);
            }
        }
        let [Some(attempts), Some(refused), Some(aborted), Some(connected), Some(most), Some(up)] = values
        else {
            return Ok(None);
        };
        if attempts < self.attempts {
            self.started = at;
        }
        self.attempts = attempts;
        let counters = Counters {
            identity: 0,
            uptime: if uptime { up } else { at.since(self.started).as_secs() },
            attempts,
            refused,
            failed: aborted,
            connected,
            maximum: if maximum { most } else { 0 },
            by_side: None,
        };
        let mut observation = self.meter.observe(&Answer::Counters(counters), at);
        if let Reading::Sample(sample) = &mut observation.reading
            && !failed
        {
            sample.failed_rate = None;
        }
        Ok(Row::of(&observation))
    }
}

/// Exports write counters as floats.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // from 0 up, and a float saturates
fn count(value: f64) -> u64 {
    value.round() as u64
}
