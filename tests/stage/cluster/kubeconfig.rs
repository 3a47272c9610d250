//! Kubeconfig files: who talks to which API server.
//!
//! Written as JSON, which is YAML. A file for a service account takes the
//! cluster's entry over from the administrator's, so that it works the same for
//! the stage's own cluster and for one that was there before.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, anyhow};
use kube::config::{AuthInfo, Cluster, Context, Kubeconfig, NamedAuthInfo, NamedCluster, NamedContext};

use super::certs::Identity;

/// The one name that every entry of a written file has.
const NAME: &str = "crossfade-stage";

/// The API server at `server`, trusted by `authority`'s certificate.
pub fn cluster(server: String, authority: &Path) -> Cluster {
    Cluster {
        server: Some(server),
        certificate_authority: Some(authority.display().to_string()),
        ..Cluster::default()
    }
}

/// A user who shows a certificate.
pub fn by_certificate(identity: &Identity) -> AuthInfo {
    AuthInfo {
        client_certificate: Some(identity.cert.display().to_string()),
        client_key: Some(identity.key.display().to_string()),
        ..AuthInfo::default()
    }
}

/// A user who shows a bearer token.
pub fn by_token(token: String) -> AuthInfo {
    AuthInfo { token: Some(token.into()), ..AuthInfo::default() }
}

/// One cluster, one user, one context.
pub fn compose(cluster: Cluster, user: AuthInfo, namespace: Option<&str>) -> Kubeconfig {
    let context = Context {
        cluster: NAME.into(),
        user: Some(NAME.into()),
        namespace: namespace.map(str::to_owned),
        ..Context::default()
    };
    Kubeconfig {
        kind: Some("Config".into()),
        api_version: Some("v1".into()),
        clusters: vec![NamedCluster { name: NAME.into(), cluster: Some(cluster), ..NamedCluster::default() }],
        auth_infos: vec![NamedAuthInfo {
            name: NAME.into(),
            auth_info: Some(user),
            ..NamedAuthInfo::default()
        }],
        contexts: vec![NamedContext { name: NAME.into(), context: Some(context), ..NamedContext::default() }],
        current_context: Some(NAME.into()),
        ..Kubeconfig::default()
    }
}

/// The cluster that `config`'s current context names.
pub fn current_cluster(config: &Kubeconfig) -> Result<Cluster> {
    let find = || {
        let context = config.current_context.as_deref()?;
        let context = config.contexts.iter().find(|named| named.name == context)?;
        let cluster = &context.context.as_ref()?.cluster;
        config.clusters.iter().find(|named| named.name == *cluster)?.cluster.clone()
    };
    find().ok_or_else(|| anyhow!("the kubeconfig's current context names no cluster"))
}

/// Writes `config` to `path`.
pub fn write(path: &Path, config: &Kubeconfig) -> Result<()> {
    let json = serde_json::to_vec_pretty(config).context("serialise a kubeconfig")?;
    fs::write(path, json).with_context(|| format!("write {}", path.display()))
}
