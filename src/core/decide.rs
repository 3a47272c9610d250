//! The decision: plan, state, observations and now, to the next state and an ordered list of actions.
//!
//! A total function. Asked again with nothing new, it does nothing. Each rule of the design has one
//! file under `rules/`; this one says in which order they are asked.

use crate::action::Action;
use crate::plan::Plan;
use crate::rules::{
    adopt, commands, converge, drift, floors, join, last_holder, levels, peak, raise, retreat, soak, tell,
    walk_back,
};
use crate::seen::{Authority, Seen};
use crate::state::State;
use crate::time::Time;
use crate::turn::Turn;

/// What was decided.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// The next state.
    pub state: State,
    /// What to do, in this order.
    pub actions: Vec<Action>,
    /// When to ask again at the latest, if nothing is seen before.
    pub again: Option<Time>,
}

/// Decides. The brake comes first (R2); nothing rises before every rule had its say.
pub fn decide(plan: &Plan, mut state: State, seen: &Seen, now: Time) -> Decision {
    let (actions, again) = decide_in_place(plan, &mut state, seen, now);
    Decision { state, actions, again }
}

/// The same, the state changed where it lies: what to do, and when to ask again.
pub(crate) fn decide_in_place(
    plan: &Plan,
    state: &mut State,
    seen: &Seen,
    now: Time,
) -> (Vec<Action>, Option<Time>) {
    let mut turn = Turn::new(plan, state, seen, now);
    if seen.authority == Authority::None {
        return turn.end();
    }
    levels::update(&mut turn);
    peak::count(&mut turn);
    adopt::settle(&mut turn);
    last_holder::notice_falls(&mut turn);
    retreat::brake(&mut turn);
    if seen.authority == Authority::Holder {
        commands::answer(&mut turn);
        drift::correct(&mut turn);
        walk_back::step(&mut turn);
        raise::settle_doubt(&mut turn);
        drift::follow_servers(&mut turn);
    }
    join::step(&mut turn);
    if seen.authority == Authority::Holder {
        advance(&mut turn);
        floors::keep(&mut turn);
    }
    converge::write(&mut turn);
    tell::changes(&mut turn);
    turn.end()
}

/// Counts the soak and goes on, as often as that leads somewhere: a stage may have nothing to wait for.
fn advance(turn: &mut Turn) {
    for _ in 0..=turn.plan.stages.len() {
        let before = (turn.state.stage, turn.state.raise);
        soak::count(turn);
        raise::step(turn);
        if turn.state.raise.is_some() || (turn.state.stage, turn.state.raise) == before {
            return;
        }
    }
}
