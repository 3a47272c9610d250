//! What can go wrong between the source and the server.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use crossfade::core::meter::{Answer, Meter};
use crossfade::core::time::Time;
use crossfade::probe::mysql::{Config, Source};

use super::{config, counters, credentials, settled, source, until, until_counters, until_down};
use crate::stage::mariadb::{MONITOR, MariaDb, Options};

const START: Time = Time::from_millis(1_000_000);

/// A server on loopback that is none: it gets each connection and may do with it what it wants.
fn impostor(mut serve: impl FnMut(TcpStream) + Send + 'static) -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for connection in listener.incoming().map_while(Result::ok) {
            serve(connection);
        }
    });
    port
}

fn hasty(port: u16) -> Source {
    let timeout = Duration::from_millis(100);
    Source::new(Config { timeout, patience: Duration::from_millis(300), ..config(port) }).unwrap()
}

#[tokio::test]
async fn a_wrong_password_names_user_and_remedy_but_no_secret() {
    let server = MariaDb::start(Options::default());
    let mut wrong = config(server.port());
    wrong.credentials = credentials("guessed-and-secret");
    let mut source = Source::new(wrong.clone()).unwrap();
    assert!(!source.refused_login());
    let Answer::Down(error) = source.ask().await else { panic!("not down") };
    assert!(error.contains("access denied for user `monitor`"), "{error}");
    assert!(error.contains("check the Secret"), "{error}");
    assert!(source.refused_login());
    for text in [error, format!("{wrong:?}"), format!("{source:?}")] {
        assert!(!text.contains("guessed-and-secret"), "{text}");
    }

    // The same again is no news: a locked account would not be freed by knocking.
    source.set_credentials(credentials("guessed-and-secret"));
    let refusals = || server.exec("SHOW GLOBAL STATUS LIKE 'Access_denied_errors'");
    let before = refusals();
    let begin = Instant::now();
    while begin.elapsed() < Duration::from_millis(1_500) {
        assert!(matches!(source.ask().await, Answer::Down(_)));
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(refusals(), before);

    source.set_credentials(credentials(MONITOR.password));
    until_counters(&mut source).await;
    assert!(!source.refused_login());
}

#[tokio::test]
async fn new_credentials_do_not_cut_a_connection_that_stands() {
    let server = MariaDb::start(Options::default());
    let mut source = source(&server);
    let before = counters(&mut source).await;
    source.set_credentials(credentials("not yet valid"));
    assert_eq!(counters(&mut source).await.attempts, before.attempts);
}

#[tokio::test]
async fn a_missing_server_is_down_and_says_what_to_check() {
    let port = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
    let mut source = Source::new(config(port)).unwrap();
    let Answer::Down(error) = source.ask().await else { panic!("not down") };
    assert_eq!(
        error,
        format!(
            "cannot connect to 127.0.0.1:{port}: Connection refused (os error 111): \
             check host, port, and that the network lets us through"
        )
    );
}

#[tokio::test]
async fn a_name_that_nobody_knows_is_down() {
    let nowhere = Config { host: "no-such-host.invalid".to_owned(), ..config(3306) };
    let error = until_down(&mut Source::new(nowhere).unwrap()).await;
    assert!(error.starts_with("cannot connect to no-such-host.invalid:3306: "), "{error}");
}

#[tokio::test]
async fn a_server_killed_in_the_middle_of_a_question_is_down_and_comes_back_by_itself() {
    let mut server = MariaDb::start(Options::default());
    let (mut source, mut meter) = (source(&server), Meter::new());
    source.set_credentials(credentials(MONITOR.password));
    meter.observe(&Answer::Counters(counters(&mut source).await), START);

    server.freeze();
    {
        let mut asking = std::pin::pin!(source.ask());
        let early = tokio::time::timeout(Duration::from_millis(50), &mut asking).await;
        assert!(early.is_err(), "a frozen server answered: {early:?}");
        server.kill();
        let answer = asking.await;
        let Answer::Down(error) = &answer else { panic!("not down: {answer:?}") };
        assert!(error.starts_with("lost the connection to 127.0.0.1:"), "{error}");
        meter.observe(&answer, START + Duration::from_secs(1));
    }
    server.restart();
    let back = Answer::Counters(until_counters(&mut source).await);
    let seen = meter.observe(&back, START + Duration::from_secs(5));
    assert_eq!(seen.returning_until, Some(START + Duration::from_secs(65)));
}

#[tokio::test]
async fn a_stalled_server_is_late_and_the_connection_is_kept() {
    let server = MariaDb::start(Options::default());
    let short = Config { timeout: Duration::from_millis(100), ..config(server.port()) };
    let (mut source, mut meter) = (Source::new(short).unwrap(), Meter::new());
    let before = until_counters(&mut source).await;
    meter.observe(&Answer::Counters(before.clone()), START);

    server.freeze();
    for _ in 0..3 {
        let begin = Instant::now();
        assert_eq!(source.ask().await, Answer::Late);
        assert!(begin.elapsed() < Duration::from_secs(1), "the timeout must hold");
    }
    server.thaw();
    let after = until_counters(&mut source).await;
    assert_eq!(after.attempts, before.attempts, "the same connection answers");
    let seen = meter.observe(&Answer::Counters(after), START + Duration::from_secs(1));
    assert_eq!(seen.returning_until, None, "nothing was lost");
}

#[tokio::test]
async fn a_late_answer_is_not_taken_for_a_fresh_one() {
    let server = MariaDb::start(Options::default());
    let short = Config { timeout: Duration::from_millis(300), ..config(server.port()) };
    let mut source = Source::new(short).unwrap();
    until_counters(&mut source).await;
    server.freeze();
    assert_eq!(source.ask().await, Answer::Late);
    server.thaw();
    // The old answer arrives, then something happens, then we ask: it must show.
    let kept = super::hold(&server, 3).await;
    assert_eq!(until_counters(&mut source).await.connected, 4);
    drop(kept);
}

#[tokio::test]
async fn a_question_that_is_dropped_goes_on() {
    let server = MariaDb::start(Options::default());
    let mut source = source(&server);
    for _ in 0..20 {
        let dropped = tokio::time::timeout(Duration::from_micros(50), source.ask()).await;
        drop(dropped);
    }
    let seen = counters(&mut source).await;
    assert_eq!(seen.connected, 1);
    assert_eq!(counters(&mut source).await.attempts, seen.attempts, "one login served them all");
}

#[tokio::test]
async fn a_frozen_server_is_given_up_in_the_end() {
    let server = MariaDb::start(Options::default());
    let mut source = hasty(server.port());
    until_counters(&mut source).await;
    server.freeze();
    let error = until_down(&mut source).await;
    assert_eq!(error, format!("no answer from {} for 300ms", server.address()));
    server.thaw();
    // The old connection goes.
    settled(&mut source, 1).await;
}

#[tokio::test]
async fn a_standstill_of_our_own_is_no_loss_of_the_database() {
    let server = MariaDb::start(Options::default());
    let mut source = hasty(server.port());
    let before = until_counters(&mut source).await;
    server.freeze();
    {
        let mut asking = std::pin::pin!(source.ask());
        let early = tokio::time::timeout(Duration::from_millis(20), &mut asking).await;
        assert!(early.is_err(), "a frozen server answered: {early:?}");
        std::thread::sleep(Duration::from_millis(400));
        assert_eq!(asking.await, Answer::Late, "longer than the patience, and nobody waited");
    }
    server.thaw();
    assert_eq!(until_counters(&mut source).await.attempts, before.attempts, "the same connection answers");
}

#[tokio::test]
async fn a_restart_is_seen_by_the_uptime() {
    let mut server = MariaDb::start(Options::default());
    let (mut source, mut meter) = (source(&server), Meter::new());
    // Old enough that the new one must be younger.
    let before = match until(&mut source, |a| matches!(a, Answer::Counters(c) if c.uptime >= 2)).await {
        Answer::Counters(counters) => counters,
        other => unreachable!("{other:?}"),
    };
    meter.observe(&Answer::Counters(before.clone()), START);
    server.restart();
    let down = source.ask().await;
    assert!(matches!(down, Answer::Down(_)), "{down:?}");
    meter.observe(&down, START + Duration::from_secs(1));
    let after = until_counters(&mut source).await;
    assert!(after.uptime < before.uptime, "{after:?}");
    assert_eq!(after.identity, before.identity, "it is the same server");
    let seen = meter.observe(&Answer::Counters(after), START + Duration::from_secs(2));
    assert_eq!(seen.returning_until, Some(START + Duration::from_secs(62)));
}

#[tokio::test]
async fn however_often_it_is_asked_it_knocks_at_most_once_a_second() {
    let (heard, knocks) = std::sync::mpsc::channel();
    let port = impostor(move |connection| {
        heard.send(Instant::now()).unwrap();
        drop(connection);
    });
    let mut source = Source::new(config(port)).unwrap();
    let begin = Instant::now();
    let mut times = Vec::new();
    while times.len() < 2 {
        let answer = source.ask().await;
        assert!(matches!(answer, Answer::Down(_)), "{answer:?}");
        times.extend(knocks.try_iter());
        assert!(begin.elapsed() < super::BOUND, "it gave up");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    for pair in times.windows(2) {
        let apart = pair[1] - pair[0];
        assert!(apart >= Duration::from_millis(950), "{apart:?}");
    }
}

#[tokio::test]
async fn another_server_under_the_same_address_has_another_identity() {
    let mut first = MariaDb::start(Options { server_id: 1, ..Options::default() });
    let port = first.port();
    let (mut source, mut meter) = (source(&first), Meter::new());
    let before = counters(&mut source).await;
    meter.observe(&Answer::Counters(before.clone()), START);
    first.kill();
    let _second = MariaDb::start(Options { server_id: 2, port: Some(port), ..Options::default() });
    let down = source.ask().await;
    meter.observe(&down, START + Duration::from_secs(1));
    let after = until_counters(&mut source).await;
    assert_ne!(after.identity, before.identity);
    let seen = meter.observe(&Answer::Counters(after), START + Duration::from_secs(3));
    assert_eq!(seen.returning_until, Some(START + Duration::from_secs(63)));
}

#[tokio::test]
async fn a_server_of_another_kind_is_named_as_such() {
    let http = impostor(|mut connection| {
        // As a web server does that waited too long for a request.
        connection.write_all(b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n").ok();
    });
    let ssh = impostor(|mut connection| {
        connection.write_all(b"SSH-2.0-OpenSSH_9.2\r\n").ok();
        connection.read_exact(&mut [0; 64]).ok();
    });
    let noise = impostor(|mut connection| {
        let noise: Vec<u8> =
            (0..100_000_u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
        connection.write_all(&noise).ok();
    });
    for port in [http, ssh, noise] {
        let error = until_down(&mut hasty(port)).await;
        let told = format!("what answers at 127.0.0.1:{port} is not MySQL or MariaDB: ");
        assert!(error.starts_with(&told), "{error}");
        assert!(error.len() < 500, "{error}");
    }
}

#[tokio::test]
async fn silence_is_down_in_the_end() {
    let mut kept = Vec::new();
    let port = impostor(move |connection| kept.push(connection));
    let mut source = hasty(port);
    assert_eq!(source.ask().await, Answer::Late);
    assert_eq!(until_down(&mut source).await, format!("no answer from 127.0.0.1:{port} for 300ms"));
}

/// The first packet of a server, asking for a password by `caching_sha2_password`.
fn greeting() -> Vec<u8> {
    let mut body = b"\x0a8.0.36\0\x01\0\0\0abcdefgh\0".to_vec();
    body.extend([0xff, 0xf7, 0x21, 0x02, 0x00, 0xff, 0xdf, 21]); // capabilities without TLS
    body.extend([0; 10]);
    body.extend(b"ijklmnopqrst\0caching_sha2_password\0");
    packet(0, &body)
}

fn read_packet(connection: &mut TcpStream) -> std::io::Result<()> {
    let mut head = [0; 4];
    connection.read_exact(&mut head)?;
    let length = u32::from_le_bytes([head[0], head[1], head[2], 0]);
    connection.read_exact(&mut vec![0; usize::try_from(length).unwrap()])
}

fn packet(sequence: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len()).unwrap().to_le_bytes();
    [&length[..3], &[sequence], body].concat()
}

#[tokio::test]
async fn a_server_that_breaks_the_client_library_breaks_nothing_else() {
    // No real server does this: it asks for the password in full, then sends an empty public key.
    let port = impostor(|mut connection| {
        let mut talk = || -> std::io::Result<()> {
            connection.write_all(&greeting())?;
            read_packet(&mut connection)?;
            connection.write_all(&packet(2, &[1, 4]))?;
            read_packet(&mut connection)?;
            connection.write_all(&packet(4, &[]))
        };
        talk().ok();
    });
    let error = until_down(&mut Source::new(config(port)).unwrap()).await;
    assert_eq!(
        error,
        format!(
            "what answers at 127.0.0.1:{port} is not MySQL or MariaDB: \
             the client library could not read its answer: check host and port"
        )
    );
}
