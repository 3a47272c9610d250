//! The stage's own parts do what they say: else nothing that is shown on it means anything.

use std::time::{Duration, Instant};

use anyhow::Result;
use mysql_async::Opts;
use tokio::net::TcpListener;

use crate::stage::load::{Load, Settings};
use crate::stage::pool::{self, Behaviour, Pool, Side};

/// A pool that opens no database connection.
async fn pool_without_database(side: Side, servers: usize, capacity: f64) -> Result<Pool> {
    let behaviour = Behaviour { connects_per_request: 0.0, capacity, ..Behaviour::default() };
    let database = Opts::default();
    Pool::start(pool::Settings { side, servers, database, behaviour }).await
}

#[tokio::test(flavor = "multi_thread")]
async fn load_keeps_its_rate_when_nothing_answers() -> Result<()> {
    let silent = TcpListener::bind("127.0.0.1:0").await?;
    let patience = Duration::from_millis(500);
    let begin = Instant::now();
    let load = Load::start(Settings { patience, ..Settings::new(silent.local_addr()?, 200.0) })?;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let expected = begin.elapsed().as_secs_f64() * 200.0;
    let tally = load.stop().await;
    assert!((tally.requests() as f64 / expected - 1.0).abs() < 0.05, "{tally:?} instead of {expected}");
    assert_eq!(tally.timed_out, tally.requests());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_server_refuses_and_a_revived_one_answers() -> Result<()> {
    let mut pool = pool_without_database(Side::Kubernetes, 1, 1000.0).await?;
    let load = Load::start(Settings { keep_alive: false, ..Settings::new(pool.addresses()[0], 100.0) })?;
    until("a second of good answers", || load.last(1).kubernetes > 50).await;
    assert_eq!(load.total().failed(), 0);

    pool.kill(0).await;
    until("a second of refusals", || load.last(1).refused > 50).await;
    let answered = load.total().kubernetes;

    pool.revive(0).await?;
    until("a second without failures", || load.total().kubernetes > answered && load.last(1).failed() == 0)
        .await;
    // A request that was being answered when its server died counts there, and is refused here.
    let arrived = load.stop().await.kubernetes;
    let lost = pool.counts_of(0).answered.saturating_sub(arrived);
    assert!(lost <= 2, "{lost} answers got lost");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_over_its_capacity_queues_and_then_refuses() -> Result<()> {
    let pool = pool_without_database(Side::Legacy, 1, 50.0).await?;
    let load = Load::start(Settings::new(pool.addresses()[0], 150.0))?;
    tokio::time::sleep(Duration::from_secs(4)).await;
    let last = load.last(2);
    let tally = load.stop().await;
    assert!((80..=120).contains(&last.legacy), "{last:?}");
    assert!((160..=240).contains(&last.legacy_failed), "{last:?}");
    assert_eq!(pool.counts().overloaded, tally.legacy_failed);
    assert!(last.latency.quantile(0.99) > Duration::from_millis(900));
    Ok(())
}

/// Waits until that is so, at most 20 s.
async fn until(what: &str, so: impl Fn() -> bool) {
    let begin = Instant::now();
    while !so() {
        assert!(begin.elapsed() < Duration::from_secs(20), "it did not come: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
