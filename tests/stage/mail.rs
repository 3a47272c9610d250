//! The plan `mail` of a world, waited for.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;
use tokio::time::sleep;

use super::world::World;

/// The status of the plan.
pub async fn status(world: &World) -> Result<Value> {
    let plan = world.plans()?.get("mail").await?;
    Ok(plan.data.get("status").cloned().unwrap_or_default())
}

/// Waits until the status is so.
pub async fn until(world: &World, what: &str, within: u64, is: impl Fn(&Value) -> bool) -> Result<Value> {
    let begin = Instant::now();
    loop {
        let status = status(world).await?;
        if is(&status) {
            println!("{what}: after {:?}", begin.elapsed());
            return Ok(status);
        }
        if begin.elapsed() > Duration::from_secs(within) {
            let log = world.operators.first().context("an operator")?.log()?;
            bail!("not {what} within {within} s: {status:#}\n{log}");
        }
        sleep(Duration::from_millis(50)).await;
    }
}

/// A condition of a status: its status, reason and message.
pub fn condition<'a>(status: &'a Value, kind: &str) -> [&'a str; 3] {
    let conditions = status["conditions"].as_array().map_or(&[][..], Vec::as_slice);
    let found = conditions.iter().find(|condition| condition["type"] == kind).unwrap_or(&Value::Null);
    ["status", "reason", "message"].map(|field| found[field].as_str().unwrap_or_default())
}
