//! Connects by user: where the server counts them, which it counts, and what it lacks.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use crossfade::core::meter::Answer;
use crossfade::probe::mysql::{ByUser, Config, SOON, Source};

use super::{BOUND, config, connect, counters, hold, release, small, source, until, until_counters};
use crate::stage::mariadb::{APP_KUBE, APP_LEGACY, MONITOR, MariaDb, Options, User};

/// A server that counts by user in `information_schema.USER_STATISTICS`, which our user may see.
fn with_userstat(max_connections: u32) -> MariaDb {
    let server = MariaDb::start(Options { more: vec!["--userstat=1".into()], ..small(max_connections) });
    server.exec(&format!("GRANT PROCESS ON *.* TO {}", MONITOR.name));
    server
}

/// A server that counts by user in `performance_schema.users`, which our user may see.
fn with_performance_schema(max_connections: u32) -> MariaDb {
    let more = vec!["--performance-schema=ON".into()];
    let server = MariaDb::start(Options { more, ..small(max_connections) });
    server.exec(&format!("GRANT SELECT ON performance_schema.users TO {}", MONITOR.name));
    server
}

fn sides(server: &MariaDb) -> Source {
    asking(source(server), &[APP_LEGACY.name, APP_KUBE.name])
}

fn asking(mut source: Source, users: &[&str]) -> Source {
    let users: BTreeSet<String> = users.iter().map(ToString::to_string).collect();
    source.set_users(users.into());
    source
}

fn counted(logins: &[(&str, u64)]) -> ByUser {
    ByUser::Counted(logins.iter().map(|(user, count)| ((*user).to_owned(), *count)).collect())
}

/// The connects by user that the source must tell now.
async fn now(source: &mut Source) -> ByUser {
    until_counters(source).await;
    source.by_user().clone()
}

/// What it says while the server does not tell.
async fn untold(source: &mut Source) -> String {
    match now(source).await {
        ByUser::Untold(why) => why,
        other => panic!("told: {other:?}"),
    }
}

async fn log_in(server: &MariaDb, user: User, times: usize) {
    for _ in 0..times {
        connect(server, user).await.unwrap().disconnect().await.unwrap();
    }
}

async fn only_logins_count(server: MariaDb) {
    let mut source = sides(&server);
    assert_eq!(now(&mut source).await, counted(&[]), "nobody came yet");
    log_in(&server, APP_LEGACY, 2).await;
    log_in(&server, APP_KUBE, 3).await;
    let held = hold(&server, 4).await;
    assert_eq!(now(&mut source).await, counted(&[("app_kube", 3), ("app_legacy", 6)]));

    let wrong = User { password: "wrong", ..APP_KUBE };
    connect(&server, wrong).await.unwrap_err();
    drop(TcpStream::connect(server.address()).unwrap());
    // Ours and four are connected: five more, and the next is refused.
    let more = hold(&server, 5).await;
    connect(&server, APP_KUBE).await.unwrap_err();
    server.exec("FLUSH STATUS");
    assert_eq!(now(&mut source).await, counted(&[("app_kube", 3), ("app_legacy", 11)]));
    release(&server, held.into_iter().chain(more).collect()).await;
    assert_eq!(now(&mut source).await, counted(&[("app_kube", 3), ("app_legacy", 11)]));
}

#[tokio::test]
async fn user_statistics_count_logins_and_nothing_else() {
    only_logins_count(with_userstat(10)).await;
}

#[tokio::test]
async fn the_performance_schema_counts_logins_and_nothing_else() {
    only_logins_count(with_performance_schema(10)).await;
}

#[tokio::test]
async fn a_counting_that_begins_anew_is_seen_as_it_stands() {
    let server = with_userstat(50);
    let mut source = sides(&server);
    log_in(&server, APP_KUBE, 5).await;
    assert_eq!(now(&mut source).await, counted(&[("app_kube", 5)]));
    server.exec("FLUSH USER_STATISTICS");
    log_in(&server, APP_KUBE, 1).await;
    assert_eq!(now(&mut source).await, counted(&[("app_kube", 1)]));
}

#[tokio::test]
async fn only_the_users_asked_for_are_told_to_the_letter_and_whatever_they_are_called() {
    for server in [with_userstat(50), with_performance_schema(50)] {
        let odd = r#"o'b\"r` 日本--;"#;
        server.exec(&format!(
            "SET sql_mode = ''; CREATE USER \"{}\" IDENTIFIED BY 'x'",
            odd.replace('"', "\"\"").replace('\\', r"\\")
        ));
        server.exec("CREATE USER APP_KUBE IDENTIFIED BY 'upper'");
        log_in(&server, User { name: odd, password: "x" }, 2).await;
        log_in(&server, User { name: "APP_KUBE", password: "upper" }, 3).await;
        log_in(&server, APP_LEGACY, 1).await;
        let mut source = asking(source(&server), &[odd, "app_kube"]);
        assert_eq!(now(&mut source).await, counted(&[(odd, 2)]));
    }
}

#[tokio::test]
async fn nobody_who_was_not_asked_for_costs_a_question() {
    let server = with_userstat(50);
    let mut source = source(&server);
    assert_eq!(now(&mut source).await, ByUser::Absent);
}

#[tokio::test]
async fn what_is_not_switched_on_or_not_allowed_is_told_with_what_to_do_and_the_counters_go_on() {
    let server = MariaDb::start(small(50));
    let mut source = sides(&server);
    let address = server.address();
    assert_eq!(
        untold(&mut source).await,
        format!(
            "{address} does not count connects by user: `SET GLOBAL userstat = 1`, also in its configuration, and \
             `GRANT PROCESS ON *.*` to `monitor`"
        )
    );
    let before = counters(&mut source).await;
    log_in(&server, APP_KUBE, 3).await;
    assert_eq!(counters(&mut source).await.attempts, before.attempts + 3);

    server.exec("SET GLOBAL userstat = 1");
    assert_eq!(
        untold(&mut sides(&server)).await,
        format!("user `monitor` may not see how often others connect to {address}: `GRANT PROCESS ON *.*`")
    );

    let server = MariaDb::start(Options { more: vec!["--performance-schema=ON".into()], ..small(50) });
    let address = server.address();
    assert_eq!(
        untold(&mut sides(&server)).await,
        format!(
            "user `monitor` may not see how often others connect to {address}: `GRANT SELECT ON \
             performance_schema.users`"
        )
    );
}

#[tokio::test]
async fn who_stands_in_two_tables_is_read_where_it_may_be() {
    let more = vec!["--performance-schema=ON".into(), "--userstat=1".into()];
    let server = MariaDb::start(Options { more, ..small(50) });
    server.exec(&format!("GRANT PROCESS ON *.* TO {}", MONITOR.name));
    log_in(&server, APP_KUBE, 2).await;
    assert_eq!(now(&mut sides(&server)).await, counted(&[("app_kube", 2)]));
}

#[tokio::test]
async fn a_counting_that_is_switched_off_is_no_silence() {
    let server = with_userstat(50);
    let mut source = sides(&server);
    log_in(&server, APP_KUBE, 2).await;
    assert_eq!(now(&mut source).await, counted(&[("app_kube", 2)]));
    server.exec("SET GLOBAL userstat = 0");
    let address = server.address();
    assert_eq!(
        untold(&mut source).await,
        format!(
            "{address} does not count connects by user: `SET GLOBAL userstat = 1`, also in its configuration"
        )
    );
}

#[tokio::test]
async fn what_was_put_right_is_seen_without_a_restart_and_with_one_login_more() {
    let server = MariaDb::start(small(50));
    let hasty = Config { again: Duration::from_millis(20), ..config(server.port()) };
    let mut source = asking(Source::new(hasty).unwrap(), &[APP_KUBE.name]);
    untold(&mut source).await;
    server.exec(&format!("SET GLOBAL userstat = 1; GRANT PROCESS ON *.* TO {}", MONITOR.name));
    log_in(&server, APP_KUBE, 2).await;
    let before = until_counters(&mut source).await;
    until(&mut source, |_| true).await;
    let begin = Instant::now();
    let after = loop {
        let after = until_counters(&mut source).await;
        if let ByUser::Counted(_) = source.by_user() {
            break after;
        }
        assert!(begin.elapsed() < BOUND, "{:?}", source.by_user());
        tokio::time::sleep(Duration::from_millis(10)).await;
    };
    assert_eq!(*source.by_user(), counted(&[("app_kube", 2)]));
    assert_eq!(after.attempts, before.attempts, "our own login is not counted");
}

/// A way to the server that keeps each question for the users to itself for a while.
fn slow_for_users(server: &MariaDb, held: Duration) -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let (port, address) = (listener.local_addr().unwrap().port(), server.address());
    thread::spawn(move || {
        for client in listener.incoming() {
            let (mut client, mut server) = (client.unwrap(), TcpStream::connect(&address).unwrap());
            let (mut answers, mut back) = (server.try_clone().unwrap(), client.try_clone().unwrap());
            thread::spawn(move || std::io::copy(&mut answers, &mut back));
            thread::spawn(move || {
                let mut bytes = [0; 4096];
                while let Ok(length @ 1..) = client.read(&mut bytes) {
                    if bytes[..length].windows(17).any(|window| window == b"TOTAL_CONNECTIONS") {
                        thread::sleep(held);
                    }
                    server.write_all(&bytes[..length]).unwrap();
                }
                server.shutdown(Shutdown::Both).ok();
            });
        }
    });
    port
}

#[tokio::test]
async fn the_counters_do_not_wait_for_users_that_are_late_and_then_go_without_them() {
    let server = with_userstat(50);
    let held = Duration::from_millis(400);
    let mut source = asking(Source::new(config(slow_for_users(&server, held))).unwrap(), &[APP_KUBE.name]);
    // The first answer comes with the login.
    until_counters(&mut source).await;
    assert_eq!(*source.by_user(), ByUser::Absent);
    // What was under way is waited for once, and not asked again.
    until_counters(&mut source).await;
    let mut took = Vec::new();
    for _ in 0..5 {
        let begin = Instant::now();
        counters(&mut source).await;
        took.push(begin.elapsed());
        assert_eq!(*source.by_user(), ByUser::Absent);
    }
    assert!(took.iter().max().unwrap() < &SOON, "{took:?}");
}

/// Measures what the question for the users adds to each answer, and that no connection is made for it.
#[tokio::test]
async fn it_costs_no_connection_and_little_time() {
    let server = with_userstat(50);
    let mut source = sides(&server);
    now(&mut source).await;
    let connections = || {
        let told = server.exec("SHOW GLOBAL STATUS LIKE 'Connections'");
        told.split_whitespace().last().unwrap().parse::<u64>().unwrap()
    };
    let before = connections();
    let mut took = Vec::new();
    for _ in 0..50 {
        let begin = Instant::now();
        assert!(matches!(source.ask().await, Answer::Counters(_)));
        took.push(begin.elapsed());
        assert!(matches!(source.by_user(), ByUser::Counted(_)));
    }
    assert_eq!(connections(), before + 1, "our own question of this test");
    assert!(took.iter().min().unwrap() < &Duration::from_millis(50), "{took:?}");
}
