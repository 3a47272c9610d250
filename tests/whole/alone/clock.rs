//! A step of the operator's wall clock, as by an administrator or a suspended machine. Its
//! monotonic clock goes on, as the kernel's does.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::Alone;
use crate::place::{Place, moves};

/// Where Debian keeps it, and where others do.
const LIBRARIES: [&str; 3] = [
    "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1",
    "/usr/lib/aarch64-linux-gnu/faketime/libfaketime.so.1",
    "/usr/lib64/faketime/libfaketime.so.1",
];

/// A file that says how far the wall clock is off.
struct WallClock(PathBuf);

impl WallClock {
    fn new(folder: &Path) -> Result<Self> {
        let clock = Self(folder.join("clock"));
        clock.set("+0")?;
        Ok(clock)
    }

    /// Renamed into place, so that it is never seen half written.
    fn set(&self, offset: &str) -> Result<()> {
        let new = self.0.with_extension("new");
        fs::write(&new, offset)?;
        fs::rename(&new, &self.0).context("set the clock")
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_of_the_wall_clock_blinds_no_guard_and_moves_neither_soak_nor_lease() -> Result<()> {
    let library = LIBRARIES.iter().find(|path| Path::new(path).exists());
    let library = library.context("libfaketime is not installed: run tests/setup")?;
    let alone = Alone::new().await?;
    let ground = alone.ground()?;
    let clock = WallClock::new(ground.cluster.dir())?;
    let file = clock.0.display().to_string();
    let env = [
        ("LD_PRELOAD", *library),
        ("FAKETIME_TIMESTAMP_FILE", file.as_str()),
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
        ("FAKETIME_CACHE_DURATION", "1"),
    ];
    ground.start_operator("clock", &env).await?;
    let place = Place::new(ground, "clock").await?;
    // A soak that a step of an hour would end at once.
    let stages =
        json!([{"name": "half", "weight": 50, "soak": {"for": "58m"}}, {"name": "full", "weight": 100}]);
    place.begin(&place.plan(|spec| spec["stages"] = stages)).await?;
    let before = place.until("soaking", 30, |status| status["phase"] == "Soaking").await?;
    let epoch = &before["epoch"];

    for step in ["+1h", "+0", "-1h", "+0"] {
        clock.set(step)?;
        let calm = |status: &Value| {
            status["phase"] == "Soaking" && status["epoch"] == *epoch && moves(status) == moves(&before)
        };
        place.throughout("soaking", Duration::from_secs(4), calm).await?;
    }
    // The brake works while the clock is an hour ahead.
    clock.set("+1h")?;
    let storm = place.storm(300.0);
    place.until_weight(0.0, 15).await?;
    drop(storm);
    // Times in the status are the wall clock's, or nothing was stepped here.
    let status = place.until("rolled back", 10, |status| status["phase"] == "RolledBack").await?;
    let measured: Timestamp = status["measuredAt"].as_str().context("measuredAt")?.parse()?;
    let ahead = measured.as_second() - Timestamp::now().as_second();
    assert!((3500..3700).contains(&ahead), "the operator's wall clock is {ahead} s ahead, and not an hour");
    ground.stop_operator().await
}
