//! The lease on the API server: carries out what the core's step asks, and tells the fleet what this
//! replica may do. It decides nothing.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::coordination::v1::{Lease as Object, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use kube::api::{Api, PostParams};
use tokio_util::sync::CancellationToken;

use super::client::{self, Failure};
use super::operator::{self, Operator};
use crate::core::lease::{Answer, Found, Lease, Next, Record, Standing, Times};

/// How long the process waits for the confirmation that the lease was released.
const RELEASE: Duration = Duration::from_secs(2);

/// Keeps the lease until `stop`, then releases it.
pub async fn keep(
    operator: Arc<Operator>,
    api: Api<Object>,
    name: String,
    me: String,
    stop: CancellationToken,
) {
    let mut lease = Lease::new(&me, Times::STANDARD);
    let keeper = Keeper { operator, api, name, me };
    while !stop.is_cancelled() {
        let now = keeper.operator.clock.now();
        keeper.tell(&lease);
        let next = lease.next(now);
        if let Next::Wait(until) = next {
            let until = lease.changes_at(now).map_or(until, |change| change.min(until));
            tokio::select! {
                () = tokio::time::sleep_until(keeper.operator.clock.instant(until)) => {}
                () = stop.cancelled() => {}
            }
        } else {
            let answer = keeper.carry_out_and_tell(&next, &lease).await;
            lease.answer(answer, now, keeper.operator.clock.now());
        }
    }
    let release = lease.release(keeper.operator.clock.now());
    keeper.tell(&lease);
    if let Some(release) = release {
        let answer = tokio::time::timeout(RELEASE, keeper.carry_out(&release)).await;
        if matches!(answer, Ok(Answer::Written(_))) {
            tracing::info!("lease released");
        } else {
            tracing::warn!("lease not released; another replica takes over when it expires");
        }
    }
}

struct Keeper {
    operator: Arc<Operator>,
    api: Api<Object>,
    name: String,
    me: String,
}

impl Keeper {
    fn tell(&self, lease: &Lease) {
        self.operator.stand(lease);
    }

    /// Carries a request out, and tells the engines should the claim end meanwhile.
    async fn carry_out_and_tell(&self, next: &Next, lease: &Lease) -> Answer {
        let mut request = std::pin::pin!(self.carry_out(next));
        loop {
            let change = lease.changes_at(self.operator.clock.now());
            let change = change.map(|change| self.operator.clock.instant(change));
            tokio::select! {
                answer = &mut request => return answer,
                () = operator::at(change) => self.tell(lease),
            }
        }
    }

    async fn carry_out(&self, next: &Next) -> Answer {
        let result = match next {
            Next::Wait(_) => return Answer::None,
            Next::Read => client::ask(self.api.get_opt(&self.name)).await.map(|found| found.map(found_in)),
            Next::Write { record, over } => {
                let verb = if over.is_some() { "update" } else { "create" };
                self.operator.metrics.api_write(verb, "leases");
                let object = self.object(record, over.clone());
                let params = PostParams::default();
                let written = match over {
                    Some(_) => client::ask(self.api.replace(&self.name, &params, &object)).await,
                    None => client::ask(self.api.create(&params, &object)).await,
                };
                match written {
                    Ok(object) => {
                        self.operator.health.lease_answered();
                        return Answer::Written(found_in(object));
                    }
                    Err(failure) => Err(failure),
                }
            }
        };
        match result {
            Ok(found) => {
                self.operator.health.lease_answered();
                Answer::Read(found)
            }
            Err(failure) => {
                tracing::debug!(lease = self.name, %failure, "lease request failed");
                match failure {
                    Failure::NoAnswer(_) => Answer::None,
                    Failure::Conflict | Failure::NotFound => Answer::Conflict,
                    Failure::Forbidden(why) | Failure::Refused(why) => {
                        self.operator.health.lease_refused(&why);
                        Answer::Refused
                    }
                }
            }
        }
    }

    fn object(&self, record: &Record, version: Option<String>) -> Object {
        let now = MicroTime(jiff::Timestamp::now());
        Object {
            metadata: ObjectMeta {
                name: Some(self.name.clone()),
                resource_version: version,
                ..ObjectMeta::default()
            },
            spec: Some(LeaseSpec {
                holder_identity: record.holder.clone(),
                lease_transitions: i32::try_from(record.epoch).ok(),
                lease_duration_seconds: i32::try_from(record.duration.as_secs()).ok(),
                // For people; nobody decides by it.
                renew_time: record.holder.as_ref().filter(|holder| **holder == self.me).map(|_| now),
                ..LeaseSpec::default()
            }),
        }
    }
}

fn found_in(object: Object) -> Found {
    let spec = object.spec.unwrap_or_default();
    Found {
        record: Record {
            holder: spec.holder_identity.filter(|holder| !holder.is_empty()),
            epoch: spec.lease_transitions.and_then(|number| u64::try_from(number).ok()).unwrap_or_default(),
            duration: spec
                .lease_duration_seconds
                .and_then(|seconds| u64::try_from(seconds).ok())
                .map_or(Times::STANDARD.duration, Duration::from_secs),
        },
        version: object.metadata.resource_version.unwrap_or_default(),
    }
}

/// The standing in a word, for logs and metrics.
pub const fn word(standing: Standing) -> &'static str {
    match standing {
        Standing::Holder { .. } => "holder",
        Standing::LastHolder { .. } => "last-holder",
        Standing::None => "none",
    }
}
