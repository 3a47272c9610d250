//! R1: a stage that asks for peaks is left upwards only after so many days, or windows, at its weight.

use crossfade_core::periods;

use super::Case;

/// In a decision that enters a stage: one that was left before it can have seen its peaks.
pub fn left_unseen(case: &Case<'_>) -> Option<String> {
    let object = case.decided.api.objects.get(case.decided.service)?;
    // A plan that was changed meanwhile may have other stages, and a clock that stepped other times.
    let (stored, name) = (object.status.as_ref()?, object.stage.as_ref()?);
    if case.truth.clock_stepped {
        return None;
    }
    let plan = case.plan();
    let length = periods::length(plan.capacity.demand.as_ref()?);
    let left = plan.stages.iter().position(|stage| &stage.name == name)?;
    let stages = plan.stages.iter().enumerate().take(case.decided.after.state().stage?).skip(left);
    for (place, stage) in stages.filter(|(_, stage)| stage.peaks > 0) {
        let since = if place == left { stored.stage_since } else { case.decided.clock };
        let stood = case.decided.clock.since(since);
        // Of each, a twelfth may have passed unwatched.
        if stood < length * stage.peaks / 12 * 11 {
            let (name, peaks) = (&stage.name, stage.peaks);
            return Some(format!("left stage {name} after {stood:?}, which asks for {peaks} peaks"));
        }
    }
    None
}
