//! A server without room.

use std::time::{Duration, Instant};

use crossfade::core::meter::{Answer, Meter, Reading, Sample};
use crossfade::core::time::Time;
use crossfade::probe::mysql::{Config, Source};

use super::{config, connect, counters, hold, release, settled, small, source, until};
use crate::stage::mariadb::{APP_KUBE, MariaDb, Options, User};

const START: Time = Time::from_millis(1_000_000);
const ADMINISTRATOR: User = User { name: "administrator", password: "may-always-enter" };

/// A user who may use the one slot above the maximum.
fn administrator(server: &MariaDb) -> User {
    let User { name, password } = ADMINISTRATOR;
    server.exec(&format!("CREATE USER {name} IDENTIFIED BY '{password}'"));
    server.exec(&format!("GRANT CONNECTION ADMIN ON *.* TO {name}"));
    ADMINISTRATOR
}

async fn refused(server: &MariaDb, times: usize) {
    for _ in 0..times {
        let error = connect(server, APP_KUBE).await.unwrap_err().to_string();
        assert!(error.contains("Too many connections"), "{error}");
    }
}

#[tokio::test]
async fn the_standing_connection_sees_a_full_server_and_every_refusal() {
    let server = MariaDb::start(small(10));
    let administrator = administrator(&server);
    let (mut source, mut meter) = (source(&server), Meter::new());
    settled(&mut source, 1).await;
    let held = hold(&server, 9).await;

    // The last slot is free: a refused attempt still moves `Connections`, unless the one before it
    // has not left the slot yet.
    let before = counters(&mut source).await;
    meter.observe(&Answer::Counters(before.clone()), START);
    refused(&server, 100).await;
    let reserved = settled(&mut source, 10).await;
    assert_eq!(reserved.maximum, 10);
    assert_eq!((reserved.attempts - before.attempts) + (reserved.refused - before.refused), 100);
    // On a busy machine it often has not: 46 of 100 were seen there.
    assert!(reserved.attempts - before.attempts >= 20, "{before:?} {reserved:?}");
    // It is taken: `Connections` collapses.
    let last = connect(&server, administrator).await.unwrap();
    refused(&server, 100).await;
    let collapsed = counters(&mut source).await;
    assert_eq!((collapsed.attempts - reserved.attempts, collapsed.refused - reserved.refused), (1, 100));
    assert_eq!(collapsed.failed - before.failed, 200, "each refusal counts as failed");

    // The meter sees what happened in both.
    let mut seen = Vec::new();
    for (second, now) in [(1, reserved), (2, collapsed)] {
        let at = START + Duration::from_secs(second);
        let Reading::Sample(Sample { connection_rate, failed_rate, of_max, saturated, .. }) =
            meter.observe(&Answer::Counters(now), at).reading
        else {
            panic!("no sample");
        };
        seen.push((connection_rate, failed_rate, of_max, saturated));
    }
    assert_eq!(
        seen,
        [(Some(100.0), Some(100.0), Some(100.0), true), (Some(101.0), Some(100.0), Some(100.0), true)]
    );
    drop((held, last));
}

#[tokio::test]
async fn a_source_that_finds_no_room_says_full_and_enters_when_there_is_some() {
    let server = MariaDb::start(small(10));
    let held = hold(&server, 10).await;
    let mut source = source(&server);
    assert_eq!(source.ask().await, Answer::Full);
    // It knocks once a second, however often it is asked.
    let knocks = || {
        let row = server.exec("SHOW GLOBAL STATUS LIKE 'Aborted_connects'");
        row.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap()
    };
    let (before, begin) = (knocks(), Instant::now());
    for _ in 0..50 {
        assert_eq!(source.ask().await, Answer::Full);
    }
    assert!(knocks() - before <= begin.elapsed().as_secs() + 1, "it knocks too often");
    release(&server, held).await;
    assert_eq!(settled(&mut source, 1).await.maximum, 10);
}

#[tokio::test]
async fn the_users_own_limit_counts_as_full() {
    // 1203 is the limit of `max_user_connections` as a global variable.
    let server = MariaDb::start(Options { more: vec!["--max-user-connections=2".to_owned()], ..small(10) });
    let _first = Standing::enter(&server).await;
    let _second = Standing::enter(&server).await;
    assert_eq!(source(&server).ask().await, Answer::Full);
}

/// A source that holds a connection.
struct Standing(#[allow(dead_code)] Source);

impl Standing {
    async fn enter(server: &MariaDb) -> Self {
        let mut source = source(server);
        counters(&mut source).await;
        Self(source)
    }
}

#[tokio::test]
async fn the_extra_port_is_the_second_way_in() {
    let server = MariaDb::start(Options { extra_port: true, ..small(10) });
    let held = hold(&server, 10).await;
    let second = Config { extra_port: server.extra_port(), ..config(server.port()) };
    let mut source = Source::new(second.clone()).unwrap();
    // It is not among those counted against the maximum.
    let seen = counters(&mut source).await;
    assert_eq!((seen.connected, seen.maximum), (10, 10));

    // The second way is only used when the first is full.
    let mut closed = Source::new(Config { extra_port: Some(1), ..second.clone() }).unwrap();
    assert_eq!(closed.ask().await, Answer::Full, "full stands, whatever the second way says");

    release(&server, held).await;
    let mut first = Source::new(second).unwrap();
    // The one that came by the second way is not counted, this one is.
    settled(&mut first, 1).await;
}

#[tokio::test]
async fn the_second_way_is_left_as_soon_as_the_first_has_room() {
    let server = MariaDb::start(Options { extra_port: true, ..small(10) });
    let held = hold(&server, 10).await;
    let patience = Duration::from_millis(500);
    let second = Config { extra_port: server.extra_port(), patience, ..config(server.port()) };
    let (mut source, mut meter) = (Source::new(second).unwrap(), Meter::new());
    counters(&mut source).await;
    release(&server, held).await;
    let before = settled(&mut source, 0).await;
    meter.observe(&Answer::Counters(before), START);
    let answer = until(&mut source, |answer| match answer {
        Answer::Counters(counters) => counters.connected == 1,
        Answer::Late => false,
        other => panic!("the handover must lose nothing: {other:?}"),
    })
    .await;
    let seen = meter.observe(&answer, START + Duration::from_secs(1));
    assert_eq!(seen.returning_until, None);
    let Reading::Sample(seen) = seen.reading else { panic!("no sample") };
    assert_eq!(seen.connection_rate, Some(0.0), "its own login does not count");
}
