//! R4: whose surge? What both sides truly cause is held; what Kubernetes alone causes is not.

use std::time::Duration;

use crossfade_core::plan::{Plan, When};
use crossfade_core::reason::Reason;
use crossfade_core::state::GuardKey;
use crossfade_core::time::Time;

use super::Case;
use super::sided::Sided;
use super::truth::{Service, Since};
use crate::world::World;

/// How long something must have been true so that every operator knows it: a mean of 5 s, samples, readings.
const KNOWN: Duration = Duration::from_secs(14);

/// Where both sides tell themselves apart, no guard's retreat takes a step for what they have in common.
pub fn holds_what_is_common(case: &Case<'_>) -> Option<String> {
    let (decided, state) = (case.decided, case.decided.after.state());
    let step = state.history.back()?;
    let is_new = step.at == decided.clock && decided.before?.history.back() != Some(step);
    if !is_new || step.reason != Reason::GuardRollback || step.to >= step.from {
        return None;
    }
    let truth = case.truth.services.get(decided.service)?;
    let lasts = lasts(case, &truth.sided.common)?;
    (lasts > KNOWN).then(|| {
        let surges = &state.surges;
        format!(
            "a surge has been both sides' for {lasts:?}, and a retreat goes from {} % to {} %: {surges:?}",
            step.from, step.to
        )
    })
}

/// Whether an operator may hold the breach of `key` for whose surge it is.
pub fn may_hold(case: &Case<'_>, key: &GuardKey) -> bool {
    let state = case.decided.after.state();
    let held = state.surges.get(&key.database).is_some_and(|surge| !surge.whose.permits());
    let only = case.truth.services.get(case.decided.service).and_then(|it| lasts(case, &it.sided.kubernetes));
    held && only.is_none_or(|lasts| lasts <= KNOWN)
}

/// For how long something has been true that this replica can know, and that its plan asks about.
fn lasts(case: &Case<'_>, since: &Since) -> Option<Duration> {
    let decided = case.decided;
    let plan = case.plan();
    let (truth, service) = (case.truth, decided.services.get(decided.service)?);
    if plan.rollback.when == When::Always || !Sided::is_told(plan) {
        return None;
    }
    let of_service = truth.services.get(decided.service)?;
    let replica = truth.replicas.get(decided.replica)?;
    let charge = replica.charge.get(decided.service)?.since()?;
    let mut from = replica.awake.since()?.max(charge).max(of_service.asked_at);
    for place in &service.databases {
        let database = truth.databases.get(*place)?;
        // What a full database lets in, and what it says, is another matter (R6).
        let quiet = if database.full.since().is_some() { decided.now } else { database.was_full };
        from = from.max(truth.counts(*place, decided.replica)).max(database.heard.since()?).max(quiet);
    }
    let disturbed = of_service.disturbed.iter().max().copied().unwrap_or(Time::default());
    since.lasts(from.max(disturbed), decided.now)
}

/// Whether a breach may be held for longer than `bound`: not what is Kubernetes' alone, and not without a word.
pub fn may_hold_for_long(
    known: &Service,
    plan: &Plan,
    world: &World,
    (service, replica): (usize, usize),
    bound: Duration,
) -> bool {
    let process = world.processes.get(replica);
    let Some(mind) = process.and_then(|process| process.minds.get(service)) else { return false };
    let clock = process.map(|process| process.clock(world.now)).unwrap_or_default();
    let blocked = mind.engine.report(clock).blocked_by;
    let only = known.sided.kubernetes.lasts(Time::default(), world.now);
    // A retreat that makes legacy fail stands.
    if plan.rollback.when == When::Attributed
        && mind.engine.state().strain.is_some_and(|it| it.seen.is_some())
    {
        return true;
    }
    let told = Sided::is_told(plan) && only.is_some_and(|lasts| lasts > bound + KNOWN);
    plan.rollback.when == When::Attributed && !told && blocked.iter().any(|blocker| holds(blocker.reason))
}

/// Whether a plan that is blocked by this is held for whose surge it is.
pub fn holds(reason: Reason) -> bool {
    matches!(
        reason,
        Reason::SurgeCommon | Reason::SurgeLegacy | Reason::SurgeElsewhere | Reason::JudgingSurge
    )
}
