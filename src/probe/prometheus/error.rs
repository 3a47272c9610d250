//! What may go wrong with a question to Prometheus. No text of it holds a token.

use std::mem::discriminant;
use std::time::Duration;

use super::LARGEST;
use super::answer::Unusable;

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The address is none.
    #[error("the Prometheus address {url} cannot be used: {why}")]
    Address {
        /// As given, without what may be secret.
        url: String,
        /// What is wrong, and what to do.
        why: String,
    },
    /// The token cannot be sent.
    #[error("the bearer token cannot be used: {0}")]
    Token(&'static str),
    /// The authorities cannot be read.
    #[error("the TLS authorities cannot be read: {0}: give one or more PEM blocks `CERTIFICATE`")]
    Authorities(String),
    /// The TLS library refused its own defaults.
    #[error("the TLS library cannot be set up: {0}")]
    Library(String),
    /// Nobody answers there.
    #[error("cannot ask Prometheus at {url}: {why}: check the address, and that it can be reached from here")]
    Unreachable {
        /// The address.
        url: String,
        /// What was said.
        why: String,
    },
    /// The answer did not come in time.
    #[error(
        "Prometheus at {url} did not answer `{query}` within {timeout:?}: ask for less time or a longer step, or record the query by a rule"
    )]
    Late {
        /// The address.
        url: String,
        /// What was asked.
        query: String,
        /// How long it was waited for.
        timeout: Duration,
    },
    /// The answer is too large.
    #[error(
        "Prometheus at {url} answers `{query}` with more than {} MiB: aggregate it to one series, as sum(...) does",
        LARGEST >> 20
    )]
    Large {
        /// The address.
        url: String,
        /// What was asked.
        query: String,
    },
    /// Prometheus itself refused the question.
    #[error("Prometheus at {url} refused `{query}`: {kind}: {error}: correct the query")]
    Refused {
        /// The address.
        url: String,
        /// What was asked.
        query: String,
        /// Its `errorType`.
        kind: String,
        /// Its `error`.
        error: String,
    },
    /// An HTTP status that is no answer of Prometheus' API.
    #[error("{url} answered with the HTTP status {status}: {advice}")]
    Status {
        /// The address.
        url: String,
        /// The status.
        status: u16,
        /// What to do.
        advice: String,
    },
    /// The answer is not that of Prometheus' API.
    #[error("{url} did not answer as Prometheus does ({why}): is this its address, with its path prefix?")]
    Strange {
        /// The address.
        url: String,
        /// What is wrong.
        why: String,
    },
    /// The answer is not one series of numbers.
    #[error("Prometheus at {url} answered `{query}` with {why}")]
    Unusable {
        /// The address.
        url: String,
        /// What was asked.
        query: String,
        /// What it is instead, and what to do.
        why: Unusable,
    },
}

impl Error {
    /// Whether other credentials may help: it does not take the token, or its certificate is not by
    /// an authority that is known.
    pub fn is_refusal(&self) -> bool {
        match self {
            Self::Status { status, .. } => matches!(status, 401 | 403),
            // As rustls says it.
            Self::Unreachable { why, .. } => why.contains("invalid peer certificate"),
            _ => false,
        }
    }

    /// Whether both say the same, but for figures.
    pub fn is_like(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Unusable { why, .. }, Self::Unusable { why: other, .. }) => {
                discriminant(why) == discriminant(other)
            }
            _ => discriminant(self) == discriminant(other),
        }
    }
}
