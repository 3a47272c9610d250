//! R7: balance moves no further from the stage's weight than it may, and not again before its time.

use crossfade_core::reason::Reason;

use super::Case;

pub fn keeps_its_bounds(case: &Case<'_>) -> Option<String> {
    let (state, before) = (case.decided.after.state(), case.decided.before?);
    let newest = state.history.back().filter(|step| step.at == case.decided.clock)?;
    if newest.reason != Reason::Balancing || before.history.back() == Some(newest) {
        return None;
    }
    let present = case.plan().stages.get(state.stage?)?;
    let own = |weight: crossfade_core::weight::Weight| weight.distance(present.weight);
    let Some(balance) = case.plan().capacity.balance else {
        let away = own(newest.to) > own(newest.from);
        return away
            .then(|| format!("balances from {} % to {} %, and is switched off", newest.from, newest.to));
    };
    if own(newest.to) > balance.max_shift.max(own(newest.from)) {
        let most = balance.max_shift;
        return Some(format!(
            "balances to {} % at {} %, and may go {most} points",
            newest.to, present.weight
        ));
    }
    // The stored time of a step may lie ahead of a clock that stepped.
    let last = before.last_step.filter(|_| !case.truth.clock_stepped)?;
    // A raise was decided before it is read back.
    let since = before.raise.map_or(newest.at, |raise| raise.at).since(last);
    (since < balance.every).then(|| format!("balances {since:?} after a step"))
}
