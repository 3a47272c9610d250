//! TLS against a real server.

use crossfade::core::meter::Answer;
use crossfade::probe::mysql::{Config, Error, Source, Tls};

use super::{config, counters};
use crate::stage::mariadb::{self, MariaDb, Options};

fn server(tls: &mariadb::Tls) -> MariaDb {
    let more = vec!["--require-secure-transport=ON".to_owned()];
    MariaDb::start(Options { tls: Some(tls.clone()), more, ..Options::default() })
}

fn trusting(server: &MariaDb, host: &str, ca: &str) -> Config {
    let tls = Tls::Verified { ca_pem: Some(ca.as_bytes().to_vec()) };
    Config { host: host.to_owned(), tls, ..config(server.port()) }
}

async fn down(config: Config) -> String {
    match Source::new(config).unwrap().ask().await {
        Answer::Down(error) => error,
        other => panic!("not down: {other:?}"),
    }
}

#[tokio::test]
async fn a_certificate_by_the_given_authority_is_trusted_by_name_and_by_address() {
    for (names, host) in [(["localhost"], "localhost"), (["127.0.0.1"], "127.0.0.1")] {
        let tls = mariadb::Tls::issue(&names);
        let server = server(&tls);
        let mut source = Source::new(trusting(&server, host, &tls.authority)).unwrap();
        assert_eq!(counters(&mut source).await.connected, 1, "{host}");
    }
}

#[tokio::test]
async fn a_certificate_that_we_cannot_trust_is_refused_with_the_reason() {
    let tls = mariadb::Tls::issue(&["localhost"]);
    let server = server(&tls);
    let other = mariadb::Tls::issue(&["localhost"]);

    let error = down(trusting(&server, "localhost", &other.authority)).await;
    assert!(error.contains("cannot trust the TLS of localhost:"), "{error}");
    assert!(error.contains("UnknownIssuer") || error.contains("BadSignature"), "{error}");

    let error = down(trusting(&server, "127.0.0.1", &tls.authority)).await;
    assert!(error.contains("cannot trust the TLS of 127.0.0.1:"), "{error}");
    assert!(error.contains("not valid for name"), "{error}");

    // The default: public authorities only.
    let error = down(Config { tls: Tls::default(), ..trusting(&server, "localhost", "") }).await;
    assert!(error.contains("cannot trust the TLS of localhost:"), "{error}");

    // Whoever answers.
    let unverified = Config { tls: Tls::Unverified, ..trusting(&server, "localhost", "") };
    counters(&mut Source::new(unverified).unwrap()).await;
}

#[tokio::test]
async fn a_server_without_tls_is_refused_unless_it_is_switched_off() {
    let server = MariaDb::start(Options::default());
    for tls in [Tls::default(), Tls::Unverified] {
        let error = down(Config { tls, ..config(server.port()) }).await;
        assert_eq!(
            error,
            format!(
                "{} offers no TLS: switch it on there, or write `tls: {{disabled: true}}`",
                server.address()
            )
        );
    }
    counters(&mut Source::new(config(server.port())).unwrap()).await;
}

#[tokio::test]
async fn a_server_that_asks_for_tls_says_so_when_it_is_switched_off() {
    let tls = mariadb::Tls::issue(&["localhost"]);
    let server = server(&tls);
    let error = down(config(server.port())).await;
    assert!(
        error.ends_with("check the Secret with the credentials, and whether the user may come without TLS"),
        "{error}"
    );
}

#[test]
fn authorities_that_are_none_are_refused_before_anything_is_opened() {
    let with = |pem: &[u8]| Config { tls: Tls::Verified { ca_pem: Some(pem.to_vec()) }, ..config(3306) };
    let broken = b"-----BEGIN CERTIFICATE-----\nbm90IGEgY2VydGlmaWNhdGU=\n-----END CERTIFICATE-----\n";
    for pem in [&b""[..], b"not a certificate", broken] {
        let refused = Source::new(with(pem)).map(drop);
        assert!(matches!(refused, Err(Error::Authorities { .. })), "{refused:?}");
    }
    let nameless = Config { host: "no host".to_owned(), tls: Tls::default(), ..config(3306) };
    assert_eq!(Source::new(nameless).map(drop), Err(Error::Host { host: "no host".to_owned() }));
}
