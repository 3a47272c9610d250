//! Secrets that are missing, may not be read, or hold a wrong password.

use std::time::Duration;

use anyhow::Result;
use serde_json::Value;

use crate::place::{GOES_ON, Place, accepted, blocked_by, condition, shared, soaks_in};
use crate::stage::mariadb::MONITOR;

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_secret_is_told_and_the_plan_goes_on_when_it_is_there() -> Result<()> {
    let place = Place::new(shared().await?, "no-secret").await?;
    let secret = ["delete", "secret", "-n", "no-secret", "accounts-db-monitor"];
    place.ground.cluster.kubectl(secret).await?;
    place.begin(&place.plan(|_| ())).await?;
    let missing = |status: &Value| accepted(status) == ["False", "ReferenceNotFound"];
    let status = place.until("told", 10, missing).await?;
    let message = condition(&status, "Accepted")[2];
    assert!(message.contains("there is no Secret no-secret/accounts-db-monitor: create it"), "{message}");
    assert_eq!(condition(&status, "Stalled")[0], "True");
    place.weight_stays(0.0, Duration::from_secs(1)).await?;

    place.secret(MONITOR.password).await?;
    let status = place.until("soaking at half", GOES_ON, |status| soaks_in(status, "half")).await?;
    assert_eq!(accepted(&status), ["True", "Accepted"]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_right_is_told_with_the_command_that_grants_it() -> Result<()> {
    let place = Place::new(shared().await?, "no-right").await?;
    let plan = place.plan(|_| ());
    place.apply(&plan).await?;
    let missing = |status: &Value| accepted(status) == ["False", "PermissionMissing"];
    let status = place.until("told", 10, missing).await?;
    let message = condition(&status, "Accepted")[2];
    assert!(message.contains("may not read the Secret no-right/accounts-db-monitor"), "{message}");
    assert!(message.contains("kubectl apply -f -"), "{message}");
    place.weight_stays(0.0, Duration::from_secs(1)).await?;

    // What the message says, with the plan as the cluster has it.
    let command = message.split('`').nth(1).unwrap_or_default();
    let file = place.ground.cluster.dir().join("no-right-plan.json");
    std::fs::write(&file, plan.to_string())?;
    place.run(&command.replace("FILE", &file.display().to_string())).await?;
    place.until("soaking at half", GOES_ON, |status| soaks_in(status, "half")).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_is_told_and_a_corrected_secret_is_read_again() -> Result<()> {
    let place = Place::new(shared().await?, "wrong-password").await?;
    place.secret("not-the-password-1789").await?;
    place.begin(&place.plan(|_| ())).await?;
    let status = place.until("told", 10, |status| blocked_by(status, "DatabaseDown")).await?;
    let blockers = status["blockedBy"].to_string();
    assert!(blockers.contains("monitor"), "which user was refused: {blockers}");
    place.weight_stays(0.0, Duration::from_secs(1)).await?;

    place.secret(MONITOR.password).await?;
    // Read again at most every 30 s.
    place.until("soaking at half", GOES_ON, |status| soaks_in(status, "half")).await?;

    // Nothing of a password is ever shown.
    let client = place.ground.cluster.kubectl(["get", "mplan,events", "-n", "wrong-password", "-o", "json"]);
    let everything = client.await? + &place.ground.log("");
    for secret in ["not-the-password-1789", MONITOR.password] {
        assert!(!everything.contains(secret), "{secret} is shown");
    }
    assert_eq!(accepted(&place.status().await?), ["True", "Accepted"]);
    Ok(())
}
