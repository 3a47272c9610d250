//! The engine is a function: asked again with nothing new it does nothing, and between two decisions
//! nothing is missed. Both need a copy of it, so only some runs are looked at.

use crossfade_core::action::Action;
use crossfade_core::guard::{Level, Tripped};
use crossfade_core::state::{Command, State};
use crossfade_core::time::Time;

use super::{Case, Found, Rule, r8};
use crate::world::World;

/// Asked again at the same moment.
pub fn does_nothing(case: &Case<'_>) -> Option<String> {
    if judges_anew(case.decided.after.state(), case.decided.clock) {
        return None;
    }
    let mut twin = case.decided.after.clone();
    let actions = twin.decide(case.decided.clock);
    (!actions.is_empty()).then(|| {
        format!(
            "asked again at once: {actions:?}, after {:?}; told {:?}, then {:?}",
            case.decided.actions,
            case.decided.after.state().volatile.told,
            twin.state().volatile.told,
        )
    })
}

/// What was decided changes what the samples say: an accepted baseline is forgotten, a guard that has
/// cleared is judged as one that is clear. That is news.
fn judges_anew(state: &State, clock: Time) -> bool {
    let accepted = state.commands.get(&Command::AcceptBaseline);
    let cleared = |guard: &Tripped| guard.level == Level::Clear && guard.since == clock;
    accepted.is_some_and(|answered| answered.at == clock) || state.guards.values().any(cleared)
}

/// A twin that is asked at every step, while the engine waits for its deadline or for news.
pub fn misses_nothing(world: &World, found: &mut Found<'_>) {
    let now = world.now;
    for (number, process) in world.processes.iter().enumerate() {
        if !process.is_deciding(now) {
            continue;
        }
        let clock = process.clock(now);
        for mind in process.minds.iter().filter(|mind| !mind.is_due(clock)) {
            if judges_anew(mind.engine.state(), clock) {
                continue;
            }
            let mut twin = (*mind.engine).clone();
            let actions = twin.decide(clock);
            let acts = actions.iter().any(|action| !matches!(action, Action::Record { .. }));
            if acts || !r8::is_remembered_alike(mind.engine.state(), twin.state(), clock) {
                let deadline = mind.engine.deadline();
                found(
                    Rule::Wakes,
                    mind.service,
                    Some(number),
                    format!("would do {actions:?} now ({clock:?}), and waits until {deadline:?}"),
                );
                return;
            }
        }
    }
}
