//! A question to Prometheus.

use std::time::Duration;

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use crate::api::{rules, shape};

fn every() -> String {
    "15s".into()
}

/// A query of one Prometheus. Its value is one finite number; without one, or when it is older than
/// 45 s, the figure is unknown.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[x_kube(
    validation = &rules::PLAIN_HTTP_REFUSED,
    validation = &rules::TOKEN_NEEDS_HTTPS,
    validation = &rules::CA_NEEDS_HTTPS,
    validation = &rules::NO_API_PATH
)]
#[serde(rename_all = "camelCase")]
pub struct PrometheusSpec {
    /// Where it is: `https://host:port`, with the path prefix under which it serves if it has one,
    /// and without /api/v1. `http://` beyond loopback is refused unless `insecure` is set.
    #[schemars(schema_with = "shape::url")]
    pub url: String,

    /// The query (PromQL), of one series: `sum(rate(http_requests_total[1m]))`.
    #[schemars(schema_with = "shape::query")]
    pub query: String,

    /// How often it is asked, 5s to 30s: a value older than 45s is unknown. Default: 15s.
    #[x_kube(validation = &rules::QUERY_PERIOD)]
    #[serde(default = "every")]
    #[schemars(schema_with = "shape::duration")]
    pub every: String,

    /// The Secret in the plan's namespace whose key `ca.crt` holds the authority (PEM) that signs
    /// its certificate. Default: the public authorities.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "shape::object")]
    pub ca_secret: Option<String>,

    /// The Secret in the plan's namespace whose key `token` holds the bearer token that it asks for.
    /// Default: none is sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "shape::object")]
    pub token_secret: Option<String>,

    /// Allows `http://` beyond loopback: whoever is on the way can read and answer. The certificate
    /// of `https://` is verified in any case. Default: false.
    #[serde(default)]
    pub insecure: bool,
}

impl PrometheusSpec {
    /// How often it is asked, if nothing is said.
    pub const EVERY: Duration = Duration::from_secs(15);

    /// The names of the Secrets that it needs.
    pub fn secrets(&self) -> impl Iterator<Item = &str> {
        self.ca_secret.iter().chain(&self.token_secret).map(String::as_str)
    }
}
