//! The recorder, as in the shell: the only writer of a plan's status for one replica. The latest state
//! wins; each write carries the version that it replaces.

use std::time::Duration;

use crossfade_core::state::{State, Volatile};
use crossfade_core::time::Time;

use crate::api::{ApiServer, Call, Normals, Status};

/// The first and the longest wait after a failure.
const RETRY: [Duration; 2] = [Duration::from_millis(250), Duration::from_secs(5)];

/// A status as it was read.
#[derive(Clone, Debug)]
pub struct Read {
    /// What it remembers.
    pub state: State,
    /// The present stage, by its name.
    pub stage: Option<String>,
    /// The baselines in it.
    pub baselines: (Time, Normals),
    version: u64,
}

#[derive(Clone, Debug)]
enum Work {
    Read { epoch: u64, call: Call<Box<Read>> },
    Write { epoch: u64, revision: u64, call: Call<Option<u64>> },
}

/// What a recorder has to say.
#[derive(Clone, Debug)]
pub enum News {
    /// The status was read afresh under a claim.
    TakeOver(u64, Box<Read>),
    /// A revision is stored.
    Recorded(u64),
}

/// The recorder of one plan.
#[derive(Clone, Debug, Default)]
pub struct Recorder {
    work: Option<Work>,
    /// The claim under which the version was read, and the version.
    known: Option<(u64, u64)>,
    not_before: Time,
    retry: Option<Duration>,
}

/// What it is asked to store, and under which claim.
pub struct Wanted<'a> {
    /// The claim in force.
    pub epoch: u64,
    /// The claim under which the engine took over.
    pub taken_over: Option<u64>,
    /// What to store, and its revision.
    pub state: Option<(u64, &'a State)>,
    /// The present stage's name.
    pub stage: Option<&'a str>,
    /// The baselines to store with it.
    pub baselines: Normals,
    /// Whether a write that begins now would be over before the claim expires.
    pub permitted: bool,
    /// The replica's own clock, which the status carries.
    pub clock: Time,
}

impl Recorder {
    /// The version of the object that it read or wrote last.
    pub fn version(&self) -> Option<u64> {
        self.known.map(|(_, version)| version)
    }

    /// Works until it has to wait. `wanted` is `None` while this replica holds no lease.
    pub fn work(
        &mut self,
        api: &mut ApiServer,
        service: usize,
        wanted: Option<Wanted<'_>>,
        now: Time,
    ) -> Option<News> {
        let over = match &self.work {
            Some(Work::Read { call, .. }) => call.is_over(now),
            Some(Work::Write { call, .. }) => call.is_over(now),
            None => false,
        };
        if over && let Some(news) = self.finish(now) {
            return Some(news);
        }
        let Some(wanted) = wanted else {
            self.known = None;
            return None;
        };
        if self.work.is_some() || now < self.not_before {
            return None;
        }
        let version = self.known.filter(|(epoch, _)| *epoch == wanted.epoch).map(|(_, version)| version);
        let epoch = wanted.epoch;
        match (version.filter(|_| wanted.taken_over == Some(epoch)), wanted.state) {
            (None, _) => {
                let call = api.call(now, |api| Box::new(read(api, service)));
                self.work = Some(Work::Read { epoch, call });
            }
            (Some(version), Some((revision, state))) if wanted.permitted => {
                let state = State { volatile: Volatile::default(), ..state.clone() };
                let baselines = (wanted.clock, wanted.baselines);
                let present = wanted.stage.map(ToOwned::to_owned);
                let call = api.store(now, service, version, Status { state, stage: present, baselines });
                self.work = Some(Work::Write { epoch, revision, call });
            }
            _ => return None,
        }
        let over = match &self.work {
            Some(Work::Read { call, .. }) => call.is_over(now),
            Some(Work::Write { call, .. }) => call.is_over(now),
            None => false,
        };
        if over { self.finish(now) } else { None }
    }

    fn finish(&mut self, now: Time) -> Option<News> {
        match self.work.take()? {
            Work::Read { epoch, call } => {
                let Some(read) = call.end(now) else { return self.fail(now) };
                self.retry = None;
                self.known = Some((epoch, read.version));
                Some(News::TakeOver(epoch, read))
            }
            Work::Write { epoch, revision, call } => match call.end(now) {
                Some(Some(version)) => {
                    self.retry = None;
                    self.known = Some((epoch, version));
                    Some(News::Recorded(revision))
                }
                // The spec or an annotation was changed in between: read the version and write again.
                Some(None) => {
                    self.known = None;
                    None
                }
                None => {
                    self.known = None;
                    self.fail(now)
                }
            },
        }
    }

    fn fail(&mut self, now: Time) -> Option<News> {
        let wait = self.retry.unwrap_or(RETRY[0]);
        self.not_before = now + wait;
        self.retry = Some((wait * 2).min(RETRY[1]));
        None
    }
}

fn read(api: &ApiServer, service: usize) -> Read {
    let object = api.objects.get(service);
    Read {
        state: object.and_then(|object| object.status.clone()).unwrap_or_default(),
        stage: object.and_then(|object| object.stage.clone()),
        baselines: object.map(|object| object.baselines.clone()).unwrap_or_default(),
        version: object.map(|object| object.version).unwrap_or_default(),
    }
}
