//! A database that stops answering for a moment: nothing rises, nothing falls.

use std::time::Duration;

use anyhow::Result;
use serde_json::Value;

use crate::place::{GOES_ON, Place, blocked_by, condition, moves, shared, soaks_in};

#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_database_is_unknown_and_moves_nothing() -> Result<()> {
    let place = Place::new(shared().await?, "frozen").await?;
    place.begin(&place.plan(|_| ())).await?;
    let before = place.until("soaking at half", GOES_ON, |status| soaks_in(status, "half")).await?;
    place.database.freeze();
    let unknown = |status: &Value| blocked_by(status, "DataUnknown");
    let status = place.until("unknown", 5, unknown).await?;
    assert_eq!(condition(&status, "GuardsClear")[..2], ["False", "DataUnknown"]);
    place.throughout("unknown", Duration::from_secs(3), unknown).await?;
    place.weight_stays(50.0, Duration::from_millis(100)).await?;
    place.database.thaw();
    // Its connection was kept: there is nothing to wait for.
    let status = place.until("soaking again", 5, |status| soaks_in(status, "half")).await?;
    assert_eq!(moves(&status), moves(&before));
    Ok(())
}
