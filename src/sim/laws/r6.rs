//! R6: saturated is not quiet.

use crossfade_core::guard::{Level, Signal};
use crossfade_core::time::Time;

use super::Case;

/// No guard that a full database fools clears while it is truly full.
pub fn clears_nothing_while_full(case: &Case<'_>) -> Option<String> {
    let decided = case.decided;
    let before = decided.before?;
    let after = decided.after.state();
    if before.guards == after.guards {
        return None;
    }
    let behind = &decided.services.get(decided.service)?.databases;
    for (database, place) in case.plan().databases.iter().zip(behind) {
        let full = case.truth.databases.get(*place)?.full.lasts(Time::default(), decided.now);
        for guard in database.guards.iter().filter(|guard| guard.signal == Signal::ConnectionRate) {
            let spare = guard.resume.within.saturating_sub(guard.resume.lasting);
            // A little short still counts as the whole time (an eighth), and a sample may end before.
            let bound = spare + guard.resume.lasting / 8 + database.every * 2 + case.truth.step * 2;
            if full.is_none_or(|full| full <= bound) {
                continue;
            }
            let clears = after.guards.iter().any(|(key, guard)| {
                key.database == database.name
                    && key.signal == Signal::ConnectionRate
                    && guard.level == Level::Clear
                    && before.guards.get(key).is_some_and(|before| before.level != Level::Clear)
            });
            if clears {
                return Some(format!(
                    "{} of {} clears, which has been full for {full:?}",
                    guard.signal, database.name
                ));
            }
        }
    }
    None
}
