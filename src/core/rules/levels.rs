//! Guards' levels: up at once, down only by `resume` (R5, R6, R7).
//!
//! Unknown data changes nothing: it is never clear and never a breach.

use crate::guard::{Judgement, Level, Tripped};
use crate::reason::Reason;
use crate::state::GuardKey;
use crate::turn::Turn;

/// The level that follows from `level` and what the samples say.
pub fn next(level: Level, judgement: &Judgement) -> Level {
    if judgement.is_blind() {
        return level;
    }
    match (judgement.rollback, judgement.pause) {
        (true, _) => Level::Rollback,
        (false, true) => level.max(Level::Pause),
        (false, false) if judgement.resume => Level::Clear,
        (false, false) => level,
    }
}

/// Brings every guard's level up to date.
pub fn update(turn: &mut Turn) {
    let seen = turn.seen;
    for (key, judgement) in &seen.judgements {
        let before = turn.state.guards.get(key).copied().unwrap_or_default();
        let level = next(before.level, judgement);
        if level == before.level {
            continue;
        }
        let baseline = if before.level == Level::Clear { judgement.baseline } else { before.baseline };
        let baseline = baseline.filter(|_| level != Level::Clear);
        turn.state.guards.insert(key.clone(), Tripped { level, since: turn.now, baseline });
        turn.record();
        let (reason, message) = words(key, level, judgement);
        turn.tell(reason, message);
    }
    let configured = |key: &GuardKey| seen.judgements.iter().any(|(known, _)| known == key);
    if !turn.state.guards.keys().all(configured) {
        turn.state.guards.retain(|key, _| configured(key));
        turn.record();
    }
}

fn words(key: &GuardKey, level: Level, judgement: &Judgement) -> (Reason, String) {
    let value = judgement.value.unwrap_or_default();
    let GuardKey { database, signal } = key;
    match level {
        Level::Clear => {
            (Reason::GuardsClear, format!("{signal} of database {database} is clear at {value:.1}"))
        }
        Level::Pause => (
            Reason::GuardPaused,
            format!("{signal} of database {database} crossed its pause threshold at {value:.1}"),
        ),
        Level::Rollback => (
            Reason::GuardRollback,
            format!("{signal} of database {database} crossed its rollback threshold at {value:.1}"),
        ),
    }
}
