//! The lease: which one of several replicas may write, and until when.
//!
//! A pure step. [`Lease::next`] says what to ask of the API server, [`Lease::answer`] takes what came
//! of it, [`Lease::standing`] says what this replica may do now. It trusts nobody's clock but the
//! replica's own, and of that only spans: another replica's claim has expired when it has stood
//! unchanged for its duration *as seen from here*; our own expires one duration after the last
//! confirmed renewal was *sent*. The first span always ends after the second, so two replicas never
//! hold at once, however slow the answers are. A lease that is not there may have been somebody's claim
//! until just now: it is made at once and held only one duration later. One whose making was never answered
//! may be made at any time, in the place of one that others held meanwhile: its epoch tells it, and it is held
//! one duration after it is seen.

use std::time::Duration;

use crate::time::Time;

#[cfg(test)]
mod steps;
#[cfg(test)]
mod tests;

/// The lease's spans.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Times {
    /// How long a claim is good for; 10 s.
    pub duration: Duration,
    /// How often the holder renews; 2 s.
    pub renew: Duration,
    /// How often another replica looks, and how soon anybody tries again when no answer came; 1 s.
    pub look: Duration,
    /// For how long after its claim expired the last holder may still brake; 1 h.
    pub brake: Duration,
}

impl Times {
    /// The spans of DESIGN section 3.
    pub const STANDARD: Self = Self {
        duration: Duration::from_secs(10),
        renew: Duration::from_secs(2),
        look: Duration::from_secs(1),
        brake: Duration::from_hours(1),
    };
}

/// The longest claim of another replica that is waited for, whatever its record says; the shortest is our
/// own duration, as a hand may have written over a claim of that length.
const LONGEST_CLAIM: Duration = Duration::from_mins(1);

/// What stands in the lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Who holds it; `None` when it was released.
    pub holder: Option<String>,
    /// How many times it changed hands.
    pub epoch: u64,
    /// How long the claim is good for.
    pub duration: Duration,
}

/// A record with the version under which the API server stores it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// What it says.
    pub record: Record,
    /// Changes with every write; a write over another version is refused.
    pub version: String,
}

/// What to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// Read the lease and answer [`Answer::Read`].
    Read,
    /// Write this record and answer [`Answer::Written`].
    Write {
        /// What to write.
        record: Record,
        /// The version that it replaces; `None` to create it.
        over: Option<String>,
    },
    /// Ask again at this time.
    Wait(Time),
}

/// What came of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The lease as it stands; `None` if there is none.
    Read(Option<Found>),
    /// It was written and stands so.
    Written(Found),
    /// Somebody else wrote first (409, or 404 for a lease that was there).
    Conflict,
    /// The API server answered and refused.
    Refused,
    /// No answer: timeout, connection refused, 5xx or 429. The write may have happened.
    None,
}

/// What this replica may do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Standing {
    /// Everything, until the claim expires.
    Holder {
        /// The epoch of the claim.
        epoch: u64,
        /// When the claim expires; nothing that needs it may be under way then.
        until: Time,
    },
    /// Retreats only: nobody is known to have taken over, and the API server does not answer.
    LastHolder {
        /// When this ends as well.
        until: Time,
    },
    /// Nothing.
    #[default]
    None,
}

/// Our claim, as last confirmed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Claim {
    epoch: u64,
    renewed: Time,
}

/// One replica's view of the lease.
#[derive(Clone, Debug)]
pub struct Lease {
    me: String,
    times: Times,
    /// What was last seen (`None` inside: there was no lease), and since when it stands unchanged.
    seen: Option<(Option<Found>, Time)>,
    /// When the last read or write that succeeded was answered.
    looked: Time,
    /// Whether `seen` may be out of date: read before writing.
    doubt: bool,
    /// The highest epoch seen or asked for without an answer, so that a lease made anew goes on from it.
    epoch: u64,
    /// The highest epoch of a lease that was to be made and of which no answer came; 0 if there was none.
    stray: u64,
    /// Not before this.
    wait: Time,
    claim: Option<Claim>,
    /// When every claim on a lease that was there before ours has expired.
    free: Time,
    /// Whether renewals have failed only for want of an answer.
    unanswered_only: bool,
    released: bool,
}

impl Lease {
    /// A replica that has seen nothing yet. `me` must differ from every other *process*, restarts
    /// of the same pod included.
    pub fn new(me: impl Into<String>, times: Times) -> Self {
        Self {
            me: me.into(),
            times,
            seen: None,
            looked: Time::default(),
            doubt: true,
            epoch: 0,
            stray: 0,
            wait: Time::default(),
            claim: None,
            free: Time::default(),
            unanswered_only: false,
            released: false,
        }
    }

    /// What to do now. One request at a time: the next call follows the answer.
    pub fn next(&self, now: Time) -> Next {
        if self.released {
            return Next::Wait(now + self.times.brake);
        }
        if now < self.wait {
            return Next::Wait(self.wait);
        }
        let Some((seen, since)) = self.seen.as_ref().filter(|_| !self.doubt) else { return Next::Read };
        let Some(found) = seen else { return self.write(None) };
        match &found.record.holder {
            Some(holder) if *holder == self.me => match self.claim {
                Some(claim) if now < claim.renewed + self.times.renew => {
                    Next::Wait(claim.renewed + self.times.renew)
                }
                _ => self.write(Some(found)),
            },
            Some(_) => {
                let claimed = found.record.duration.clamp(self.times.duration, LONGEST_CLAIM);
                let expiry = *since + claimed;
                if now < expiry { self.look_until(now, expiry) } else { self.write(Some(found)) }
            }
            None => self.write(Some(found)),
        }
    }

    /// Takes the answer to a request that was sent at `sent`.
    pub fn answer(&mut self, answer: Answer, sent: Time, now: Time) {
        match answer {
            Answer::Read(found) => {
                if !self.is_mine(found.as_ref()) {
                    self.claim = None;
                    self.unanswered_only = false;
                }
                self.see(found, now);
            }
            Answer::Written(found) => {
                if !self.released {
                    self.claim = Some(Claim { epoch: found.record.epoch, renewed: sent });
                    self.unanswered_only = true;
                }
                self.see(Some(found), now);
            }
            Answer::Conflict => {
                self.doubt = true;
                self.unanswered_only = false;
            }
            Answer::Refused => {
                self.doubt = true;
                self.unanswered_only = false;
                self.wait = now + self.times.renew;
            }
            Answer::None => {
                if !self.doubt && matches!(self.seen, Some((None, _))) {
                    self.epoch = self.epoch.saturating_add(1);
                    self.stray = self.epoch;
                }
                self.doubt = true;
                self.wait = now + self.times.look;
            }
        }
    }

    /// What this replica may do now.
    pub fn standing(&self, now: Time) -> Standing {
        let Some(claim) = self.claim.filter(|_| !self.released && now >= self.free) else {
            return Standing::None;
        };
        let expiry = claim.renewed + self.times.duration;
        if now < expiry {
            return Standing::Holder { epoch: claim.epoch, until: expiry };
        }
        // One that expired before it was free has never been held.
        let brakes = self.unanswered_only && expiry > self.free;
        let until = expiry + self.times.brake;
        if brakes && now < until { Standing::LastHolder { until } } else { Standing::None }
    }

    /// When [`standing`](Self::standing) changes by itself.
    pub fn changes_at(&self, now: Time) -> Option<Time> {
        match self.standing(now) {
            Standing::Holder { until, .. } | Standing::LastHolder { until } => Some(until),
            Standing::None => self.claim.map(|_| self.free).filter(|free| now < *free),
        }
    }

    /// Gives the lease up for good and returns the write that tells the others, if it is held: one that
    /// was only made must expire, as it stands for the claim before it. The caller has stopped writing
    /// anything else.
    pub fn release(&mut self, now: Time) -> Option<Next> {
        self.released = true;
        let claim = self.claim.take().filter(|_| now >= self.free)?;
        let (Some(found), _) = self.seen.as_ref()? else { return None };
        let record = Record { holder: None, epoch: claim.epoch, duration: self.times.duration };
        Some(Next::Write { record, over: Some(found.version.clone()) })
    }

    /// Who holds the lease, as last seen.
    pub fn holder(&self) -> Option<&str> {
        self.seen.as_ref()?.0.as_ref()?.record.holder.as_deref()
    }

    fn see(&mut self, found: Option<Found>, now: Time) {
        self.looked = now;
        self.doubt = false;
        self.wait = Time::default();
        let since = match &self.seen {
            Some((seen, since)) if version(seen.as_ref()) == version(found.as_ref()) => *since,
            _ => now,
        };
        let made = matches!(self.seen, Some((None, _))) || self.is_stray(found.as_ref());
        if made && self.is_mine(found.as_ref()) {
            self.free = now + self.times.duration;
        }
        if let Some(found) = &found {
            self.epoch = self.epoch.max(found.record.epoch);
        }
        self.seen = Some((found, since));
    }

    fn is_mine(&self, found: Option<&Found>) -> bool {
        found.is_some_and(|found| found.record.holder.as_ref() == Some(&self.me))
    }

    /// Whether it may have been made by a request of long ago: not what our claim stands for.
    fn is_stray(&self, found: Option<&Found>) -> bool {
        let claimed = self.claim.map(|claim| claim.epoch);
        found.is_some_and(|Found { record, .. }| record.epoch <= self.stray && claimed != Some(record.epoch))
    }

    fn look_until(&self, now: Time, expiry: Time) -> Next {
        let look = self.looked + self.times.look;
        if now < look { Next::Wait(look.min(expiry)) } else { Next::Read }
    }

    fn write(&self, over: Option<&Found>) -> Next {
        // A stray one of ours is not the newest: it is another hand's, as far as anybody can tell.
        let goes_on = over.is_some_and(|found| self.is_mine(over) && found.record.epoch == self.epoch);
        let record = Record {
            holder: Some(self.me.clone()),
            epoch: if goes_on { self.epoch } else { self.epoch.saturating_add(1) },
            duration: self.times.duration,
        };
        Next::Write { record, over: over.map(|found| found.version.clone()) }
    }
}

fn version(found: Option<&Found>) -> Option<&str> {
    found.map(|found| found.version.as_str())
}
