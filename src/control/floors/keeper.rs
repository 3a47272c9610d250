//! Keeps the floors of one running plan where its engine promises them.

mod writing;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::leave::{changed, give_back};
use super::object::{Error, Space};
use super::own::Own;
use crate::api::parse::Parsed;
use crate::capacity::Target;
use crate::capacity::floor::{Holder, Standing};
use crate::control::key::PlanKey;
use crate::control::operator::epoch;
use crate::control::teller::Telling;
use crate::core::floor::Found;
use crate::core::reason::Reason;

/// How often is compared what is promised with what was done, when nothing asks for it earlier.
const COMPARE: Duration = Duration::from_secs(5);
/// How often the objects are looked at while nothing changes: three such looks are missed before what was
/// found is too old to raise by.
const LOOK: Duration = Duration::from_secs(20);
/// The same after one that failed.
const AGAIN: Duration = Duration::from_secs(5);
/// How often is looked which object holds a floor.
const FIND: Duration = Duration::from_mins(5);
/// How often a write that finds another version is made anew at once.
const CONFLICTS: u32 = 3;

/// A workload whose floor may be raised.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FloorWire {
    /// Its place among the plan's workloads.
    pub place: usize,
    /// Its name in the plan.
    pub name: String,
    /// What runs its pods.
    pub target: Target,
}

impl FloorWire {
    /// Those of a plan.
    pub fn all(parsed: &Parsed) -> Vec<Self> {
        let workloads = parsed.plan.capacity.kubernetes.iter().flat_map(|side| &side.workloads);
        let wires = workloads.zip(parsed.targets()).enumerate().filter(|(_, (workload, _))| workload.floor);
        wires.map(|(place, (workload, target))| Self { place, name: workload.name.clone(), target }).collect()
    }
}

/// Keeps the floors of one plan.
pub struct Keeper {
    plan: PlanKey,
    uid: String,
    wires: Vec<FloorWire>,
    space: Space,
    /// Something was promised.
    promises: Arc<Notify>,
    /// What stands on the plan, once it was read.
    own: Option<Own>,
    /// Whether the finalizer may be there.
    finalized: bool,
    /// Whether nothing is changed for workloads that the plan no longer names.
    swept: bool,
    /// What was promised when it was last looked, when the next look is due.
    looked: Option<(Vec<u32>, Instant)>,
    memories: BTreeMap<usize, Memory>,
    look: Duration,
}

/// What is remembered of one floor.
#[derive(Default)]
struct Memory {
    /// What held it, and when that was found.
    holder: Option<(Holder, Instant)>,
    /// Whether the engine has heard how it was found.
    introduced: bool,
    /// Whether this process has seen it as it was set.
    stood: bool,
    put_backs: VecDeque<Instant>,
    lack: Option<String>,
}

impl Keeper {
    /// Of the plan with that UID, on whose object the finalizer was seen, or not.
    pub fn new(plan: PlanKey, uid: String, wires: Vec<FloorWire>, finalized: bool, space: Space) -> Self {
        Self {
            plan,
            uid,
            wires,
            space,
            promises: Arc::default(),
            own: None,
            finalized,
            swept: false,
            looked: None,
            memories: BTreeMap::new(),
            look: LOOK,
        }
    }

    /// Looks at once when this is notified.
    #[must_use]
    pub fn woken_by(self, promises: Arc<Notify>) -> Self {
        Self { promises, ..self }
    }

    /// Looks at the objects so often while nothing changes; 20 s if it is not said.
    #[must_use]
    pub fn looking_every(self, look: Duration) -> Self {
        Self { look, ..self }
    }

    /// Keeps them until `stop`.
    pub async fn keep(mut self, stop: CancellationToken) {
        loop {
            let due = self.space.operator.clock.beat(Instant::now() + self.look.min(COMPARE));
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.promises.notified() => {}
                () = sleep_until(due) => {}
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.look() => {}
            }
        }
    }

    /// What is promised to each workload now; `None` while this replica is not in charge of the plan.
    fn promised(&self) -> Option<Vec<u32>> {
        let epoch = epoch(self.space.operator.standing())?;
        self.space.operator.fleet(|fleet, _| {
            let entry = fleet.get(&self.plan).filter(|entry| entry.taken_over == Some(epoch))?;
            let floors = &entry.engine.state().floors;
            Some(self.wires.iter().map(|wire| floors.get(&wire.name).copied().unwrap_or_default()).collect())
        })
    }

    async fn look(&mut self) {
        let Some(promised) = self.promised() else {
            // Another replica may change the plan's object.
            (self.own, self.looked) = (None, None);
            return;
        };
        let now = Instant::now();
        let same = |(before, due): &(Vec<u32>, Instant)| *before == promised && now < *due;
        if self.looked.as_ref().is_some_and(same) {
            return;
        }
        let nothing = promised.iter().all(|pods| *pods == 0);
        let failed = if nothing && !self.finalized { None } else { self.bring(&promised).await.err() };
        if let Some(error) = &failed {
            tracing::debug!(plan = %self.plan, %error, "the floors do not stand yet");
            self.own = None;
        }
        let pause = if failed.is_some() { AGAIN } else { self.look };
        self.looked = Some((promised, Instant::now() + pause));
    }

    /// Brings every floor to what is promised. The first error is returned; the others are looked at.
    async fn bring(&mut self, promised: &[u32]) -> Result<(), Error> {
        if self.own.is_none() {
            self.own = self.reread().await?;
        }
        let Some(own) = &self.own else { return Ok(()) };
        self.finalized = own.is_finalized();
        let (mut changed, mut first) = (false, None);
        for (wire, pods) in self.wires.clone().iter().zip(promised) {
            if *pods == 0 && !self.finalized {
                continue;
            }
            match self.bring_one(wire, *pods).await {
                Ok((standing, lack)) => {
                    let mark = standing.mark_of(&self.uid);
                    changed |= mark.is_some();
                    let before = mark.map(|mark| mark.before.unwrap_or_default());
                    let object = standing.holder.to_string();
                    self.tell(wire, Found { pods: Some(standing.pods()), object, before, lack }, true);
                }
                Err(error) => {
                    changed = true;
                    let memory = self.memories.get(&wire.place);
                    let holder = memory.and_then(|memory| memory.holder.as_ref());
                    let object = holder.map(|(holder, _)| holder.to_string()).unwrap_or_default();
                    let lack = Some(error.to_string());
                    self.tell(wire, Found { pods: None, object, before: None, lack }, !error.is_passing());
                    first.get_or_insert(error);
                }
            }
        }
        if let Some(error) = first {
            return Err(error);
        }
        if self.finalized && !self.swept {
            self.sweep().await?;
            self.swept = true;
        }
        if self.finalized && !changed {
            self.set_own(false, BTreeMap::new()).await?;
        }
        Ok(())
    }

    /// Gives back what was changed for workloads that the plan no longer names.
    async fn sweep(&mut self) -> Result<(), Error> {
        let held = self.memories.values().filter_map(|memory| memory.holder.as_ref());
        let held: Vec<Holder> = held.map(|(holder, _)| holder.clone()).collect();
        let own = self.own.clone().unwrap_or_default();
        let mut changed = changed(&self.space, &own).await?;
        changed.retain(|is| is.mark_of(&self.uid).is_some() && !held.contains(&is.holder));
        let (given, error) = give_back(&self.space, &changed).await;
        for message in given {
            self.say(Reason::FloorGivenBack, message);
        }
        if let Some(error) = error {
            return Err(error);
        }
        let mut notes = own.notes;
        notes.retain(|target, _| held.contains(&Holder::Scale(target.clone())));
        self.set_own(true, notes).await
    }

    /// Brings one floor there: how it stands then, and why it does not stand there.
    async fn bring_one(&mut self, wire: &FloorWire, pods: u32) -> Result<(Standing, Option<String>), Error> {
        let mut tries = 0;
        loop {
            tries += 1;
            let standing = self.standing(wire, tries > 1).await?;
            let memory = self.memories.entry(wire.place).or_default();
            let known = std::mem::replace(&mut memory.introduced, true);
            if !known && standing.mark_of(&self.uid).is_some_and(|mark| mark.set > pods) {
                // Raised by one who died before the promise was stored: the engine takes it for its own.
                return Ok((standing, None));
            }
            match self.step(wire, standing, pods).await {
                Err(error) if error.is_conflict() && tries < CONFLICTS => self.own = self.reread().await?,
                other => return other,
            }
        }
    }

    async fn reread(&self) -> Result<Option<Own>, Error> {
        let own = self.space.own(self.plan.name()).await?;
        Ok(own.filter(|own| own.uid == self.uid && !own.ending))
    }

    async fn standing(&mut self, wire: &FloorWire, anew: bool) -> Result<Standing, Error> {
        let own = self.own.clone().unwrap_or_default();
        let memory = self.memories.entry(wire.place).or_default();
        let known = memory.holder.as_ref().filter(|(_, at)| !anew && at.elapsed() < FIND);
        if let Some((holder, _)) = known {
            match self.space.get(holder, &own).await {
                Err(error) if error.is_missing() => {}
                standing => return standing,
            }
        }
        let standing = self.space.find(&wire.target, &own).await?;
        memory.holder = Some((standing.holder.clone(), Instant::now()));
        Ok(standing)
    }

    /// Tells the engine what was found, and people what is wrong with it.
    fn tell(&mut self, wire: &FloorWire, found: Found, lasting: bool) {
        let memory = self.memories.entry(wire.place).or_default();
        if lasting && memory.lack != found.lack {
            memory.lack.clone_from(&found.lack);
            if let Some(lack) = found.lack.clone() {
                self.say(Reason::FloorLost, lack);
            }
        }
        self.space.operator.fleet(|fleet, now| fleet.floor(&self.plan, wire.place, found, now));
    }

    fn say(&self, reason: Reason, message: String) {
        self.space.operator.teller.tell(Telling { plan: self.plan.clone(), reason, message });
    }
}
