//! Where traffic is split.

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use crate::api::{rules, shape};

/// One place where traffic is split.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct RouteSpec {
    /// The route's name, unique in the plan: lower case letters, digits and `-`.
    #[schemars(schema_with = "shape::label")]
    pub name: String,

    /// HAProxy, through its Runtime API.
    pub haproxy: HaproxySpec,
}

/// A backend of one or more HAProxy instances whose servers form two pools. Server weights are set
/// so that the pools stand at the plan's weight, given which servers are up.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[x_kube(validation = &rules::PLAIN_TCP_REFUSED, validation = &rules::TLS_NEEDS_SECRET, validation = &rules::POOLS_DIFFER)]
#[serde(rename_all = "camelCase")]
pub struct HaproxySpec {
    /// Where the Runtime API of each instance listens, 1 to 16: `unix:///path`,
    /// `tls://host:port` (with a client certificate, see `tls`), or `tcp://host:port`, which
    /// beyond loopback is refused unless `insecure` is set: the socket has no authentication.
    #[schemars(schema_with = "shape::instances")]
    pub instances: Vec<String>,

    /// The backend's name in HAProxy's configuration, the same on every instance.
    #[schemars(schema_with = "shape::backend")]
    pub backend: String,

    /// The servers of the legacy pool, 1 to 16 names; `*` stands for any characters, `?` for one.
    #[schemars(schema_with = "shape::servers")]
    pub legacy_servers: Vec<String>,

    /// The servers of the Kubernetes pool, 1 to 16 names; `*` stands for any characters, `?` for one.
    #[schemars(schema_with = "shape::servers")]
    pub kubernetes_servers: Vec<String>,

    /// How to authenticate on `tls://` instances. Needed when there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<HaproxyTls>,

    /// Allows plain `tcp://` beyond loopback: whoever reaches that port can do anything to the load
    /// balancer. Default: false.
    #[serde(default)]
    pub insecure: bool,
}

/// How to authenticate on `tls://` instances.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct HaproxyTls {
    /// The Secret (type kubernetes.io/tls) in the plan's namespace: `tls.crt` and `tls.key` are the
    /// client certificate and its key, `ca.crt` signs the server's.
    #[schemars(schema_with = "shape::object")]
    pub secret: String,
}
