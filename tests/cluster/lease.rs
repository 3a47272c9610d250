//! Two operators on one lease: one writes, and another takes over when it is gone.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use kube::Api;
use tokio::time::{Instant, sleep};

use crate::stage::cluster::{self, Cluster};
use crate::stage::operator::{Operator, Options};
use crate::stage::world::release_lease;

const NAMESPACE: &str = "crossfade-system";

/// How long a claim is good for, and how soon after that another replica must hold it.
const CLAIM: Duration = Duration::from_secs(10);
const TAKE_OVER: Duration = Duration::from_secs(2);

async fn cluster() -> Result<Cluster> {
    let cluster = Cluster::start(cluster::Options::default()).await?;
    cluster.apply(&read("deploy/rbac.yaml")?).await?;
    release_lease(&cluster).await?;
    Ok(cluster)
}

async fn with_plans() -> Result<Cluster> {
    let cluster = cluster().await?;
    install_crd(&cluster).await?;
    Ok(cluster)
}

async fn install_crd(cluster: &Cluster) -> Result<()> {
    cluster.apply(&read("crds/migrationplans.yaml")?).await?;
    let wait = ["wait", "--for=condition=Established", "--timeout=30s", "crd/migrationplans.crossfade.dev"];
    cluster.kubectl(wait).await.map(drop)
}

fn read(file: &str) -> Result<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    std::fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))
}

async fn options(cluster: &Cluster, name: &str) -> Result<Options> {
    let kubeconfig = cluster.operator_kubeconfig(NAMESPACE, "crossfade").await?;
    Ok(Options::new(&kubeconfig, cluster.dir(), name))
}

async fn lease(cluster: &Cluster) -> Result<LeaseSpec> {
    let leases: Api<Lease> = Api::namespaced(cluster.admin_client()?, NAMESPACE);
    Ok(leases.get("crossfade").await?.spec.unwrap_or_default())
}

/// Waits until an operator says that it stands so.
async fn until_standing(operator: &Operator, standing: &str, within: Duration) -> Result<Duration> {
    let begin = Instant::now();
    let series = format!("crossfade_lease_standing{{standing=\"{standing}\"}}");
    loop {
        if operator.metric(&series).await.is_ok_and(|value| value == Some(1.0)) {
            return Ok(begin.elapsed());
        }
        if begin.elapsed() > within {
            bail!("not {standing} within {within:?}:\n{}", operator.log()?);
        }
        sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_holder_is_followed_within_two_seconds_after_its_claim_expired() -> Result<()> {
    let cluster = with_plans().await?;
    let mut first = Operator::start_ready(&options(&cluster, "first").await?).await?;
    until_standing(&first, "holder", Duration::from_secs(5)).await?;
    let second = Operator::start_ready(&options(&cluster, "second").await?).await?;
    sleep(Duration::from_secs(3)).await;
    assert_eq!(second.metric("crossfade_lease_standing{standing=\"none\"}").await?, Some(1.0));

    first.kill();
    let renewed = lease(&cluster).await?.renew_time.context("it was renewed")?.0;
    until_standing(&second, "holder", CLAIM + TAKE_OVER).await?;
    let after = Duration::try_from(jiff::Timestamp::now().duration_since(renewed))?;
    println!("taken over {after:?} after the last renewal");
    assert!(after >= CLAIM, "{after:?} is before the claim expired");
    assert!(after <= CLAIM + TAKE_OVER, "{after:?}");
    assert_eq!(lease(&cluster).await?.lease_transitions, Some(2));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_holder_that_ends_is_followed_at_once() -> Result<()> {
    let cluster = with_plans().await?;
    let mut first = Operator::start_ready(&options(&cluster, "first").await?).await?;
    until_standing(&first, "holder", Duration::from_secs(5)).await?;
    let second = Operator::start_ready(&options(&cluster, "second").await?).await?;
    let ended = first.stop().await?;
    assert!(ended.success(), "{ended}\n{}", first.log()?);
    let after = until_standing(&second, "holder", Duration::from_secs(2)).await?;
    println!("taken over {after:?} after the end");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_holder_that_was_frozen_finds_out_that_it_holds_no_more() -> Result<()> {
    let cluster = with_plans().await?;
    let mut first = Operator::start_ready(&options(&cluster, "first").await?).await?;
    until_standing(&first, "holder", Duration::from_secs(5)).await?;
    let second = Operator::start_ready(&options(&cluster, "second").await?).await?;
    first.freeze()?;
    until_standing(&second, "holder", CLAIM + TAKE_OVER).await?;
    first.thaw()?;
    until_standing(&first, "none", Duration::from_secs(5)).await?;
    sleep(Duration::from_secs(3)).await;
    assert_eq!(second.metric("crossfade_lease_standing{standing=\"holder\"}").await?, Some(1.0));
    assert_eq!(lease(&cluster).await?.lease_transitions, Some(2));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn without_an_answer_the_holder_becomes_the_last_holder_and_holds_again_after_it() -> Result<()> {
    let cluster = with_plans().await?;
    let mut operator = Operator::start_ready(&options(&cluster, "only").await?).await?;
    until_standing(&operator, "holder", Duration::from_secs(5)).await?;
    cluster.freeze_api()?;
    let after = until_standing(&operator, "last-holder", CLAIM + Duration::from_secs(1)).await?;
    println!("last holder {after:?} after the API server stopped to answer");
    assert_eq!(operator.page("/live").await?.0, 200);
    cluster.thaw_api()?;
    until_standing(&operator, "holder", Duration::from_secs(5)).await?;
    assert_eq!(lease(&cluster).await?.lease_transitions, Some(1), "nobody else held it");
    operator.check()
}

#[tokio::test(flavor = "multi_thread")]
async fn it_waits_for_its_crd_and_says_so() -> Result<()> {
    let cluster = cluster().await?;
    let mut operator = Operator::start(&options(&cluster, "only").await?)?;
    until_standing(&operator, "holder", Duration::from_secs(10)).await?;
    let begin = Instant::now();
    let (status, page) = loop {
        let answer = operator.page("/ready").await?;
        if answer.1.contains("CRD") || begin.elapsed() > Duration::from_secs(5) {
            break answer;
        }
        sleep(Duration::from_millis(50)).await;
    };
    assert_eq!(status, 503);
    assert!(page.contains("crossfade crd | kubectl apply -f -"), "{page}");
    install_crd(&cluster).await?;
    operator.ready().await
}
