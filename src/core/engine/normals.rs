//! What is normal: known from before, held while a guard is tripped, learned anew.

use super::Engine;
use crate::guard::Level;
use crate::lessons::Lesson;
use crate::side::BySide;
use crate::state::{Command, GuardKey};
use crate::time::Time;

impl Engine {
    /// Goes on from a baseline that a status younger than an hour remembers.
    pub fn seed_baseline(&mut self, key: &GuardKey, value: f64) {
        if let Some((_, watch)) = self.watches.iter_mut().find(|(name, _)| *name == key.database) {
            watch.baseline(key.signal).seed(value);
        }
    }

    /// Goes on from what a status younger than an hour remembers as normal for each side of a database, in
    /// connects per second that all of the traffic would bring by it.
    pub fn seed_sides(&mut self, database: &str, normal: BySide<f64>) {
        if let Some((_, watch)) = self.watches.iter_mut().find(|(name, _)| name == database)
            && let Some(sides) = watch.sides()
        {
            sides.seed(normal);
        }
        // A guard that is tripped already holds it.
        self.freeze_sides();
    }

    /// Goes on from what a status remembers of what steps of the weight have taught of a database, oldest first.
    pub fn seed_lessons(&mut self, database: &str, learned: impl IntoIterator<Item = Lesson>) {
        let place = self.plan.databases.iter().position(|known| known.name == database && !known.by_side);
        if let Some(lessons) = place.and_then(|place| self.seen.lessons.get_mut(place)) {
            lessons.seed(learned);
        }
    }

    /// The baseline stands still while its guard is tripped; the trend starts anew when it clears.
    pub(super) fn follow_levels(&mut self) {
        let levels = self.read_levels();
        let before = std::mem::replace(&mut self.levels, levels);
        for (((key, _), before), after) in self.seen.judgements.iter().zip(before).zip(&self.levels) {
            if *after == before {
                continue;
            }
            let Some((_, watch)) = self.watches.iter_mut().find(|(name, _)| *name == key.database) else {
                continue;
            };
            if after.level == Level::Clear {
                watch.baseline(key.signal).thaw();
                watch.restart_trend(key.signal);
            } else {
                watch.baseline(key.signal).freeze(after.baseline);
            }
        }
        self.freeze_sides();
    }

    /// What is normal for the sides stands still while a guard of their database is tripped.
    pub(super) fn freeze_sides(&mut self) {
        for (name, watch) in &mut self.watches {
            let Some(sides) = watch.sides() else { continue };
            let guards = self.state.guards.iter().filter(|(key, _)| key.database == *name);
            if guards.into_iter().any(|(_, guard)| guard.level != Level::Clear) {
                sides.freeze(self.state.surges.get(name).and_then(|surge| surge.normal));
            } else {
                sides.thaw();
            }
        }
    }

    pub(super) fn answered(&self) -> Option<Time> {
        self.state.commands.get(&Command::AcceptBaseline).map(|answered| answered.at)
    }

    pub(super) fn relearn(&mut self) {
        let Some(answered) = self.state.commands.get(&Command::AcceptBaseline) else { return };
        let Some((_, database)) = answered.value.split_once(' ') else { return };
        if let Some((_, watch)) = self.watches.iter_mut().find(|(name, _)| name == database) {
            watch.relearn();
        }
        let place = self.plan.databases.iter().position(|known| known.name == database);
        if let Some(lessons) = place.and_then(|place| self.seen.lessons.get_mut(place)) {
            lessons.forget();
        }
    }
}
