//! R3: a retreat fits, whoever asks for it, and stands where nothing more does.

use std::time::Duration;

use crossfade_core::reason::Reason;
use crossfade_core::route::Purpose;
use crossfade_core::weight::Weight;

use super::known::{self, Figures};
use super::sided::LATELY;
use super::truth::Truth;
use super::{Case, Found, Rule, SAME, r4};
use crate::world::World;

/// The largest step back while it is not known what legacy can carry (DESIGN, R5).
const BLIND: Weight = Weight::from_hundredths(500);
/// How long a new plan, a new holder, or one that stood still may take to know what there is to know.
const YOUNG: Duration = Duration::from_secs(15);
/// How long it may take to say that legacy is full.
const SAYS: Duration = Duration::from_secs(10);
/// Filled pools may take so much of a database's proven rate, times the seconds in which they fill
/// (DESIGN, R3), and what counters may be off by.
const BURST: f64 = 5.0 * 0.2 * 1.05;

/// A guard's retreat and a walk back by hand make legacy no fuller than it can be.
pub fn fits(case: &Case<'_>) -> Option<String> {
    let (decided, state) = (case.decided, case.decided.after.state());
    let back = |reason| {
        matches!(
            reason,
            Reason::GuardRollback
                | Reason::TargetStageLowered
                | Reason::RollbackByHand
                | Reason::KubernetesFailing
                | Reason::Balancing
        )
    };
    let step = state.history.back().filter(|step| step.at == decided.clock && back(step.reason))?;
    if decided.before?.history.back() == Some(step) || step.to >= step.from {
        return None;
    }
    // Without a Kubernetes server nothing moves by it: legacy has it all.
    let without = |instance: &crossfade_core::route::Seen| {
        instance.reading.as_ref().is_some_and(|(_, reading)| reading.kubernetes_up == 0)
    };
    let nothing_moves = decided.after.seen().instances.iter().any(without);
    if step.reason == Reason::KubernetesFailing && nothing_moves {
        return None;
    }
    let fallen = step.from.minus(step.to);
    if fallen <= BLIND && may_be_blind(case) {
        return None;
    }
    let Some(figures) = figures(case) else {
        return Some(format!("falls by {fallen} points, and knows nothing of what legacy can carry"));
    };
    if !figures.may_fit(step.to) {
        return Some(format!("falls from {} % to {} %, which does not fit: {figures:?}", step.from, step.to));
    }
    // One that fails outright is left at once.
    let most = burst(case, &figures).filter(|_| step.reason != Reason::KubernetesFailing)?;
    (known::share(fallen) > most)
        .then(|| format!("falls by {fallen} points, and {most:.4} are what the pools may be filled by"))
}

/// The largest share of demand that legacy's pools may be filled by at once.
fn burst(case: &Case<'_>, figures: &Figures) -> Option<f64> {
    let plan = case.plan();
    let legacy = plan.capacity.legacy?;
    let each = legacy.connections_per_server? / legacy.requests_per_second_per_server;
    // Of a pool that is declared as a whole nobody knows its servers.
    let each = Some(each).filter(|each| each.is_finite())?;
    let proven = plan.databases.iter().filter_map(|database| database.connection_rate_capacity);
    Some(BURST * proven.reduce(f64::min)? / (figures.demand[0] * each).max(f64::MIN_POSITIVE))
}

/// An instance that stands too high is brought down by what fits.
pub fn joins_as_it_fits(case: &Case<'_>) -> Option<String> {
    let (decided, before) = (case.decided, case.decided.before?);
    let service = decided.services.get(decided.service)?;
    let after = decided.after;
    let joins = |instance: usize| {
        let seen = after.seen().instances.get(instance);
        seen.is_some_and(|seen| {
            !after.state().joined.contains(&seen.key) && !before.joined.contains(&seen.key)
        })
    };
    let mut stands: Vec<f64> =
        service.balancers.iter().map(|balancer| known::share(balancer.weight())).collect();
    let mut furthest = Weight::ZERO;
    for (instance, to, purpose, from) in case.writes() {
        if purpose == Purpose::Retreat && joins(instance) && to < from {
            // One that was reloaded in this moment may stand higher than it was read.
            furthest = furthest.max(from.min(case.read(instance)).minus(to));
            stands[instance] = known::share(to);
        }
    }
    if furthest == Weight::ZERO || (furthest <= BLIND && may_be_blind(case)) {
        return None;
    }
    let all = Weight::from_percent(100.0 * stands.iter().sum::<f64>() / stands.len().max(1) as f64);
    let figures = figures(case)?;
    (!figures.may_fit(all))
        .then(|| format!("brings joining ones to {stands:?}, which does not fit: {figures:?}"))
}

fn figures(case: &Case<'_>) -> Option<Figures> {
    let truth = case.truth.services.get(case.decided.service)?;
    let replica = case.truth.replicas.get(case.decided.replica)?;
    let charge = replica.charge.get(case.decided.service)?.since();
    let since = replica.awake.since().max(charge).unwrap_or(case.decided.now);
    let service = case.decided.services.get(case.decided.service)?;
    truth.known.at_the_kindest(case.plan(), service, since, case.decided.now)
}

/// Whether it may know nothing of what legacy can carry.
fn may_be_blind(case: &Case<'_>) -> bool {
    let now = case.decided.now;
    let (Some(service), Some(replica)) =
        (case.truth.services.get(case.decided.service), case.truth.replicas.get(case.decided.replica))
    else {
        return true;
    };
    let young = |since: Option<crossfade_core::time::Time>| since.is_none_or(|at| now.since(at) < YOUNG);
    let told = replica.told.get(case.decided.service);
    known::is_blind(case.plan())
        || young(Some(service.asked_at))
        || young(replica.awake.since())
        || young(replica.charge.get(case.decided.service).and_then(super::truth::Since::since))
        || told.is_none_or(|told| told.0 != case.object.asked || young(Some(told.1)))
        || !service.known.is_well(now)
}

/// Whether legacy certainly has room for more than it has at `weight`.
pub fn must_move(case: &Case<'_>, weight: Weight) -> bool {
    let unless = known::is_blind(case.plan()) && case.plan().capacity.legacy.is_none();
    let known = case.truth.services.get(case.decided.service);
    let bound = known.is_some_and(|known| known.sided.may_bind(case.plan(), case.decided.now, LATELY));
    unless || !bound && figures(case).is_some_and(|figures| figures.has_room(weight))
}

/// A retreat that stands because legacy is full says so.
pub fn says_that_it_is_full(truth: &Truth, world: &World, found: &mut Found<'_>) {
    let now = world.now;
    for (index, service) in truth.services.iter().enumerate() {
        let Some(object) = service.asked.last().filter(|object| !known::is_blind(&object.plan)) else {
            continue;
        };
        if now.since(service.asked_at) < YOUNG || !service.known.is_well(now) {
            continue;
        }
        for (number, (replica, process)) in truth.replicas.iter().zip(&world.processes).enumerate() {
            let charge = replica.charge.get(index).and_then(super::truth::Since::since);
            let Some(since) = charge.max(replica.awake.since()).filter(|since| now.since(*since) > YOUNG)
            else {
                continue;
            };
            let knows = |mind: &&crate::mind::Mind| charge.is_some() && mind.asked == object.asked;
            let Some(mind) = process.minds.get(index).filter(knows) else { continue };
            let state = mind.engine.state();
            let last = state.last_step.unwrap_or_default();
            let clock = process.clock(now);
            let walks = state.retreat.as_ref().is_some_and(|retreat| !retreat.arrived);
            let Some(figures) = world
                .services
                .get(index)
                .and_then(|now_served| service.known.at_the_kindest(&object.plan, now_served, since, now))
            else {
                continue;
            };
            let intended = state.intended.unwrap_or_default();
            if !walks || clock.since(last) < SAYS || figures.may_fit(intended) || intended <= SAME {
                continue;
            }
            let report = mind.engine.report(clock);
            let held = report.blocked_by.iter().any(|blocker| r4::holds(blocker.reason));
            if !held && !report.blocked_by.iter().any(|blocker| blocker.reason == Reason::LegacyFull) {
                found(
                    Rule::R3,
                    index,
                    Some(number),
                    format!("legacy is full at {intended} %, and it says {:?}", report.blocked_by),
                );
                return;
            }
        }
    }
}
