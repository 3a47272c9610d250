//! One connection: login, then one answer per question, on a thread and a runtime of its own.
//!
//! The client library spawns a detached task when it drops a connection, which reads what is still
//! to come, from a hung or endless server for ever (`mysql_async` 0.37.1, `conn::disconnect`), and it
//! panics on some answers (an empty public key, for one). Here such a task dies with the runtime
//! before it first runs, and a panic ends this thread only. The thread ends with its [`Line`].

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crossfade_core::meter::Counters;
use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Opts, OptsBuilder, SslOpts};
use tokio::sync::mpsc::{self, Receiver, Sender, error::TrySendError};

use super::failure::Failure;
use super::users::{self, Ledger};
use super::{Config, Tls};

/// The server closes our connection after this long without a question, so that it does not hold
/// the slot of an operator that is gone. Longer than the longest sampling period.
const IDLE: Duration = Duration::from_mins(10);
/// Keepalive, so that a firewall does not forget the connection between two slow samples.
const KEEPALIVE: Duration = Duration::from_secs(20);
/// The longest packet that we take: 16 times what the answers need.
const PACKET: usize = 64 * 1024;
/// The most rows that we take of a question with a fixed number of names.
pub const ROWS: usize = 32;

const STATUS: &str = "SHOW GLOBAL STATUS WHERE Variable_name IN ('Aborted_connects', \
     'Connection_errors_max_connections', 'Connections', 'Threads_connected', 'Uptime')";
/// It may be changed while the server runs, and adds 45 us to 210 us (MariaDB 10.11, loopback, not
/// optimised): asked with each sample.
const MAXIMUM: &str = "SELECT 'max_connections', @@global.max_connections";
/// What tells one server from another: MySQL has `server_uuid`; MariaDB `server_uid` (of network
/// card and port) since 10.11.9, the others before.
const IDENTITY: &str = "SHOW GLOBAL VARIABLES WHERE Variable_name IN ('hostname', 'port', \
     'server_id', 'server_uid', 'server_uuid')";

/// Whose logins are asked for.
pub type Users = Arc<BTreeSet<String>>;

/// What the thread says: the counters, then the connects by user if some were asked for.
#[derive(Debug)]
pub enum Answer {
    /// The counters.
    Said(Said),
    /// The connects by user.
    Users(users::Told),
}

/// What the guards ask for.
#[derive(Debug)]
pub struct Said {
    /// The counters now.
    pub counters: Counters,
    /// Whether the connection is the second way in.
    pub second_way: bool,
}

/// A connection, or one that is being made. Its first answer comes by itself after the login.
#[derive(Debug)]
pub struct Line {
    questions: Option<Sender<Users>>,
    answers: Receiver<Result<Answer, Failure>>,
    thread: Option<JoinHandle<()>>,
    address: String,
}

impl Line {
    /// Begins to log in: at the port, and if that is full at the second way in. Asks for the connects by
    /// these users.
    pub fn open(config: &Config, users: Users) -> Result<Self, Failure> {
        let first = Way::new(config, config.port, false);
        let second = config.extra_port.map(|port| Way::new(config, port, true));
        let address = config.address(config.port);
        let cannot = |error: io::Error| Failure::Thread {
            address: config.address(config.port),
            said: error.to_string(),
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(cannot)?;
        let (questions, asked) = mpsc::channel(1);
        let (told, answers) = mpsc::channel(1);
        let thread = thread::Builder::new()
            .name("mysql".to_owned())
            .spawn(move || {
                let failure = runtime.block_on(run(&first, second.as_ref(), users, asked, &told));
                // Not a drop, which would wait for a name that is being looked up. Before anything
                // else, so that what the library has spawned never runs.
                runtime.shutdown_background();
                if let Some(failure) = failure {
                    // Nobody listens: the line was dropped meanwhile.
                    told.blocking_send(Err(failure)).ok();
                }
            })
            .map_err(cannot)?;
        Ok(Self { questions: Some(questions), answers, thread: Some(thread), address })
    }

    /// Asks once more. The answer comes from [`Line::answer`].
    pub fn ask(&self, users: Users) {
        if let Some(questions) = &self.questions {
            match questions.try_send(users) {
                // Full: a question waits already. Closed: `answer` tells.
                Ok(()) | Err(TrySendError::Full(_) | TrySendError::Closed(_)) => {}
            }
        }
    }

    /// The next answer. Cancel-safe. After a failure the line is of no more use.
    pub async fn answer(&mut self) -> Result<Answer, Failure> {
        self.answers.recv().await.unwrap_or_else(|| {
            let said = "the client library could not read its answer".to_owned();
            Err(Failure::Alien { address: self.address.clone(), said })
        })
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        // The thread sees both ends closed and ends within microseconds: it waits for nothing else.
        self.questions = None;
        self.answers.close();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::warn!(address = self.address, "the MySQL client library panicked on an answer");
        }
    }
}

/// One way in.
#[derive(Debug)]
pub struct Way {
    opts: Opts,
    address: String,
    user: String,
    second: bool,
    again: Duration,
}

impl Way {
    fn new(config: &Config, port: u16, second: bool) -> Self {
        let host = config.host();
        let roots = |ca: &Option<Vec<u8>>| ca.iter().map(|pem| pem.clone().into()).collect::<Vec<_>>();
        let tls = match &config.tls {
            Tls::Verified { ca_pem } => Some(
                SslOpts::default()
                    .with_disable_built_in_roots(ca_pem.is_some())
                    .with_root_certs(roots(ca_pem)),
            ),
            Tls::Unverified => Some(SslOpts::default().with_danger_accept_invalid_certs(true)),
            Tls::Disabled => None,
        };
        let opts = OptsBuilder::default()
            .ip_or_hostname(host)
            .tcp_port(port)
            .user(Some(&config.credentials.username))
            .pass(Some(&config.credentials.password))
            .ssl_opts(tls)
            .tcp_keepalive(Some(KEEPALIVE))
            .tcp_nodelay(true)
            // Given, so that the library does not ask for them at each login.
            .max_allowed_packet(Some(PACKET))
            .wait_timeout(Some(0))
            .prefer_socket(false)
            .stmt_cache_size(0);
        Self {
            opts: opts.into(),
            address: config.address(port),
            user: config.credentials.username.clone(),
            second,
            again: config.again,
        }
    }

    /// Host and port.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// After how long a server that does not tell connects by user is asked again.
    pub fn again(&self) -> Duration {
        self.again
    }

    /// Who logs in.
    pub fn user(&self) -> &str {
        &self.user
    }

    async fn login(&self) -> Result<Conn, Failure> {
        Conn::new(self.opts.clone()).await.map_err(|error| self.failure(error))
    }

    fn failure(&self, error: mysql_async::Error) -> Failure {
        Failure::new(&self.address, &self.user, self.opts.ssl_opts().is_some(), error)
    }
}

type Told = Sender<Result<Answer, Failure>>;

/// The thread: ends when something fails (`Some`) or the line is dropped (`None`).
async fn run(
    first: &Way,
    second: Option<&Way>,
    users: Users,
    asked: Receiver<Users>,
    told: &Told,
) -> Option<Failure> {
    tokio::select! {
        // First, so that an idle connection can still say goodbye.
        biased;
        talked = talk(first, second, users, asked, told) => talked.err(),
        () = told.closed() => None,
    }
}

/// Logs in and answers until something fails or nobody asks any more.
async fn talk(
    first: &Way,
    second: Option<&Way>,
    mut users: Users,
    mut asked: Receiver<Users>,
    told: &Told,
) -> Result<(), Failure> {
    let (mut conn, way) = login(first, second).await?;
    let identity = identity(&mut conn, way).await?;
    let mut ledger = Ledger::default();
    loop {
        let counters = read(&mut conn, way, identity).await?;
        let said = Said { counters, second_way: way.second };
        let mut heard = told.send(Ok(Answer::Said(said))).await;
        if heard.is_ok() && !users.is_empty() {
            let by_user = ledger.ask(&mut conn, way, &users).await?;
            heard = told.send(Ok(Answer::Users(by_user))).await;
        }
        users = match asked.recv().await {
            Some(users) if heard.is_ok() => users,
            _ => return conn.disconnect().await.map_err(|error| way.failure(error)),
        };
    }
}

async fn login<'a>(first: &'a Way, second: Option<&'a Way>) -> Result<(Conn, &'a Way), Failure> {
    match (first.login().await, second) {
        // The first way is full: that stands, whatever the second says.
        (Err(full @ Failure::Full { .. }), Some(second)) => {
            second.login().await.map(|conn| (conn, second)).map_err(|_| full)
        }
        (login, _) => login.map(|conn| (conn, first)),
    }
}

async fn identity(conn: &mut Conn, way: &Way) -> Result<u64, Failure> {
    let idle = format!("SET SESSION wait_timeout = {}", IDLE.as_secs());
    conn.query_drop(idle).await.map_err(|error| way.failure(error))?;
    let mut rows = rows(conn, way, IDENTITY, ROWS).await?;
    rows.sort();
    let mut hasher = DefaultHasher::new();
    rows.hash(&mut hasher);
    Ok(hasher.finish())
}

async fn read(conn: &mut Conn, way: &Way, identity: u64) -> Result<Counters, Failure> {
    let mut rows = rows(conn, way, STATUS, ROWS).await?;
    rows.extend(self::rows(conn, way, MAXIMUM, ROWS).await?);
    let number = |name: &'static str| {
        rows.iter()
            .find(|(found, _)| found.eq_ignore_ascii_case(name))
            .and_then(|(_, value)| value.parse().ok())
            .ok_or_else(|| Failure::Missing { address: way.address.clone(), name })
    };
    Ok(Counters {
        identity,
        uptime: number("Uptime")?,
        attempts: number("Connections")?,
        refused: number("Connection_errors_max_connections")?,
        failed: number("Aborted_connects")?,
        connected: number("Threads_connected")?,
        maximum: number("max_connections")?,
        by_side: None,
    })
}

/// The rows of a query for names and values, at most so many.
pub async fn rows(
    conn: &mut Conn,
    way: &Way,
    query: &str,
    most: usize,
) -> Result<Vec<(String, String)>, Failure> {
    let mut result = conn.query_iter(query).await.map_err(|error| way.failure(error))?;
    let mut rows = Vec::new();
    while let Some(mut row) = result.next().await.map_err(|error| way.failure(error))? {
        if rows.len() == most {
            let said = format!("more than {most} rows");
            return Err(Failure::Alien { address: way.address.clone(), said });
        }
        let mut column = |index| row.take_opt::<String, _>(index).and_then(Result::ok);
        if let (Some(name), Some(value)) = (column(0), column(1)) {
            rows.push((name, value));
        }
    }
    Ok(rows)
}
