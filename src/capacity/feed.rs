//! The watch of the pods of one namespace: what changed, and whether it is still alive.
//!
//! The client's own watcher keeps quiet while nothing changes. Here that silence is told from a dead
//! watch: each watch lasts [`RENEW`], and the API server marks its end and the next one's beginning.

use std::pin::Pin;
use std::time::Duration;

use futures::stream::{self, BoxStream, Stream, StreamExt as _};
use kube::Client;
use kube::api::{ListParams, WatchParams};
use kube::core::{ObjectList, Request, WatchEvent};
use tokio::time::{Instant, sleep, timeout};

use super::pod::Pod;

/// How long one watch lasts, in seconds. The API server sends a bookmark two seconds before, so that
/// what is seen is proved alive at least so often.
const RENEW: u32 = 20;
/// A watch that is silent for so long is dead.
const SILENCE: Duration = Duration::from_secs(25);
/// How long one page of a list, or the beginning of a watch, may take.
const ANSWER: Duration = Duration::from_secs(5);
/// How many pods one page of a list has.
const PAGE: u32 = 500;
/// The first and the longest wait after a failure.
const PAUSE: [Duration; 2] = [Duration::from_millis(500), Duration::from_secs(5)];
/// What was watched from is too old: all is listed anew.
const GONE: u16 = 410;

/// What the watch says.
#[derive(Debug)]
pub enum Event {
    /// These are all the pods that there are.
    All(Vec<Pod>),
    /// A pod is so.
    Is(Box<Pod>),
    /// A pod is gone.
    Gone(String),
    /// Nothing changed, and the watch is alive.
    Alive,
    /// It is not alive; it is begun anew by itself.
    Failed(Fault),
}

/// Why a watch is not alive.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// No answer in time.
    #[error("no answer within {0:?}")]
    Late(Duration),
    /// The API server, or the way to it.
    #[error(transparent)]
    Api(#[from] kube::Error),
}

type Events = Pin<Box<dyn Stream<Item = kube::Result<WatchEvent<Pod>>> + Send>>;

enum Place {
    /// Nothing is known.
    Start,
    /// All is known as of this version.
    Known(String),
    /// Changes since this version come in.
    Watching(String, Events),
}

struct Feed {
    client: Client,
    request: Request,
    place: Place,
    /// How long to wait before the next attempt.
    pause: Option<Duration>,
    /// When the watch began.
    began: Instant,
}

/// The events of the pods in `namespace`, without end.
pub fn pods(client: Client, namespace: &str) -> BoxStream<'static, Event> {
    let request = Request::new(format!("/api/v1/namespaces/{namespace}/pods"));
    let feed = Feed { client, request, place: Place::Start, pause: None, began: Instant::now() };
    stream::unfold(feed, |mut feed| async {
        loop {
            if let Some(event) = feed.step().await {
                return Some((event, feed));
            }
        }
    })
    .boxed()
}

impl Feed {
    async fn step(&mut self) -> Option<Event> {
        if let (Some(pause), Place::Start | Place::Known(_)) = (self.pause, &self.place) {
            sleep(pause).await;
        }
        let event = match std::mem::replace(&mut self.place, Place::Start) {
            Place::Start => self.list().await,
            Place::Known(version) => self.watch(version).await.map(Some),
            Place::Watching(version, events) => self.follow(version, events).await,
        };
        match event {
            Ok(event) => {
                if event.is_some() {
                    self.pause = None;
                }
                event
            }
            Err(fault) => {
                self.pause = Some(self.pause.map_or(PAUSE[0], |pause| (pause * 2).min(PAUSE[1])));
                Some(Event::Failed(fault))
            }
        }
    }

    async fn list(&mut self) -> Result<Option<Event>, Fault> {
        let mut params = ListParams::default().limit(PAGE);
        let mut pods = Vec::new();
        loop {
            let request = self.request.list(&params).map_err(kube::Error::BuildRequest)?;
            let list: ObjectList<Pod> = within(self.client.request(request)).await?;
            pods.extend(list.items);
            params.continue_token = list.metadata.continue_.filter(|token| !token.is_empty());
            if params.continue_token.is_none() {
                self.place = Place::Known(list.metadata.resource_version.unwrap_or_default());
                return Ok(Some(Event::All(pods)));
            }
        }
    }

    async fn watch(&mut self, version: String) -> Result<Event, Fault> {
        let params = WatchParams::default().timeout(RENEW);
        let request = self.request.watch(&params, &version).map_err(kube::Error::BuildRequest)?;
        match within(self.client.request_events::<Pod>(request)).await {
            Ok(events) => {
                self.place = Place::Watching(version, Box::pin(events));
                self.began = Instant::now();
                Ok(Event::Alive)
            }
            Err(fault) => {
                if !is_gone(&fault) {
                    self.place = Place::Known(version);
                }
                Err(fault)
            }
        }
    }

    async fn follow(&mut self, version: String, mut events: Events) -> Result<Option<Event>, Fault> {
        let Ok(event) = timeout(SILENCE, events.next()).await else {
            self.place = Place::Known(version);
            return Err(Fault::Late(SILENCE));
        };
        let (version, event) = match event {
            // Its time is over: the next one begins where it ended.
            None => {
                self.place = Place::Known(version);
                // One that ends at once would be asked for without end.
                self.pause = (self.began.elapsed() < PAUSE[0]).then_some(PAUSE[0]);
                return Ok(None);
            }
            Some(Ok(WatchEvent::Added(pod) | WatchEvent::Modified(pod))) => {
                (pod.metadata.resource_version.clone(), Event::Is(Box::new(pod)))
            }
            Some(Ok(WatchEvent::Deleted(pod))) => {
                (pod.metadata.resource_version, Event::Gone(pod.metadata.name))
            }
            Some(Ok(WatchEvent::Bookmark(mark))) => (mark.metadata.resource_version, Event::Alive),
            Some(Ok(WatchEvent::Error(status))) => {
                let fault = Fault::Api(kube::Error::Api(status));
                if !is_gone(&fault) {
                    self.place = Place::Known(version);
                }
                return Err(fault);
            }
            Some(Err(error)) => {
                self.place = Place::Known(version);
                return Err(error.into());
            }
        };
        self.place = Place::Watching(version, events);
        Ok(Some(event))
    }
}

async fn within<T>(request: impl Future<Output = kube::Result<T>>) -> Result<T, Fault> {
    Ok(timeout(ANSWER, request).await.map_err(|_| Fault::Late(ANSWER))??)
}

fn is_gone(fault: &Fault) -> bool {
    matches!(fault, Fault::Api(kube::Error::Api(status)) if status.code == GONE)
}
