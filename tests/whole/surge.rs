//! The surge is real: what a request costs shows in the database's own counters, and a full
//! database fails requests.

use std::time::{Duration, Instant};

use anyhow::Result;

use crate::stage::haproxy::{self, HaProxy};
use crate::stage::load::{Load, Settings};
use crate::stage::mariadb::{self, APP_KUBE, APP_LEGACY, MariaDb};
use crate::stage::pool::{self, Behaviour, Pool, Side};
use crate::stage::world::login;

/// The database's own count of attempts to connect.
fn attempts(database: &MariaDb) -> u64 {
    let row = database.exec("SHOW GLOBAL STATUS LIKE 'Connections'");
    row.split_whitespace().last().and_then(|count| count.parse().ok()).unwrap_or(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_per_request_reach_the_database_as_they_are_turned_up() -> Result<()> {
    let database = MariaDb::start(mariadb::Options::default());
    let side = Side::Kubernetes;
    let behaviour = Behaviour { connects_per_request: 0.2, ..Behaviour::default() };
    let pool =
        Pool::start(pool::Settings { side, servers: 1, database: login(&database, APP_KUBE), behaviour })
            .await?;
    let load = Load::start(Settings::new(pool.addresses()[0], 100.0))?;

    for expected in [20.0, 100.0, 300.0] {
        pool.change(|behaviour| behaviour.connects_per_request = expected / 100.0);
        let (before, begin) = (attempts(&database), Instant::now());
        tokio::time::sleep(Duration::from_secs(2)).await;
        let rate = (attempts(&database) - before) as f64 / begin.elapsed().as_secs_f64();
        assert!((rate / expected - 1.0).abs() < 0.1, "{rate} instead of {expected} connections a second");
    }
    assert_eq!(load.stop().await.failed(), 0);
    assert_eq!(pool.counts().connect_failures, 0);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_database_fails_requests() -> Result<()> {
    let full = mariadb::Options { max_connections: 10, ..mariadb::Options::default() };
    let database = MariaDb::start(full);
    let behaviour =
        Behaviour { connects_per_request: 1.0, query: Duration::from_millis(50), ..Behaviour::default() };
    let settings =
        pool::Settings { side: Side::Legacy, servers: 2, database: login(&database, APP_LEGACY), behaviour };
    let pool = Pool::start(settings).await?;
    // 10 connections held 50 ms each: 200 a second at most.
    let load = Load::start(Settings::new(pool.addresses()[1], 400.0))?;
    tokio::time::sleep(Duration::from_secs(3)).await;
    let last = load.last(2);
    assert!(last.failed_percent() > 40.0, "{last:?}");
    assert_eq!(last.failed(), last.legacy_failed);
    assert_eq!(pool.counts_of(0).answered, 0);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_load_sees_the_share_that_haproxy_was_told() -> Result<()> {
    let database = MariaDb::start(mariadb::Options::default());
    let pool = |side, user| {
        let settings = pool::Settings {
            side,
            servers: 2,
            database: login(&database, user),
            behaviour: Behaviour::default(),
        };
        Pool::start(settings)
    };
    let (legacy, kubernetes) =
        (pool(Side::Legacy, APP_LEGACY).await?, pool(Side::Kubernetes, APP_KUBE).await?);
    let haproxy = HaProxy::start(&haproxy::Options::new(&legacy.addresses(), &kubernetes.addresses())).await;
    let load = Load::start(Settings::new(haproxy.front_address(), 300.0))?;
    for percent in [25, 0, 100] {
        for server in 1..=2 {
            haproxy.command(&format!("set server mail/ingress-{server} weight {percent}")).await;
            haproxy.command(&format!("set server mail/vm-{server} weight {}", 100 - percent)).await;
        }
        // The second in which the weight changed, and two full ones.
        tokio::time::sleep(Duration::from_secs(3)).await;
        let share = load.last(2).share();
        // HAProxy takes turns by weight: no dice are thrown.
        let expected = f64::from(percent);
        assert!(share.is_some_and(|share| (share - expected).abs() < 2.0), "{share:?} instead of {expected}");
    }
    let tally = load.stop().await;
    assert_eq!((tally.failed(), tally.unnamed), (0, 0));
    assert_eq!(tally.kubernetes, kubernetes.counts().answered);
    Ok(())
}
