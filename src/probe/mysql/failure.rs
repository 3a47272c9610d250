//! Why a question got no counters, in words for the one who must act. Never a secret.

use std::io;
use std::time::Duration;

use mysql_async::{DriverError, IoError};
use thiserror::Error;

/// `ER_CON_COUNT_ERROR` and `ER_TOO_MANY_USER_CONNECTIONS` (MySQL and MariaDB error references).
const FULL: [u16; 2] = [1040, 1203];
/// `ER_ACCESS_DENIED_ERROR`, `ER_ACCESS_DENIED_NO_PASSWORD_ERROR`, `ER_MUST_CHANGE_PASSWORD`,
/// `ER_MUST_CHANGE_PASSWORD_LOGIN`, `ER_ACCOUNT_HAS_BEEN_LOCKED` (MySQL 3118, MariaDB 4151).
const LOGIN: [u16; 6] = [1045, 1698, 1820, 1862, 3118, 4151];
const REMEDY: &str = "check the Secret with the credentials";
/// MariaDB 10.11 gives the very same error to a user who may only come over TLS.
const REMEDY_IN_THE_CLEAR: &str =
    "check the Secret with the credentials, and whether the user may come without TLS";
/// What is kept of a text that came from outside, in characters.
const TEXT: usize = 200;

/// Why there are no counters.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Failure {
    /// No room for us.
    #[error("{address} has no connection left for us: {said}")]
    Full { address: String, said: String },
    /// Nobody listens, no route, no such name.
    #[error("cannot connect to {address}: {said}: check host, port, and that the network lets us through")]
    Unreachable { address: String, said: String },
    /// Wrong user or password, or a locked account.
    #[error("access denied for user `{user}` at {address}: {said}: {remedy}")]
    Login { address: String, user: String, said: String, remedy: &'static str },
    /// The server's certificate cannot be trusted.
    #[error("cannot trust the TLS of {address}: {said}: check `tls.caSecret` and the certificate's names")]
    Untrusted { address: String, said: String },
    /// The server speaks no TLS.
    #[error("{address} offers no TLS: switch it on there, or write `tls: {{disabled: true}}`")]
    NoTls { address: String },
    /// The connection broke.
    #[error("lost the connection to {address}: {said}")]
    Lost { address: String, said: String },
    /// No answer for too long.
    #[error("no answer from {address} for {patience:?}")]
    Silent { address: String, patience: Duration },
    /// The server answered with an error.
    #[error("{address} refused: error {code}: {said}")]
    Server { address: String, code: u16, said: String },
    /// What answers there does not speak the protocol.
    #[error("what answers at {address} is not MySQL or MariaDB: {said}: check host and port")]
    Alien { address: String, said: String },
    /// A counter is missing or is no number.
    #[error("{address} does not report `{name}` as a number: MySQL 5.7 or MariaDB 10.2 at least is needed")]
    Missing { address: String, name: &'static str },
    /// No thread for the connection.
    #[error("cannot start the thread that talks to {address}: {said}")]
    Thread { address: String, said: String },
}

impl Failure {
    /// What an error of the client library means, met while talking to `address` as `user`.
    pub fn new(address: &str, user: &str, encrypted: bool, error: mysql_async::Error) -> Self {
        let address = address.to_owned();
        match error {
            mysql_async::Error::Server(error) => {
                let said = text(&error.message);
                match error.code {
                    code if FULL.contains(&code) => Self::Full { address, said },
                    code if LOGIN.contains(&code) => {
                        let remedy = if encrypted { REMEDY } else { REMEDY_IN_THE_CLEAR };
                        Self::Login { address, user: text(user), said, remedy }
                    }
                    code => Self::Server { address, code, said },
                }
            }
            mysql_async::Error::Io(IoError::Io(error)) => Self::from_io(address, &error),
            mysql_async::Error::Io(IoError::Tls(error)) => {
                Self::Untrusted { address, said: text(&error.to_string()) }
            }
            mysql_async::Error::Driver(DriverError::NoClientSslFlagFromServer) => Self::NoTls { address },
            mysql_async::Error::Driver(DriverError::ConnectionClosed) => {
                Self::Lost { address, said: "closed by the server".to_owned() }
            }
            other => Self::Alien { address, said: text(&other.to_string()) },
        }
    }

    fn from_io(address: String, error: &io::Error) -> Self {
        let inner = error.get_ref();
        // rustls travels inside an I/O error.
        if let Some(tls) = inner.and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
            return Self::Untrusted { address, said: text(&tls.to_string()) };
        }
        let said = text(&error.to_string());
        match error.kind() {
            // So the library says that a packet is shorter than it must be.
            io::ErrorKind::UnexpectedEof if said.starts_with("can't parse") => Self::Alien { address, said },
            io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::BrokenPipe
            | io::ErrorKind::UnexpectedEof => Self::Lost { address, said },
            io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput | io::ErrorKind::Other
                if error.raw_os_error().is_none() =>
            {
                Self::Alien { address, said }
            }
            _ => Self::Unreachable { address, said },
        }
    }
}

/// A text from outside, short and in one line.
pub fn text(said: &str) -> String {
    said.chars().take(TEXT).map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_from_outside_is_cut_and_kept_in_one_line() {
        let long = format!("a\nb\u{1b}[31m{}", "x".repeat(1_000));
        let kept = text(&long);
        assert_eq!(kept.chars().count(), TEXT);
        assert!(kept.starts_with("a b [31mxxx"));
        assert!(!kept.contains(char::is_control));
    }
}
