use std::time::Duration;

use anyhow::{Result, bail, ensure};
use crossfade::core::reason::Reason;
use tokio::time::{Instant, sleep};

use super::place::{Place, Pods, deploy, space};
use crate::stage::cluster::{Cluster, Options};

/// The core believes a count for so long.
const STALE: Duration = Duration::from_secs(45);

async fn until(what: &str, within: Duration, is: impl Fn() -> bool) -> Result<Duration> {
    let begin = Instant::now();
    while !is() {
        if begin.elapsed() > within {
            bail!("not within {within:?}: {what}");
        }
        sleep(Duration::from_millis(50)).await;
    }
    Ok(begin.elapsed())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_raise_waits_for_the_pods_and_waits_again_when_their_watch_is_dead() -> Result<()> {
    let cluster = Cluster::start(Options::default()).await?;
    if !cluster.is_own() {
        return Ok(());
    }
    space(&cluster, "cut").await?;
    deploy(&cluster, "cut").await?;
    let pods = Pods::of(&cluster, "cut")?;
    for name in ["a", "b", "c", "d"] {
        pods.create(name, "mail").await?;
    }
    let place = Place::begin(&cluster, "cut", Duration::from_secs(2)).await?;
    place.until((0, 0), Duration::from_secs(10)).await?;
    sleep(Duration::from_secs(2)).await;
    ensure!(place.weight() == 0.0, "it rose to {} % without a pod", place.weight());
    for name in ["a", "b", "c", "d"] {
        pods.say(name, true, Duration::ZERO).await?;
    }
    let risen = until("it rises", Duration::from_secs(6), || place.weight() > 0.0).await?;
    ensure!(risen > Duration::from_secs(1), "it rose after {risen:?}, before the pods were warm");

    cluster.freeze_api()?;
    let short = || {
        let blockers = place.report().map(|report| report.blocked_by).unwrap_or_default();
        blockers.iter().any(|blocker| blocker.reason == Reason::CapacityShort)
    };
    let after = until("the count is old", STALE + Duration::from_secs(1), short).await?;
    println!("old {after:?} after the API server stopped to answer");
    ensure!(place.pods().is_none(), "a count that is old is shown");
    let stood = place.weight();
    sleep(Duration::from_secs(3)).await;
    ensure!(place.weight() <= stood, "it rose from {stood} to {} % blindly", place.weight());

    cluster.thaw_api()?;
    let back = place.until((4, 4), Duration::from_secs(10)).await?;
    println!("known again {back:?} after the API server answers again");
    until("it goes on", Duration::from_secs(5), || place.weight() > stood).await?;

    // A connection that is refused is noticed as well, and the API server's restart survived.
    cluster.stop_api()?;
    cluster.start_api().await?;
    pods.say("a", false, Duration::ZERO).await?;
    place.until((3, 3), Duration::from_secs(10)).await?;
    Ok(())
}
