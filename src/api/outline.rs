//! What changes a status at once: a fingerprint that is made without making the status.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::mem::discriminant;

use crate::core::report::{Condition, Report};
use crate::core::route::Seen;

/// What a status says but for its figures and words: it changes when a phase, a condition, a blocker, a guard's
/// level, a floor or an instance does. What it leaves out may wait until the status itself is compared.
pub fn outline(report: &Report, seen: &[Seen], told: [&BTreeMap<String, String>; 2]) -> u64 {
    let mut hash = DefaultHasher::new();
    (report.phase, report.actual, &report.approval_token, report.token_needed).hash(&mut hash);
    for Condition { kind, status, reason, .. } in &report.conditions {
        (kind, status, reason).hash(&mut hash);
    }
    for blocker in &report.blocked_by {
        (blocker.reason, blocker.who).hash(&mut hash);
    }
    for guard in &report.guards {
        (guard.level, guard.since).hash(&mut hash);
    }
    report.floors.hash(&mut hash);
    for database in &report.databases {
        (database.connects.is_some(), database.predicted.is_some()).hash(&mut hash);
    }
    for instance in seen {
        let reading = instance
            .reading
            .as_ref()
            .map(|(_, reading)| (reading.weight, reading.setting, reading.legacy_up, reading.kubernetes_up));
        let order = instance.order.as_ref().map(|order| (order.number, discriminant(&order.outcome)));
        (reading, instance.changed, instance.failing.as_ref().map(|(since, _)| since), order).hash(&mut hash);
    }
    told.hash(&mut hash);
    hash.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::report::Phase;
    use crate::core::time::Time;

    #[test]
    fn it_changes_with_what_counts_and_not_with_a_figure() {
        let lacks = BTreeMap::from([("accounts".to_owned(), "userstat is off".to_owned())]);
        let none = BTreeMap::new();
        let soaking = Report { phase: Phase::Soaking, ..Report::default() };
        let failing = Seen { failing: Some((Time::from_millis(1), "refused".into())), ..Seen::default() };
        let before = outline(&soaking, &[Seen::default()], [&none, &none]);

        let later = Report { soak_ends: Some(Time::from_millis(7)), ..soaking.clone() };
        assert_eq!(outline(&later, &[Seen::default()], [&none, &none]), before);
        assert_ne!(outline(&Report::default(), &[Seen::default()], [&none, &none]), before);
        assert_ne!(outline(&soaking, &[failing], [&none, &none]), before);
        assert_ne!(outline(&soaking, &[Seen::default()], [&lacks, &none]), before);
    }
}
