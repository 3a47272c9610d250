//! One side of the migration: a pool of small HTTP servers in this process, each on a loopback
//! port of its own, that open real connections to a real database.
//!
//! How many connections a request costs is turned up while traffic runs: that is the surge. The
//! number is an average, spread evenly by an accumulator, so that a run can be repeated. A server
//! has a capacity in requests per second; what comes on top waits, and is refused when it would
//! wait too long. It may not retry, pool or cache connections: one attempt is one attempt.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use mysql_async::prelude::Queryable as _;
use mysql_async::{Conn, Opts, OptsBuilder};
use tokio::net::TcpListener;
use tokio::time::{sleep_until, timeout};
use tokio_util::task::AbortOnDropHandle;

mod http;

/// The response header that says which side answered.
pub const SIDE: &str = "x-side";

/// Where a load balancer asks whether a server is up.
pub const HEALTH: &str = "/healthz";

/// A request that would have to wait longer than this for its turn is refused with 503.
const LONGEST_QUEUE: Duration = Duration::from_secs(1);

/// A connection that is not open and answered after this long counts as failed.
const CONNECT_LIMIT: Duration = Duration::from_secs(3);

/// Which of the two infrastructures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The old one, virtual machines.
    Legacy,
    /// The new one, Kubernetes.
    Kubernetes,
}

impl Side {
    /// The value of the header [`SIDE`].
    pub const fn name(self) -> &'static str {
        match self {
            Self::Legacy => "legacy",
            Self::Kubernetes => "kubernetes",
        }
    }
}

/// How a pool is made.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Which side it plays.
    pub side: Side,
    /// How many servers.
    pub servers: usize,
    /// The database, with the user of this side.
    pub database: Opts,
    /// How servers behave at first.
    pub behaviour: Behaviour,
}

/// How a server behaves; may be changed while it runs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Behaviour {
    /// New database connections per request, on average; 0 or more.
    pub connects_per_request: f64,
    /// How long the one query on each connection takes, and so how long the connection is held.
    pub query: Duration,
    /// How long a request takes without its connections.
    pub latency: Duration,
    /// Requests per second that one server carries; more than 0.
    pub capacity: f64,
    /// What it says of itself at [`HEALTH`]; requests it answers all the same.
    pub healthy: bool,
}

impl Default for Behaviour {
    /// A quarter of a connection a request, held for 20 ms, and 1,000 requests a second at 2 ms.
    fn default() -> Self {
        Self {
            connects_per_request: 0.25,
            query: Duration::from_millis(20),
            latency: Duration::from_millis(2),
            capacity: 1000.0,
            healthy: true,
        }
    }
}

/// What servers have counted since they were made; health checks left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Requests answered.
    pub answered: u64,
    /// Of these, refused for want of capacity (503).
    pub overloaded: u64,
    /// Of these, failed because of the database (500).
    pub failed: u64,
    /// Attempts to connect to the database.
    pub connects: u64,
    /// Of these, failed: refused, broken or too slow.
    pub connect_failures: u64,
}

impl Counts {
    fn plus(self, other: Self) -> Self {
        Self {
            answered: self.answered + other.answered,
            overloaded: self.overloaded + other.overloaded,
            failed: self.failed + other.failed,
            connects: self.connects + other.connects,
            connect_failures: self.connect_failures + other.connect_failures,
        }
    }
}

/// A pool of servers. Dropping it ends them.
#[derive(Debug, Default)]
pub struct Pool {
    servers: Vec<Running>,
}

#[derive(Debug)]
struct Running {
    address: SocketAddr,
    server: Arc<Server>,
    task: Option<AbortOnDropHandle<()>>,
}

impl Pool {
    /// Starts all servers, each on a free port.
    pub async fn start(settings: Settings) -> Result<Self> {
        // Else a connection asks for the database's socket and its limits first, and connects twice.
        let database: Opts = OptsBuilder::from_opts(settings.database)
            .prefer_socket(false)
            .max_allowed_packet(Some(1 << 20))
            .wait_timeout(Some(60))
            .into();
        let mut servers = Vec::new();
        for index in 0..settings.servers {
            let server = Arc::new(Server::new(settings.side, index, database.clone(), settings.behaviour));
            let listener =
                TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.context("bind a backend server")?;
            let address = listener.local_addr().context("ask for a backend server's port")?;
            let task = Some(http::serve(listener, Arc::clone(&server)));
            servers.push(Running { address, server, task });
        }
        Ok(Self { servers })
    }

    /// Where the servers listen, in their order.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.servers.iter().map(|running| running.address).collect()
    }

    /// Changes how every server behaves.
    pub fn change(&self, change: impl Fn(&mut Behaviour)) {
        for running in &self.servers {
            change(&mut running.server.behaviour());
        }
    }

    /// Changes how one server behaves, as a release does that goes out server by server.
    pub fn change_one(&self, index: usize, change: impl FnOnce(&mut Behaviour)) {
        if let Some(running) = self.servers.get(index) {
            change(&mut running.server.behaviour());
        }
    }

    /// What all servers have counted.
    pub fn counts(&self) -> Counts {
        (0..self.servers.len()).map(|index| self.counts_of(index)).fold(Counts::default(), Counts::plus)
    }

    /// What one server has counted; nothing if there is no such server.
    pub fn counts_of(&self, index: usize) -> Counts {
        self.servers.get(index).map(|running| running.server.counters.read()).unwrap_or_default()
    }

    /// Kills one server: its port refuses, its open connections break. Again is harmless.
    pub async fn kill(&mut self, index: usize) {
        if let Some(task) = self.servers.get_mut(index).and_then(|running| running.task.take()) {
            task.abort();
            // The only outcome is "cancelled"; awaited, so that the port is closed on return.
            drop(task.await);
        }
    }

    /// Starts a killed server again, on its old port.
    pub async fn revive(&mut self, index: usize) -> Result<()> {
        if let Some(running) = self.servers.get_mut(index)
            && running.task.is_none()
        {
            let listener = TcpListener::bind(running.address)
                .await
                .with_context(|| format!("bind {} for a backend server again", running.address))?;
            running.task = Some(http::serve(listener, Arc::clone(&running.server)));
        }
        Ok(())
    }
}

/// What one server knows.
#[derive(Debug)]
struct Server {
    side: Side,
    database: Opts,
    behaviour: Mutex<Behaviour>,
    turn: Mutex<Turn>,
    counters: Counters,
}

/// When the next request has its turn, and the connections owed.
#[derive(Debug)]
struct Turn {
    next: Instant,
    owed: f64,
}

#[derive(Debug, Default)]
struct Counters {
    answered: AtomicU64,
    overloaded: AtomicU64,
    failed: AtomicU64,
    connects: AtomicU64,
    connect_failures: AtomicU64,
}

impl Counters {
    fn read(&self) -> Counts {
        Counts {
            answered: self.answered.load(Relaxed),
            overloaded: self.overloaded.load(Relaxed),
            failed: self.failed.load(Relaxed),
            connects: self.connects.load(Relaxed),
            connect_failures: self.connect_failures.load(Relaxed),
        }
    }
}

/// What a request came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Fine,
    /// The database did not give a connection.
    Failed,
    /// The server has no capacity left.
    Overloaded,
}

impl Server {
    fn new(side: Side, index: usize, database: Opts, behaviour: Behaviour) -> Self {
        // Servers owe different parts of a connection at first, or all would connect at once.
        let owed = (index as f64 * 0.382).fract();
        Self {
            side,
            database,
            behaviour: Mutex::new(behaviour),
            turn: Mutex::new(Turn { next: Instant::now(), owed }),
            counters: Counters::default(),
        }
    }

    fn behaviour(&self) -> MutexGuard<'_, Behaviour> {
        self.behaviour.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does one request's work.
    async fn work(&self) -> Outcome {
        let behaviour = *self.behaviour();
        let outcome = match self.turn(&behaviour) {
            None => Outcome::Overloaded,
            Some((begin, connects)) => {
                sleep_until((begin + behaviour.latency).into()).await;
                self.connect(connects, behaviour.query).await
            }
        };
        self.counters.answered.fetch_add(1, Relaxed);
        match outcome {
            Outcome::Fine => {}
            Outcome::Failed => drop(self.counters.failed.fetch_add(1, Relaxed)),
            Outcome::Overloaded => drop(self.counters.overloaded.fetch_add(1, Relaxed)),
        }
        outcome
    }

    /// When a request that came now begins, and how many connections it opens.
    fn turn(&self, behaviour: &Behaviour) -> Option<(Instant, u64)> {
        let now = Instant::now();
        let mut turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let begin = turn.next.max(now);
        if begin - now > LONGEST_QUEUE {
            return None;
        }
        turn.next = begin + Duration::from_secs_f64(1.0 / behaviour.capacity.max(0.001));
        turn.owed += behaviour.connects_per_request.max(0.0);
        let mut connects = 0;
        while turn.owed >= 1.0 {
            turn.owed -= 1.0;
            connects += 1;
        }
        Some((begin, connects))
    }

    /// Opens that many connections one after the other, with one query each.
    async fn connect(&self, connects: u64, query: Duration) -> Outcome {
        for _ in 0..connects {
            self.counters.connects.fetch_add(1, Relaxed);
            let asked = timeout(CONNECT_LIMIT, ask(self.database.clone(), query)).await;
            if !matches!(asked, Ok(Ok(()))) {
                self.counters.connect_failures.fetch_add(1, Relaxed);
                return Outcome::Failed;
            }
        }
        Outcome::Fine
    }
}

/// Connects, asks one query that takes `query`, and disconnects.
async fn ask(database: Opts, query: Duration) -> mysql_async::Result<()> {
    let mut connection = Conn::new(database).await?;
    connection.query_drop(format!("DO SLEEP({})", query.as_secs_f64())).await?;
    connection.disconnect().await
}
