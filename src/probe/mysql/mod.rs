//! The MySQL and MariaDB source: one standing connection, asked for the server's counters.
//!
//! It opens at most one connection, and begins no attempt within a second of the one before (R12).
//! It keeps the connection while an answer is late: at the limit there would be no way back in.

mod backoff;
mod failure;
mod line;
mod users;

use std::collections::BTreeSet;
use std::fmt;
use std::net::Ipv6Addr;
use std::sync::Arc;
use std::time::Duration;

use crossfade_core::meter::{Answer, Counters};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use thiserror::Error;
use tokio::time::{Instant, timeout_at};

use backoff::Backoff;
use failure::Failure;
use line::{Line, Said};

pub use users::{AGAIN, ByUser, SOON};

/// How long a question or a login may go unanswered before the connection is given up.
pub const PATIENCE: Duration = Duration::from_secs(10);
/// The first way in is tried again below this share of the maximum, in percent.
const ROOM_PERCENT: u64 = 80;

/// Where a database is and how to log in.
#[derive(Clone, Debug)]
pub struct Config {
    /// Host name or address (an IPv6 one with or without brackets). The server's certificate must
    /// name it.
    pub host: String,
    /// Port, usually 3306.
    pub port: u16,
    /// The second way in when the first is full: MariaDB's `extra_port`, MySQL's `admin_port` (the
    /// latter asks for the right `SERVICE_CONNECTION_ADMIN`).
    pub extra_port: Option<u16>,
    /// User and password. No right is needed, but one to tell connects by user ([`ByUser::Untold`]).
    pub credentials: Credentials,
    /// How the connection is protected.
    pub tls: Tls,
    /// How long one [`Source::ask`] may take; below the sampling period.
    pub timeout: Duration,
    /// How long a question or a login may go unanswered before the connection is given up, and how
    /// long the second way in is used before the first is tried again; [`PATIENCE`] unless there is
    /// a reason.
    pub patience: Duration,
    /// After how long a server that does not tell connects by user, or tells them late, is asked again;
    /// [`AGAIN`] unless there is a reason.
    pub again: Duration,
}

impl Config {
    /// The host without the brackets of an IPv6 address.
    fn host(&self) -> &str {
        self.host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(&self.host)
    }

    fn address(&self, port: u16) -> String {
        let host = self.host();
        if host.parse::<Ipv6Addr>().is_ok() { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
    }
}

/// User and password.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The user's name.
    pub username: String,
    /// The password; never shown.
    pub password: String,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("username", &self.username).finish_non_exhaustive()
    }
}

/// How a connection is protected.
#[derive(Clone, PartialEq, Eq)]
pub enum Tls {
    /// TLS; the certificate must name the host and be issued by an authority that we trust.
    Verified {
        /// The authorities' certificates, PEM: they and no other. Without it, the public ones
        /// (Mozilla's list, as it was when this program was built).
        ca_pem: Option<Vec<u8>>,
    },
    /// TLS with whoever answers: secret from those who listen, not from those who pose as the
    /// server.
    Unverified,
    /// No TLS: user name and counters are readable on the way.
    Disabled,
}

impl Default for Tls {
    fn default() -> Self {
        Self::Verified { ca_pem: None }
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Verified { ca_pem: None } => f.write_str("Verified by the public authorities"),
            Self::Verified { ca_pem: Some(pem) } => write!(f, "Verified by {} bytes of PEM", pem.len()),
            Self::Unverified => f.write_str("Unverified"),
            Self::Disabled => f.write_str("Disabled"),
        }
    }
}

/// What is wrong with a [`Config`].
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Error {
    /// The host is no name or address that a certificate can bear.
    #[error("`{host}` is not a host name or an address: correct `host`, or switch TLS off")]
    Host {
        /// The host as given.
        host: String,
    },
    /// The authorities cannot be read.
    #[error("the TLS authorities cannot be read: {why}: put PEM certificates into the Secret")]
    Authorities {
        /// What is wrong.
        why: String,
    },
}

/// A database's counters. Owned by one task.
#[derive(Debug)]
pub struct Source {
    config: Config,
    line: Option<Line>,
    /// Since when a question or a login is under way.
    asked: Option<Instant>,
    /// When the present line was opened.
    opened: Instant,
    backoff: Backoff,
    /// Why there is no line.
    last: Option<Failure>,
    /// Logins of our own, made while the counters before them still count.
    own: u64,
    /// Whose connects are asked for.
    users: Arc<BTreeSet<String>>,
    /// The connects by user of the newest answer.
    by_user: ByUser,
    /// When connects by user were last answered too late.
    slow: Option<Instant>,
    /// A new login would see the connects by user.
    renew: bool,
    /// What befell the connection after its last counters.
    lost: Option<Failure>,
}

impl Source {
    /// A source that opens its connection with the first question.
    pub fn new(config: Config) -> Result<Self, Error> {
        check(&config)?;
        Ok(Self {
            config,
            line: None,
            asked: None,
            opened: Instant::now(),
            backoff: Backoff::new(),
            last: None,
            own: 0,
            users: Arc::default(),
            by_user: ByUser::Absent,
            slow: None,
            renew: false,
            lost: None,
        })
    }

    /// Asks for the connects by these users too.
    pub fn set_users(&mut self, users: Arc<BTreeSet<String>>) {
        self.users = users;
    }

    /// The connects by user of the answer that [`Source::ask`] gave last.
    pub fn by_user(&self) -> &ByUser {
        &self.by_user
    }

    /// Whether the last login was refused: its Secret should be read again (DESIGN section 7.7).
    pub fn refused_login(&self) -> bool {
        matches!(self.last, Some(Failure::Login { .. }))
    }

    /// Takes other credentials for the next login. A connection that stands is kept.
    pub fn set_credentials(&mut self, credentials: Credentials) {
        if self.config.credentials != credentials {
            self.config.credentials = credentials;
            self.backoff.renewed();
        }
    }

    /// Asks for the counters; takes at most the configured timeout. Where users were named it waits
    /// for their connects too, at most for [`SOON`], and goes without them for a while if they are late.
    ///
    /// Cancel-safe: a question or a login that is under way goes on with the next call. An answer
    /// to an earlier call is thrown away and asked for again: a sample must not be older than it
    /// looks.
    pub async fn ask(&mut self) -> Answer {
        let begin = Instant::now();
        let deadline = begin + self.config.timeout;
        let mut stale = false;
        self.by_user = ByUser::Absent;
        let users = self.asked_users();
        match &self.line {
            None => {
                if !self.backoff.may_begin(begin.into_std()) {
                    return self.resting();
                }
                if let Err(failure) = self.open(begin) {
                    return self.fail(failure);
                }
            }
            Some(_) if self.asked.is_some() => stale = true,
            Some(line) => {
                line.ask(users.clone());
                self.asked = Some(begin);
            }
        }
        while let Some(line) = &mut self.line {
            match timeout_at(deadline, line.answer()).await {
                // It belongs to an earlier question.
                Ok(Ok(line::Answer::Users(_))) => {}
                Ok(Ok(line::Answer::Said(_))) if stale => {
                    stale = false;
                    line.ask(users.clone());
                    self.asked = Some(Instant::now());
                }
                Ok(Ok(line::Answer::Said(said))) => {
                    if !users.is_empty() {
                        self.hear_users(deadline).await;
                    }
                    return self.said(said);
                }
                Ok(Err(failure)) => return self.fail(failure),
                Err(_) => return self.late(begin),
            }
        }
        self.resting()
    }

    fn open(&mut self, now: Instant) -> Result<(), Failure> {
        self.backoff.begin(now.into_std());
        self.line = Some(Line::open(&self.config, self.asked_users())?);
        self.asked = Some(now);
        self.opened = now;
        Ok(())
    }

    /// Whose connects are to be asked for now.
    fn asked_users(&self) -> Arc<BTreeSet<String>> {
        let rests = self.slow.is_some_and(|slow| slow.elapsed() < self.config.again);
        if rests { Arc::default() } else { self.users.clone() }
    }

    /// Takes the connects by user, if they come soon. What befalls the connection meanwhile shows with the
    /// next question: the counters are here.
    async fn hear_users(&mut self, deadline: Instant) {
        let Some(line) = &mut self.line else { return };
        match timeout_at(deadline.min(Instant::now() + SOON), line.answer()).await {
            Ok(Ok(line::Answer::Users(users::Told { by_user, renew }))) => {
                self.by_user = by_user;
                self.renew |= renew;
            }
            Ok(Ok(line::Answer::Said(_))) => {}
            Ok(Err(failure)) => self.lost = Some(failure),
            Err(_) => self.slow = Some(Instant::now()),
        }
    }

    fn said(&mut self, said: Said) -> Answer {
        let Said { counters, second_way } = said;
        self.asked = None;
        self.last = None;
        self.backoff.answered();
        let attempts = counters.attempts.saturating_sub(self.own);
        let counters = Counters { attempts, ..counters };
        let room = counters.connected.saturating_mul(100) < counters.maximum.saturating_mul(ROOM_PERCENT);
        // The second way in is narrow, and others need it in an emergency.
        let leaves = second_way && self.opened.elapsed() >= self.config.patience;
        if let Some(failure) = self.lost.take() {
            self.fail(failure);
        } else if room && (leaves || self.renew) {
            self.log_in_anew();
        }
        Answer::Counters(counters)
    }

    /// Leaves the connection for another one at the first way in.
    fn log_in_anew(&mut self) {
        self.line = None;
        self.renew = false;
        self.own += 1;
        if let Err(failure) = self.open(Instant::now()) {
            self.fail(failure);
        }
    }

    /// Gives the connection up when it was asked in vain and too long before this call: one that spans a
    /// standstill of the operator itself (a machine that moves) says nothing of the database.
    fn late(&mut self, begin: Instant) -> Answer {
        if self.asked.is_none_or(|asked| begin.saturating_duration_since(asked) < self.config.patience) {
            return Answer::Late;
        }
        let address = self.config.address(self.config.port);
        self.fail(Failure::Silent { address, patience: self.config.patience })
    }

    fn fail(&mut self, failure: Failure) -> Answer {
        self.line = None;
        self.asked = None;
        self.own = 0;
        self.renew = false;
        match &failure {
            Failure::Full { .. } => self.backoff.full(),
            Failure::Login { .. } => self.backoff.refused(),
            _ => self.backoff.failed(),
        }
        self.last = Some(failure);
        self.resting()
    }

    /// What is known while there is no connection.
    fn resting(&self) -> Answer {
        match &self.last {
            Some(Failure::Full { .. }) => Answer::Full,
            Some(failure) => Answer::Down(failure.to_string()),
            None => Answer::Late,
        }
    }
}

fn check(config: &Config) -> Result<(), Error> {
    if config.tls != Tls::Disabled && ServerName::try_from(config.host()).is_err() {
        return Err(Error::Host { host: failure::text(&config.host) });
    }
    let Tls::Verified { ca_pem: Some(pem) } = &config.tls else { return Ok(()) };
    let cannot = |why: String| Error::Authorities { why };
    let mut roots = rustls::RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let certificate = certificate.map_err(|error| cannot(error.to_string()))?;
        roots.add(certificate).map_err(|error| cannot(error.to_string()))?;
    }
    if roots.is_empty() { Err(cannot("no certificate in it".to_owned())) } else { Ok(()) }
}
