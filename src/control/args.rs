//! What `crossfade run` is told.

use std::net::SocketAddr;

use super::log::Format;

/// Runs the operator. It finds the API server by KUBECONFIG, or by its service account.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Watch the plans of this namespace only. Default: all.
    #[arg(long, env = "WATCH_NAMESPACE")]
    pub namespace: Option<String>,

    /// The namespace of the lease. Default: that of the pod, or of the kubeconfig.
    #[arg(long, env = "POD_NAMESPACE")]
    pub lease_namespace: Option<String>,

    /// The name of the lease. Replicas of one operator share it.
    #[arg(long, default_value = "crossfade")]
    pub lease_name: String,

    /// This replica's name in the lease; a random part is added, so that each process differs.
    #[arg(long, env = "POD_NAME", default_value = "crossfade")]
    pub identity: String,

    /// Where to serve /live, /ready and /metrics.
    #[arg(long, default_value = "0.0.0.0:8080")]
    pub listen: SocketAddr,

    /// How log lines look. What is logged is up to `RUST_LOG`.
    #[arg(long, value_enum, default_value_t)]
    pub log: Format,
}
