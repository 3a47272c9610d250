//! The client of the API server, and what an answer of it means.

use std::time::Duration;

use kube::{Client, Config};

/// How long a request may take before its answer no longer matters.
pub const TIMEOUT: Duration = Duration::from_secs(2);

/// How long a connection may be silent; longer than a watch lasts.
pub const SILENCE: Duration = Duration::from_secs(30);

/// A client could not be made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Neither a kubeconfig nor a service account.
    #[error("cannot find the API server: {0}; set KUBECONFIG, or run in a pod with a service account")]
    Config(#[from] kube::config::InferConfigError),
    /// The configuration does not make a client.
    #[error(
        "cannot make a client for the API server: {0}; check certificates and token of the configuration"
    )]
    Client(#[from] kube::Error),
}

/// A client for the cluster that the environment names. It never tries again by itself, and every
/// request but a watch goes through [`ask`].
pub async fn infer() -> Result<Client, Error> {
    let mut config = Config::infer().await?;
    // The client's own default retries 15 times over 164 s.
    config.default_retry = false;
    config.connect_timeout = Some(TIMEOUT);
    config.write_timeout = Some(TIMEOUT);
    // This ends idle connections too: were it as short as the lease's period, each renewal would
    // race with it.
    config.read_timeout = Some(SILENCE);
    Ok(Client::try_from(config)?)
}

/// Why a request did not do what was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// No answer, or one that says to try again later; a write may have happened.
    #[error("the API server gives no answer: {0}")]
    NoAnswer(String),
    /// The object is not there (404).
    #[error("it is not there")]
    NotFound,
    /// Somebody wrote in between, or made it first (409).
    #[error("it was changed in between")]
    Conflict,
    /// The right is missing (401, 403).
    #[error("not allowed: {0}")]
    Forbidden(String),
    /// Refused for another reason.
    #[error("the API server refuses: {0}")]
    Refused(String),
}

/// Runs one request, within [`TIMEOUT`].
pub async fn ask<T>(request: impl Future<Output = kube::Result<T>>) -> Result<T, Failure> {
    ask_for(TIMEOUT, request).await
}

async fn ask_for<T>(limit: Duration, request: impl Future<Output = kube::Result<T>>) -> Result<T, Failure> {
    match tokio::time::timeout(limit, request).await {
        Err(_) => Err(Failure::NoAnswer(format!("none within {limit:?}"))),
        Ok(result) => result.map_err(|error| judge(&error)),
    }
}

/// What an error of the client means.
pub fn judge(error: &kube::Error) -> Failure {
    match error {
        kube::Error::Api(status) => match status.code {
            404 => Failure::NotFound,
            409 => Failure::Conflict,
            401 | 403 => Failure::Forbidden(status.message.clone()),
            408 | 429 | 500..=599 => Failure::NoAnswer(format!("{} {}", status.code, status.message)),
            code => Failure::Refused(format!("{code} {}", status.message)),
        },
        // An answer that does not parse came from something, but hardly from the API server.
        error => Failure::NoAnswer(chain(error)),
    }
}

/// An error with its sources: the client's own text leaves the cause out.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let more = error.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        source = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(code: u16) -> kube::Error {
        kube::Error::Api(Box::new(kube::core::Status { code, message: "m".into(), ..Default::default() }))
    }

    #[test]
    fn want_of_an_answer_is_told_from_a_refusal() {
        for code in [408, 429, 500, 503, 504] {
            assert!(matches!(judge(&status(code)), Failure::NoAnswer(_)), "{code}");
        }
        assert_eq!(judge(&status(404)), Failure::NotFound);
        assert_eq!(judge(&status(409)), Failure::Conflict);
        assert_eq!(judge(&status(403)), Failure::Forbidden("m".into()));
        assert_eq!(judge(&status(422)), Failure::Refused("422 m".into()));
    }

    #[tokio::test]
    async fn a_request_that_hangs_is_given_up() {
        let never = std::future::pending::<kube::Result<()>>();
        assert!(matches!(ask_for(Duration::from_millis(10), never).await, Err(Failure::NoAnswer(_))));
    }
}
