//! R1: what is predicted of a raise holds it back, and is compared with what comes: a raise that comes out
//! otherwise stops the plan, and no other does.

use std::collections::VecDeque;
use std::time::Duration;

use crossfade_core::capacity::Source;
use crossfade_core::guard::{Level, Signal, Test};
use crossfade_core::plan::Plan;
use crossfade_core::reason::Reason;
use crossfade_core::state::{Move, State};
use crossfade_core::time::Time;

use super::{Case, known};
use crate::service::Service;
use crate::world::World;

/// An outcome is judged so long after its raise,
const JUDGED: Duration = Duration::from_mins(1);
/// ... by what came from then on, or a reading later.
const SETTLED: Duration = Duration::from_secs(14);
/// What is left to samples, readings and the turns of a replica.
const SLACK: Duration = Duration::from_secs(3);
/// Costs are known after this, and a little more.
const LEARNED: Duration = Duration::from_secs(70);
/// By so many connects at least chance is no more than a tenth, by three standard deviations.
const MANY: f64 = 900.0;
/// A step is long, and wide, enough to teach for sure,
const LONG: Duration = Duration::from_secs(40);
const WIDE: f64 = 0.05;
/// ... while what is asked for is about the same on the mean of each.
const ALIKE: f64 = 1.04;
/// So many steps of the world are kept.
const KEPT: usize = 8_000;
/// The most databases of a plan.
const MOST: usize = 2;

/// What truly came in one step of the world, per second.
#[derive(Clone, Copy, Debug)]
struct Came {
    at: Time,
    step: f64,
    /// Requests that reached legacy and Kubernetes.
    load: [f64; 2],
    /// Connects of legacy and Kubernetes to each database.
    connects: [f64; 2],
    /// Whether any request failed.
    failed: bool,
    /// Attempts that each database of the plan counted, and those that were not the service's.
    counted: [[f64; 2]; MOST],
}

/// What truly came to the databases of one service.
#[derive(Clone, Debug, Default)]
pub struct Foretold {
    came: VecDeque<Came>,
}

/// The least and the most of something.
type Range = [f64; 2];

/// What may be predicted by: connects per request of each side, and others' attempts per second.
struct Costs {
    each: [Range; 2],
    others: [Range; MOST],
    /// How many connects of each side there were.
    counted: [f64; 2],
}

impl Costs {
    /// The least and the most attempts per second at `share`, if so much is asked for.
    fn rate(&self, database: usize, share: f64, demand: f64) -> Range {
        [0, 1].map(|bound| {
            let [legacy, kubernetes] = self.each.map(|range| range[bound]);
            demand * ((1.0 - share) * legacy + share * kubernetes) + self.others[database][bound]
        })
    }
}

impl Foretold {
    /// Takes in the step that is over, where demand is counted.
    pub fn step(&mut self, service: &Service, plan: &Plan, world: &World) {
        if !plan.capacity.demand.is_some_and(|demand| matches!(demand.from, Source::Route(_))) {
            return;
        }
        let mut counted = [[0.0; 2]; MOST];
        let behind = service.databases.iter().filter_map(|place| world.databases.get(*place));
        for (counted, database) in counted.iter_mut().zip(behind) {
            let all = database.flow().counted;
            let own = (service.flow.connects[0] + service.flow.connects[1]) * database.let_in();
            *counted = [all, (all - own).max(0.0)];
        }
        if self.came.len() == KEPT {
            self.came.pop_front();
        }
        self.came.push_back(Came {
            at: world.now,
            step: world.step().as_secs_f64(),
            load: service.flow.load,
            connects: service.flow.connects,
            failed: service.flow.errors > 0.0,
            counted,
        });
    }

    fn between(&self, from: Time, until: Time) -> impl Iterator<Item = &Came> + Clone {
        let young = self.came.iter().rev().skip_while(move |came| came.at > until);
        young.take_while(move |came| came.at >= from)
    }

    /// What was asked for on the mean.
    fn demand(&self, from: Time, until: Time) -> f64 {
        let all = self.between(from, until).map(|came| came.load[0] + came.load[1]);
        let (count, sum) = all.fold((0.0, 0.0), |(count, sum), load| (count + 1.0, sum + load));
        sum / f64::max(count, 1.0)
    }

    /// What truly came between, at the least and the most; `None` of a side that had nothing to do.
    fn costs(&self, from: Time, until: Time) -> Option<Costs> {
        let none = [f64::MAX, 0.0];
        let mut costs = Costs { each: [none; 2], others: [none; MOST], counted: [0.0; 2] };
        let wider = |range: &mut Range, value: f64| *range = [range[0].min(value), range[1].max(value)];
        for came in self.between(from, until) {
            for side in [0, 1] {
                if came.load[side] >= 0.001 * (came.load[0] + came.load[1]).max(1.0) {
                    wider(&mut costs.each[side], came.connects[side] / came.load[side]);
                    costs.counted[side] += came.connects[side] * came.step;
                }
            }
            for (range, counted) in costs.others.iter_mut().zip(came.counted) {
                wider(range, counted[1]);
            }
        }
        let known = |range: &Range| range[0] <= range[1];
        (costs.each.iter().all(known) && costs.others.iter().all(known)).then_some(costs)
    }
}

/// The last raise, if nothing has moved since; and when it was done, in true time.
fn last_raise(case: &Case<'_>, state: &State) -> Option<(Move, Time)> {
    let last = state.history.back().filter(|step| step.reason == Reason::Raising && step.to > step.from)?;
    let stands = state.intended == Some(last.to) && state.raise.is_none();
    let since = case.decided.clock.since(last.at);
    (stands && !case.truth.clock_stepped).then(|| (last.clone(), case.decided.now - since))
}

/// A plan is stopped for an outcome only if something came otherwise than before.
pub fn stops_only_what_came_otherwise(case: &Case<'_>) -> Option<String> {
    let (before, after) = (case.decided.before?, case.decided.after.state());
    let halt = after.halt.as_ref().filter(|halt| halt.reason == Reason::PredictionWrong)?;
    if before.halt.is_some() {
        return None;
    }
    let (raise, at) = last_raise(case, after)?;
    let truth = &case.truth.services.get(case.decided.service)?.foretold;
    let before_it = truth.costs(Time::default(), at)?;
    let databases = case.plan().databases.len().min(MOST);
    let as_before = truth.between(at + SETTLED, case.decided.now).all(|step| {
        let demand = step.load[0] + step.load[1];
        (0..databases).all(|database| {
            let [least, most] = before_it.rate(database, step.load[1] / demand.max(1.0), demand);
            let [rate, _] = step.counted[database];
            rate <= 1.2 * least + 4.0 && rate >= 0.8 * most - 4.0
        })
    });
    as_before
        .then(|| format!("stops, and the raise to {} % cost what it did before: {}", raise.to, halt.message))
}

/// A raise that clearly came out otherwise, where the sides are told apart, has stopped the plan.
pub fn stops_what_came_otherwise(case: &Case<'_>) -> Option<String> {
    let (decided, truth) = (case.decided, case.truth);
    let state = decided.after.state();
    let (last, at) = last_raise(case, state)?;
    let since = decided.clock.since(last.at);
    if state.halt.is_some() || since < JUDGED + SLACK || since > JUDGED + SLACK * 2 {
        return None;
    }
    // Costs are learned anew by another plan.
    let quiet = was_quiet(case, at - LEARNED).filter(|service| service.asked_at < at - LEARNED)?;
    let costs = quiet.foretold.costs(Time::default(), at)?;
    let lately = quiet.foretold.costs(at - LEARNED, at)?;
    if lately.counted.iter().any(|counted| *counted < MANY) {
        return None;
    }
    let told = case.plan().databases.iter().take(MOST).enumerate().filter(|(_, database)| database.by_side);
    let mut otherwise = told.filter(|(database, _)| {
        let mut outcome = quiet.foretold.between(at + SETTLED, at + JUDGED + SLACK).map(|step| {
            let demand = step.load[0] + step.load[1];
            (step.counted[*database][0], costs.rate(*database, step.load[1] / demand.max(1.0), demand))
        });
        let above = outcome.clone().all(|(rate, [_, most])| rate > 1.5 * most + 8.0);
        above || outcome.all(|(rate, [least, _])| rate < 0.5 * least - 8.0)
    });
    let (_, database) = otherwise.next()?;
    let step = truth.step;
    Some(format!(
        "goes on {since:?} after the raise to {} %, which came out otherwise at {} (steps of {step:?})",
        last.to, database.name
    ))
}

/// What is true of the service, if since `from` this replica has been in charge, and everything was heard, and
/// well.
fn was_quiet<'a>(case: &Case<'a>, from: Time) -> Option<&'a super::truth::Service> {
    let (decided, truth) = (case.decided, case.truth);
    let service = truth.services.get(decided.service)?;
    let replica = truth.replicas.get(decided.replica)?;
    let charge = replica.charge.get(decided.service)?.since()?;
    let awake = replica.awake.since()?;
    let behind = &decided.services.get(decided.service)?.databases;
    let heard = behind.iter().filter_map(|place| truth.databases.get(*place)).all(|database| {
        let heard = database.heard.since().is_some_and(|since| since <= from);
        heard && database.was_full < from && database.anew < from && database.returned < from
    });
    let well = service.known.was_well(from) && service.disturbed.iter().all(|at| *at < from);
    (charge <= from && awake <= from && heard && well).then_some(service)
}

/// No raise begins that three long steps have shown to be too much, where nobody tells the sides apart.
pub fn heeds_what_steps_have_shown(case: &Case<'_>) -> Option<String> {
    if !case.begins_a_raise() || case.decided.services.len() > 1 || case.truth.clock_stepped {
        return None;
    }
    let (state, decided) = (case.decided.after.state(), case.decided);
    let raise = state.raise?;
    let taught: Vec<&Move> = state.history.iter().rev().take(3).collect();
    let [third, second, first] = taught.as_slice() else { return None };
    let wide = |from, to| known::share(to) - known::share(from);
    let narrowest = taught.iter().map(|step| wide(step.from, step.to)).fold(1.0, f64::min);
    let long = narrowest >= WIDE
        && taught.iter().all(|step| step.reason == Reason::Raising)
        && taught.windows(2).all(|pair| pair[0].at.since(pair[1].at) >= LONG)
        && decided.clock.since(third.at) >= LONG
        && wide(raise.from, raise.to) <= narrowest + 0.001;
    let clear = state.guards.values().all(|guard| guard.level == Level::Clear && guard.since < first.at);
    if !long || !clear {
        return None;
    }
    let truly = |at: Time| decided.now - decided.clock.since(at);
    let from = truly(first.at);
    let quiet = was_quiet(case, from).filter(|service| service.asked_at < from)?;
    let costs = quiet.foretold.costs(Time::default(), decided.now)?;
    let steady = |range: &Range| range[1] <= 1.03 * range[0] + 0.01;
    let marks = [from, truly(second.at), truly(third.at), decided.now];
    let demands = marks.windows(2).map(|span| quiet.foretold.demand(span[0], span[1]));
    let [least, most] = demands.fold([f64::MAX, 0.0], |[least, most], it| [it.min(least), it.max(most)]);
    let failed = quiet.foretold.between(from, decided.now).any(|step| step.failed);
    let calm = costs.each.iter().chain(&costs.others).all(steady) && most <= ALIKE * least;
    if failed || !calm {
        return None;
    }
    let plan = case.plan();
    plan.databases.iter().take(MOST).enumerate().filter(|(_, database)| !database.by_side).find_map(
        |(place, database)| {
            let guard = database.guards.iter().find(|guard| guard.signal == Signal::ConnectionRate)?;
            let Test::Below(level) = guard.resume.test else { return None };
            let [rate, _] = costs.rate(place, known::share(raise.to), least);
            (rate > 1.15 * level).then(|| {
                format!(
                    "begins a raise to {} %, which {} steps have shown to bring {rate:.0} connects/s to {}, that \
                     would not clear above {level}",
                    raise.to,
                    taught.len(),
                    database.name
                )
            })
        },
    )
}
