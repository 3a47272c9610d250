//! R11: of the plans with the same database one raises at a time.

use super::Case;

pub fn raises_alone(case: &Case<'_>) -> Option<String> {
    let decided = case.decided;
    if decided.minds.len() < 2 || !case.begins_a_raise() {
        return None;
    }
    let behind = |service: usize| decided.services.get(service).map(|service| &service.databases);
    let mine = behind(decided.service)?;
    let other = decided.minds.iter().find(|mind| {
        mind.service != decided.service
            && mind.engine.state().raise.is_some()
            && behind(mind.service)
                .is_some_and(|theirs| theirs.iter().any(|database| mine.contains(database)))
    })?;
    Some(format!("begins a raise while service {} raises on the same database", other.service))
}
