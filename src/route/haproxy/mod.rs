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
//! takes one of the socket's `stats maxconn` (10 by default): each plan has one to each process, and
//! where more than eight plans share a process one more reads for them all. A name that stands for
//! several processes, as behind a virtual address, shows as a process that restarts: name each one.

mod address;
mod answer;
mod backend;
mod cli;
mod counted;
mod line;
mod pools;
pub mod share;
pub mod tls;

pub use address::{Address, AddressError};
pub use backend::Backend;
pub use line::Line;
pub use pools::{Fault, Glob, GlobError};

use answer::Process;
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

/// One HAProxy process.
#[derive(Debug)]
pub struct Instance {
    backend: Arc<Backend>,
    line: Line,
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
        let line = Line::new(&config)?;
        Ok(Self { backend: Arc::new(Backend::new(config)?), line })
    }

    /// Where it is.
    pub const fn address(&self) -> &Address {
        self.line.address()
    }

    /// Its backend.
    pub const fn backend(&self) -> &Arc<Backend> {
        &self.backend
    }

    /// What the instance stands at.
    pub async fn read(&mut self) -> Result<Reading, Error> {
        let (process, pools) = self.exchange(Vec::new()).await?;
        self.backend.reading(&process, &pools)
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
        let (process, pools) = self.exchange(pools.commands(self.backend.name(), weight)).await?;
        self.backend.reading(&process, &pools)
    }

    /// Sends the commands that set something, whose answers must be empty, then those that ask how things
    /// stand.
    async fn exchange(&mut self, set: Vec<String>) -> Result<(Process, Pools), Error> {
        let commands: Vec<_> = set.iter().cloned().chain(self.backend.questions()).collect();
        let (process, answers) = self.line.exchange(commands).await?;
        let (done, told) = answers.split_at(set.len().min(answers.len()));
        let pools = self.backend.understand(told);
        let refused = set.iter().zip(done).find(|(_, answer)| !answer.is_empty());
        // Without the backend every command is refused.
        if let Some((command, answer)) = refused
            && !matches!(pools, Err(Error::NoBackend { .. }))
        {
            return Err(self.backend.refused(command, answer));
        }
        Ok((process, pools?))
    }
}
