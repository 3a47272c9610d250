//! What was changed for plans that end, or are gone, is given back.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::object::{Error, Space};
use super::own::Own;
use crate::capacity::floor::{Holder, Standing};
use crate::control::key::PlanKey;
use crate::control::operator::epoch;
use crate::control::teller::Telling;
use crate::core::reason::Reason;

/// What cannot be given back in so long is let go.
const LET_GO: Duration = Duration::from_mins(1);
/// How long to wait between attempts.
const PAUSE: Duration = Duration::from_secs(2);

/// Every floor of the namespace that was changed, `own` naming those of a plan's scale subresources.
pub async fn changed(space: &Space, own: &Own) -> Result<Vec<Standing>, Error> {
    let mut changed = Vec::new();
    for autoscaler in space.autoscalers().await? {
        match space.of_autoscaler(&autoscaler).await {
            Ok(standing) => changed.push(standing),
            Err(error) if error.is_missing() => {}
            Err(error) => return Err(error),
        }
    }
    for target in own.notes.keys() {
        match space.find(target, own).await {
            // What has come to scale it since decides.
            Ok(standing) if !matches!(standing.holder, Holder::Scale(_)) => {}
            Ok(standing) => changed.push(standing),
            Err(error) if error.is_missing() => {}
            Err(error) => return Err(error),
        }
    }
    changed.retain(|standing| standing.mark.is_some());
    Ok(changed)
}

/// Gives all of these back: what was done, in words, and the first error.
pub async fn give_back(space: &Space, changed: &[Standing]) -> (Vec<String>, Option<Error>) {
    let (mut done, mut first) = (Vec::new(), None);
    for standing in changed {
        match give_back_one(space, standing).await {
            Ok(words) => done.push(words),
            Err(error) => drop(first.get_or_insert(error)),
        }
    }
    (done, first)
}

async fn give_back_one(space: &Space, is: &Standing) -> Result<String, Error> {
    let Standing { holder, value, mark, .. } = is;
    let Some(mark) = mark else { return Ok(String::new()) };
    let (field, was) = (holder.field(), is.pods());
    let (to, words) = if was == mark.set {
        let words = match mark.before {
            Some(before) => format!("{holder}: {field} {was} to {before}, as it was before"),
            None => format!("{holder}: {field} {was} taken out, as it was before"),
        };
        (mark.before, words)
    } else {
        let who = is.manager.as_deref().unwrap_or("somebody else");
        (*value, format!("{holder}: {who} has set {field} to {was}; left so"))
    };
    if to != *value || !matches!(holder, Holder::Scale(_)) {
        space.write(is, to, None).await?;
    }
    Ok(words)
}

/// A plan that is being deleted, with something changed for it.
pub struct Leaving {
    /// The plan.
    pub plan: PlanKey,
    /// Which object it is.
    pub uid: String,
    /// Where what was changed lies.
    pub space: Space,
}

impl Leaving {
    /// Gives back, and takes the finalizer off; after a minute in vain it takes it off anyway.
    pub async fn leave(self, stop: CancellationToken) {
        let mut begun = None;
        let mut told = BTreeSet::new();
        loop {
            // Whoever holds the lease does it.
            if epoch(self.space.operator.standing()).is_some() {
                let begun = *begun.get_or_insert_with(Instant::now);
                match self.give_back(begun.elapsed() >= LET_GO, &mut told).await {
                    Ok(()) => break,
                    Err(error) => tracing::debug!(plan = %self.plan, %error, "not given back yet"),
                }
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = sleep(PAUSE) => {}
            }
        }
        stop.cancel();
    }

    async fn give_back(&self, late: bool, told: &mut BTreeSet<String>) -> Result<(), Error> {
        let own = self.space.own(self.plan.name()).await?;
        let Some(own) = own.filter(|own| own.uid == self.uid && own.is_finalized()) else { return Ok(()) };
        let (given, error) = match changed(&self.space, &own).await {
            Ok(mut changed) => {
                changed.retain(|is| is.mark_of(&self.uid).is_some());
                give_back(&self.space, &changed).await
            }
            Err(error) => (Vec::new(), Some(error)),
        };
        for message in given {
            if told.insert(message.clone()) {
                self.say(Reason::FloorGivenBack, message);
            }
        }
        match error {
            None => {}
            Some(error) if late && error != Error::Fenced => {
                let message = format!("what was changed could not be given back, and is let go: {error}");
                self.say(Reason::FloorLost, message);
            }
            Some(error) => return Err(error),
        }
        self.space.set_own(self.plan.name(), &own.with(false, BTreeMap::new())).await?;
        Ok(())
    }

    fn say(&self, reason: Reason, message: String) {
        self.space.operator.teller.tell(Telling { plan: self.plan.clone(), reason, message });
    }
}

/// Gives back what was changed in a namespace for plans that are gone: somebody took their finalizer off.
pub async fn give_back_orphans(space: Space, stop: CancellationToken) {
    let mut begun = None;
    loop {
        if epoch(space.operator.standing()).is_some() {
            let begun = *begun.get_or_insert_with(Instant::now);
            match orphans(&space).await {
                Ok(messages) => {
                    for message in messages {
                        tracing::info!(space.namespace, message, "given back; its plan is gone");
                    }
                    break;
                }
                Err(Error::Forbidden { .. }) => break,
                Err(_) if begun.elapsed() >= LET_GO => break,
                Err(error) => tracing::debug!(space.namespace, %error, "not looked through yet"),
            }
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = sleep(PAUSE) => {}
        }
    }
    stop.cancel();
}

async fn orphans(space: &Space) -> Result<Vec<String>, Error> {
    let mut changed = changed(space, &Own::default()).await?;
    if changed.is_empty() {
        return Ok(Vec::new());
    }
    // After it: whoever has changed something is among them.
    let plans = space.plans().await?;
    changed.retain(|is| is.mark.as_ref().is_some_and(|mark| !plans.contains(&mark.plan)));
    match give_back(space, &changed).await {
        (done, None) => Ok(done),
        (_, Some(error)) => Err(error),
    }
}
