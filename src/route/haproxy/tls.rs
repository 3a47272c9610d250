//! The client's side of `tls://`. Verifies always; no error names a byte of a key.

use rustls::ClientConfig;
use rustls::RootCertStore;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::sync::Arc;

/// Why PEM texts make no client.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The CA bundle holds no usable certificate.
    #[error("the CA bundle holds no usable certificate ({0}): give one or more PEM blocks `CERTIFICATE`")]
    Authority(String),
    /// The client's certificate cannot be read.
    #[error(
        "the client certificate cannot be read ({0}): give one or more PEM blocks `CERTIFICATE`, its own first"
    )]
    Certificate(String),
    /// The client's key cannot be read.
    #[error("the client key cannot be read: give one PEM block `PRIVATE KEY`, not encrypted")]
    Key,
    /// The key does not belong to the certificate, or is of a kind that is not supported.
    #[error("the client certificate and its key do not go together: {0}")]
    Pair(rustls::Error),
    /// The TLS library refused its own defaults.
    #[error("the TLS library cannot be set up: {0}")]
    Library(rustls::Error),
}

/// A client that trusts only `ca_pem` and shows `cert_pem` with its key `key_pem`.
pub fn client_config(ca_pem: &[u8], cert_pem: &[u8], key_pem: &[u8]) -> Result<ClientConfig, Error> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(ca_pem).map_err(Error::Authority)? {
        roots.add(certificate).map_err(|error| Error::Authority(error.to_string()))?;
    }
    let chain = certificates(cert_pem).map_err(Error::Certificate)?;
    let key = PrivateKeyDer::from_pem_slice(key_pem).map_err(|_| Error::Key)?;
    ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(Error::Library)?
        .with_root_certificates(roots)
        .with_client_auth_cert(chain, key)
        .map_err(Error::Pair)
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let found: Vec<_> =
        CertificateDer::pem_slice_iter(pem).collect::<Result<_, _>>().map_err(|error| error.to_string())?;
    if found.is_empty() { Err("there is none".to_owned()) } else { Ok(found) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair() -> Result<(String, String), rcgen::Error> {
        let made = rcgen::generate_simple_self_signed(vec!["lb".to_owned()])?;
        Ok((made.cert.pem(), made.signing_key.serialize_pem()))
    }

    #[test]
    fn each_wrong_part_is_named_and_no_key_is_shown() -> Result<(), rcgen::Error> {
        let (certificate, key) = pair()?;
        let (_, other) = pair()?;
        let error = |ca: &str, certificate: &str, key: &str| {
            client_config(ca.as_bytes(), certificate.as_bytes(), key.as_bytes())
                .map(drop)
                .map_err(|e| e.to_string())
        };
        assert_eq!(error(&certificate, &certificate, &key), Ok(()));
        assert_eq!(
            error("", &certificate, &key),
            Err("the CA bundle holds no usable certificate (there is none): give one or more PEM blocks `CERTIFICATE`".to_owned())
        );
        assert!(
            error(&certificate, "text", &key)
                .is_err_and(|e| e.starts_with("the client certificate cannot be read"))
        );
        let broken = key.replace("-----END", "*-----END");
        assert_eq!(
            error(&certificate, &certificate, &broken),
            Err("the client key cannot be read: give one PEM block `PRIVATE KEY`, not encrypted".to_owned())
        );
        assert!(error(&certificate, &certificate, &other).is_err_and(|e| e.contains("do not go together")));
        Ok(())
    }
}
