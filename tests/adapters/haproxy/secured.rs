//! The Runtime API behind TLS with client certificates.

use super::*;
use crate::stage::haproxy::Certificates;
use crossfade::route::haproxy::Error;
use rustls::ClientConfig;

fn client(trusted: &Certificates, own: &Certificates) -> Arc<ClientConfig> {
    let (ca, certificate, key) = (trusted.ca.as_bytes(), own.client.as_bytes(), own.client_key.as_bytes());
    Arc::new(tls::client_config(ca, certificate, key).unwrap())
}

async fn write(address: &str, tls: impl Into<Option<Arc<ClientConfig>>>) -> Result<Reading, Error> {
    Instance::new(Config { tls: tls.into(), ..config(address) })?.write(percent(10.0)).await
}

#[tokio::test]
async fn a_weight_is_written_over_tls_with_a_client_certificate() {
    let haproxy = start(1, 1).await;
    let own = haproxy.certificates();
    for address in [haproxy.admin_tls(), haproxy.admin_tls().replace("localhost", "127.0.0.1")] {
        assert_eq!(write(&address, client(own, own)).await.unwrap().weight, percent(10.0));
    }
    assert_eq!(weights(&haproxy).await, "vm-1 252, ingress-1 28");
}

#[tokio::test]
async fn a_server_whose_ca_is_not_ours_is_refused() {
    let (haproxy, other) = (start(1, 1).await, Certificates::new());
    let error = write(&haproxy.admin_tls(), client(&other, haproxy.certificates())).await.unwrap_err();
    assert!(matches!(error, Error::Tls { .. }), "{error}");
    assert!(error.to_string().contains("invalid peer certificate"), "{error}");
    assert_eq!(weights(&haproxy).await, "vm-1 100, ingress-1 0");
}

#[tokio::test]
async fn a_server_of_another_name_is_refused() {
    let haproxy = start(1, 1).await;
    let own = haproxy.certificates();
    let address = haproxy.admin_tls().replace("localhost", "127.0.0.2");
    let mut options = Options::new(&nobody(1), &nobody(1));
    let port = haproxy.admin_tls().rsplit(':').next().unwrap().to_owned();
    // The same certificate, on an address that it does not name.
    options.sections =
        format!("listen other\n  mode tcp\n  bind 127.0.0.2:{port}\n  server one 127.0.0.1:{port}\n");
    let second = HaProxy::start(&options).await;
    let error = write(&address, client(own, own)).await.unwrap_err();
    assert!(error.to_string().contains("not valid for name"), "{error}");
    drop(second);
}

#[tokio::test]
async fn a_client_without_certificate_or_with_one_of_another_ca_is_refused() {
    let (haproxy, other) = (start(1, 1).await, Certificates::new());
    let own = haproxy.certificates();
    let mut roots = rustls::RootCertStore::empty();
    let pem = rustls::pki_types::pem::PemObject::from_pem_slice(own.ca.as_bytes());
    roots.add(pem.unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let bare = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let bare = bare.with_root_certificates(roots).with_no_client_auth();
    for tls in [Arc::new(bare), client(own, &other)] {
        let error = write(&haproxy.admin_tls(), tls).await.unwrap_err();
        assert!(matches!(error, Error::Tls { .. }), "{error}");
    }
    assert_eq!(weights(&haproxy).await, "vm-1 100, ingress-1 0");
}

#[tokio::test]
async fn tls_without_certificates_and_plain_tcp_to_a_tls_port_say_what_to_do() {
    let haproxy = start(1, 1).await;
    let error = write(&haproxy.admin_tls(), None).await.unwrap_err().to_string();
    let address = haproxy.admin_tls();
    assert_eq!(
        error,
        format!("{address} needs a CA bundle and a client certificate: give the Secret that holds them")
    );
    let plain = write(&haproxy.admin_tls().replace("tls", "tcp"), None).await.unwrap_err().to_string();
    assert!(plain.contains("tls:// is written if it expects TLS"), "{plain}");
    let own = haproxy.certificates();
    let reverse = write(&haproxy.admin_tcp().replace("tcp", "tls"), client(own, own)).await.unwrap_err();
    assert!(matches!(reverse, Error::Tls { .. } | Error::Closed { .. }), "{reverse}");
}

#[tokio::test]
async fn a_reload_is_seen_through_tls_too() {
    let mut haproxy = start(1, 1).await;
    let tls = Some(client(haproxy.certificates(), haproxy.certificates()));
    let mut instance = Instance::new(Config { tls, ..config(&haproxy.admin_tls()) }).unwrap();
    let before = instance.write(percent(10.0)).await.unwrap();
    haproxy.reload().await;
    let after = instance.read().await.unwrap();
    assert_eq!((before.weight, after.weight), (percent(10.0), Weight::ZERO));
    assert_ne!(before.boot, after.boot);
}
