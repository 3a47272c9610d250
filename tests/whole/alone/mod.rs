//! Faults for which the operator is killed, its clock stepped, or the CRD changed: one at a time, on
//! a ground of their own.

mod clock;
mod restart;
mod stored;

use anyhow::{Context as _, Result};
use tokio::sync::{Mutex, MutexGuard};

use crate::place::Ground;

/// The ground, while nobody else is on it. It has no operator.
struct Alone(MutexGuard<'static, Option<Ground>>);

impl Alone {
    async fn new() -> Result<Self> {
        static GROUND: Mutex<Option<Ground>> = Mutex::const_new(None);
        let mut ground = GROUND.lock().await;
        if ground.is_none() {
            *ground = Some(Ground::new().await?);
        }
        Ok(Self(ground))
    }

    fn ground(&self) -> Result<&Ground> {
        self.0.as_ref().context("made by `new`")
    }
}
