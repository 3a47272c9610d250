//! What steps of the weight have taught of a database's connects, where nobody tells the sides apart.
//!
//! All attempts are `D (w c_k + (1 - w) c_l)` and those of others: nobody can say from that what a request of
//! either side costs. But how much *more* one costs on Kubernetes is the slope of the attempts per request over
//! the share of the requests that go there, and each step of the weight shows it once: by the mean before it,
//! and the mean after.
//!
//! Measures, and judges nothing. Only calm times teach; which those are the engine says.

use std::collections::VecDeque;
use std::time::Duration;

use crate::lean;
use crate::side::BySide;
use crate::time::Time;

#[cfg(test)]
mod tests;

/// Each mean is of so long at most: what came last before a step, and first after it.
pub const MEAN: Duration = Duration::from_mins(5);
/// What comes so soon after a step fills pools.
pub const SETTLED: Duration = Duration::from_secs(15);
/// A mean of less says nothing.
pub const LEAST: Duration = Duration::from_secs(20);
/// What one part of a mean covers at least.
const PART: Duration = Duration::from_secs(10);
/// Two means that are further apart are not compared: too much else may have changed.
const APART: Duration = Duration::from_mins(5);
/// A share that differs by less is the same: a load balancer's weights are small integers.
pub const SAME: f64 = 0.002_5;
/// The least difference of two shares that teaches anything.
const STEP: f64 = 0.005;
/// If demand changed by a larger part, nobody knows how much of the attempts followed it.
pub const STEADY: f64 = 0.1;
/// What is not seen within a mean moves two of them apart by this part (own choice: what others connect changes
/// by minutes, not by seconds).
const WANDER: f64 = 0.01;
/// What came where the weight stood last is no measure of what comes after this long (as a guard's normal that a
/// restart finds).
const OLD: Duration = Duration::from_hours(1);
/// So many steps are remembered, the one that is being made among them,
const MOST: usize = 10;
/// ... for so long: what a request costs changes with each release.
const KEPT: Duration = Duration::from_hours(7 * 24);

/// Attempts to connect per request, those of others among them, as a mean.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Mean {
    /// Attempts per request.
    pub each: f64,
    /// How far chance moves that: one standard deviation.
    pub noise: f64,
    /// The share of the requests that reached Kubernetes, 0 to 1.
    pub share: f64,
    /// Requests per second.
    pub demand: f64,
}

/// How much more a request costs on Kubernetes than on legacy.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Slope {
    /// Connects per request more; below 0 they are fewer.
    pub more: f64,
    /// How far it may be off: one standard deviation, by all steps but the one that tells most.
    pub noise: f64,
    /// How many steps have taught it: 2 or more.
    pub steps: usize,
}

/// One step: what it taught.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Lesson {
    /// When it was learned.
    pub at: Time,
    /// By how much Kubernetes' share of the requests rose, -1 to 1; below 0 it fell.
    pub by: f64,
    /// By how much attempts per request rose.
    pub rise: f64,
    /// How far chance moves that: one standard deviation, more than 0.
    pub noise: f64,
}

impl Lesson {
    /// Whether a step can have taught this.
    fn is_sound(&self) -> bool {
        let wide = (STEP..=1.0).contains(&self.by.abs());
        wide && self.rise.is_finite() && self.noise.is_finite() && self.noise > 0.0
    }
}

/// What came in some time.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Part {
    since: Time,
    covers: Duration,
    attempts: f64,
    requests: BySide<f64>,
}

/// The connects to one database, and what the steps of the weight have made of them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Lessons {
    /// The share of the traffic at which the weight stands, while times are calm,
    share: Option<f64>,
    /// ... from when on pools are filled,
    settled: Time,
    /// ... and the newest sample.
    newest: Option<Time>,
    open: Part,
    /// The whole parts of the last [`MEAN`], oldest first.
    parts: VecDeque<Part>,
    /// What came last where the weight stood before, and when that ended, until it is compared.
    before: Option<(Time, Mean)>,
    /// The comparison with it, by the parts so far; and by all but the newest.
    comparing: [Option<Lesson>; 2],
    /// What came where the weight stood last for long enough, and until when.
    last: Option<(Time, Mean)>,
    learned: VecDeque<Lesson>,
}

impl Lessons {
    /// Takes in what came per second until `at`, in calm: `attempts`, and the `requests` of each side, while
    /// `share` of the traffic goes to Kubernetes; a gap after which it is another time is longer than `gap`.
    pub fn push(&mut self, at: Time, gap: Duration, attempts: f64, requests: BySide<f64>, share: f64) {
        let Some(newest) = self.newest.filter(|newest| at.since(*newest) <= gap) else {
            self.interrupt();
            self.stand(at, share);
            return;
        };
        self.newest = Some(at);
        if self.share.is_none_or(|stood| (stood - share).abs() > SAME) {
            self.leave(at);
            self.stand(at, share);
            return;
        }
        if newest < self.settled {
            return;
        }
        let covers = at.since(newest);
        let seconds = covers.as_secs_f64();
        if self.open.covers.is_zero() {
            self.open.since = newest;
        }
        self.open.covers += covers;
        self.open.attempts += attempts * seconds;
        self.open.requests.legacy += requests.legacy * seconds;
        self.open.requests.kubernetes += requests.kubernetes * seconds;
        if self.open.covers >= PART {
            self.take_part(at);
        }
    }

    /// Times are not calm: what follows does not follow what came before. What came just before may not have
    /// been calm either.
    pub fn interrupt(&mut self) {
        let Some(newest) = self.newest.take() else { return };
        self.parts.pop_back();
        self.last = mean(&self.parts).map(|mean| (newest, mean)).or(self.last);
        let [_, older] = std::mem::take(&mut self.comparing);
        self.learn(older);
        (self.share, self.before) = (None, None);
        self.begin();
    }

    /// Forgets everything: what is now is normal.
    pub fn forget(&mut self) {
        *self = Self::default();
    }

    /// Goes on from what a status remembers, if it has learned nothing itself; what no step can have taught is left
    /// out.
    pub fn seed(&mut self, lessons: impl IntoIterator<Item = Lesson>) {
        if self.learned().next().is_some() {
            return;
        }
        lessons.into_iter().filter(Lesson::is_sound).for_each(|lesson| self.learn(Some(lesson)));
    }

    /// What the steps have taught that are remembered, the oldest first: 10 at most.
    pub fn learned(&self) -> impl Iterator<Item = &Lesson> {
        self.learned.iter().chain(&self.comparing[0])
    }

    /// What comes now; else what came where the weight stood last, an hour ago at most.
    pub fn level(&self, now: Time) -> Option<Mean> {
        let last = self.last.filter(|(at, _)| now.since(*at) <= OLD).map(|(_, mean)| mean);
        mean(&self.parts).or(last)
    }

    /// Whether nothing but the weight has moved since what [`Self::level`] tells.
    pub fn is_of_now(&self) -> bool {
        self.before.is_some() || mean(&self.parts).is_some()
    }

    /// What came in whole parts that began at `since` or later, if the weight has stood where it stands for
    /// all of that time.
    pub fn since(&self, since: Time) -> Option<Mean> {
        mean(self.parts.iter().filter(|part| part.since >= since))
    }

    /// How many steps have taught something by `now`.
    pub fn steps(&self, now: Time) -> usize {
        self.young(now).count()
    }

    /// How much more a request costs on Kubernetes, by all steps; `None` before the second.
    pub fn slope(&self, now: Time) -> Option<Slope> {
        let (mut steps, mut weights, mut heaviest, mut sum) = (0, 0.0, 0.0_f64, 0.0);
        for lesson in self.young(now) {
            let weight = (lesson.by / lesson.noise).powi(2);
            steps += 1;
            weights += weight;
            heaviest = heaviest.max(weight);
            sum += weight * lesson.rise / lesson.by;
        }
        if steps < 2 {
            return None;
        }
        let more = sum / weights;
        // Steps that differ by more than chance makes were moved by something else too: Birge's ratio.
        let apart =
            |lesson: &Lesson| ((lesson.rise - more * lesson.by) / lesson.noise).powi(2) / (steps - 1) as f64;
        let ratio = self.young(now).map(apart).sum::<f64>().max(1.0);
        // One step may have met something else: it is not believed by itself.
        Some(Slope { more, noise: (ratio / (weights - heaviest)).sqrt(), steps })
    }

    fn young(&self, now: Time) -> impl Iterator<Item = &Lesson> {
        self.learned().filter(move |lesson| now.since(lesson.at) <= KEPT)
    }

    fn stand(&mut self, at: Time, share: f64) {
        (self.newest, self.share, self.settled) = (Some(at), Some(share), at + SETTLED);
        self.begin();
    }

    fn begin(&mut self) {
        self.parts.clear();
        self.open = Part::default();
    }

    /// The weight has moved on.
    fn leave(&mut self, at: Time) {
        let [newest, _] = std::mem::take(&mut self.comparing);
        self.learn(newest);
        // Where it stood for too short a time nothing is known: the one before is compared with the next.
        if let Some(mean) = mean(&self.parts) {
            (self.before, self.last) = (Some((at, mean)), Some((at, mean)));
        }
    }

    fn take_part(&mut self, at: Time) {
        lean::push(&mut self.parts, std::mem::take(&mut self.open));
        let old = self.parts.front().is_some_and(|part| at.since(part.since) > MEAN);
        if old {
            self.parts.pop_front();
        }
        let Some((ended, before)) = self.before else { return };
        if self.parts.front().is_some_and(|first| first.since.since(ended) > APART) {
            (self.before, self.comparing) = (None, [None; 2]);
            return;
        }
        let Some(after) = mean(&self.parts) else { return };
        let lesson = compare(at, &before, &after);
        if old {
            self.before = None;
            self.comparing = [None; 2];
            self.learn(lesson);
        } else {
            self.comparing = [lesson, self.comparing[0]];
        }
    }

    fn learn(&mut self, lesson: Option<Lesson>) {
        if let Some(lesson) = lesson {
            if self.learned.len() + 1 == MOST {
                self.learned.pop_front();
            }
            lean::push(&mut self.learned, lesson);
        }
    }
}

/// The mean of parts; `None` of less than [`LEAST`], and where nobody asks.
fn mean<'a>(parts: impl IntoIterator<Item = &'a Part>) -> Option<Mean> {
    let (mut count, mut covers) = (0.0, Duration::ZERO);
    let (mut attempts, mut requests) = (0.0, BySide::<f64>::default());
    let (mut sum, mut squares) = (0.0, 0.0);
    for part in parts {
        let each = part.attempts / (part.requests.legacy + part.requests.kubernetes);
        count += 1.0;
        covers += part.covers;
        attempts += part.attempts;
        requests.legacy += part.requests.legacy;
        requests.kubernetes += part.requests.kubernetes;
        sum += each;
        squares += each * each;
    }
    let all = requests.legacy + requests.kubernetes;
    if covers < LEAST || all <= 0.0 {
        return None;
    }
    // As connects come by chance, or as the parts were seen to vary, if that is more: few parts tell little
    // of that.
    let spread = (squares - sum * sum / count).max(0.0) / (count - 1.0).max(1.0);
    let few = (count + 1.0) / (count - 1.0).max(1.0);
    let noise = (spread / count * few).sqrt().max((attempts + 1.0).sqrt() / all);
    Some(Mean {
        each: attempts / all,
        noise,
        share: requests.kubernetes / all,
        demand: all / covers.as_secs_f64(),
    })
}

/// By which part demand changed from one mean to the other.
pub fn drift(one: f64, other: f64) -> f64 {
    (one - other).abs() / one.max(other)
}

fn compare(at: Time, before: &Mean, after: &Mean) -> Option<Lesson> {
    let by = after.share - before.share;
    let drift = drift(before.demand, after.demand);
    if by.abs() < STEP || drift > STEADY {
        return None;
    }
    let each = f64::midpoint(before.each, after.each);
    // Others' attempts do not follow demand: all may be others', or none.
    let unknown = [before.noise, after.noise, WANDER * each, drift / 2.0 * each];
    let noise = unknown.iter().map(|part| part * part).sum::<f64>().sqrt();
    Some(Lesson { at, by, rise: after.each - before.each, noise })
}
