//! HAProxy as a route, over its Runtime API. Reads and sets server weights; decides nothing.
//!
//! All servers of a pool get the same weight. Servers of the backend that belong to neither pool
//! must not take traffic: while one could, a reading is refused and names it; a weight is written
//! all the same, so that such a server never stands in a retreat's way. Backup servers are left out
//! of both pools.
//!
//! After a reload the old process still answers on connections that it had, and refuses to set
//! weights; `Stopping` in each exchange tells, and the exchange is made again with the new process.
//!
//! Limits. Health agents that set weights (`agent-check` answering `50%`), and whoever else sets
//! them, are second writers. With `slowstart` a server that came up gets less than its weight for a
//! while, which the reading does not show; to set a weight starts none (seen on HAProxy 2.6.12).
//! Servers of one pool that are to get different weights are not supported. A standing connection
//! takes one of the socket's `stats maxconn` (10 by default). A name that stands for several
//! processes, as behind a virtual address, shows as a process that restarts: name each one.

mod address;
mod answer;
mod cli;
mod counted;
mod pools;
pub mod share;
pub mod tls;

pub use address::{Address, AddressError};
pub use pools::{Fault, Glob, GlobError};

use answer::Process;
use cli::Connection;
use crossfade_core::route::Reading;
use crossfade_core::weight::Weight;
use pools::Pools;
use std::sync::Arc;
use std::time::Duration;

/// What an instance is told.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where the process takes commands. Whether plain TCP may be used is for the caller to check
    /// ([`Address::needs_insecure`]).
    pub address: Address,
    /// The backend whose servers are the two pools.
    pub backend: String,
    /// Patterns of the legacy pool's servers; at least one.
    pub legacy_servers: Vec<Glob>,
    /// Patterns of the Kubernetes pool's servers; at least one.
    pub kubernetes_servers: Vec<Glob>,
    /// Needed for `tls://`, unused otherwise. See [`tls::client_config`].
    pub tls: Option<Arc<rustls::ClientConfig>>,
    /// The longest that one exchange may take, connecting included. A read is one exchange, a write
    /// two. Usual: [`TIMEOUT`].
    pub timeout: Duration,
}

/// The usual limit of one exchange.
pub const TIMEOUT: Duration = Duration::from_secs(1);

/// How many connections are tried in one exchange: one that may be stale, a new one, and one more
/// if a process on its way out took that.
const TRIES: u32 = 3;

/// One HAProxy process.
#[derive(Debug)]
pub struct Instance {
    config: Config,
    connection: Option<Connection>,
}

/// Why an instance could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The name of the backend cannot be one.
    #[error("backend `{backend}` cannot be a name in HAProxy: use letters, digits and `-_.:`")]
    Name {
        /// As it was given.
        backend: String,
    },
    /// `tls://` was given without certificates.
    #[error("{address} needs a CA bundle and a client certificate: give the Secret that holds them")]
    NoCertificate {
        /// Where.
        address: Address,
    },
    /// No connection, or it broke.
    #[error("no connection to HAProxy at {address} ({source}): check that it runs and listens there")]
    Connect {
        /// Where.
        address: Address,
        /// What the system says.
        source: std::io::Error,
    },
    /// One of the two sides did not accept the other's certificate, or it is not TLS.
    #[error("no TLS with HAProxy at {address} ({reason}): check the CA, the client certificate and the port")]
    Tls {
        /// Where.
        address: Address,
        /// What the TLS library or the other side says.
        reason: String,
    },
    /// Nothing was connected in time.
    #[error("no connection to HAProxy at {address} within {limit:?}: check the address and the network")]
    Unreachable {
        /// Where.
        address: Address,
        /// [`Config::timeout`].
        limit: Duration,
    },
    /// Connected, but there was no (whole) answer in time.
    #[error(
        "no whole answer from {address} within {limit:?}: check that HAProxy's Runtime API listens there and is not stuck"
    )]
    Timeout {
        /// Where.
        address: Address,
        /// [`Config::timeout`].
        limit: Duration,
    },
    /// Closed before the answer was whole, on a new connection too.
    #[error(
        "{address} closed the connection without a whole answer: check that HAProxy's Runtime API listens there, \
         `stats maxconn` is not used up, and tls:// is written if it expects TLS"
    )]
    Closed {
        /// Where.
        address: Address,
    },
    /// Something else answers.
    #[error(
        "what answers at {address} is not HAProxy's Runtime API (it says \"{answer}\"): check the address"
    )]
    NotHaProxy {
        /// Where.
        address: Address,
        /// The beginning of the answer.
        answer: String,
    },
    /// An answer lacks what is needed.
    #[error("the answer to `{command}` from {address} lacks {missing}: HAProxy 2.6 or newer is needed")]
    Incomplete {
        /// Where.
        address: Address,
        /// What was asked.
        command: String,
        /// What is missing.
        missing: &'static str,
    },
    /// The answers are longer than any backend needs.
    #[error(
        "the answer from {address} is longer than {limit} bytes and was not read: check that HAProxy listens there"
    )]
    TooLong {
        /// Where.
        address: Address,
        /// In bytes.
        limit: usize,
    },
    /// Only processes on their way out answer.
    #[error(
        "HAProxy at {address} is stopping and no new process took its place: start it, or wait for its reload to end"
    )]
    Stopping {
        /// Where.
        address: Address,
    },
    /// The backend is not there.
    #[error(
        "HAProxy at {address} has no backend `{backend}`: correct the name (`show backend` there lists them)"
    )]
    NoBackend {
        /// Where.
        address: Address,
        /// Its name.
        backend: String,
    },
    /// A command was answered with a complaint.
    #[error(
        "HAProxy at {address} refused `{command}`: \"{answer}\"; the socket needs `level admin`, the backend a dynamic algorithm"
    )]
    Refused {
        /// Where.
        address: Address,
        /// The command.
        command: String,
        /// The complaint.
        answer: String,
    },
    /// The servers do not fit the patterns.
    #[error("backend `{backend}` at {address}: {fault}")]
    Servers {
        /// Where.
        address: Address,
        /// Its name.
        backend: String,
        /// What is wrong.
        fault: Fault,
    },
}

impl Instance {
    /// An instance that is not connected yet.
    pub fn new(config: Config) -> Result<Self, Error> {
        if !pools::is_name(&config.backend) {
            return Err(Error::Name { backend: config.backend });
        }
        if matches!(config.address, Address::Tls { .. }) && config.tls.is_none() {
            return Err(Error::NoCertificate { address: config.address });
        }
        Ok(Self { config, connection: None })
    }

    /// Where it is.
    pub const fn address(&self) -> &Address {
        &self.config.address
    }

    /// What the instance stands at.
    pub async fn read(&mut self) -> Result<Reading, Error> {
        let (process, pools) = self.exchange(Vec::new()).await?;
        self.reading(&process, &pools)
    }

    /// Sets every server of both pools so that the pools stand as near as they can to `weight`
    /// given who is up, and reads back.
    ///
    /// After an error the weight may have been set or not, in part too; to write again is harmless.
    /// A future that is dropped leaves nothing behind that could overtake a later call on the same
    /// connection. If that connection then breaks or times out, what it had sent may still be done
    /// late by a process that was stuck: the next reading shows it.
    pub async fn write(&mut self, weight: Weight) -> Result<Reading, Error> {
        let (_, pools) = self.exchange(Vec::new()).await?;
        let (process, pools) = self.exchange(pools.commands(&self.config.backend, weight)).await?;
        self.reading(&process, &pools)
    }

    fn reading(&self, process: &Process, pools: &Pools) -> Result<Reading, Error> {
        pools.reading(process).map_err(|fault| self.servers(fault))
    }

    /// Sends the commands that set something, then those that ask how things stand, in one go and
    /// within the time limit.
    async fn exchange(&mut self, set: Vec<String>) -> Result<(Process, Pools), Error> {
        let backend = &self.config.backend;
        let ask = [
            format!("show servers state {backend}"),
            // Servers only (4), all of them (-1).
            format!("show stat {backend} 4 -1"),
            "show info".to_owned(),
        ];
        let commands: Vec<_> = set.into_iter().chain(ask).collect();
        let limit = self.config.timeout;
        let Ok(answered) = tokio::time::timeout(limit, self.ask(&commands)).await else {
            let address = self.config.address.clone();
            // What is left on it can no longer be told from a new answer's beginning in time.
            return match self.connection.take() {
                Some(_) => Err(Error::Timeout { address, limit }),
                None => Err(Error::Unreachable { address, limit }),
            };
        };
        let (process, answers) = answered?;
        self.understand(&commands, &answers).map(|pools| (process, pools))
    }

    /// Sends the commands and collects their answers from a process that is here to stay.
    async fn ask(&mut self, commands: &[String]) -> Result<(Process, Vec<String>), Error> {
        let address = self.config.address.clone();
        for _ in 0..TRIES {
            let connection = match &mut self.connection {
                Some(connection) => connection,
                none => none.insert(Connection::open(&address, self.config.tls.as_ref()).await?),
            };
            let standing = connection.greeted();
            let answers = match connection.exchange(commands).await {
                Ok(answers) => answers,
                Err(error) => {
                    self.connection = None;
                    // A connection that had worked may have been closed meanwhile: by a restart, or
                    // idle for longer than `stats timeout`. To set a weight twice is harmless.
                    match error {
                        Error::Closed { .. } | Error::Connect { .. } | Error::Tls { .. } if standing => {
                            continue;
                        }
                        error => return Err(error),
                    }
                }
            };
            let (asked, info) = (commands.last().cloned(), answers.last().map_or("", String::as_str));
            match answer::process(info) {
                Ok(process) if process.stopping => self.connection = None,
                Ok(process) => return Ok((process, answers)),
                Err(missing) => {
                    self.connection = None;
                    return Err(Error::Incomplete { address, command: asked.unwrap_or_default(), missing });
                }
            }
        }
        Err(Error::Stopping { address })
    }

    /// Takes the answers apart: those to `set` must be empty.
    fn understand(&self, commands: &[String], answers: &[String]) -> Result<Pools, Error> {
        let Config { address, backend, legacy_servers, kubernetes_servers, .. } = &self.config;
        let [set @ .., state, stat, _] = answers else {
            return Err(Error::Closed { address: address.clone() });
        };
        if state == "Can't find backend." {
            return Err(Error::NoBackend { address: address.clone(), backend: backend.clone() });
        }
        let refused = commands.iter().zip(set).find(|(_, answer)| !answer.is_empty());
        if let Some((command, answer)) = refused {
            let (address, command) = (address.clone(), command.clone());
            return Err(Error::Refused { address, command, answer: cli::excerpt(answer.as_bytes()) });
        }
        let servers = answer::servers(backend, state, stat).map_err(|missing| Error::Incomplete {
            address: address.clone(),
            command: format!("show servers state {backend}"),
            missing,
        })?;
        Pools::sort(servers, legacy_servers, kubernetes_servers).map_err(|fault| self.servers(fault))
    }

    fn servers(&self, fault: Fault) -> Error {
        let Config { address, backend, .. } = &self.config;
        Error::Servers { address: address.clone(), backend: backend.clone(), fault }
    }
}
