//! How a plan samples a database: how often, and whose connects it tells apart.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use crate::api::spec::UsersSpec;
use crate::core::side::BySide;
use crate::probe::mysql::ByUser;

/// How a plan samples a database. Plans with the same pace share their samples.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pace {
    /// The period.
    pub every: Duration,
    /// The users of each side, if the sides are told apart.
    pub users: Option<Arc<UsersSpec>>,
}

impl Pace {
    /// The connects by each side's users since the server began to count, if it tells.
    pub fn by_side(&self, by_user: &ByUser) -> Option<BySide<u64>> {
        let ByUser::Counted(counted) = by_user else { return None };
        let users = self.users.as_ref()?;
        let sum = |users: &[String]| users.iter().filter_map(|user| counted.get(user)).sum();
        Some(BySide { legacy: sum(&users.legacy), kubernetes: sum(&users.kubernetes) })
    }

    /// What keeps the sides from being told apart, and what to do; `None` also while that is not known.
    pub fn lacks(&self, by_user: &ByUser) -> Option<String> {
        let users = self.users.as_ref()?;
        match by_user {
            ByUser::Absent => None,
            ByUser::Untold(why) => Some(why.clone()),
            ByUser::Counted(counted) => {
                let silent = |users: &[String]| users.iter().all(|user| !counted.contains_key(user));
                let sides = [("legacy", &users.legacy), ("kubernetes", &users.kubernetes)];
                let silent: Vec<String> = sides
                    .into_iter()
                    .filter(|(_, users)| silent(users))
                    .map(|(side, users)| format!("{side} ({})", users.join(", ")))
                    .collect();
                (!silent.is_empty()).then(|| {
                    format!(
                        "no user of {} has logged in since the server began to count; if the side has traffic, correct \
                         the names in `users`",
                        silent.join(" and ")
                    )
                })
            }
        }
    }
}

/// Everybody whose connects are asked for.
pub fn users<'a>(paces: impl IntoIterator<Item = &'a Pace>) -> Arc<BTreeSet<String>> {
    let named = paces.into_iter().filter_map(|pace| pace.users.as_ref());
    let users: BTreeSet<String> =
        named.flat_map(|users| users.legacy.iter().chain(&users.kubernetes).cloned()).collect();
    users.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pace(legacy: &[&str], kubernetes: &[&str]) -> Pace {
        let names = |names: &[&str]| names.iter().map(ToString::to_string).collect();
        let users = UsersSpec { legacy: names(legacy), kubernetes: names(kubernetes) };
        Pace { every: Duration::from_secs(1), users: Some(users.into()) }
    }

    fn counted(users: &[(&str, u64)]) -> ByUser {
        ByUser::Counted(users.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect())
    }

    #[test]
    fn a_sides_connects_are_those_of_its_users_together() {
        let pace = pace(&["app", "cron"], &["pods"]);
        let told = counted(&[("app", 7), ("cron", 5), ("pods", 3), ("other", 100)]);
        assert_eq!(pace.by_side(&told), Some(BySide { legacy: 12, kubernetes: 3 }));
        assert_eq!(pace.lacks(&told), None);
        assert_eq!(
            *users([&pace, &self::pace(&["app"], &["new"])]),
            ["app", "cron", "new", "pods"].map(String::from).into()
        );
    }

    #[test]
    fn a_side_that_never_came_has_none_and_is_named() {
        let pace = pace(&["app"], &["pods", "jobs"]);
        let told = counted(&[("app", 7)]);
        assert_eq!(pace.by_side(&told), Some(BySide { legacy: 7, kubernetes: 0 }));
        assert_eq!(
            pace.lacks(&told).unwrap(),
            "no user of kubernetes (pods, jobs) has logged in since the server began to count; if the side has \
             traffic, correct the names in `users`"
        );
    }

    #[test]
    fn what_is_not_told_is_no_zero() {
        let why = "the server does not count".to_owned();
        let pace = pace(&["app"], &["pods"]);
        assert_eq!(pace.by_side(&ByUser::Untold(why.clone())), None);
        assert_eq!(pace.lacks(&ByUser::Untold(why.clone())), Some(why));
        assert_eq!((pace.by_side(&ByUser::Absent), pace.lacks(&ByUser::Absent)), (None, None));
        let plain = Pace { users: None, ..pace };
        assert_eq!((plain.by_side(&counted(&[])), plain.lacks(&counted(&[]))), (None, None));
    }
}
