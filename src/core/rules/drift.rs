//! R8's drift: a difference from a weight that this plan wrote on this instance.
//!
//! A rise is put back; a fall after a reload is kept and raised again under R1; any other fall is a
//! retreat by a person's hand and is taken over. Servers that come or go are no drift.

use std::time::Duration;

use crate::plan::InstanceIndex;
use crate::reason::Reason;
use crate::route::{Outcome, Purpose, Reading};
use crate::rules::{obstacles, retreat};
use crate::state::{Halt, PutBack};
use crate::turn::{Turn, above, below, same};

/// A rise found this soon after the last good reading is put back at once.
const AT_ONCE: Duration = Duration::from_secs(10);
/// So many rises are put back ...
const PUT_BACKS: usize = 3;
/// ... within this time; the next one halts the plan.
const PUT_BACK_WINDOW: Duration = Duration::from_mins(10);

/// Finds drift on every joined instance and answers it.
pub fn correct(turn: &mut Turn) {
    let now = turn.now;
    turn.state.put_backs.retain(|put_back| now.since(put_back.at) < PUT_BACK_WINDOW);
    if !turn.state.volatile.settled {
        return;
    }
    for (instance, key) in turn.instances() {
        remember(turn, instance, key);
        let Some((reading, ours)) = compared(turn, instance) else { continue };
        if reading.setting == ours.setting {
            continue;
        }
        if same(reading.weight, ours.weight) {
            // The weight stays the one that we set, or small steps would add up unseen.
            let ours = Reading { weight: ours.weight, ..reading.clone() };
            turn.set_ours(instance, ours);
        } else {
            changed(turn, instance, key, reading, &ours);
        }
    }
}

/// More servers are up than when the weight was set: the pools' shares are set anew. While a pool
/// is short of servers the load balancer's own share stands, and while R1 forbids a raise too.
pub fn follow_servers(turn: &mut Turn) {
    for (instance, key) in turn.instances() {
        let Some((reading, ours)) = compared(turn, instance) else { continue };
        let none_lost = reading.legacy_up >= ours.legacy_up && reading.kubernetes_up >= ours.kubernetes_up;
        let stands = reading.setting != ours.setting || same(reading.weight, ours.weight);
        if stands || !none_lost || turn.written(instance).is_some() {
            continue;
        }
        let rises = below(reading.weight, turn.intended());
        if !rises || (turn.is_recorded() && obstacles::general(turn).next().is_none()) {
            turn.write(instance, turn.intended(), Purpose::PutBack);
            turn.tell(
                Reason::PutBack,
                format!("more servers are up behind {key}: the pools' shares are set anew"),
            );
        }
    }
}

/// What a joined instance says and what it should look like, once its last order is answered.
fn compared<'a>(turn: &Turn<'a>, instance: InstanceIndex) -> Option<(&'a Reading, Reading)> {
    if !turn.state.volatile.settled || turn.pending(instance).is_some() || !turn.is_joined(instance) {
        return None;
    }
    Some((turn.reading(instance)?, turn.ours(instance)?.clone()))
}

/// What an order made of an instance is what it should look like from then on. One that failed may
/// have been carried out all the same, even later: what it would have made is no drift.
pub fn remember(turn: &mut Turn, instance: InstanceIndex, key: &str) {
    let Some(order) = turn.order(instance) else { return };
    let new = turn.state.volatile.remembered.get(key) != Some(&order.number);
    let ours = match &order.outcome {
        Outcome::Pending => return,
        Outcome::Done(done) => new.then_some(done),
        Outcome::Failed { .. } => {
            turn.reading(instance).filter(|reading| new || same(reading.weight, order.weight))
        }
    };
    if let Some(ours) = ours {
        turn.set_ours(instance, ours.clone());
        turn.state.volatile.remembered.insert(key.to_owned(), order.number);
    }
}

fn changed(turn: &mut Turn, instance: InstanceIndex, key: &str, reading: &Reading, ours: &Reading) {
    let reloaded = reading.boot != ours.boot;
    let (was, is) = (ours.weight, reading.weight);
    let intended = turn.intended();
    let rose = above(is, was);
    let towards = if rose { is <= intended } else { is >= intended };
    if towards {
        // Towards where it should stand: our doing or not, there is nothing to undo.
        turn.set_ours(instance, reading.clone());
    } else if rose {
        rise(turn, instance, key, reading, ours, reloaded);
    } else if reloaded {
        turn.leave(instance);
        turn.record();
        turn.tell(
            Reason::Reloaded,
            format!(
                "{key} was reloaded and fell from {was} % to {is} %: it is raised again once all is clear"
            ),
        );
    } else {
        turn.move_to(is, Reason::LoweredByHand);
        turn.fall_back_to_stage();
        turn.set_ours(instance, reading.clone());
        // The others follow step by step.
        turn.leave_all_but(Some(instance));
        let message = format!("somebody lowered {key} from {was} % to {is} %: taken over, on every route");
        halt(turn, Reason::LoweredByHand, &message);
    }
}

fn rise(
    turn: &mut Turn,
    instance: InstanceIndex,
    key: &str,
    reading: &Reading,
    ours: &Reading,
    reloaded: bool,
) {
    let (was, is) = (ours.weight, reading.weight);
    let who = if reloaded { "a reload forgot the weights" } else { "another writer set the weights" };
    if turn.state.halt.as_ref().is_some_and(|halt| halt.reason == Reason::Drift) {
        brake(turn, instance);
        return;
    }
    // Each instance by itself: load balancers that are all reloaded at once are no fight.
    let here = turn.state.put_backs.iter().filter(|put_back| put_back.instance == key);
    if here.count() >= PUT_BACKS {
        let message = format!(
            "{who} of {key}: {is} % instead of {was} %, after {PUT_BACKS} put-backs within 10 minutes; \
             find the writer and stop it"
        );
        halt(turn, Reason::Drift, &message);
        brake(turn, instance);
        return;
    }
    turn.state.put_backs.push_back(PutBack { at: turn.now, instance: key.to_owned() });
    turn.record();
    let last_good = turn.seen.instances.get(instance).and_then(|seen| seen.changed);
    let at_once = last_good.is_some_and(|(before, found)| found.since(before) <= AT_ONCE);
    let reason = if reloaded { Reason::Reloaded } else { Reason::PutBack };
    if at_once {
        // In the turn of a breach it goes lower than it stood: that is the brake, and may not be dropped.
        let brakes = below(turn.intended(), was);
        turn.write(instance, turn.intended(), if brakes { Purpose::Retreat } else { Purpose::PutBack });
        turn.tell(reason, format!("{who} of {key}: {is} % instead of {was} %, put back at once"));
    } else {
        turn.leave(instance);
        turn.tell(reason, format!("{who} of {key}: {is} % instead of {was} %, taken back step by step"));
    }
}

/// The other writer is a person's to find. Until then R2 goes before the count of put-backs: a breach is
/// answered all the same, once in the time of a step.
fn brake(turn: &mut Turn, instance: InstanceIndex) {
    let ordered = turn.order(instance).map(|order| order.at);
    if retreat::is_breached(turn) && turn.is_due(ordered, turn.plan.rollback.every) {
        turn.write(instance, turn.intended(), Purpose::Retreat);
    }
}

fn halt(turn: &mut Turn, reason: Reason, message: &str) {
    turn.tell(reason, message);
    turn.state.halt = Some(Halt { reason, message: message.to_owned(), since: turn.now });
    turn.record();
}
