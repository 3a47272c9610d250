//! Counters, rates and what moves them.

use std::net::TcpStream;
use std::time::{Duration, Instant};

use crossfade::core::meter::{Answer, Counters, Meter, Reading, Sample};
use crossfade::core::time::Time;

use super::{BOUND, connect, counters, hold, settled, small, source};
use crate::stage::mariadb::{APP_KUBE, APP_LEGACY, MONITOR, MariaDb, Options, User};

const START: Time = Time::from_millis(1_000_000);

fn sample(meter: &mut Meter, counters: Counters, at: Time) -> Sample {
    match meter.observe(&Answer::Counters(counters), at).reading {
        Reading::Sample(sample) => sample,
        other => panic!("no sample: {other:?}"),
    }
}

#[tokio::test]
async fn a_user_without_any_right_reads_the_counters() {
    let server = MariaDb::start(small(123));
    assert_eq!(
        server.exec(&format!("SHOW GRANTS FOR {}", MONITOR.name)).lines().count(),
        1,
        "the monitor's user must have no right but to log in"
    );
    let mut source = source(&server);
    let before = settled(&mut source, 1).await;
    assert_eq!((before.maximum, before.connected, before.refused, before.failed), (123, 1, 0, 0));
    assert!(before.uptime < 60, "{before:?}");
    // Asking costs no connection.
    for _ in 0..5 {
        let after = counters(&mut source).await;
        assert_eq!(Counters { uptime: before.uptime, ..after }, before);
    }
}

#[tokio::test]
async fn a_burst_of_connections_is_counted_exactly() {
    let server = MariaDb::start(Options::default());
    let (mut source, mut meter) = (source(&server), Meter::new());
    sample(&mut meter, counters(&mut source).await, START);

    let held = hold(&server, 12).await;
    for user in [APP_LEGACY, APP_KUBE] {
        for _ in 0..20 {
            connect(&server, user).await.unwrap().disconnect().await.unwrap();
        }
    }
    let seen = sample(&mut meter, counters(&mut source).await, START + Duration::from_secs(2));
    assert_eq!((seen.connection_rate, seen.failed_rate, seen.saturated), (Some(26.0), Some(0.0), false));
    drop(held);
}

#[tokio::test]
async fn wrong_passwords_and_bare_tcp_checks_count_as_failed_attempts() {
    let server = MariaDb::start(Options::default());
    let (mut source, mut meter) = (source(&server), Meter::new());
    let before = counters(&mut source).await;
    sample(&mut meter, before.clone(), START);

    let wrong = User { password: "wrong", ..APP_KUBE };
    for _ in 0..6 {
        connect(&server, wrong).await.unwrap_err();
    }
    for _ in 0..4 {
        drop(TcpStream::connect(server.address()).unwrap());
    }
    for _ in 0..30 {
        connect(&server, APP_KUBE).await.unwrap().disconnect().await.unwrap();
    }
    // The server counts a vanished client when it finds out.
    let begin = Instant::now();
    let after = loop {
        let after = counters(&mut source).await;
        if after.failed == before.failed + 10 || begin.elapsed() > Duration::from_secs(10) {
            break after;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    };
    let seen = sample(&mut meter, after, START + Duration::from_secs(1));
    assert_eq!(
        (seen.connection_rate, seen.failed_rate, seen.failed_percent),
        (Some(40.0), Some(10.0), Some(25.0))
    );
}

#[tokio::test]
async fn flush_status_resets_some_counters_and_no_rate_turns_negative() {
    let server = MariaDb::start(Options::default());
    connect(&server, User { password: "wrong", ..APP_KUBE }).await.unwrap_err();
    let (mut source, mut meter) = (source(&server), Meter::new());
    let before = counters(&mut source).await;
    sample(&mut meter, before.clone(), START);

    server.exec("FLUSH STATUS");
    let after = counters(&mut source).await;
    assert_eq!((before.failed, after.failed, after.attempts - before.attempts), (1, 0, 1));
    assert!(after.uptime >= before.uptime, "Uptime must outlive FLUSH STATUS");
    let seen = meter.observe(&Answer::Counters(after.clone()), START + Duration::from_secs(1));
    assert_eq!(seen.returning_until, None, "FLUSH STATUS is no restart");
    let Reading::Sample(seen) = seen.reading else { panic!("no sample") };
    assert_eq!((seen.connection_rate, seen.failed_rate, seen.failed_percent), (Some(1.0), None, None));

    let seen = sample(&mut meter, counters(&mut source).await, START + Duration::from_secs(2));
    assert_eq!((seen.connection_rate, seen.failed_rate), (Some(0.0), Some(0.0)));
}

#[tokio::test]
async fn a_new_maximum_shows_in_the_next_sample() {
    let server = MariaDb::start(small(50));
    let mut source = source(&server);
    assert_eq!(counters(&mut source).await.maximum, 50);
    server.exec("SET GLOBAL max_connections = 77");
    assert_eq!(counters(&mut source).await.maximum, 77);
}

#[tokio::test]
async fn a_source_that_ends_says_goodbye() {
    let server = MariaDb::start(Options::default());
    let aborted = || server.exec("SHOW GLOBAL STATUS LIKE 'Aborted_clients'");
    let before = aborted();
    let mut source = source(&server);
    counters(&mut source).await;
    drop(source);
    let begin = Instant::now();
    while server.exec("SELECT COUNT(*) FROM information_schema.processlist WHERE user = 'monitor'") != "0\n" {
        assert!(begin.elapsed() < BOUND, "the connection stays");
    }
    assert_eq!(aborted(), before);
}
