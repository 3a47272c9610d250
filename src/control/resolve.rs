//! From a plan's newest spec, and the one accepted last, to what is to run and what `Accepted` says.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use kube::Client;
use serde_json::Value;

use super::key::PlanKey;
use super::secrets::Secrets;
use super::wire::{Error, Wiring};
use super::workloads;
use crate::api::parse::{Parsed, parse};
use crate::api::problem;
use crate::core::reason::Reason;

/// A spec that can be read, with its generation.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// The spec as it was written.
    pub raw: Arc<Value>,
    /// Its generation.
    pub generation: i64,
    /// What it says.
    pub parsed: Arc<Parsed>,
}

/// Why a spec is not accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// The reason for `Accepted`.
    pub reason: Reason,
    /// In words: what, why, and what to do.
    pub message: String,
}

/// What is to become of a plan.
pub struct Resolution {
    /// Why the newest spec is not accepted, if it is not.
    pub rejection: Option<Rejection>,
    /// What is to run; `None` leaves what runs as it is.
    pub run: Option<(Candidate, Wiring)>,
    /// Whether a look-up failed: it may succeed later.
    pub retry: bool,
}

impl Candidate {
    /// Reads a spec.
    pub fn read(raw: &Arc<Value>, generation: i64) -> Result<Self, Rejection> {
        match parse(raw) {
            Ok(parsed) => Ok(Self { raw: raw.clone(), generation, parsed: Arc::new(parsed) }),
            Err(problems) => {
                Err(Rejection { reason: Reason::InvalidSpec, message: problem::list(&problems) })
            }
        }
    }

    /// What its routes are in the world.
    pub fn routes(&self) -> BTreeSet<String> {
        super::wire::routes(&self.parsed.spec)
    }

    /// Passes it on unless a route of it belongs to another plan.
    pub fn free(self, plan: &PlanKey, owners: &BTreeMap<String, String>) -> Result<Self, Rejection> {
        let taken = self.routes().into_iter().find_map(|route| {
            let owner = owners.get(&route).filter(|owner| *owner != plan.as_str())?;
            Some(Rejection {
                reason: Reason::RouteTaken,
                message: format!(
                    "the route {route} belongs to the plan {owner}, which is older: \
                     take it out of one of the two"
                ),
            })
        });
        taken.map_or(Ok(self), Err)
    }

    async fn wire(&self, client: &Client, namespace: &str) -> Result<Wiring, Error> {
        let names = self.parsed.secrets().into_iter().map(ToOwned::to_owned).collect();
        let secrets = Secrets::read(client, namespace, &names).await?;
        Wiring::new(namespace, &self.parsed, &secrets)
    }
}

/// Looks up what is missing. `fallback` is the spec accepted last, for when the newest cannot run
/// and nothing runs yet. A spec that was `accepted` runs on without its workloads: its guards do.
pub async fn resolve(
    client: Client,
    namespace: String,
    newest: Result<Candidate, Rejection>,
    accepted: bool,
    fallback: Option<Candidate>,
) -> Resolution {
    let rejection = match newest {
        Ok(candidate) => match candidate.wire(&client, &namespace).await {
            Ok(wiring) => {
                let lack = workloads::check(&client, &wiring.workloads, &wiring.floors).await.err();
                let retry = lack.is_some();
                let rejection =
                    lack.map(|lack| Rejection { reason: lack.reason(), message: lack.to_string() });
                match rejection {
                    Some(rejection) if !accepted => (rejection, retry),
                    rejection => return Resolution { rejection, run: Some((candidate, wiring)), retry },
                }
            }
            Err(error) => {
                let retry = matches!(error, Error::Lack(_));
                (Rejection { reason: error.reason(), message: error.to_string() }, retry)
            }
        },
        Err(rejection) => (rejection, false),
    };
    let (rejection, mut retry) = rejection;
    let mut run = None;
    if let Some(candidate) = fallback {
        match candidate.wire(&client, &namespace).await {
            Ok(wiring) => run = Some((candidate, wiring)),
            Err(error) => {
                tracing::warn!(namespace, %error, "the spec accepted last cannot run either");
                retry |= matches!(error, Error::Lack(_));
            }
        }
    }
    Resolution { rejection: Some(rejection), run, retry }
}
