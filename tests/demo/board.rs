//! What is known: figures, the plan's words, and what happened. Filled by `look`, shown by
//! `screen` and `lines`, waited for by `story`. It asks nobody anything.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use serde::Deserialize;

/// One second's figures.
#[derive(Clone, Debug, Default)]
pub struct Frame {
    /// Requests answered well by legacy.
    pub legacy: u64,
    /// Requests answered well by Kubernetes.
    pub kubernetes: u64,
    /// Requests that failed on legacy.
    pub legacy_failed: u64,
    /// Requests that failed on Kubernetes.
    pub kubernetes_failed: u64,
    /// Requests that failed before or between them.
    pub other_failed: u64,
    /// Kubernetes' share of the answers in percent, over three seconds.
    pub observed: Option<f64>,
    /// 99 of 100 requests took at most this long.
    pub p99: Duration,
    /// Attempts to connect to the database per second.
    pub connects: Option<f64>,
    /// Of these, refused for want of room.
    pub refused: Option<f64>,
    /// Connections held, and how many may be.
    pub connections: Option<(u64, u64)>,
}

impl Frame {
    /// All that failed.
    pub fn failed(&self) -> u64 {
        self.legacy_failed + self.kubernetes_failed + self.other_failed
    }
}

/// The part of the plan's status that is shown.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Status {
    pub phase: String,
    pub stage: Stage,
    pub weight: Weight,
    pub summary: Summary,
    pub blocked_by: Vec<Blocker>,
    pub databases: Vec<Database>,
    pub surges: Vec<Surge>,
    pub cooldown: Cooldown,
}

/// The stage it is in.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Stage {
    pub name: String,
}

/// Where it should stand.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Weight {
    pub intended: Option<f64>,
}

/// What `kubectl get` shows.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Summary {
    pub guard: String,
    pub why: String,
}

/// Why nothing rises.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Blocker {
    pub reason: String,
    pub message: String,
}

/// A database's guards.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Database {
    pub guards: Vec<Guard>,
}

/// A guard's level and thresholds.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Guard {
    pub signal: String,
    pub level: String,
    pub pause_at: Option<f64>,
    pub rollback_at: Option<f64>,
    pub resume_at: Option<f64>,
}

/// Whose surge a breach is.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Surge {
    pub whose: String,
    pub normal: Option<Normal>,
}

/// What was normal for each side, in connects per second that all of the traffic would bring by it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
pub struct Normal {
    pub legacy: f64,
    pub kubernetes: f64,
}

/// When it may rise again.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Cooldown {
    pub until: Option<String>,
}

impl Status {
    /// The guard of the connection rate.
    pub fn rate(&self) -> Option<&Guard> {
        self.guards().find(|guard| guard.signal == "ConnectionRate")
    }

    /// Whether every guard is clear.
    pub fn clear(&self) -> bool {
        self.guards().all(|guard| guard.level == "Clear")
    }

    /// Why nothing rises, in words.
    pub fn why(&self) -> &str {
        self.blocked_by.first().map_or(&self.summary.why, |blocker| &blocker.message)
    }

    fn guards(&self) -> impl Iterator<Item = &Guard> {
        self.databases.iter().flat_map(|database| &database.guards)
    }
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// When, since the start.
    pub at: Duration,
    /// Who did it.
    pub who: Who,
    /// What it was.
    pub what: String,
}

/// Who did something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// The incident that is played.
    Incident,
    /// The operator.
    Operator,
    /// The weight as HAProxy has it.
    Traffic,
}

/// All of it.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// The seconds, oldest first.
    pub frames: Vec<Frame>,
    /// The plan.
    pub status: Status,
    /// Whether an operator runs.
    pub watched: bool,
    /// Kubernetes' weight in percent as read back from HAProxy.
    pub read_back: Option<f64>,
    /// Each change of it.
    pub moves: Vec<(Duration, f64)>,
    /// Whose the newest surge is, or was.
    pub whose: Option<String>,
    /// What happened.
    pub events: Vec<Event>,
}

/// The facts, shared by those who look, show and wait.
#[derive(Debug)]
pub struct Board {
    begin: Instant,
    facts: Mutex<Facts>,
}

impl Board {
    /// An empty one; its time begins now.
    pub fn new() -> Self {
        Self { begin: Instant::now(), facts: Mutex::default() }
    }

    /// Time since the start.
    pub fn now(&self) -> Duration {
        self.begin.elapsed()
    }

    /// The facts as they are; not to be held over an await.
    pub fn facts(&self) -> MutexGuard<'_, Facts> {
        self.facts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Something happened now.
    pub fn tell(&self, who: Who, what: impl Into<String>) {
        let event = Event { at: self.now(), who, what: what.into() };
        self.facts().events.push(event);
    }

    /// The plan's status was read.
    pub fn status(&self, status: Status) {
        let before = std::mem::replace(&mut self.facts().status, status);
        let status = self.facts().status.clone();
        if let Some(Surge { whose, normal: Some(normal) }) = status.surges.first() {
            let known = self.facts().whose.replace(whose.clone());
            if known.as_ref() != Some(whose) {
                let Normal { legacy, kubernetes } = normal;
                let words = format!(
                    "whose surge it is, by each side's connects beside its normal ({legacy:.0}/s and \
                     {kubernetes:.0}/s): {whose}"
                );
                self.tell(Who::Operator, words);
            }
        }
        let (old, new) = ((&before.stage.name, &before.phase), (&status.stage.name, &status.phase));
        if old != new && !status.phase.is_empty() {
            let stage = if status.stage.name.is_empty() { "no stage yet" } else { &status.stage.name };
            let why = match status.phase.as_str() {
                "Paused" | "RollingBack" | "RolledBack" => format!(": {}", status.why()),
                _ => String::new(),
            };
            self.tell(Who::Operator, format!("{} ({stage}){why}", status.phase));
        } else if !before.clear() && status.clear() {
            self.tell(Who::Operator, "all guards are clear");
        }
    }

    /// HAProxy's weights were read.
    pub fn read_back(&self, weight: f64) {
        let weight = (weight * 10.0).round() / 10.0;
        let before = self.facts().read_back.replace(weight);
        if before != Some(weight) {
            let now = self.now();
            self.facts().moves.push((now, weight));
            if let Some(before) = before {
                self.tell(Who::Traffic, format!("weight {before} % to {weight} %, read back from HAProxy"));
            }
        }
    }

    /// Waits until that is so, and says when it was; an error after `bound`.
    pub async fn until(&self, what: &str, bound: Duration, so: impl Fn(&Facts) -> bool) -> Result<Duration> {
        let begin = self.now();
        loop {
            if so(&self.facts()) {
                return Ok(self.now());
            }
            if self.now().saturating_sub(begin) > bound {
                let facts = self.facts();
                let Status { phase, stage, .. } = &facts.status;
                bail!(
                    "it did not happen within {bound:?}: {what} (the plan: {phase:?}, stage {:?}, {:?}; weight read back: {:?})",
                    stage.name,
                    facts.status.why(),
                    facts.read_back
                );
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}
