//! The Prometheus client: asks one query for its value now, or for its values over a time.
//!
//! It judges nothing and keeps nothing. Every answer is bounded in size and time, no redirect is
//! followed (a token would go along), and no error shows a token.

mod answer;
mod error;
mod https;
#[cfg(test)]
mod tests;

use std::fmt;
use std::time::Duration;

use crossfade_core::time::Time;
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::body::Bytes;
use hyper::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use hyper::{Method, Request, Uri};
use hyper_util::client::legacy::connect::HttpConnector;
use tokio::time::timeout;

use answer::Answer;
pub use error::Error;

/// How long one request may take, unless there is a reason. Prometheus itself gives a query up
/// after two minutes (`--query.timeout`).
pub const PATIENCE: Duration = Duration::from_secs(30);
/// The largest answer that is read, in bytes. 11,000 points of one series are about 400 kB.
pub const LARGEST: usize = 8 << 20;
/// Prometheus refuses a range query of more than 11,000 steps (`web/api/v1/api.go`, "exceeded
/// maximum resolution of 11,000 points per timeseries"): a longer one is asked for in pieces of so
/// many points.
pub const POINTS_AT_ONCE: u64 = 11_000;

/// Where a Prometheus is and how to ask it.
#[derive(Clone)]
pub struct Config {
    /// `http://` or `https://`, host, and the path prefix under which it serves, if any; without
    /// user name, password and query.
    pub url: String,
    /// The authorities that may sign its certificate, PEM: they and no other. Without it, the
    /// public ones (Mozilla's list, as it was when this program was built).
    pub ca_pem: Option<Vec<u8>>,
    /// A token for `Authorization: Bearer`; never shown. Not sent in the clear: it needs `https`
    /// unless the host is this one.
    pub bearer_token: Option<String>,
    /// How long one request may take; [`PATIENCE`] unless there is a reason.
    pub timeout: Duration,
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config").field("url", &self.url).finish_non_exhaustive()
    }
}

/// One value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// For when it was evaluated. The sample behind it may be older, by up to the 5 minutes that
    /// Prometheus looks back (`--query.lookback-delta`): where its age counts (R5), ask for
    /// `timestamp(...)` too, or for a rate, which needs fresh samples.
    pub at: Time,
    /// In the query's own unit; finite.
    pub value: f64,
}

/// What an instant query gave.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Instant {
    /// The value; `None` when there is none, or it is no finite number (unknown, R5).
    pub point: Option<Point>,
    /// What Prometheus warns of, in its words.
    pub warnings: Vec<String>,
}

/// What a range query gave.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Range {
    /// The values in their order, at `start` plus a whole number of steps. Where one is missing, or
    /// is no finite number, there is a gap.
    pub points: Vec<Point>,
    /// What Prometheus warns of, in its words; each once.
    pub warnings: Vec<String>,
}

/// A client of one Prometheus.
#[derive(Clone, Debug)]
pub struct Client {
    /// Without a slash at its end.
    url: String,
    authorization: Option<HeaderValue>,
    timeout: Duration,
    http: hyper_util::client::legacy::Client<hyper_rustls::HttpsConnector<HttpConnector>, Full<Bytes>>,
}

impl Client {
    /// A client that connects with the first question.
    pub fn new(config: &Config) -> Result<Self, Error> {
        let url = https::address(&config.url)?;
        let authorization = match &config.bearer_token {
            Some(token) => Some(https::authorization(&url, token)?),
            None => None,
        };
        Ok(Self {
            url: url.to_string().trim_end_matches('/').to_owned(),
            authorization,
            timeout: config.timeout,
            http: https::client(config.ca_pem.as_deref())?,
        })
    }

    /// The value of `query` at `at`, or now by Prometheus' own clock.
    pub async fn instant(&self, query: &str, at: Option<Time>) -> Result<Instant, Error> {
        let mut form = vec![("query", query.to_owned())];
        form.extend(at.map(|at| ("time", seconds(at.as_millis()))));
        let answer = self.ask("query", query, &form).await?;
        let (points, warnings) = answer.into_points().map_err(|why| self.unusable(query, why))?;
        Ok(Instant { point: points.last().copied(), warnings })
    }

    /// The value of `query` now, which must be an amount: one finite number, 0 or more.
    pub async fn amount(&self, query: &str) -> Result<f64, Error> {
        let why = match self.instant(query, None).await?.point {
            None => answer::Unusable::Nothing,
            Some(Point { value, .. }) if value < 0.0 => answer::Unusable::Negative(value.to_string()),
            Some(Point { value, .. }) => return Ok(value),
        };
        Err(self.unusable(query, why))
    }

    /// The values of `query` from `start` to `end`, both included, every `step` (at least 1 ms).
    /// Asked for in pieces that Prometheus takes, one after the other; the caller bounds how many
    /// points these are.
    pub async fn range(&self, query: &str, start: Time, end: Time, step: Duration) -> Result<Range, Error> {
        let step = Duration::from_millis(u64::try_from(step.as_millis()).unwrap_or(u64::MAX).max(1));
        let piece = step.saturating_mul(u32::try_from(POINTS_AT_ONCE - 1).unwrap_or(u32::MAX));
        let mut all = Range::default();
        let mut from = start;
        while from <= end {
            let to = (from + piece).min(end);
            let form = [
                ("query", query.to_owned()),
                ("start", seconds(from.as_millis())),
                ("end", seconds(to.as_millis())),
                ("step", seconds(u64::try_from(step.as_millis()).unwrap_or(u64::MAX))),
            ];
            let answer = self.ask("query_range", query, &form).await?;
            let (points, warnings) = answer.into_points().map_err(|why| self.unusable(query, why))?;
            all.points.extend(points);
            let unheard: Vec<_> = warnings.into_iter().filter(|text| !all.warnings.contains(text)).collect();
            all.warnings.extend(unheard);
            from = from + piece + step;
        }
        Ok(all)
    }

    /// By POST, as a query may be longer than an address.
    async fn ask(&self, endpoint: &str, query: &str, form: &[(&str, String)]) -> Result<Answer, Error> {
        let unreachable = |why: String| Error::Unreachable { url: self.url.clone(), why };
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let mut request = Request::builder()
            .method(Method::POST)
            .uri(format!("{}/api/v1/{endpoint}", self.url))
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(ACCEPT, "application/json");
        if let Some(authorization) = &self.authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        let request =
            request.body(Full::new(Bytes::from(body))).map_err(|error| unreachable(error.to_string()))?;
        let talk = async {
            let response = self.http.request(request).await.map_err(|error| unreachable(chain(&error)))?;
            let (head, body) = response.into_parts();
            let body = Limited::new(body, LARGEST).collect().await;
            let body = body.map_err(|error| match error.downcast_ref::<LengthLimitError>() {
                Some(_) => Error::Large { url: self.url.clone(), query: short(query) },
                None => unreachable(chain(error.as_ref())),
            })?;
            Ok((head, body.to_bytes()))
        };
        let late = |_| Error::Late { url: self.url.clone(), query: short(query), timeout: self.timeout };
        let (head, body) = timeout(self.timeout, talk).await.map_err(late)??;
        answer::read(&self.url, query, &head, &body)
    }

    fn unusable(&self, query: &str, why: answer::Unusable) -> Error {
        Error::Unusable { url: self.url.clone(), query: short(query), why }
    }
}

/// Milliseconds as the seconds of Prometheus' API.
fn seconds(millis: u64) -> String {
    format!("{}.{:03}", millis / 1000, millis % 1000)
}

/// A text of others, short enough for a message and on one line.
fn short(text: &str) -> String {
    const MOST: usize = 300;
    let clean = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    let mut short: String = clean.clone().take(MOST).collect();
    if clean.count() > MOST {
        short.push_str("...");
    }
    short
}

/// An error with its causes: hyper's own words are only "client error".
fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    let mut texts: Vec<String> = Vec::new();
    for text in causes.map(ToString::to_string) {
        // Many errors repeat their cause.
        if !texts.iter().any(|told| told.contains(&text)) {
            texts.push(text);
        }
    }
    short(&texts.join(": "))
}

/// Whether this is this very machine.
fn is_here(url: &Uri) -> bool {
    let host = url.host().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}
