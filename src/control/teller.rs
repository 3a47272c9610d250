//! Tells people: one log line per transition, and an event on the plan. Best effort: the queue is
//! bounded, what finds it full is counted and dropped, and nothing ever waits for it.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::ObjectReference;
use kube::runtime::events::{Event, EventType, Recorder, Reporter};
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio_util::sync::CancellationToken;

use super::key::PlanKey;
use crate::api;
use crate::core::reason::Reason;
use crate::serve::metrics::Metrics;

/// How many tellings may wait.
const QUEUE: usize = 1024;
/// How long the API server may take for an event; the recorder makes up to two requests.
const TIMEOUT: Duration = Duration::from_secs(4);
/// The longest note that the API server takes, in bytes.
const LONGEST_NOTE: usize = 1024;

/// Something to tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Telling {
    /// The plan.
    pub plan: PlanKey,
    /// Why.
    pub reason: Reason,
    /// What happened.
    pub message: String,
}

/// What the teller is told: something to tell, or which object a plan is.
#[derive(Debug)]
enum Note {
    Telling(Telling),
    Plan(PlanKey, Option<String>),
}

/// Takes what is to be told.
#[derive(Clone)]
pub struct Teller {
    queue: Sender<Note>,
    metrics: Arc<Metrics>,
}

/// The other end of a [`Teller`].
pub struct Queue(Receiver<Note>);

impl Teller {
    /// A teller with its queue.
    pub fn new(metrics: Arc<Metrics>) -> (Self, Queue) {
        let (queue, receiver) = mpsc::channel(QUEUE);
        (Self { queue, metrics }, Queue(receiver))
    }

    /// Tells something, if there is room.
    pub fn tell(&self, telling: Telling) {
        self.put(Note::Telling(telling));
    }

    /// Says which object (by UID) a plan is; `None` when it is gone.
    pub fn is(&self, plan: PlanKey, uid: Option<String>) {
        self.put(Note::Plan(plan, uid));
    }

    fn put(&self, note: Note) {
        if self.queue.try_send(note).is_err() {
            self.metrics.event_dropped();
        }
    }
}

#[cfg(test)]
impl Queue {
    /// What waits to be told, which it then no longer does.
    pub fn take(&mut self) -> Vec<Telling> {
        let telling = |note: Note| match note {
            Note::Telling(telling) => Some(telling),
            Note::Plan(..) => None,
        };
        std::iter::from_fn(|| self.0.try_recv().ok()).filter_map(telling).collect()
    }
}

/// Writes log lines and, while `speaks` says that this replica may, events.
pub async fn tell(
    mut queue: Queue,
    client: kube::Client,
    me: String,
    metrics: Arc<Metrics>,
    speaks: impl Fn() -> bool,
    stop: CancellationToken,
) {
    let reporter = Reporter { controller: "crossfade.dev/operator".into(), instance: Some(me) };
    let recorder = Recorder::new(client, reporter);
    let mut uids: BTreeMap<PlanKey, String> = BTreeMap::new();
    loop {
        let note = tokio::select! {
            note = queue.0.recv() => note,
            () = stop.cancelled() => None,
        };
        match note {
            None => return,
            Some(Note::Plan(plan, Some(uid))) => drop(uids.insert(plan, uid)),
            Some(Note::Plan(plan, None)) => drop(uids.remove(&plan)),
            Some(Note::Telling(telling)) => {
                log(&telling);
                let Some(uid) = uids.get(&telling.plan).filter(|_| speaks()) else { continue };
                metrics.api_write("create", "events");
                let (event, about) = (event(&telling), reference(&telling.plan, uid));
                match tokio::time::timeout(TIMEOUT, recorder.publish(&event, &about)).await {
                    Ok(Ok(())) => {}
                    Ok(Err(error)) => tracing::debug!(%error, "an event was not stored"),
                    Err(_) => tracing::debug!("an event was not stored in time"),
                }
            }
        }
    }
}

fn log(telling: &Telling) {
    let Telling { plan, reason, message } = telling;
    if is_warning(*reason) {
        tracing::warn!(%plan, %reason, "{message}");
    } else {
        tracing::info!(%plan, %reason, "{message}");
    }
}

fn event(telling: &Telling) -> Event {
    let mut note = telling.message.clone();
    if note.len() > LONGEST_NOTE {
        let end = (0..=LONGEST_NOTE - 3).rev().find(|at| note.is_char_boundary(*at)).unwrap_or_default();
        note.truncate(end);
        note.push('…');
    }
    // kube's recorder takes events of one type, reason and action for one that happens again, and keeps
    // the first one's note: what says something else must differ in what nobody reads.
    let mut hash = DefaultHasher::new();
    note.hash(&mut hash);
    Event {
        type_: if is_warning(telling.reason) { EventType::Warning } else { EventType::Normal },
        reason: telling.reason.name().into(),
        note: Some(note),
        action: format!("{}-{:016x}", telling.reason.name(), hash.finish()),
        secondary: None,
    }
}

fn reference(plan: &PlanKey, uid: &str) -> ObjectReference {
    ObjectReference {
        api_version: Some(format!("{}/{}", api::GROUP, api::VERSION)),
        kind: Some(api::KIND.into()),
        namespace: Some(plan.namespace().into()),
        name: Some(plan.name().into()),
        uid: Some(uid.into()),
        ..ObjectReference::default()
    }
}

/// Whether people should look.
const fn is_warning(reason: Reason) -> bool {
    matches!(
        reason,
        Reason::InvalidSpec
            | Reason::RouteTaken
            | Reason::ReferenceNotFound
            | Reason::PermissionMissing
            | Reason::GuardPaused
            | Reason::GuardRollback
            | Reason::DataUnknown
            | Reason::DatabaseDown
            | Reason::LoweredByHand
            | Reason::Drift
            | Reason::PutBack
            | Reason::Reloaded
            | Reason::RouteFailing
            | Reason::FloorLost
            | Reason::KubernetesFailing
            | Reason::PredictionWrong
            | Reason::LegacyFull
            | Reason::CapacityShort
            | Reason::CapacityExpiring
            | Reason::SurgeCommon
            | Reason::SurgeLegacy
            | Reason::SurgeElsewhere
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn telling(message: &str) -> Telling {
        Telling { plan: PlanKey::new("mail", "mail"), reason: Reason::GuardPaused, message: message.into() }
    }

    #[test]
    fn a_full_queue_drops_and_counts_and_does_not_wait() {
        let metrics = Arc::new(Metrics::new());
        let (teller, _queue) = Teller::new(metrics.clone());
        for _ in 0..QUEUE + 3 {
            teller.tell(telling("x"));
        }
        let page = metrics.page(&[]).unwrap();
        assert!(page.contains("crossfade_events_dropped_total 3"), "{page}");
    }

    #[test]
    fn only_what_is_told_again_counts_as_the_same_event() {
        let action = |message: &str| event(&telling(message)).action;
        assert_eq!(action("800 of 600"), action("800 of 600"));
        assert_ne!(action("800 of 600"), action("900 of 600"));
        assert!(action("800 of 600").len() <= 128, "the API server's limit");
    }

    #[test]
    fn a_note_is_cut_to_what_the_api_server_takes() {
        let note = event(&telling(&"ü".repeat(2000))).note.unwrap();
        assert!(note.len() <= LONGEST_NOTE && note.ends_with("ü…"), "{}", note.len());
    }
}
