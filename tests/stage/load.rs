//! Traffic: requests at a fixed rate, whatever becomes of them.
//!
//! An open model: each request has its moment on a schedule, and is sent then even if no earlier
//! one was answered. Its latency counts from that moment, so that a stall shows in full
//! (no coordinated omission). It may not retry, and it may not slow down.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::body::Bytes;
use hyper::{Request, Response, Uri};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::task::JoinSet;
use tokio::time::{sleep_until, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use super::pool::{SIDE, Side};

mod tally;

pub use tally::Tally;

/// A response body longer than this is cut off, and the request has failed.
const LONGEST_BODY: usize = 64 << 10;

/// How traffic is made.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Where to: the load balancer's front end.
    pub target: SocketAddr,
    /// Requests per second; more than 0.
    pub rate: f64,
    /// Keep connections for the next requests, or open one for each.
    pub keep_alive: bool,
    /// A request without an answer after this, from its moment on the schedule, has failed.
    pub patience: Duration,
    /// Most requests under way at once; one that would be over it is not sent, and has failed.
    pub in_flight: usize,
}

impl Settings {
    /// `rate` requests a second to `target`, connections kept, 2 s of patience.
    pub const fn new(target: SocketAddr, rate: f64) -> Self {
        Self { target, rate, keep_alive: true, patience: Duration::from_secs(2), in_flight: 4096 }
    }
}

/// What became of one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    /// Answered below 500, by this side if it said so.
    Fine(Option<Side>),
    /// Answered with 500 or above, by this side if it said so.
    Failed(Option<Side>),
    /// No connection, or it broke.
    Refused,
    /// No answer in time.
    TimedOut,
    /// Not sent: too many were under way.
    Crowded,
}

/// Traffic that runs until it is stopped or dropped.
#[derive(Debug)]
pub struct Load {
    shared: Arc<Shared>,
    stop: CancellationToken,
    task: AbortOnDropHandle<()>,
}

#[derive(Debug)]
struct Shared {
    begin: Instant,
    rate: Mutex<f64>,
    seconds: Mutex<Vec<Tally>>,
}

impl Load {
    /// Starts at once.
    pub fn start(settings: Settings) -> Result<Self> {
        let target = format!("http://{}/", settings.target).parse().context("make the load's address")?;
        let shared = Arc::new(Shared {
            begin: Instant::now(),
            rate: Mutex::new(settings.rate),
            seconds: Mutex::new(Vec::new()),
        });
        let stop = CancellationToken::new();
        let task = send_all(settings, target, Arc::clone(&shared), stop.clone());
        Ok(Self { shared, stop, task: AbortOnDropHandle::new(tokio::spawn(task)) })
    }

    /// Changes the rate, in requests per second.
    pub fn set_rate(&self, rate: f64) {
        *self.shared.rate.lock().unwrap_or_else(PoisonError::into_inner) = rate;
    }

    /// Everything so far.
    pub fn total(&self) -> Tally {
        Tally::sum(self.shared.seconds().iter())
    }

    /// The last `count` full seconds, by the time of the answer; fewer if there were fewer.
    pub fn last(&self, count: usize) -> Tally {
        let seconds = self.shared.seconds();
        let full = self.shared.second().min(seconds.len());
        Tally::sum(seconds[full.saturating_sub(count)..full].iter())
    }

    /// Each second since the start, by the time of the answer; the last one is not full.
    pub fn seconds(&self) -> Vec<Tally> {
        self.shared.seconds().clone()
    }

    /// Sends no more, waits for what is under way, and returns everything.
    pub async fn stop(self) -> Tally {
        self.stop.cancel();
        // It ends by itself within the patience of its last request.
        drop(self.task.await);
        Tally::sum(self.shared.seconds().iter())
    }
}

impl Shared {
    fn seconds(&self) -> MutexGuard<'_, Vec<Tally>> {
        self.seconds.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The running second's index.
    fn second(&self) -> usize {
        usize::try_from(self.begin.elapsed().as_secs()).unwrap_or(usize::MAX)
    }

    fn interval(&self) -> Duration {
        let rate = *self.rate.lock().unwrap_or_else(PoisonError::into_inner);
        Duration::from_secs_f64(1.0 / rate.max(0.001))
    }

    fn count(&self, outcome: Outcome, due: Instant) {
        let second = self.second();
        let mut seconds = self.seconds();
        if seconds.len() <= second {
            seconds.resize_with(second + 1, Tally::default);
        }
        seconds[second].count(outcome, due.elapsed());
    }
}

type Http = Client<HttpConnector, Empty<Bytes>>;

async fn send_all(settings: Settings, target: Uri, shared: Arc<Shared>, stop: CancellationToken) {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    let client: Http = Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_max_idle_per_host(if settings.keep_alive { settings.in_flight } else { 0 })
        .retry_canceled_requests(false)
        .build(connector);
    let mut under_way = JoinSet::new();
    let mut due = shared.begin;
    while !stop.is_cancelled() {
        // Everything that is due goes out at once: the timer's grain is a millisecond.
        while due <= Instant::now() {
            if under_way.len() < settings.in_flight {
                under_way.spawn(send(
                    client.clone(),
                    target.clone(),
                    due,
                    settings.patience,
                    Arc::clone(&shared),
                ));
            } else {
                shared.count(Outcome::Crowded, due);
            }
            due += shared.interval();
        }
        tokio::select! {
            () = sleep_until(due.into()) => {}
            () = stop.cancelled() => {}
            // Their outcomes are counted where they end.
            Some(_) = under_way.join_next() => {}
        }
    }
    while under_way.join_next().await.is_some() {}
}

async fn send(client: Http, target: Uri, due: Instant, patience: Duration, shared: Arc<Shared>) {
    let answered = timeout_at((due + patience).into(), ask(client, target)).await;
    shared.count(answered.unwrap_or(Outcome::TimedOut), due);
}

async fn ask(client: Http, target: Uri) -> Outcome {
    let mut request = Request::new(Empty::new());
    *request.uri_mut() = target;
    let Ok(response) = client.request(request).await else { return Outcome::Refused };
    let side = side(&response);
    let failed = response.status().is_server_error();
    match Limited::new(response.into_body(), LONGEST_BODY).collect().await {
        Err(_) => Outcome::Refused,
        Ok(_) if failed => Outcome::Failed(side),
        Ok(_) => Outcome::Fine(side),
    }
}

fn side<Body>(response: &Response<Body>) -> Option<Side> {
    let name = response.headers().get(SIDE)?.as_bytes();
    [Side::Legacy, Side::Kubernetes].into_iter().find(|side| side.name().as_bytes() == name)
}
