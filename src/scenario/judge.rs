//! Expectations against what a run left behind: each with what was found.

use std::time::Duration;

use super::course::is_retreat;
use super::expectation::LevelIs;
use super::expected::{Expected, Happens, Must, When};
use super::words::Span;
use crate::core::guard::Level;
use crate::core::report::Phase;
use crate::core::time::Time;
use crate::sim::evidence::{Asks, Evidence};
use crate::sim::recording::Recording;
use crate::sim::scenario::Scenario;

/// A day of a run.
const DAY: Duration = Duration::from_hours(24);

/// What came of one expectation.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// What was expected, in words.
    pub expected: String,
    /// Whether it holds.
    pub holds: bool,
    /// What was found.
    pub found: String,
    /// The feature without which it cannot hold yet.
    pub needs: Option<String>,
}

/// What a run has to keep for these expectations to be checked.
pub fn asks(expectations: &[Expected]) -> Asks {
    let failed = expectations.iter().filter(|expected| matches!(expected.must, Must::Failed(..)));
    let tallies = failed.flat_map(|expected| {
        let (from, until) = expected.when.ends();
        expected.services.iter().map(move |service| (*service, from, until))
    });
    Asks {
        tallies: tallies.collect(),
        blockers: expectations.iter().any(|expected| matches!(expected.must, Must::BlockedBy(..))),
    }
}

/// A run and what it left behind.
#[derive(Clone, Copy, Debug)]
pub struct Run<'a> {
    /// What was played.
    pub scenario: &'a Scenario,
    /// Its curves, marks and phases.
    pub recording: &'a Recording,
    /// Its changes.
    pub evidence: &'a Evidence,
    /// Those of the same incident without Crossfade, if an expectation asks for them.
    pub without: Option<&'a Evidence>,
}

/// What came of `expectations`; `sweep` plays the scenario with crashes and says what differs.
pub fn judge(
    run: &Run,
    expectations: &[Expected],
    sweep: &dyn Fn(&super::expectation::CrashAnywhere) -> Result<String, String>,
) -> Vec<Outcome> {
    let mut tally = 0;
    let mut outcomes = Vec::new();
    for expected in expectations {
        let mut found = Vec::new();
        for service in &expected.services {
            let judged = match &expected.must {
                Must::Failed(below, above, times) => {
                    let share = |evidence: &Evidence| {
                        let counted = evidence.tallies.get(tally).copied().unwrap_or_default();
                        100.0 * counted.errors / counted.requests.max(f64::MIN_POSITIVE)
                    };
                    let with = share(run.evidence);
                    let alone = times.zip(run.without).map(|(times, without)| (times, share(without)));
                    tally += 1;
                    let fits = below.is_none_or(|below| with < below)
                        && above.is_none_or(|above| with > above)
                        && alone.is_none_or(|(times, alone)| with <= times * alone);
                    let alone = alone.map(|(_, alone)| format!(", {alone:.3} % without Crossfade"));
                    verdict(fits, format!("{with:.3} % of requests failed{}", alone.unwrap_or_default()))
                }
                Must::CrashAnywhere(crash) => sweep(crash),
                _ => run.check(*service, expected),
            };
            found.push(judged);
        }
        outcomes.push(Outcome {
            expected: expected.words.clone(),
            holds: found.iter().all(Result::is_ok),
            found: tell(run, expected, found),
            needs: expected.needs.clone(),
        });
    }
    outcomes
}

/// What was found, of each service if there are several; what is wrong alone, if anything is.
fn tell(run: &Run, expected: &Expected, found: Vec<Result<String, String>>) -> String {
    let wrong = found.iter().any(Result::is_err);
    let several = expected.services.len() > 1;
    let each = found.into_iter().zip(&expected.services).filter(|(found, _)| !wrong || found.is_err());
    let named = each.map(|(found, service)| {
        let text = found.unwrap_or_else(|wrong| wrong);
        match run.scenario.services.get(*service).filter(|_| several) {
            Some(service) => format!("{}: {text}", service.name),
            None => text,
        }
    });
    named.collect::<Vec<_>>().join("; ")
}

fn verdict(holds: bool, found: String) -> Result<String, String> {
    if holds { Ok(found) } else { Err(found) }
}

/// A value and since when; `None` while there is none yet.
type Stretch<T> = (Duration, Duration, T);

impl Run<'_> {
    fn check(&self, service: usize, expected: &Expected) -> Result<String, String> {
        let when = expected.when;
        match &expected.must {
            Must::Phase(phases) => {
                let was = |phase: &Phase| phase.name().to_owned();
                becomes(when, &self.phases(service), |phase| phases.contains(phase), was)
            }
            Must::Longest(phases, most) => self.longest(service, when, phases, *most),
            Must::Weight(from, to) => {
                let fits = |weight: &f64| *weight >= from - 1e-9 && *weight <= to + 1e-9;
                becomes(when, &self.weights(service), fits, |weight| format!("{weight:.2} %"))
            }
            Must::Stage(stages) => {
                let was = |stage: &Option<String>| stage.clone().unwrap_or_else(|| "none".into());
                becomes(when, &self.stages(service), |stage| stages.contains(stage), was)
            }
            Must::Level(key, is) => {
                let levels = self.evidence.levels.iter().filter(|since| since.service == service);
                let mine = levels.filter(|since| since.value.0 == *key);
                let levels = mine.map(|since| (since.at, since.value.1));
                let levels = self.stretches([(self.evidence.began, Level::Clear)].into_iter().chain(levels));
                let fits = |level: &Level| match is {
                    LevelIs::Clear => *level == Level::Clear,
                    LevelIs::Pause => *level == Level::Pause,
                    LevelIs::Rollback => *level == Level::Rollback,
                    LevelIs::Tripped => *level != Level::Clear,
                };
                let was = |level: &Level| match level {
                    Level::Clear => "clear".to_owned(),
                    Level::Pause => "at pause".to_owned(),
                    Level::Rollback => "at rollback".to_owned(),
                };
                becomes(when, &levels, fits, was)
            }
            Must::BlockedBy(reason, contains) => {
                let blockers = self.evidence.blockers.iter().filter(|since| since.service == service);
                let blockers = self.stretches(blockers.map(|since| (since.at, since.value.clone())));
                let fits = |blockers: &Vec<_>| {
                    let mut blockers = blockers.iter();
                    blockers
                        .any(|(why, text): &(_, String)| why == reason && text.contains(contains.as_str()))
                };
                becomes(when, &blockers, fits, |blockers| match blockers.as_slice() {
                    [] => "not blocked".into(),
                    some => {
                        let each = some.iter().map(|(why, text)| format!("{why} ({text})"));
                        format!("blocked by {}", each.collect::<Vec<_>>().join(", "))
                    }
                })
            }
            Must::Count(happens, contains, limits) => self.count(service, when, *happens, contains, *limits),
            Must::Suspects(_) => Err("this version names no suspects".into()),
            Must::NotKnown(what) => Err(format!("this version does not know {what}")),
            Must::Failed(..) | Must::CrashAnywhere(_) => Err("not counted".into()),
        }
    }

    fn since_begin(&self, at: Time) -> Duration {
        at.since(self.evidence.began)
    }

    /// Changes in order as stretches of time, the last to the end.
    fn stretches<T>(&self, changes: impl Iterator<Item = (Time, T)>) -> Vec<Stretch<T>> {
        let mut stretches: Vec<Stretch<T>> = Vec::new();
        for (at, value) in changes {
            let at = self.since_begin(at);
            if let Some(before) = stretches.last_mut() {
                before.1 = at;
            }
            stretches.push((at, self.scenario.lasts, value));
        }
        stretches
    }

    fn phases(&self, service: usize) -> Vec<Stretch<Phase>> {
        let turns = self.recording.phases.iter().filter(|turn| turn.service == service);
        self.stretches(turns.map(|turn| (turn.at, turn.phase)))
    }

    fn stages(&self, service: usize) -> Vec<Stretch<Option<String>>> {
        let plan = self.scenario.services.get(service).map(|service| &service.plan);
        let name =
            |stage: usize| plan.and_then(|plan| plan.stages.get(stage)).map(|stage| stage.name.clone());
        let turns = self.evidence.stages.iter().filter(|since| since.service == service);
        self.stretches(turns.map(|since| (since.at, since.value.and_then(name))))
    }

    /// The mean of the load balancers' weights.
    fn weights(&self, service: usize) -> Vec<Stretch<f64>> {
        let mut known: Vec<f64> = Vec::new();
        let mut means: Vec<(Time, f64)> = Vec::new();
        for stand in self.evidence.stands.iter().filter(|stand| stand.service == service) {
            if known.len() <= stand.instance {
                known.resize(stand.instance + 1, stand.weight.percent());
            }
            if let Some(known) = known.get_mut(stand.instance) {
                *known = stand.weight.percent();
            }
            let mean = known.iter().sum::<f64>() / known.len() as f64;
            means.retain(|(at, _)| *at < stand.at);
            means.push((stand.at, mean));
        }
        self.stretches(means.into_iter())
    }

    fn longest(
        &self,
        service: usize,
        when: When,
        phases: &[Phase],
        most: Duration,
    ) -> Result<String, String> {
        let (from, until) = when.ends();
        let mut longest = (Duration::ZERO, Duration::ZERO);
        let mut began: Option<Duration> = None;
        for (since, to, phase) in self.phases(service) {
            if !phases.contains(&phase) {
                began = None;
                continue;
            }
            let first = *began.get_or_insert(since);
            let lasted = to.min(until).saturating_sub(first.max(from));
            if lasted > longest.0 {
                longest = (lasted, first);
            }
        }
        let found = format!("at most {} at a stretch, at {}", Span(longest.0), Span(longest.1));
        verdict(longest.0 <= most, found)
    }

    fn count(
        &self,
        service: usize,
        when: When,
        happens: Happens,
        contains: &str,
        [least, most, per_day]: [Option<u32>; 3],
    ) -> Result<String, String> {
        let (from, until) = when.ends();
        let all: Vec<(Duration, String)> = self
            .happened(service, happens)
            .into_iter()
            .filter(|(at, text)| *at >= from && *at <= until && text.contains(contains))
            .collect();
        let count = u32::try_from(all.len()).unwrap_or(u32::MAX);
        let mut busiest = 0;
        for (at, _) in &all {
            let day = at.as_secs() / DAY.as_secs();
            let same = all.iter().filter(|(other, _)| other.as_secs() / DAY.as_secs() == day).count();
            busiest = busiest.max(u32::try_from(same).unwrap_or(u32::MAX));
        }
        let holds = least.is_none_or(|least| count >= least)
            && most.is_none_or(|most| count <= most)
            && per_day.is_none_or(|most| busiest <= most);
        let first = all.first().map(|(at, text)| match text.as_str() {
            "" => format!("first at {}", Span(*at)),
            text => format!("first at {}: {text}", Span(*at)),
        });
        let days = per_day.map(|_| format!(", {busiest} on the busiest day")).unwrap_or_default();
        let found = match (count, first) {
            (0, _) | (_, None) => "did not happen".to_owned(),
            (1, Some(first)) => format!("happened once, {}", first.trim_start_matches("first ")),
            (count, Some(first)) => format!("happened {count} times{days}, {first}"),
        };
        verdict(holds, found)
    }

    /// When something happened, and what was said of it.
    fn happened(&self, service: usize, happens: Happens) -> Vec<(Duration, String)> {
        use crate::core::reason::Reason;
        let steps = |falls: bool| {
            let mine = self.evidence.steps.iter().filter(|step| step.service == service);
            let mine = mine.filter(move |step| if falls { step.to < step.from } else { step.to > step.from });
            mine.map(|step| {
                (self.since_begin(step.at), format!("{} to {} %", step.from, step.to), step.reason)
            })
        };
        let told = |reason: Reason| {
            let marks = self.recording.marks.iter();
            let mine = marks.filter(move |mark| mark.service == service && mark.reason == reason);
            mine.map(|mark| (self.since_begin(mark.at), mark.message.clone()))
        };
        match happens {
            Happens::Retreat => {
                let began = told(Reason::GuardRollback).chain(told(Reason::KubernetesFailing));
                began.filter(|(_, text)| text.starts_with("retreat from")).collect()
            }
            Happens::RetreatStep => {
                let fell = steps(true).filter(|(_, _, reason)| is_retreat(*reason));
                fell.map(|(at, text, _)| (at, text)).collect()
            }
            Happens::Raise => steps(false).map(|(at, text, _)| (at, text)).collect(),
            Happens::Pause => {
                let paused = self.phases(service).into_iter().filter(|(_, _, phase)| *phase == Phase::Paused);
                paused.map(|(at, _, _)| (at, String::new())).collect()
            }
            Happens::Told(reason) => told(reason).collect(),
        }
    }
}

/// Whether something is so when it must be; what was so else. Before its first value is known nothing
/// is expected of it, but where it must become so.
fn becomes<T>(
    when: When,
    stretches: &[Stretch<T>],
    fits: impl Fn(&T) -> bool,
    was: impl Fn(&T) -> String,
) -> Result<String, String> {
    let (from, until) = when.ends();
    let within =
        || stretches.iter().filter(|(since, to, _)| *since <= until && (*to > from || *since >= from));
    match when {
        When::At(at) => {
            let there = stretches.iter().rfind(|(since, _, _)| *since <= at);
            let Some((since, _, value)) = there else { return Err("nothing was known yet".into()) };
            verdict(fits(value), format!("was {} since {}", was(value), Span(*since)))
        }
        When::Within(after, _) => match within().find(|(_, _, value)| fits(value)) {
            Some((since, _, _)) if *since <= after => Ok("was so already".into()),
            Some((since, _, _)) => Ok(format!("was so after {}", Span(since.saturating_sub(after)))),
            None => {
                let all: Vec<String> = within().map(|(_, _, value)| was(value)).collect();
                Err(if all.is_empty() {
                    "nothing was known".into()
                } else {
                    format!("was {}", all.join(", then "))
                })
            }
        },
        When::Throughout(..) => match within().find(|(_, _, value)| !fits(value)) {
            None => match within().last() {
                Some((_, _, value)) => Ok(format!("was {}", was(value))),
                None => Err("nothing was known".into()),
            },
            Some((since, _, value)) => Err(format!("was {} at {}", was(value), Span(*since.max(&from)))),
        },
    }
}
