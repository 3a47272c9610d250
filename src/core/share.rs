//! What plans have in common: routes, which belong to one of them, and databases, on which one of
//! them raises at a time.

use std::collections::{BTreeMap, BTreeSet};

/// A plan's claim to the routes that it names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The plan's name, unique in the cluster.
    pub plan: String,
    /// When it was created, in seconds since the Unix epoch.
    pub created: i64,
    /// The routes, each by what it is in the world: address and backend.
    pub routes: BTreeSet<String>,
}

/// Each route's owner: the oldest plan that names it, of equally old ones the first by name (R8).
pub fn owners(claims: &[Claim]) -> BTreeMap<String, String> {
    let mut order: Vec<&Claim> = claims.iter().collect();
    order.sort_by(|a, b| (a.created, &a.plan).cmp(&(b.created, &b.plan)));
    let mut owners = BTreeMap::new();
    for claim in order {
        for route in &claim.routes {
            owners.entry(route.clone()).or_insert_with(|| claim.plan.clone());
        }
    }
    owners
}

/// A plan with the databases that it shares, and whether it is raising now.
#[derive(Clone, Copy, Debug)]
pub struct Neighbour<'a> {
    /// The plan's name, unique in the cluster.
    pub plan: &'a str,
    /// Its databases, each by what it is in the world: host and port.
    pub databases: &'a BTreeSet<String>,
    /// Whether a raise of it is under way.
    pub raising: bool,
}

/// Which other plan on one of `databases` is raising now; `me` must wait for it (R1).
pub fn raising_elsewhere<'a>(
    me: &str,
    databases: &BTreeSet<String>,
    all: impl IntoIterator<Item = Neighbour<'a>>,
) -> Option<&'a str> {
    all.into_iter()
        .find(|other| other.raising && other.plan != me && !other.databases.is_disjoint(databases))
        .map(|other| other.plan)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_route_belongs_to_the_oldest_plan_that_names_it() {
        let claim =
            |plan: &str, created, routes: &[&str]| Claim { plan: plan.into(), created, routes: set(routes) };
        let claims =
            [claim("n/young", 9, &["x", "y"]), claim("n/old", 3, &["x"]), claim("m/old", 3, &["x", "z"])];
        let owners = owners(&claims);
        assert_eq!(owners["x"], "m/old");
        assert_eq!(owners["y"], "n/young");
        assert_eq!(owners["z"], "m/old");
    }

    #[test]
    fn only_another_plan_on_the_same_database_that_raises_now_is_waited_for() {
        let (one, two) = (set(&["db:1"]), set(&["db:1", "db:2"]));
        let other = set(&["db:3"]);
        let plan = |plan, databases, raising| Neighbour { plan, databases, raising };
        let waits = |all: &[Neighbour<'static>]| raising_elsewhere("a", &set(&["db:1"]), all.to_vec());
        let (one, two, other): (&'static _, &'static _, &'static _) =
            (Box::leak(Box::new(one)), Box::leak(Box::new(two)), Box::leak(Box::new(other)));
        assert_eq!(waits(&[plan("a", one, true)]), None);
        assert_eq!(waits(&[plan("b", two, false)]), None);
        assert_eq!(waits(&[plan("b", other, true)]), None);
        assert_eq!(waits(&[plan("a", one, true), plan("b", two, true)]), Some("b"));
    }
}
