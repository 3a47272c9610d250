//! The operator on the real parts: a plan is adopted, walked stage by stage, and survives what
//! happens to its operator.

use std::time::Duration;

use anyhow::{Result, bail};
use kube::api::DynamicObject;
use serde_json::Value;
use tokio::time::{Instant, sleep};

use crate::stage::mariadb::MONITOR;
use crate::stage::world::{Settings, World};

const MINUTE: Duration = Duration::from_mins(1);

const PLAN: &str = "apiVersion: crossfade.dev/v1alpha1
kind: MigrationPlan
metadata: {name: mail, namespace: mail}
spec:
  stages:
  - {name: tenth, weight: 10, soak: {for: 2s}}
  - {name: half, weight: 50, ramp: {step: 20, every: 1s}, soak: {for: 2s}}
  routes:
  - name: edge
    haproxy:
      instances: [\"${HAPROXY}\"]
      backend: mail
      legacyServers: [\"vm-*\"]
      kubernetesServers: [\"ingress-*\"]
  databases:
  - name: accounts
    every: 200ms
    mysql: {host: 127.0.0.1, port: ${DATABASE_PORT}, credentialsSecret: accounts-db-monitor, insecure: true}
    guards:
    - signal: ConnectionRate
      pause: {above: 300, for: 1s}
      rollback: {above: 500, for: 1s}
      resume: {below: 250, for: 5s}
    - signal: FailedConnections
      enabled: false
  rollback: {to: Zero, maxStep: 25, every: 1s}
";

/// What all operators have logged.
fn logs(world: &World) -> String {
    let logs: Vec<String> = world.operators.iter().map(|one| one.log().unwrap_or_default()).collect();
    logs.join("\n---\n")
}

/// Waits until the plan's status fulfils a condition.
async fn until(world: &World, what: &str, within: Duration, holds: impl Fn(&Value) -> bool) -> Result<Value> {
    until_of(world, "mail", what, within, holds).await
}

async fn until_of(
    world: &World,
    plan: &str,
    what: &str,
    within: Duration,
    holds: impl Fn(&Value) -> bool,
) -> Result<Value> {
    let begin = Instant::now();
    let plans = world.plans()?;
    loop {
        let found: Option<DynamicObject> = plans.get_opt(plan).await?;
        let status = found.and_then(|plan| plan.data.get("status").cloned()).unwrap_or_default();
        if holds(&status) {
            println!("{what}: after {:?}", begin.elapsed());
            return Ok(status);
        }
        if begin.elapsed() > within {
            bail!("not {what} within {within:?}: {status:#}\n{}", logs(world));
        }
        sleep(Duration::from_millis(50)).await;
    }
}

/// A world with a ready operator.
async fn world() -> Result<World> {
    let settings = Settings { rate: 100.0, ..Settings::default() };
    let mut world = World::start(settings, |step| println!("{step}")).await?;
    world.start_operator().await?;
    Ok(world)
}

/// A world whose plan has come to its end, at 50 %.
async fn completed() -> Result<World> {
    let world = world().await?;
    world.apply_plan(&world.fill(PLAN)).await?;
    until(&world, "completed", MINUTE, |status| status["phase"] == "Completed").await?;
    Ok(world)
}

/// Turns up the connections that the new side opens: far over the rollback threshold.
fn surge(world: &World) {
    world.kubernetes.change(|behaviour| behaviour.connects_per_request = 20.0);
}

/// Waits until the load balancer stands at a weight.
async fn until_weight(world: &World, percent: f64, within: Duration) -> Result<Duration> {
    let begin = Instant::now();
    loop {
        let weight = world.read_back().await?;
        if (weight - percent).abs() < 0.5 {
            return Ok(begin.elapsed());
        }
        if begin.elapsed() > within {
            bail!("at {weight} instead of {percent} after {within:?}\n{}", logs(world));
        }
        sleep(Duration::from_millis(20)).await;
    }
}

fn accepted(status: &Value) -> (&str, &str) {
    let condition = status["conditions"].as_array().into_iter().flatten().find(|c| c["type"] == "Accepted");
    let word = |name: &str| condition.and_then(|condition| condition[name].as_str()).unwrap_or_default();
    (word("status"), word("reason"))
}

/// The writes to the API server so far but those of the lease, and of this test itself.
fn writes(world: &World) -> Result<Vec<String>> {
    let all = world.cluster.writes()?.into_iter().map(|write| format!("{write:?}"));
    Ok(all
        .filter(|write| write.contains("crossfade-system:crossfade") && !write.contains("leases"))
        .collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_is_walked_through_its_stages_and_a_surge_is_braked() -> Result<()> {
    let mut world = world().await?;
    // Without its right to the Secret: told with the command that grants it, and tried again.
    world.cluster.apply(&world.fill(PLAN)).await?;
    let status = until(&world, "refused for want of a right", Duration::from_secs(10), |status| {
        accepted(status) == ("False", "PermissionMissing")
    })
    .await?;
    assert!(format!("{}", status["conditions"]).contains("crossfade rbac FILE | kubectl apply -f -"));
    world.grant(&world.fill(PLAN)).await?;
    until(&world, "completed", MINUTE, |status| status["phase"] == "Completed").await?;
    until_weight(&world, 50.0, Duration::from_secs(1)).await?;

    // Nothing but the lease is written while nothing changes.
    sleep(Duration::from_secs(2)).await;
    let any = |_: &Value| true;
    let before = (writes(&world)?, until(&world, "quiet", MINUTE, any).await?);
    assert!(before.0.len() > 5, "{before:#?}");
    sleep(Duration::from_secs(8)).await;
    let after = (writes(&world)?, until(&world, "still quiet", MINUTE, any).await?);
    let difference = json_patch::diff(&before.1, &after.1);
    assert_eq!(after.0, before.0, "what changed: {difference:#?}\n{}", logs(&world));

    surge(&world);
    until(&world, "rolled back", MINUTE, |status| status["phase"] == "RolledBack").await?;
    until_weight(&world, 0.0, Duration::from_secs(1)).await?;
    let operator = &mut world.operators[0];
    let read_back = |suffix: &str| format!("crossfade_breach_to_read_back_seconds_{suffix}");
    let retreats = operator.metric(&read_back("count")).await?;
    assert_eq!(operator.metric(&read_back("bucket{le=\"0.05\"}")).await?, retreats, "slower than 50 ms");
    let ended = operator.stop().await?;
    assert!(ended.success(), "{ended}\n{}", operator.log()?);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_surge_is_braked_while_the_api_server_is_away_and_the_status_catches_up() -> Result<()> {
    let world = completed().await?;
    world.cluster.stop_api()?;
    // Past the claim: only the last holder's right to brake is left.
    sleep(Duration::from_secs(12)).await;
    surge(&world);
    until_weight(&world, 0.0, Duration::from_secs(15)).await?;
    world.cluster.start_api().await?;
    let status =
        until(&world, "told", Duration::from_secs(20), |status| status["phase"] == "RolledBack").await?;
    assert_eq!(status["weight"]["intended"], 0);
    assert_eq!(status["epoch"], 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_goes_on_under_its_last_accepted_spec_also_after_a_restart() -> Result<()> {
    let mut world = completed().await?;
    let other = world.fill(PLAN).replace("accounts-db-monitor", "nobody-granted-this");
    world.cluster.apply(&other).await?;
    let refused = |status: &Value| accepted(status) == ("False", "PermissionMissing");
    let status = until(&world, "refused", Duration::from_secs(5), refused).await?;
    assert_eq!((&status["accepted"]["generation"], &status["observedGeneration"]), (&1.into(), &2.into()));
    world.operators[0].restart()?;
    world.operators[0].ready().await?;
    // The claim of the process before must expire first.
    until(&world, "taken over", Duration::from_secs(15), |status| status["epoch"] == 2).await?;
    let status = until(&world, "refused", Duration::from_secs(5), refused).await?;
    assert_eq!(status["accepted"]["generation"], 1);
    surge(&world);
    until_weight(&world, 0.0, Duration::from_secs(15)).await?;
    world.cluster.apply(&world.fill(PLAN)).await?;
    until(&world, "accepted", Duration::from_secs(5), |status| accepted(status) == ("True", "Accepted"))
        .await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_route_belongs_to_the_older_plan_and_a_plan_made_anew_adopts() -> Result<()> {
    let world = completed().await?;
    let plan = world.fill(PLAN);
    // A second of age is what the API server tells apart.
    sleep(Duration::from_secs(1)).await;
    world.cluster.apply(&plan.replace("metadata: {name: mail,", "metadata: {name: younger,")).await?;
    let younger = |status: &Value| accepted(status) == ("False", "RouteTaken");
    until_of(&world, "younger", "refused", Duration::from_secs(5), younger).await?;

    world.cluster.kubectl(["delete", "mplan", "mail", "--namespace=mail"]).await?;
    let adopted = |status: &Value| status["weight"]["intended"] == 50 && status["stage"]["name"] == "half";
    until_of(&world, "younger", "adopted", Duration::from_secs(5), adopted).await?;
    assert!((world.read_back().await? - 50.0).abs() < 0.5, "a deleted plan leaves its weights alone");
    let page = world.operators[0].page("/metrics").await?.1;
    assert!(!page.contains("plan=\"mail\""), "{page}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_survives_the_death_of_its_operator_in_mid_ramp() -> Result<()> {
    let mut world = world().await?;
    world.start_operator().await?;
    world.apply_plan(&world.fill(PLAN)).await?;
    until(&world, "at 30 %", MINUTE, |status| status["weight"]["intended"] == 30).await?;
    let holds = "crossfade_lease_standing{standing=\"holder\"}";
    let first = usize::from(world.operators[0].metric(holds).await?.is_none());
    world.operators[first].kill();
    until(&world, "completed", MINUTE, |status| status["phase"] == "Completed" && status["epoch"] == 2)
        .await?;
    until_weight(&world, 50.0, Duration::from_secs(1)).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_pauses_and_a_corrected_secret_is_read_by_itself() -> Result<()> {
    let world = world().await?;
    let secret = |password: &str| {
        format!(
            "apiVersion: v1
kind: Secret
metadata: {{name: accounts-db-monitor, namespace: mail}}
stringData: {{username: {}, password: {password}}}
",
            MONITOR.name
        )
    };
    world.cluster.apply(&secret("wrong")).await?;
    world.apply_plan(&world.fill(PLAN)).await?;
    let down = |status: &Value| format!("{}", status["blockedBy"]).contains("DatabaseDown");
    let status = until(&world, "blocked", Duration::from_secs(15), down).await?;
    assert!(!format!("{status}").contains("wrong"), "{status:#}");
    world.cluster.apply(&secret(MONITOR.password)).await?;
    until(&world, "read again", Duration::from_secs(35), |status| !down(status)).await?;
    Ok(())
}
