//! The MySQL source against a real MariaDB.
#![allow(clippy::unwrap_used, clippy::panic)] // helpers of tests

mod faults;
mod full;
mod rates;
mod tls;
mod users;

use std::time::{Duration, Instant};

use crossfade::core::meter::{Answer, Counters};
use crossfade::probe::mysql::{AGAIN, Config, Credentials, PATIENCE, Source, Tls};
use mysql_async::{Conn, OptsBuilder};

use crate::stage::mariadb::{APP_LEGACY, MONITOR, MariaDb, Options, User};

/// How long a test waits for what must come.
const BOUND: Duration = Duration::from_secs(30);

fn config(port: u16) -> Config {
    Config {
        host: "127.0.0.1".to_owned(),
        port,
        extra_port: None,
        credentials: credentials(MONITOR.password),
        tls: Tls::Disabled,
        timeout: Duration::from_secs(2),
        patience: PATIENCE,
        again: AGAIN,
    }
}

fn credentials(password: &str) -> Credentials {
    Credentials { username: MONITOR.name.to_owned(), password: password.to_owned() }
}

fn source(server: &MariaDb) -> Source {
    Source::new(config(server.port())).unwrap()
}

/// The counters that the source must give now.
async fn counters(source: &mut Source) -> Counters {
    match source.ask().await {
        Answer::Counters(counters) => counters,
        other => panic!("no counters: {other:?}"),
    }
}

/// Asks every 20 ms until the answer is of the wanted kind.
async fn until(source: &mut Source, wanted: impl Fn(&Answer) -> bool) -> Answer {
    let begin = Instant::now();
    loop {
        let answer = source.ask().await;
        if wanted(&answer) {
            return answer;
        }
        assert!(begin.elapsed() < BOUND, "still {answer:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn until_counters(source: &mut Source) -> Counters {
    match until(source, |answer| matches!(answer, Answer::Counters(_))).await {
        Answer::Counters(counters) => counters,
        other => unreachable!("{other:?}"),
    }
}

/// The counters, once this many are connected: the server forgets a closed one a moment later.
async fn settled(source: &mut Source, connected: u64) -> Counters {
    match until(source, |a| matches!(a, Answer::Counters(c) if c.connected == connected)).await {
        Answer::Counters(counters) => counters,
        other => unreachable!("{other:?}"),
    }
}

/// What the source says while it is down.
async fn until_down(source: &mut Source) -> String {
    match until(source, |answer| matches!(answer, Answer::Down(_))).await {
        Answer::Down(error) => error,
        other => unreachable!("{other:?}"),
    }
}

async fn connect(server: &MariaDb, user: User) -> mysql_async::Result<Conn> {
    let options = OptsBuilder::default()
        .ip_or_hostname("127.0.0.1")
        .tcp_port(server.port())
        .user(Some(user.name))
        .pass(Some(user.password))
        .prefer_socket(false);
    Conn::new(options).await
}

/// Real connections of an application, held.
async fn hold(server: &MariaDb, count: usize) -> Vec<Conn> {
    let mut held = Vec::new();
    for _ in 0..count {
        held.push(connect(server, APP_LEGACY).await.unwrap());
    }
    held
}

/// Closes connections and waits until the server has forgotten them.
async fn release(server: &MariaDb, held: Vec<Conn>) {
    for conn in held {
        conn.disconnect().await.unwrap();
    }
    let begin = Instant::now();
    while server.exec("SELECT COUNT(*) FROM information_schema.processlist WHERE user = 'app_legacy'")
        != "0\n"
    {
        assert!(begin.elapsed() < BOUND, "the connections stay");
    }
}

fn small(max_connections: u32) -> Options {
    Options { max_connections, ..Options::default() }
}
