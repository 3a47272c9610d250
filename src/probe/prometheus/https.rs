//! The way to Prometheus: its address, the token, and TLS that always verifies.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use http_body_util::Full;
use hyper::Uri;
use hyper::body::Bytes;
use hyper::header::HeaderValue;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

use super::{Error, is_here};

/// How long a connection may take to come about.
const CONNECT: Duration = Duration::from_secs(10);
/// How long an unused connection is kept: below the 5 minutes after which Prometheus closes it
/// (`--web.read-timeout`).
const IDLE: Duration = Duration::from_mins(1);

/// The public authorities: one list for all clients, as there may be two for each of a thousand plans.
static PUBLIC: LazyLock<Arc<RootCertStore>> =
    LazyLock::new(|| Arc::new(RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() }));

/// The address that `url` spells.
pub fn address(url: &str) -> Result<Uri, Error> {
    let refuse = |shown: &str, why: &str| Err(Error::Address { url: shown.into(), why: why.into() });
    let example = "write for example http://prometheus.monitoring:9090";
    // Whatever stands before an `@` may be a password.
    if url.contains('@') {
        let shown = url.rsplit_once('@').map_or("", |(_, host)| host);
        return refuse(
            shown,
            "user names and passwords in an address end in logs: leave them out, and give a bearer token if it needs one",
        );
    }
    let Ok(parsed) = url.parse::<Uri>() else { return refuse(url, example) };
    if !matches!(parsed.scheme_str(), Some("http" | "https")) || parsed.host().is_none_or(str::is_empty) {
        return refuse(url, example);
    }
    if parsed.query().is_some() {
        let shown = url.split('?').next().unwrap_or_default();
        return refuse(shown, "leave out what begins with `?`");
    }
    if parsed.path().trim_end_matches('/').ends_with("/api/v1") {
        return refuse(url, "leave out /api/v1");
    }
    Ok(parsed)
}

/// The header for `token`, if it may be sent to `url`.
pub fn authorization(url: &Uri, token: &str) -> Result<HeaderValue, Error> {
    if url.scheme_str() != Some("https") && !is_here(url) {
        return Err(Error::Token("everybody on the way could read it: use an https address"));
    }
    let visible = !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic());
    let header = HeaderValue::from_str(&format!("Bearer {token}")).ok().filter(|_| visible);
    let mut header =
        header.ok_or(Error::Token("it is empty, or holds something else than visible ASCII characters"))?;
    header.set_sensitive(true);
    Ok(header)
}

/// An HTTP client. It follows no redirect.
pub fn client(ca_pem: Option<&[u8]>) -> Result<Client<HttpsConnector<HttpConnector>, Full<Bytes>>, Error> {
    let tls = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::Library(error.to_string()))?
        .with_root_certificates(roots(ca_pem)?)
        .with_no_client_auth();
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_connect_timeout(Some(CONNECT));
    tcp.set_nodelay(true);
    let https = HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1();
    Ok(Client::builder(TokioExecutor::new())
        .pool_idle_timeout(IDLE)
        .pool_timer(TokioTimer::new())
        .build(https.wrap_connector(tcp)))
}

fn roots(ca_pem: Option<&[u8]>) -> Result<Arc<RootCertStore>, Error> {
    let Some(pem) = ca_pem else { return Ok(PUBLIC.clone()) };
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let certificate = certificate.map_err(|error| Error::Authorities(error.to_string()))?;
        roots.add(certificate).map_err(|error| Error::Authorities(error.to_string()))?;
    }
    if roots.is_empty() {
        return Err(Error::Authorities("no certificate in it".to_owned()));
    }
    Ok(Arc::new(roots))
}
