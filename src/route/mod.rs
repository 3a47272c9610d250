//! Where traffic is split. An instance reads and writes weights, and decides nothing: what a
//! reading means, and whether a weight may be written at all, is the core's to say.

use crossfade_core::route::Reading;
use crossfade_core::weight::Weight;

pub mod haproxy;

/// One place where traffic is split, owned by the one task that talks to it.
#[derive(Debug)]
pub enum Instance {
    /// One HAProxy process.
    HaProxy(haproxy::Instance),
}

/// Why an instance could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// From an HAProxy process.
    #[error(transparent)]
    HaProxy(#[from] haproxy::Error),
}

impl Instance {
    /// What the instance stands at.
    pub async fn read(&mut self) -> Result<Reading, Error> {
        match self {
            Self::HaProxy(instance) => Ok(instance.read().await?),
        }
    }

    /// Sets the weights so that the pools stand as near as they can to `weight`, given which
    /// servers are up, and says what the instance then stands at.
    ///
    /// The future may be dropped at any point; what it had sent is finished before anything that a
    /// later call sends, as long as the connection lives.
    pub async fn write(&mut self, weight: Weight) -> Result<Reading, Error> {
        match self {
            Self::HaProxy(instance) => Ok(instance.write(weight).await?),
        }
    }
}
