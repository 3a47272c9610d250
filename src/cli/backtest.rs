//! `crossfade backtest`: what a plan's guards would have made of recorded connections.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::api::document::{self, Document};
use crate::api::duration;
use crate::backtest::prometheus::{self as queried, Queries};
use crate::backtest::record::Record;
use crate::backtest::{Findings, Incident, Moment, Source, page, table, text};
use crate::core::plan::{Database, Plan};
use crate::core::time::Time;
use crate::core::weight::Weight;
use crate::probe::prometheus::{self, Client, Config, PATIENCE};
use crate::report::render;

use super::check;

/// How far back Prometheus is asked, if no start is given.
const TWO_WEEKS: Duration = Duration::from_hours(14 * 24);

/// The exit code of `--strict` when the plan's thresholds are not right.
pub const NOT_RIGHT: u8 = 3;

/// What to replay through which guards.
#[allow(clippy::doc_markdown)] // what --help shows
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// The plan: YAML or JSON.
    #[arg(long)]
    pub plan: PathBuf,
    /// Which plan of the file, as NAME or NAMESPACE/NAME, if there are several.
    #[arg(long)]
    pub name: Option<String>,
    /// Which database of the plan, if there are several.
    #[arg(long)]
    pub database: Option<String>,
    /// The record: a CSV file, or `prometheus`.
    ///
    /// The file's first line names the columns: `time` (RFC 3339, or seconds since 1970), and
    /// `connection_rate` (attempts per second), `connections_of_max` (percent), `failed_rate`
    /// (failed attempts per second); or the server's counters `attempts` (MySQL's Connections),
    /// `refused` (Connection_errors_max_connections), `failed` (Aborted_connects), `connected`
    /// with `maximum` (Threads_connected, max_connections) and `uptime`. One line per sample, in
    /// the order of time; an empty cell is unknown. At most 5,000,000 samples in 512 MiB.
    #[arg(long, value_name = "FILE.csv|prometheus")]
    pub from: PathBuf,
    /// Prometheus' address, with its path prefix if it has one.
    #[arg(long, required_if_eq("from", "prometheus"))]
    pub url: Option<String>,
    /// The query of the attempts to connect per second: one series, such as
    /// 'sum(rate(mysql_global_status_connections[1m]))'.
    #[arg(long, required_if_eq("from", "prometheus"))]
    pub query: Option<String>,
    /// The query of the connections held, in percent of the maximum.
    #[arg(long, value_name = "QUERY")]
    pub connections_of_max_query: Option<String>,
    /// The query of the failed attempts per second.
    #[arg(long, value_name = "QUERY")]
    pub failed_rate_query: Option<String>,
    /// The first moment: RFC 3339, or seconds since 1970. Default: two weeks before the end.
    #[arg(long)]
    pub start: Option<Moment>,
    /// The last moment. Default: now.
    #[arg(long)]
    pub end: Option<Moment>,
    /// The time between two points; not below the time between two scrapes.
    #[arg(long, default_value = "15s", value_parser = duration::parse)]
    pub step: Duration,
    /// A file with the certificates (PEM) of the authorities that may sign Prometheus'
    /// certificate. Default: the public ones.
    #[arg(long, value_name = "FILE")]
    pub ca: Option<PathBuf>,
    /// A file with a bearer token for Prometheus.
    #[arg(long, value_name = "FILE")]
    pub bearer_token_file: Option<PathBuf>,
    /// Kubernetes' share at which the plan stands, in percent. Default: that of the last stage.
    #[arg(long)]
    pub weight: Option<f64>,
    /// A time in which an alarm is right, as START/END; all others are false alarms. Repeatable.
    #[arg(long, value_name = "START/END")]
    pub incident: Vec<Incident>,
    /// Writes the result as one HTML page too, with the curves.
    #[arg(long, value_name = "FILE.html")]
    pub out: Option<PathBuf>,
    /// Exit with code 3 if there was a false alarm, or an incident without an alarm.
    #[arg(long)]
    pub strict: bool,
}

/// What a backtest says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// What to print.
    pub text: String,
    /// What Prometheus warned of.
    pub warnings: Vec<String>,
    /// Whether there was no false alarm and no missed incident.
    pub right: bool,
}

/// Why nothing was replayed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The plan's file cannot be read.
    #[error(transparent)]
    File(#[from] document::Error),
    /// No plan in it.
    #[error("there is no MigrationPlan (crossfade.dev/v1alpha1) in the file; name the file that holds it")]
    NoPlan,
    /// None, or several, by that name.
    #[error("{what}: name one of {} by {option}", names.join(", "))]
    Choose {
        /// What was looked for.
        what: String,
        /// What there is.
        names: Vec<String>,
        /// By which option.
        option: &'static str,
    },
    /// A plan that cannot be accepted.
    #[error("only a plan that can be accepted is replayed; correct this first:\n{0}")]
    Wrong(String),
    /// Nothing to replay through.
    #[error("database {0} has no guard that is switched on: nothing would have happened")]
    Unguarded(String),
    /// A weight that is none.
    #[error("--weight {0}: the replay must stand between 0.01 and 100 % to have something to walk back")]
    Weight(f64),
    /// Nothing lies between start and end.
    #[error("--start is not before --end")]
    Backwards,
    /// A file that cannot be read.
    #[error("read {file}: {error}")]
    Read {
        /// Which one.
        file: String,
        /// Why.
        error: std::io::Error,
    },
    /// The page cannot be written.
    #[error("write {file}: {error}")]
    Write {
        /// Where to.
        file: String,
        /// Why.
        error: std::io::Error,
    },
    /// The CSV file is no record.
    #[error("{file}: {error}")]
    Table {
        /// Which one.
        file: String,
        /// Why.
        error: table::Error,
    },
    /// Prometheus cannot be asked.
    #[error(transparent)]
    Prometheus(#[from] prometheus::Error),
    /// Prometheus has no record.
    #[error(transparent)]
    Queried(#[from] queried::Error),
}

/// The time by this machine's clock.
pub fn now() -> Time {
    Time::from_millis(u64::try_from(jiff::Timestamp::now().as_millisecond()).unwrap_or_default())
}

/// Replays, given the plan file's text and the time.
pub async fn backtest(args: &Args, plans: &str, now: Time) -> Result<Verdict, Error> {
    let (title, plan) = plan(plans, args.name.as_deref())?;
    let database = database(&plan, args.database.as_deref())?;
    let weight = weight(args.weight, &plan)?;
    let (source, record, warnings) = record(args, now).await?;
    let findings = Findings::find(&plan, database, weight, source, &record, args.incident.clone());
    if let Some(out) = &args.out {
        let html = render(&page::page(&title, &findings, &record));
        std::fs::write(out, html).map_err(|error| Error::Write { file: out.display().to_string(), error })?;
    }
    Ok(Verdict {
        text: text::text(&title, &findings, &record),
        warnings,
        right: findings.wrong() == 0 && findings.missed() == 0,
    })
}

/// The plan that is meant, with its title.
fn plan(text: &str, name: Option<&str>) -> Result<(String, Plan), Error> {
    let documents = document::read(text)?;
    let plans: Vec<&Document> = documents.iter().filter(|document| document.is_plan()).collect();
    let is_it = |document: &Document| {
        let full = document.name();
        name.is_none_or(|name| name == full || full.rsplit_once('/').is_some_and(|(_, last)| last == name))
    };
    let found: Vec<&&Document> = plans.iter().filter(|document| is_it(document)).collect();
    let document = match (found.as_slice(), plans.is_empty()) {
        (_, true) => return Err(Error::NoPlan),
        ([document], _) => document,
        (others, _) => {
            let what = match name {
                Some(name) if others.is_empty() => format!("no plan is called {name}"),
                _ => "there are several plans".to_owned(),
            };
            let names = plans.iter().map(|document| document.name()).collect();
            return Err(Error::Choose { what, names, option: "--name" });
        }
    };
    match document.parse() {
        Ok(parsed) => Ok((document.title(), parsed.plan)),
        Err(problems) => Err(Error::Wrong(check::listed(document, &problems).trim_end().to_owned())),
    }
}

fn database<'a>(plan: &'a Plan, name: Option<&str>) -> Result<&'a Database, Error> {
    let is_it = |database: &&Database| name.is_none_or(|name| database.name == name);
    let found: Vec<&Database> = plan.databases.iter().filter(is_it).collect();
    let [database] = found.as_slice() else {
        let what = match name {
            Some(name) if found.is_empty() => format!("no database of the plan is called {name}"),
            _ => "the plan has several databases".to_owned(),
        };
        let names = plan.databases.iter().map(|database| database.name.clone()).collect();
        return Err(Error::Choose { what, names, option: "--database" });
    };
    if database.guards.is_empty() { Err(Error::Unguarded(database.name.clone())) } else { Ok(database) }
}

fn weight(given: Option<f64>, plan: &Plan) -> Result<Weight, Error> {
    let last = plan.stages.iter().map(|stage| stage.weight).max().unwrap_or_default();
    let percent = given.unwrap_or_else(|| last.percent());
    let weight = Weight::from_percent(percent);
    let possible = (0.0..=100.0).contains(&percent) && weight > Weight::ZERO;
    if possible { Ok(weight) } else { Err(Error::Weight(percent)) }
}

async fn record(args: &Args, now: Time) -> Result<(Source, Record, Vec<String>), Error> {
    let (Some(url), Some(query), true) = (&args.url, &args.query, args.from == Path::new("prometheus"))
    else {
        let name = args.from.display().to_string();
        let file = File::open(&args.from).map_err(|error| Error::Read { file: name.clone(), error })?;
        let record = table::read(file).map_err(|error| Error::Table { file: name.clone(), error })?;
        return Ok((Source::File(name), record, Vec::new()));
    };
    let end = args.end.map_or(now, |end| end.0);
    let start = args.start.map_or(end - TWO_WEEKS, |start| start.0);
    if start >= end {
        return Err(Error::Backwards);
    }
    let token = args.bearer_token_file.as_deref().map(read).transpose()?;
    let token = token.map(|token| String::from_utf8_lossy(&token).trim_end().to_owned());
    let client = Client::new(&Config {
        url: url.clone(),
        ca_pem: args.ca.as_deref().map(read).transpose()?,
        bearer_token: token,
        timeout: PATIENCE,
    })?;
    let queries = Queries {
        connection_rate: query.clone(),
        connections_of_max: args.connections_of_max_query.clone(),
        failed_rate: args.failed_rate_query.clone(),
    };
    let (record, warnings) = queried::read(&client, &queries, start, end, args.step).await?;
    Ok((Source::Prometheus { url: url.clone(), query: query.clone() }, record, warnings))
}

/// A small file, whole.
fn read(file: &Path) -> Result<Vec<u8>, Error> {
    std::fs::read(file).map_err(|error| Error::Read { file: file.display().to_string(), error })
}
