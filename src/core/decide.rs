//! The decision: plan, state, observations and now, to the next state and an ordered list of actions.
//!
//! A total function. Asked again with nothing new, it does nothing. Each rule of the design has one
//! file under `rules/`; this one says in which order they are asked.

use crate::action::Action;
use crate::plan::Plan;
use crate::rules::{
    adopt, balance, commands, converge, drift, expiry, floors, join, last_holder, levels, peak, predict,
    raise, retreat, soak, tell, walk_back, whose,
};
use crate::seen::{Authority, Seen};
use crate::state::State;
use crate::time::Time;
use crate::turn::{self, Standing, Turn};

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
    let mut standing = turn::standing(&state, seen);
    let (actions, again) = decide_in_place(plan, &mut state, seen, now, &mut standing);
    Decision { state, actions, again }
}

/// The same, the state and how the instances stand changed where they lie: what to do, and when to ask
/// again.
pub(crate) fn decide_in_place(
    plan: &Plan,
    state: &mut State,
    seen: &Seen,
    now: Time,
    standing: &mut Vec<Standing>,
) -> (Vec<Action>, Option<Time>) {
    let mut turn = Turn::again(plan, state, seen, now, std::mem::take(standing));
    if seen.authority != Authority::None {
        ask_every_rule(&mut turn);
    }
    let (actions, again, stood) = turn.end();
    *standing = stood;
    (actions, again)
}

fn ask_every_rule(turn: &mut Turn) {
    let seen = turn.seen;
    levels::update(turn);
    peak::count(turn);
    adopt::settle(turn);
    last_holder::notice_falls(turn);
    whose::judge(turn);
    retreat::brake(turn);
    if seen.authority == Authority::Holder {
        commands::answer(turn);
        drift::correct(turn);
        walk_back::step(turn);
        raise::settle_doubt(turn);
        drift::follow_servers(turn);
        predict::check(turn);
    }
    join::step(turn);
    if seen.authority == Authority::Holder {
        balance::settle(turn);
        advance(turn);
        balance::step(turn);
        floors::keep(turn);
        expiry::warn(turn);
        predict::forget(turn);
    }
    converge::write(turn);
    tell::changes(turn);
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
