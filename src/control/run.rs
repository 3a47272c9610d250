//! The process: starts the tasks, and ends them in order when asked.

use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::coordination::v1::Lease;
use kube::api::Api;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::args::Args;
use super::client;
use super::operator::{Operator, epoch};
use super::reconcile::{Reconciler, Remaining};
use super::teller::{self, Teller};
use super::{crew, lease, log};
use crate::serve;
use crate::serve::health::Health;
use crate::serve::metrics::Metrics;

/// How long each step of a graceful end may take.
const STEP: Duration = Duration::from_secs(2);
/// How many refused logins may wait to be looked at.
const REFUSED: usize = 256;

/// Why the operator ended, if it was not asked to.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The log could not be set up.
    #[error(transparent)]
    Log(#[from] log::Error),
    /// No client for the API server.
    #[error(transparent)]
    Client(#[from] client::Error),
    /// The address is taken, or not ours.
    #[error("cannot listen on {address}: {source}; choose another address with --listen")]
    Listen {
        /// Where.
        address: std::net::SocketAddr,
        /// What the system says.
        source: std::io::Error,
    },
    /// No handler for SIGTERM.
    #[error("cannot wait for signals: {0}")]
    Signal(std::io::Error),
    /// A task ended.
    #[error(transparent)]
    Crew(#[from] crew::Error),
}

/// Runs the operator until SIGTERM or SIGINT.
pub async fn run(args: Args) -> Result<(), Error> {
    let rest = log::set_up(args.log)?;
    let client = client::infer().await?;
    let listener = TcpListener::bind(args.listen)
        .await
        .map_err(|source| Error::Listen { address: args.listen, source })?;
    let mut terminate = signal(SignalKind::terminate()).map_err(Error::Signal)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(Error::Signal)?;
    let me = identity(&args.identity);
    tracing::info!(version = env!("CARGO_PKG_VERSION"), identity = me, listen = %args.listen, "crossfade starts");

    let (metrics, health) = (Arc::new(Metrics::new()), Arc::new(Health::default()));
    let (teller, queue) = Teller::new(metrics.clone());
    let (refuse, refused) = mpsc::channel(REFUSED);
    let operator = Arc::new(Operator::new(metrics.clone(), health.clone(), teller, refuse));
    let crew = &operator.crew;

    let (base, leasing, reconciling) =
        (CancellationToken::new(), CancellationToken::new(), CancellationToken::new());
    let figures = {
        let operator = operator.clone();
        move || operator.figures()
    };
    crew.start("server", &base, serve::serve(listener, health, metrics.clone(), figures, base.clone()));
    crew.start("ticker", &base, operator.clone().tick(base.clone()));
    let speaks = {
        let operator = operator.clone();
        move || epoch(operator.standing()).is_some()
    };
    let tell = teller::tell(queue, client.clone(), me.clone(), metrics, speaks, base.clone());
    crew.start("teller", &base, tell);
    let namespace = args.lease_namespace.unwrap_or_else(|| client.default_namespace().to_owned());
    let leases: Api<Lease> = Api::namespaced(client.clone(), &namespace);
    let (released, release) = oneshot::channel::<()>();
    let keep = lease::keep(operator.clone(), leases, args.lease_name, me, leasing.clone());
    crew.start("lease", &leasing, async move {
        keep.await;
        drop(released);
    });
    let (hand_over, remaining) = oneshot::channel();
    let reconcile = Reconciler::new(operator.clone(), client);
    let stop = reconciling.clone();
    crew.start("reconciler", &reconciling, async move {
        // Nobody waits for what remains only if the process is ending anyway.
        drop(hand_over.send(reconcile.run(args.namespace, refused, stop).await));
    });

    let ended = tokio::select! {
        _ = terminate.recv() => None,
        _ = interrupt.recv() => None,
        error = crew.watch() => Some(error),
    };
    if let Some(error) = ended {
        tracing::error!(%error, "crossfade ends");
        return Err(error.into());
    }
    tracing::info!("asked to end: no more decisions");
    operator.fleet(|fleet, _| fleet.stop());
    reconciling.cancel();
    if let Ok(Ok(remaining)) = timeout(STEP, remaining).await {
        wind_down(remaining).await;
    }
    leasing.cancel();
    if timeout(STEP, release).await.is_err() {
        tracing::warn!("the lease was not released in time");
    }
    base.cancel();
    tracing::info!("crossfade ended");
    drop(rest);
    Ok(())
}

/// Writes under way are finished, and the state is stored.
async fn wind_down(mut remaining: Remaining) {
    remaining.end_lanes();
    if timeout(STEP, remaining.lanes.wait()).await.is_err() {
        tracing::warn!("a write to a route was not finished in time");
    }
    remaining.end_recorders();
    if timeout(STEP, remaining.recorders.wait()).await.is_err() {
        tracing::warn!("a status was not stored in time; the next holder reads the routes back");
    }
}

/// A name that no other process has, a restart of the same pod included.
fn identity(name: &str) -> String {
    let random = RandomState::new().hash_one(std::process::id());
    format!("{name}_{random:016x}")
}
