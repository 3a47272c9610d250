//! What a keeper writes: a floor with what was there before, and what stands on the plan.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use super::{CONFLICTS, FloorWire, Keeper};
use crate::capacity::Target;
use crate::capacity::floor::{Holder, Mark, Standing, Step};
use crate::control::client::Failure;
use crate::control::floors::Own;
use crate::control::floors::object::Error;
use crate::core::reason::Reason;

/// A floor that somebody else changes is put back so often ...
const PUT_BACKS: usize = 3;
/// ... in so long.
const WITHIN: Duration = Duration::from_mins(10);

impl Keeper {
    /// Does the next thing for a floor: how it stands then, and why it does not stand where it should.
    pub(super) async fn step(
        &mut self,
        wire: &FloorWire,
        mut is: Standing,
        pods: u32,
    ) -> Result<(Standing, Option<String>), Error> {
        let mut step = is.step(pods, &self.uid);
        if step == Step::Taken
            && let Some(mark) = &mut is.mark
            && !self.space.plans().await?.contains(&mark.plan)
        {
            // Its plan is gone: what was there before is this plan's to give back.
            mark.plan.clone_from(&self.uid);
            step = is.step(pods, &self.uid);
        }
        let (holder, field, was) = (is.holder.clone(), is.holder.field(), is.pods());
        match step {
            Step::Stays => {}
            Step::Taken => {
                return Ok((
                    is,
                    Some(format!("{holder} was changed for another plan: a workload has one plan")),
                ));
            }
            Step::Set { pods, before } => {
                is = self.set(wire, is, pods, before).await?;
                let message = format!("{holder}: {field} {was} to {pods}, for workload {}", wire.name);
                self.say(Reason::FloorSet, message);
            }
            Step::PutBack { pods: to, before } => {
                let who = is.manager.clone().unwrap_or_else(|| "somebody else".into());
                // One that was noted and never written is written now.
                let memory = self.memories.entry(wire.place).or_default();
                let counts = memory.stood || !matches!(holder, Holder::Scale(_));
                memory.put_backs.retain(|at| at.elapsed() < WITHIN);
                if counts && memory.put_backs.len() >= PUT_BACKS {
                    let lack = format!(
                        "{who} sets {field} of {holder} to {was}, and {to} are needed; it was put back \
                         {PUT_BACKS} times: let {who} leave it out, or write at least {to}"
                    );
                    return Ok((is, Some(lack)));
                }
                is = self.set(wire, is, to, before).await?;
                if counts {
                    self.memories.entry(wire.place).or_default().put_backs.push_back(Instant::now());
                    let message = format!("{holder}: {who} set {field} to {was}; put back to {to}");
                    self.say(Reason::FloorLost, message);
                }
            }
            Step::GiveBack(value) => {
                is = self.unset(is, value).await?;
                let message = format!("{holder}: {field} {was} to {}, as it was before", is.pods());
                self.say(Reason::FloorGivenBack, message);
            }
            Step::LetGo => {
                let value = is.value;
                let who = is.manager.clone().unwrap_or_else(|| "somebody else".into());
                is = self.unset(is, value).await?;
                self.say(Reason::FloorGivenBack, format!("{holder}: {who} set {field} to {was}; left so"));
            }
        }
        if is.mark_of(&self.uid).is_some_and(|mark| mark.set == is.pods()) {
            self.memories.entry(wire.place).or_default().stood = true;
        }
        let lack = is.most.filter(|most| *most < pods).map(|most| {
            format!("{holder} allows at most {most} pods, and {pods} are needed: let it have more")
        });
        Ok((is, lack))
    }

    /// Writes a floor, what was there before noted first.
    async fn set(
        &mut self,
        wire: &FloorWire,
        mut is: Standing,
        pods: u32,
        before: Option<u32>,
    ) -> Result<Standing, Error> {
        let mark = Mark { plan: self.uid.clone(), before, set: pods };
        let mut notes = self.own.as_ref().map(|own| own.notes.clone()).unwrap_or_default();
        if let Holder::Scale(target) = &is.holder {
            // An autoscaler that has come since would undo it.
            let found = self.space.find(&wire.target, &Own::default()).await?;
            if found.holder != is.holder {
                self.memories.entry(wire.place).or_default().holder = None;
                let failure = Failure::Conflict;
                let namespace = self.space.namespace.clone();
                return Err(Error::Failed { what: format!("scale {target}"), namespace, failure });
            }
            notes.insert(target.clone(), mark.clone());
        }
        self.set_own(true, notes).await?;
        self.space.write(&is, Some(pods), Some(&mark)).await?;
        (is.value, is.mark) = (Some(pods), Some(mark));
        Ok(is)
    }

    /// Writes a floor back, and forgets what was changed.
    async fn unset(&mut self, mut is: Standing, value: Option<u32>) -> Result<Standing, Error> {
        if let Holder::Scale(target) = &is.holder {
            if value != is.value {
                self.space.write(&is, value, None).await?;
            }
            let mut notes = self.own.as_ref().map(|own| own.notes.clone()).unwrap_or_default();
            notes.remove(target);
            self.set_own(true, notes).await?;
        } else {
            self.space.write(&is, value, None).await?;
        }
        (is.value, is.mark) = (value, None);
        Ok(is)
    }

    /// Writes what stands on the plan, if that is something else.
    pub(super) async fn set_own(
        &mut self,
        finalized: bool,
        notes: BTreeMap<Target, Mark>,
    ) -> Result<(), Error> {
        for tries in 1.. {
            let Some(own) = &self.own else { return Err(Error::Fenced) };
            let next = own.with(finalized, notes.clone());
            if next.is_finalized() == own.is_finalized() && next.notes == own.notes {
                break;
            }
            match self.space.set_own(self.plan.name(), &next).await {
                Err(error) if error.is_conflict() && tries < CONFLICTS => {
                    self.own = self.reread().await?;
                }
                written => {
                    self.own = Some(written?);
                    break;
                }
            }
        }
        self.finalized = finalized;
        Ok(())
    }
}
