//! The recorder of one plan: the only writer of its status. The latest state wins; nothing waits for
//! it but a raise (R8), and it waits for nobody. Each write carries the version that it replaces and
//! is made only under a claim that outlives it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use kube::api::{Api, DynamicObject, Patch, PatchParams};
use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::client::{self, Failure, TIMEOUT};
use super::key::PlanKey;
use super::operator::{Operator, epoch};
use crate::api::outline::outline;
use crate::api::render::{self, StatusInput, render};
use crate::api::{restore, worth};
use crate::capacity::Count;
use crate::core::fence::Permit;
use crate::core::plan::Plan;
use crate::core::report::{Condition, Report};
use crate::core::route::{Purpose, Seen};
use crate::core::state::State;
use crate::core::time::Time;

/// How often is looked whether something changed that nobody asked to record, such as a condition.
const LOOK: Duration = Duration::from_secs(1);
/// How often a whole status is made and compared with what is stored, when nothing asks for it earlier.
const COMPARE: Duration = Duration::from_mins(1);
/// The first and the longest wait after a failure.
const RETRY: [Duration; 2] = [Duration::from_millis(250), Duration::from_secs(5)];
/// How often a write that finds another version is made anew at once.
const CONFLICTS: u32 = 3;

/// What the reconciler found out about a plan's spec.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// The newest spec's generation.
    pub generation: i64,
    /// The condition `Accepted`.
    pub condition: Condition,
    /// The spec in force and its generation; `None` while none was ever accepted.
    pub accepted: Option<(Arc<Value>, i64)>,
}

/// Where the reconciler and the fleet leave what a recorder needs.
#[derive(Debug, Default)]
pub struct Desk {
    verdict: Mutex<Option<Verdict>>,
    /// Something is to be recorded.
    pub wake: Arc<Notify>,
}

/// When a whole status was compared last, and the outline of the plan then; `None` while it does not run.
struct Compared {
    at: Instant,
    outline: Option<u64>,
}

impl Desk {
    /// Leaves a verdict.
    pub fn leave(&self, verdict: Verdict) {
        *self.lock() = Some(verdict);
        self.wake.notify_one();
    }

    fn verdict(&self) -> Option<Verdict> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Option<Verdict>> {
        self.verdict.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The recorder of one plan.
pub struct Recorder {
    /// The plan.
    pub plan: PlanKey,
    /// Which object it is: one made anew under the same name is another plan.
    pub uid: String,
    /// The plans of its namespace.
    pub api: Api<DynamicObject>,
    /// What it needs.
    pub desk: Arc<Desk>,
    /// What the tasks share.
    pub operator: Arc<Operator>,
}

/// What is known to be stored.
struct Stored {
    epoch: u64,
    version: String,
    /// As text: a tree of it takes ten times the room.
    status: Option<String>,
    compared: Option<Compared>,
}

/// Why a recorder looks.
#[derive(Clone, Copy, PartialEq)]
enum Cause {
    /// It is time.
    Time,
    /// It was asked to.
    Asked,
    /// For the last time.
    End,
}

/// What the engine says, copied out of the fleet.
struct Snapshot {
    plan: Plan,
    state: State,
    report: Report,
    seen: Vec<Seen>,
    pods: Vec<Option<Count>>,
    lacks: BTreeMap<String, String>,
    rooms: BTreeMap<String, String>,
    revision: Option<u64>,
    now: Time,
}

impl Recorder {
    /// Records until `stop`, then once more.
    pub async fn record(self, stop: CancellationToken) {
        let mut stored = None;
        let mut wait = LOOK;
        let mut retry = RETRY[0];
        let mut told = None;
        loop {
            let cause = tokio::select! {
                () = stop.cancelled() => Cause::End,
                () = self.desk.wake.notified(), if wait == LOOK => Cause::Asked,
                () = tokio::time::sleep_until(self.operator.clock.beat(Instant::now() + wait)) => Cause::Time,
            };
            match self.step(&mut stored, cause).await {
                Ok(()) => (wait, retry, told) = (LOOK, RETRY[0], None),
                Err(failure) => {
                    if told.as_ref() != Some(&failure) {
                        tracing::warn!(plan = %self.plan, %failure, "the status is not stored yet");
                        told = Some(failure.clone());
                    }
                    stored = stored.filter(|_| !matches!(failure, Failure::Conflict));
                    (wait, retry) = (retry, (retry * 2).min(RETRY[1]));
                }
            }
            if cause == Cause::End {
                return;
            }
        }
    }

    async fn step(&self, stored: &mut Option<Stored>, cause: Cause) -> Result<(), Failure> {
        for _ in 0..CONFLICTS {
            let Some(epoch) = epoch(self.operator.standing()) else {
                *stored = None;
                return Ok(());
            };
            let running = self.operator.fleet(|fleet, _| fleet.get(&self.plan).map(|entry| entry.taken_over));
            let ours = stored.as_ref().is_some_and(|stored| stored.epoch == epoch);
            if !ours || running.is_some_and(|taken_over| taken_over != Some(epoch)) {
                let Some(found) = self.read(epoch).await? else { return Ok(()) };
                self.take_over(&found);
                *stored = Some(found);
            }
            let Some(known) = stored.as_mut() else { return Ok(()) };
            let outline = self.outline();
            let same = known
                .compared
                .as_ref()
                .is_some_and(|compared| compared.at.elapsed() < COMPARE && compared.outline == outline);
            if same && cause == Cause::Time {
                return Ok(());
            }
            let before = known.status.as_deref().map(serde_json::from_str).transpose().unwrap_or_default();
            let next = self.next(known.epoch, before.as_ref());
            // What is not stored yet is compared again.
            known.compared = next.is_none().then(|| Compared { at: Instant::now(), outline });
            let Some((next, revision)) = next else { return Ok(()) };
            // A status is for the holder alone, like a raise.
            if self.operator.permit(Purpose::Raise, epoch, TIMEOUT) != Permit::AsOrdered {
                return Ok(());
            }
            match self.write(&known.version, &next).await {
                Ok(object) => {
                    known.version = object.metadata.resource_version.unwrap_or_default();
                    known.status = Some(next.to_string());
                    if let Some(revision) = revision {
                        self.operator.fleet(|fleet, now| fleet.recorded(&self.plan, revision, now));
                    }
                    return Ok(());
                }
                Err(Failure::Conflict) => {
                    // The spec or an annotation was changed in between: the status is still ours.
                    let Some(found) = self.read(epoch).await? else { return Ok(()) };
                    known.version = found.version;
                }
                Err(Failure::NotFound) => return Ok(()),
                Err(failure) => return Err(failure),
            }
        }
        Err(Failure::Conflict)
    }

    /// The object as it stands; `None` when it is gone or another one.
    async fn read(&self, epoch: u64) -> Result<Option<Stored>, Failure> {
        let found = client::ask(self.api.get_opt(self.plan.name())).await?;
        Ok(found.filter(|object| object.metadata.uid.as_ref() == Some(&self.uid)).map(|object| Stored {
            epoch,
            version: object.metadata.resource_version.unwrap_or_default(),
            status: object.data.get("status").map(Value::to_string),
            compared: None,
        }))
    }

    fn take_over(&self, found: &Stored) {
        let offset = self.operator.clock.offset();
        let status = found.status.as_deref().and_then(|text| serde_json::from_str(text).ok());
        let status: Value = status.unwrap_or_default();
        let problems = self.operator.fleet(|fleet, now| {
            let entry = fleet.get(&self.plan)?;
            let (state, problems) = restore::state(&status, entry.engine.plan(), offset);
            fleet.take_over(&self.plan, found.epoch, state, now);
            Some(problems)
        });
        for problem in problems.into_iter().flatten() {
            tracing::warn!(plan = %self.plan, %problem, "a part of the status cannot be read");
        }
    }

    /// What the plan is like now, if it runs.
    fn outline(&self) -> Option<u64> {
        self.operator.fleet(|fleet, now| {
            let entry = fleet.get(&self.plan)?;
            let report = entry.engine.report(now);
            Some(outline(&report, &entry.engine.seen().instances, [&entry.lacks, &entry.rooms]))
        })
    }

    /// The status to write over what stood there before, and the revision that it holds, if it is worth a write.
    fn next(&self, epoch: u64, before: Option<&Value>) -> Option<(Value, Option<u64>)> {
        let verdict = self.desk.verdict()?;
        let snapshot = self.operator.fleet(|fleet, now| {
            let entry = fleet.get(&self.plan).filter(|entry| entry.taken_over == Some(epoch))?;
            Some(Snapshot {
                plan: entry.engine.plan().clone(),
                state: entry.engine.state().clone(),
                report: entry.engine.report(now),
                seen: entry.engine.seen().instances.clone(),
                pods: fleet.pods(entry, now),
                lacks: entry.lacks.clone(),
                rooms: entry.rooms.clone(),
                revision: entry.wanted,
                now,
            })
        });
        let accepted = verdict.accepted.as_ref();
        let engine = snapshot.as_ref().zip(accepted).map(|(snapshot, (spec, generation))| render::Engine {
            plan: &snapshot.plan,
            spec,
            generation: *generation,
            state: &snapshot.state,
            report: &snapshot.report,
            seen: &snapshot.seen,
            pods: &snapshot.pods,
            lacks: &snapshot.lacks,
            rooms: &snapshot.rooms,
        });
        if engine.is_none() && accepted.is_some() {
            // It runs, but was not taken over yet: what is stored is not to be overwritten.
            return None;
        }
        let now = snapshot.as_ref().map_or_else(|| self.operator.clock.now(), |snapshot| snapshot.now);
        let mut next = render(&StatusInput {
            engine,
            acceptance: &verdict.condition,
            generation: verdict.generation,
            epoch: i64::try_from(epoch).unwrap_or(i64::MAX),
            now,
            offset: self.operator.clock.offset(),
            previous: before,
        });
        if snapshot.is_none() {
            keep_memory(&mut next, before);
        }
        let revision = snapshot.and_then(|snapshot| snapshot.revision);
        let worth = revision.is_some() || worth::worth_writing(before, &next);
        worth.then_some((next, revision))
    }

    async fn write(&self, version: &str, status: &Value) -> Result<DynamicObject, Failure> {
        // The whole status, over exactly this version of the object: else 409.
        let patch = json!([
            {"op": "replace", "path": "/metadata/resourceVersion", "value": version},
            {"op": "add", "path": "/status", "value": status},
        ]);
        let patch: json_patch::Patch =
            serde_json::from_value(patch).map_err(|error| Failure::Refused(error.to_string()))?;
        self.operator.metrics.api_write("patch", "migrationplans/status");
        let params = PatchParams::default();
        client::ask(self.api.patch_status(self.plan.name(), &params, &Patch::Json::<()>(patch))).await
    }
}

/// A plan that cannot run now must not lose what an earlier run remembered: only what was said about
/// the spec is replaced.
fn keep_memory(next: &mut Value, previous: Option<&Value>) {
    let (Some(next), Some(Value::Object(previous))) = (next.as_object_mut(), previous) else { return };
    for (name, value) in previous {
        if !matches!(name.as_str(), "conditions" | "observedGeneration" | "epoch" | "summary" | "phase") {
            next.insert(name.clone(), value.clone());
        }
    }
}
