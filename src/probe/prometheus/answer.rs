//! What Prometheus answers: <https://prometheus.io/docs/prometheus/latest/querying/api/>.

use std::collections::BTreeMap;

use crossfade_core::time::Time;
use hyper::header::LOCATION;
use hyper::http::response::Parts;
use serde::Deserialize;

use super::{Error, Point, short};

/// The answer of `query` or `query_range`.
#[derive(Debug, Deserialize)]
pub struct Answer {
    status: String,
    #[serde(default)]
    data: Option<Data>,
    #[serde(default, rename = "errorType")]
    error_type: String,
    #[serde(default)]
    error: String,
    #[serde(default)]
    warnings: Vec<String>,
    /// Like warnings, since Prometheus 3.
    #[serde(default)]
    infos: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(tag = "resultType", content = "result", rename_all = "lowercase")]
enum Data {
    Matrix(Vec<Series>),
    Vector(Vec<Series>),
    Scalar((f64, String)),
    String(serde::de::IgnoredAny),
}

/// Seconds since the epoch, and the value as text.
type Pair = (f64, String);

#[derive(Debug, Deserialize)]
struct Series {
    #[serde(default)]
    metric: BTreeMap<String, String>,
    #[serde(default)]
    values: Vec<Pair>,
    #[serde(default)]
    value: Option<Pair>,
}

/// An answer that is not one series of numbers.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    /// More than one series.
    #[error(
        "{count} series, such as {first} and {second}: aggregate them to one, as sum(...) or max(...) does, or select one by its labels"
    )]
    Several {
        /// How many.
        count: usize,
        /// The first one's labels.
        first: String,
        /// The second one's labels.
        second: String,
    },
    /// Native histograms or a text.
    #[error("{0}: ask for a number")]
    NoNumber(&'static str),
    /// No series, or a value such as `NaN`.
    #[error(
        "no value, or one that is no finite number: try the query in Prometheus, and check that what it reads is still scraped"
    )]
    Nothing,
    /// Less than nothing.
    #[error("{0}, which is no amount: ask for one of 0 or more")]
    Negative(String),
    /// A number that is none.
    #[error("a value that is no number, \"{0}\": this is no answer of Prometheus")]
    Text(String),
}

/// Reads an answer; an error of Prometheus' own is passed on.
pub fn read(url: &str, query: &str, head: &Parts, body: &[u8]) -> Result<Answer, Error> {
    let url = url.to_owned();
    let status = head.status.as_u16();
    match serde_json::from_slice::<Answer>(body) {
        Ok(answer) if answer.status == "success" && head.status.is_success() => Ok(answer),
        Ok(answer) if answer.status == "error" => Err(Error::Refused {
            url,
            query: short(query),
            kind: short(&answer.error_type),
            error: short(&answer.error),
        }),
        Err(error) if head.status.is_success() => Err(Error::Strange { url, why: short(&error.to_string()) }),
        _ => Err(Error::Status { url, status, advice: advice(head) }),
    }
}

fn advice(head: &Parts) -> String {
    match head.status.as_u16() {
        300..=399 => {
            // What follows the path may be secret.
            let location = head.headers.get(LOCATION).and_then(|value| value.to_str().ok());
            let there = location.unwrap_or("nowhere").split(['?', '#']).next().unwrap_or_default();
            let there = there.split_once("/api/v1/").map_or(there, |(before, _)| before);
            format!("it redirects to {}; redirects are not followed: give that address", short(there))
        }
        401 | 403 => "it wants to know who asks: give a bearer token that it accepts".to_owned(),
        404 => "there is no Prometheus API: is the path prefix missing?".to_owned(),
        _ => "look at its log, or at that of the proxy before it".to_owned(),
    }
}

impl Answer {
    /// The points of the one series, those that are no finite number left out, and the warnings.
    pub fn into_points(self) -> Result<(Vec<Point>, Vec<String>), Unusable> {
        let pairs = match self.data {
            None => Vec::new(),
            Some(Data::Scalar(pair)) => vec![pair],
            Some(Data::String(_)) => return Err(Unusable::NoNumber("a text")),
            Some(Data::Matrix(series) | Data::Vector(series)) => only(series)?,
        };
        let mut points = Vec::with_capacity(pairs.len());
        for (at, text) in pairs {
            let value: f64 = text.parse().map_err(|_| Unusable::Text(short(&text)))?;
            points.extend(value.is_finite().then_some(Point { at: time(at), value }));
        }
        let warnings = self.warnings.iter().chain(&self.infos).map(|text| short(text)).collect();
        Ok((points, warnings))
    }
}

fn only(mut series: Vec<Series>) -> Result<Vec<Pair>, Unusable> {
    if let [first, second, ..] = series.as_slice() {
        let (first, second) = (labels(first), labels(second));
        return Err(Unusable::Several { count: series.len(), first, second });
    }
    let Some(Series { values, value, .. }) = series.pop() else { return Ok(Vec::new()) };
    // A series is there for what it holds: if these are no floats, they are histograms.
    if values.is_empty() && value.is_none() {
        return Err(Unusable::NoNumber("native histograms"));
    }
    Ok(if values.is_empty() { value.into_iter().collect() } else { values })
}

/// As a query writes them.
fn labels(series: &Series) -> String {
    let name = series.metric.get("__name__").map_or("", String::as_str);
    let labels = series.metric.iter().filter(|(key, _)| *key != "__name__");
    let labels: Vec<_> = labels.map(|(key, value)| format!("{key}={value:?}")).collect();
    short(&format!("{name}{{{}}}", labels.join(",")))
}

/// Prometheus gives milliseconds in three decimals.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // a float saturates
fn time(seconds: f64) -> Time {
    Time::from_millis((seconds * 1000.0).round().max(0.0) as u64)
}
