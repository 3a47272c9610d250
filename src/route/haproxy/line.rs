//! The line to one HAProxy process: a connection that stands, is made anew when it broke or when the process
//! behind it is on its way out, and a limit of time on each exchange.

use super::answer::{self, Process};
use super::backend::Backend;
use super::cli::Connection;
use super::{Address, Config, Error};
use crossfade_core::route::Reading;
use std::sync::Arc;
use std::time::Duration;

/// How many connections are tried in one exchange: one that may be stale, a new one, and one more
/// if a process on its way out took that.
const TRIES: u32 = 3;

/// A line to one HAProxy process.
#[derive(Debug)]
pub struct Line {
    address: Address,
    tls: Option<Arc<rustls::ClientConfig>>,
    timeout: Duration,
    connection: Option<Connection>,
}

impl Line {
    /// A line that connects with its first exchange. Of an instance's settings only those count that say how
    /// the process is reached.
    pub fn new(config: &Config) -> Result<Self, Error> {
        let Config { address, tls, timeout, .. } = config;
        if matches!(address, Address::Tls { .. }) && tls.is_none() {
            return Err(Error::NoCertificate { address: address.clone() });
        }
        Ok(Self { address: address.clone(), tls: tls.clone(), timeout: *timeout, connection: None })
    }

    /// Where it leads.
    pub(super) const fn address(&self) -> &Address {
        &self.address
    }

    /// What these backends stand at, in their order, by one exchange.
    pub async fn read(&mut self, backends: &[&Backend]) -> Result<Vec<Result<Reading, Error>>, Error> {
        let questions = backends.iter().flat_map(|backend| backend.questions()).collect();
        let (process, answers) = self.exchange(questions).await?;
        let answers = answers.chunks(Backend::QUESTIONS);
        let read = |(backend, answers): (&&Backend, &[String])| {
            backend.understand(answers).and_then(|pools| backend.reading(&process, &pools))
        };
        Ok(backends.iter().zip(answers).map(read).collect())
    }

    /// Hangs up; the next exchange connects anew.
    pub fn close(&mut self) {
        self.connection = None;
    }

    /// Sends the commands, then the one that asks for the process, in one go and within the time limit.
    pub(super) async fn exchange(
        &mut self,
        mut commands: Vec<String>,
    ) -> Result<(Process, Vec<String>), Error> {
        commands.push("show info".to_owned());
        let limit = self.timeout;
        if let Ok(answered) = tokio::time::timeout(limit, self.ask(&commands)).await {
            return answered;
        }
        let address = self.address.clone();
        // What is left on it can no longer be told from a new answer's beginning in time.
        match self.connection.take() {
            Some(_) => Err(Error::Timeout { address, limit }),
            None => Err(Error::Unreachable { address, limit }),
        }
    }

    /// Sends the commands and collects their answers, but for the last one's, from a process that is here to
    /// stay.
    async fn ask(&mut self, commands: &[String]) -> Result<(Process, Vec<String>), Error> {
        let address = self.address.clone();
        for _ in 0..TRIES {
            let connection = match &mut self.connection {
                Some(connection) => connection,
                none => none.insert(Connection::open(&address, self.tls.as_ref()).await?),
            };
            let standing = connection.greeted();
            let mut answers = match connection.exchange(commands).await {
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
            let info = answers.pop().unwrap_or_default();
            match answer::process(&info) {
                Ok(process) if process.stopping => self.connection = None,
                Ok(process) => return Ok((process, answers)),
                Err(missing) => {
                    self.connection = None;
                    let command = commands.last().cloned().unwrap_or_default();
                    return Err(Error::Incomplete { address, command, missing });
                }
            }
        }
        Err(Error::Stopping { address })
    }
}
