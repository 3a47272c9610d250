//! When the plans want to decide next, and which of them raise: kept beside the plans, so that no event has
//! to look at all of them.

use std::collections::{BTreeMap, BTreeSet};

use crate::control::key::PlanKey;
use crate::core::time::Time;

/// What the plans' engines said last.
#[derive(Default)]
pub struct Agenda {
    deadlines: BTreeMap<PlanKey, Time>,
    /// The same, the next first.
    due: BTreeSet<(Time, PlanKey)>,
    raising: BTreeSet<PlanKey>,
}

impl Agenda {
    /// A plan has decided: when it wants to again, and whether a raise of it is under way.
    pub fn note(&mut self, key: &PlanKey, deadline: Option<Time>, raising: bool) {
        if self.deadlines.get(key).copied() != deadline {
            let before = match deadline {
                Some(deadline) => self.deadlines.insert(key.clone(), deadline),
                None => self.deadlines.remove(key),
            };
            if let Some(before) = before {
                self.due.remove(&(before, key.clone()));
            }
            self.due.extend(deadline.map(|deadline| (deadline, key.clone())));
        }
        if !raising {
            self.raising.remove(key);
        } else if !self.raising.contains(key) {
            self.raising.insert(key.clone());
        }
    }

    /// A plan is gone.
    pub fn forget(&mut self, key: &PlanKey) {
        self.note(key, None, false);
    }

    /// When the next plan wants to decide.
    pub fn next(&self) -> Option<Time> {
        self.due.first().map(|(deadline, _)| *deadline)
    }

    /// The plans whose deadline has come.
    pub fn due(&self, now: Time) -> Vec<PlanKey> {
        let due = self.due.iter().take_while(|(deadline, _)| *deadline <= now);
        due.map(|(_, key)| key.clone()).collect()
    }

    /// The plans of which a raise is under way.
    pub fn raising(&self) -> impl Iterator<Item = &PlanKey> {
        self.raising.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_plan_said_last_counts_until_it_is_gone() {
        let at = Time::from_millis;
        let [one, two] = ["one", "two"].map(|name| PlanKey::new("mail", name));
        let mut agenda = Agenda::default();
        agenda.note(&one, Some(at(5)), true);
        agenda.note(&two, Some(at(3)), true);
        assert_eq!((agenda.next(), agenda.due(at(4))), (Some(at(3)), vec![two.clone()]));
        assert_eq!(agenda.raising().collect::<Vec<_>>(), [&one, &two]);

        agenda.note(&two, Some(at(9)), false);
        assert_eq!((agenda.next(), agenda.due(at(9))), (Some(at(5)), vec![one.clone(), two.clone()]));
        assert_eq!(agenda.raising().collect::<Vec<_>>(), [&one]);

        agenda.forget(&one);
        agenda.note(&two, None, false);
        assert_eq!((agenda.next(), agenda.due(at(99)), agenda.raising().count()), (None, vec![], 0));
    }
}
