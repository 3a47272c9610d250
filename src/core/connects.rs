//! What each side's requests cost a database: its connects per request (DESIGN section 5).
//!
//! Measures, and judges nothing. While the database is full nothing is taken in: it does not answer all
//! who come.

use std::collections::VecDeque;
use std::time::Duration;

use crate::side::BySide;
use crate::time::Time;

#[cfg(test)]
mod tests;

/// Costs are means of so long.
pub const MEAN: Duration = Duration::from_mins(5);
/// Nothing is said of a cost before so much was seen.
const LEAST: Duration = Duration::from_mins(1);
/// ... nor of a side with fewer connects than this in it: chance makes a tenth of them.
const FEW: f64 = 100.0;
/// ... nor of one that was asked for less long: what is counted in a moment at two places does not fit together.
const BRIEF: Duration = Duration::from_secs(20);
/// What one part of a mean covers at least.
const PART: Duration = Duration::from_secs(10);
/// What came last is no newer than this, else nothing is known of now.
const STALE: Duration = Duration::from_secs(15);

/// What is known of the connects to one database now.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Connects {
    /// Connects per second of each side's users, as a mean of 10 to 20 s.
    pub rate: Option<BySide<f64>>,
    /// All attempts per second, likewise.
    pub all: Option<f64>,
    /// Connects per request of each side, as a mean of up to [`MEAN`].
    pub per_request: BySide<Option<Cost>>,
    /// The same as a mean of the last 10 to 20 s, however few they were.
    pub lately: BySide<Option<Cost>>,
    /// Attempts per second of nobody's users, as a mean of up to [`MEAN`].
    pub others: Option<f64>,
}

/// What one request of a side costs.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Cost {
    /// Connects per request.
    pub each: f64,
    /// How many connects it is a mean of.
    pub counted: f64,
}

/// What came in some time.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Part {
    /// When it began.
    pub since: Time,
    /// How long it lasted.
    pub covers: Duration,
    /// All attempts to connect.
    pub all: f64,
    /// Connects of each side's users.
    pub connects: BySide<f64>,
    /// For how much of the time the requests were known,
    pub known: Duration,
    /// ... those of each side,
    pub requests: BySide<f64>,
    /// ... the connects beside them,
    pub beside: BySide<f64>,
    /// ... and for how long each side was asked at all.
    pub asked: BySide<Duration>,
}

impl Part {
    fn add(&mut self, other: &Self) {
        if self.covers.is_zero() {
            self.since = other.since;
        }
        self.covers += other.covers;
        self.all += other.all;
        self.known += other.known;
        for (sum, part) in [
            (&mut self.connects, other.connects),
            (&mut self.requests, other.requests),
            (&mut self.beside, other.beside),
        ] {
            sum.legacy += part.legacy;
            sum.kubernetes += part.kubernetes;
        }
        self.asked.legacy += other.asked.legacy;
        self.asked.kubernetes += other.asked.kubernetes;
    }

    /// Connects per request, of sides with at least `few` connects that were asked for so long.
    fn costs(&self, few: f64, brief: Duration) -> BySide<Option<Cost>> {
        let cost = |counted: f64, requests: f64, asked: Duration| {
            let known = counted >= few && requests > 0.0 && asked >= brief;
            known.then(|| Cost { each: counted / requests, counted })
        };
        BySide {
            legacy: cost(self.beside.legacy, self.requests.legacy, self.asked.legacy),
            kubernetes: cost(self.beside.kubernetes, self.requests.kubernetes, self.asked.kubernetes),
        }
    }
}

/// The connects to one database, and the requests they were made for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tally {
    open: Part,
    /// Whole parts, oldest first.
    parts: VecDeque<Part>,
    newest: Option<Time>,
}

impl Tally {
    /// Takes in what came per second until `at`, since what came before it, or in a period: `all` attempts,
    /// the `connects` of each side, and its `requests` if they are known.
    pub fn push(
        &mut self,
        at: Time,
        period: Duration,
        all: f64,
        connects: BySide<f64>,
        requests: Option<BySide<f64>>,
    ) {
        let gap = self.newest.map(|newest| at.since(newest)).filter(|gap| *gap <= STALE);
        let covers = gap.unwrap_or(period);
        let seconds = covers.as_secs_f64();
        let times = |rate: BySide<f64>| BySide {
            legacy: rate.legacy * seconds,
            kubernetes: rate.kubernetes * seconds,
        };
        let asked = requests.unwrap_or_default();
        let time = |requests: f64| if requests > 0.0 { covers } else { Duration::ZERO };
        // Of a side that nobody asks connects are no cost.
        let beside = |connects: f64, requests: f64| if requests > 0.0 { connects * seconds } else { 0.0 };
        let part = Part {
            since: at - covers,
            covers,
            all: all * seconds,
            connects: times(connects),
            known: requests.map_or(Duration::ZERO, |_| covers),
            requests: times(asked),
            beside: BySide {
                legacy: beside(connects.legacy, asked.legacy),
                kubernetes: beside(connects.kubernetes, asked.kubernetes),
            },
            asked: BySide { legacy: time(asked.legacy), kubernetes: time(asked.kubernetes) },
        };
        if gap.is_none() {
            // What was begun before a gap is not the same time.
            self.open = Part::default();
        }
        self.newest = Some(at);
        self.open.add(&part);
        if self.open.covers >= PART {
            self.parts.push_back(std::mem::take(&mut self.open));
        }
        while self.parts.front().is_some_and(|part| at.since(part.since) > MEAN) {
            self.parts.pop_front();
        }
    }

    /// What is known now.
    pub fn known(&self, now: Time) -> Connects {
        let Some(newest) = self.newest.filter(|newest| now.since(*newest) <= STALE) else {
            return Connects::default();
        };
        let young = self.parts.iter().filter(|part| now.since(part.since) <= MEAN);
        let mut whole = self.open;
        young.for_each(|part| whole.add(part));
        let mut last = self.open;
        // A part that ended long before belongs to another time.
        let near = |part: &&Part| newest.since(part.since) <= part.covers * 2 + STALE;
        if let Some(part) = self.parts.back().filter(near) {
            last.add(part);
        }
        let seconds = last.covers.as_secs_f64();
        let rates = (last.covers >= PART).then(|| BySide {
            legacy: last.connects.legacy / seconds,
            kubernetes: last.connects.kubernetes / seconds,
        });
        let enough = whole.known >= LEAST;
        let of_users = whole.connects.legacy + whole.connects.kubernetes;
        Connects {
            rate: rates,
            all: rates.map(|_| last.all / seconds),
            per_request: if enough { whole.costs(FEW, BRIEF) } else { BySide::default() },
            lately: last.costs(0.0, Duration::ZERO),
            others: enough.then(|| (whole.all - of_users).max(0.0) / whole.covers.as_secs_f64()),
        }
    }

    /// All that came in whole parts that began at `since` or later, from the first on of which all requests
    /// are known: after a restart those of the first seconds are not.
    pub fn known_since(&self, since: Time) -> Part {
        let mut sum = Part::default();
        let young = self.parts.iter().filter(|part| part.since >= since);
        young.skip_while(|part| part.known < part.covers).for_each(|part| sum.add(part));
        sum
    }
}
