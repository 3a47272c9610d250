//! Names in a scenario file, and the places that they stand for.

use crate::api::Problem;
use crate::core::plan::Plan;

/// What can be named.
#[derive(Clone, Debug, Default)]
pub struct Names {
    /// The services.
    pub services: Vec<String>,
    /// The databases.
    pub databases: Vec<String>,
    /// The plan of each service, if it is right.
    pub plans: Vec<Option<Plan>>,
    /// How many replicas there are.
    pub replicas: u32,
}

/// Problems as they are found.
pub type Problems = Vec<Problem>;

impl Names {
    /// The service of that name, or the first.
    pub fn service(&self, name: Option<&String>, field: &str, problems: &mut Problems) -> usize {
        place(&self.services, name, &format!("{field}.service"), "service", problems)
    }

    /// The database of that name, or the first.
    pub fn database(&self, name: Option<&String>, field: &str, problems: &mut Problems) -> usize {
        place(&self.databases, name, &format!("{field}.database"), "database", problems)
    }

    /// The load balancer of that name: its address, or `route/address`; without one the first.
    pub fn balancer(
        &self,
        service: usize,
        name: Option<&String>,
        field: &str,
        problems: &mut Problems,
    ) -> usize {
        let Some(name) = name else { return 0 };
        let Some(plan) = self.plan(service) else { return 0 };
        let mut found = plan
            .instances()
            .enumerate()
            .filter(|(_, (route, instance))| instance == name || format!("{route}/{instance}") == *name);
        if let (Some((place, _)), None) = (found.next(), found.next()) {
            return place;
        }
        let keys: Vec<String> = plan.instance_keys().collect();
        unknown(field, "load balancer", name, &keys, problems);
        0
    }

    /// The plan of a service.
    pub fn plan(&self, service: usize) -> Option<&Plan> {
        self.plans.get(service)?.as_ref()
    }

    /// The stage of that name.
    pub fn stage(&self, service: usize, name: &str, field: &str, problems: &mut Problems) {
        let Some(plan) = self.plan(service) else { return };
        let stages: Vec<String> = plan.stages.iter().map(|stage| stage.name.clone()).collect();
        if !stages.iter().any(|stage| stage == name) {
            unknown(field, "stage", name, &stages, problems);
        }
    }

    /// The plan's database of that name, or its first.
    pub fn plan_database(
        &self,
        service: usize,
        name: Option<&String>,
        field: &str,
        problems: &mut Problems,
    ) -> String {
        let Some(plan) = self.plan(service) else { return String::new() };
        let databases: Vec<String> = plan.databases.iter().map(|database| database.name.clone()).collect();
        let place = place(&databases, name, &format!("{field}.database"), "database of the plan", problems);
        databases.get(place).cloned().unwrap_or_default()
    }

    /// The place of a replica that is named by its number.
    pub fn replica(&self, number: u32, field: &str, problems: &mut Problems) -> usize {
        if number > self.replicas {
            problems.push(Problem::new(
                format!("{field}.replica"),
                format!("there is no replica {number}"),
                format!("scenario.replicas says {}: raise it, or name another", self.replicas),
            ));
        }
        number.saturating_sub(1) as usize
    }
}

fn place(all: &[String], name: Option<&String>, field: &str, what: &str, problems: &mut Problems) -> usize {
    let Some(name) = name else { return 0 };
    all.iter().position(|one| one == name).unwrap_or_else(|| {
        unknown(field, what, name, all, problems);
        0
    })
}

/// A name that stands for nothing.
pub fn unknown(field: &str, what: &str, name: &str, all: &[String], problems: &mut Problems) {
    let reason = format!("there is no {what} \"{name}\"");
    let remedy = if all.is_empty() {
        format!("add it: there is no {what} at all")
    } else {
        format!("write one of {}", all.join(", "))
    };
    problems.push(Problem::new(field, reason, remedy));
}
