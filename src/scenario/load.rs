//! From a file and the plans that come beside it to a scenario that can be played and expectations that can
//! be checked, or to everything in it that names nothing or cannot be.

use std::time::Duration;

use super::expected::{self, Expected};
use super::file::{self, Autoscaler, File, Need, Servers};
use super::happening;
use super::names::{self, Names, Problems};
use super::plan;
use crate::api::{Problem, duration};
use crate::core::plan::Plan;
use crate::core::weight::Weight;
use crate::sim::autoscaler::AutoscalerSetup;
use crate::sim::scenario::{DatabaseSetup, DemandSetup, Event, Scenario, ServiceSetup, SideSetup};
use crate::sim::traffic::MOST_DATABASES;

/// The longest run.
const LONGEST: Duration = Duration::from_hours(2160);
/// The least and the greatest step.
const STEPS: [Duration; 2] = [Duration::from_millis(100), Duration::from_secs(1)];

/// A scenario that can be played.
#[derive(Clone, Debug, PartialEq)]
pub struct Loaded {
    /// Its name.
    pub name: String,
    /// The incident.
    pub description: String,
    /// What is played.
    pub scenario: Scenario,
    /// What is expected of it.
    pub expectations: Vec<Expected>,
    /// What Crossfade must learn first.
    pub needs: Vec<Need>,
    /// Fields of the plan that are not known yet and were left out.
    pub left_out: Vec<String>,
}

/// Loads `file`. Each of `plans`, a name and a plan, takes the place of the plan of the service of that name;
/// a single one that of a single service, whatever their names.
pub fn load(file: &File, plans: &[(String, Plan)]) -> Result<Loaded, Vec<Problem>> {
    let mut problems = Vec::new();
    check_head(file, &mut problems);
    check_names(file, plans, &mut problems);
    let mut left_out = Vec::new();
    let databases: Vec<DatabaseSetup> = file.databases.iter().map(database).collect();
    let plans: Vec<Option<Plan>> = (0..file.services.len())
        .map(|place| plan_of(file, place, plans, &mut left_out, &mut problems))
        .collect();
    let each = file.services.iter().enumerate().zip(&plans);
    let services: Vec<ServiceSetup> = each
        .filter_map(|((place, service), plan)| {
            Some(self::service(file, place, service, plan.clone()?, &mut problems))
        })
        .collect();
    let names = Names {
        services: file.services.iter().map(|service| service.name.clone()).collect(),
        databases: file.databases.iter().map(|database| database.name.clone()).collect(),
        plans,
        replicas: file.scenario.replicas,
    };
    check_step(file, &services, &mut problems);
    let events = events(file, &names, &mut problems);
    let scenario = Scenario {
        seed: file.scenario.seed,
        begins: file.scenario.begins.0,
        lasts: file.scenario.lasts.0,
        step: file.scenario.step.0,
        replicas: file.scenario.replicas as usize,
        databases,
        services,
        events,
    };
    let expectations = expected::resolve(file, &names, &scenario, &mut problems);
    if problems.is_empty() {
        Ok(Loaded {
            name: file.scenario.name.clone(),
            description: file.scenario.description.trim().to_owned(),
            scenario,
            expectations,
            needs: file.needs.clone(),
            left_out,
        })
    } else {
        Err(problems)
    }
}

fn check_head(file: &File, problems: &mut Problems) {
    let head = &file.scenario;
    let mut say = |field: &str, reason: String, remedy: &str| {
        problems.push(Problem::new(format!("scenario.{field}"), reason, remedy));
    };
    if head.name.is_empty() {
        say("name", "is empty".into(), "give the scenario a name");
    }
    if head.lasts.is_zero() || head.lasts.0 > LONGEST {
        say("lasts", format!("{} is not within 1s and 2160h", head.lasts), "write for example 30m");
    }
    if !(STEPS[0]..=STEPS[1]).contains(&head.step.0) {
        say("step", format!("{} is not within 100ms and 1s", head.step), "write 1s, or less");
    }
}

/// The world must not go on further at once than a database is sampled.
fn check_step(file: &File, services: &[ServiceSetup], problems: &mut Problems) {
    let step = file.scenario.step;
    let databases = services.iter().flat_map(|service| &service.plan.databases);
    if let Some(database) = databases.min_by_key(|database| database.every)
        && database.every < step.0
    {
        problems.push(Problem::new(
            "scenario.step",
            format!(
                "{step} is more than the {} at which database {} is sampled",
                duration::format(database.every),
                database.name
            ),
            format!("write {} or less", duration::format(database.every)),
        ));
    }
}

fn check_names(file: &File, plans: &[(String, Plan)], problems: &mut Problems) {
    let databases = file.databases.iter().map(|database| &database.name);
    let services = file.services.iter().map(|service| &service.name);
    twice("databases", &databases.collect::<Vec<_>>(), problems);
    twice("services", &services.clone().collect::<Vec<_>>(), problems);
    for (list, count, most) in
        [("databases", file.databases.len(), MOST_DATABASES), ("services", file.services.len(), 32)]
    {
        if count == 0 || count > most {
            problems.push(Problem::new(list, format!("there are {count}"), format!("write 1 to {most}")));
        }
    }
    if plans.len() != 1 || file.services.len() != 1 {
        for (name, _) in plans {
            if !services.clone().any(|service| service == name) {
                problems.push(Problem::new(
                    "services",
                    format!("none of them is {name}, of which there is a plan"),
                    "give a service the plan's name, as namespace/name",
                ));
            }
        }
    }
}

fn twice(list: &str, all: &[&String], problems: &mut Problems) {
    for (place, name) in all.iter().enumerate() {
        let field = format!("{list}[{place}].name");
        if name.is_empty() {
            problems.push(Problem::new(&field, "is empty", "give it a name"));
        }
        if all.iter().take(place).any(|other| other == name) {
            problems.push(Problem::new(
                field,
                format!("\"{name}\" stands twice"),
                "give each a name of its own",
            ));
        }
    }
}

fn plan_of(
    file: &File,
    place: usize,
    plans: &[(String, Plan)],
    left_out: &mut Vec<String>,
    problems: &mut Problems,
) -> Option<Plan> {
    let service = file.services.get(place)?;
    let only = plans.len() == 1 && file.services.len() == 1;
    if let Some((_, plan)) = plans.iter().find(|(name, _)| only || *name == service.name) {
        return Some(plan.clone());
    }
    let (spec, path) = match &service.plan {
        Some(own) => (Some(own), format!("services[{place}].plan")),
        None => (file.plan.as_ref(), "plan".to_owned()),
    };
    match plan::read(spec, &file.needs, &path) {
        Ok(said) => {
            left_out.extend(
                said.unknown.into_iter().filter(|field| !left_out.contains(field)).collect::<Vec<_>>(),
            );
            Some(said.plan)
        }
        Err(found) => {
            // A plan that several services share is wrong once.
            problems
                .extend(found.into_iter().filter(|problem| !problems.contains(problem)).collect::<Vec<_>>());
            None
        }
    }
}

fn database(database: &file::Database) -> DatabaseSetup {
    DatabaseSetup {
        name: database.name.clone(),
        connects_per_second: database.connects_per_second,
        max_connections: database.max_connections,
        held: database.held.0,
        others: database.others,
    }
}

fn service(
    file: &File,
    place: usize,
    service: &file::Service,
    plan: Plan,
    problems: &mut Problems,
) -> ServiceSetup {
    let names: Vec<String> = file.databases.iter().map(|database| database.name.clone()).collect();
    let field = format!("services[{place}].databases");
    let behind = |name: &String, problems: &mut Problems| {
        let wanted = service.databases.get(name).unwrap_or(name);
        names.iter().position(|known| known == wanted).unwrap_or_else(|| {
            if names.len() > 1 || service.databases.contains_key(name) {
                names::unknown(&format!("{field}.{name}"), "database", wanted, &names, problems);
            }
            0
        })
    };
    let databases = plan.databases.iter().map(|database| behind(&database.name, problems)).collect();
    for name in service.databases.keys() {
        if !plan.databases.iter().any(|database| database.name == *name) {
            let known: Vec<String> = plan.databases.iter().map(|database| database.name.clone()).collect();
            names::unknown(&field, "database in the plan", name, &known, problems);
        }
    }
    let weight = Weight::from_percent(service.weight);
    if (weight.percent() - service.weight).abs() > 1e-9 {
        let reason = format!("{} is no multiple of 0.01", service.weight);
        problems.push(Problem::new(
            format!("services[{place}].weight"),
            reason,
            "write at most two decimals",
        ));
    }
    let demand = service.demand;
    ServiceSetup {
        name: service.name.clone(),
        plan,
        databases,
        weight,
        standing: service.standing,
        peak: service.peak,
        demand: DemandSetup {
            requests_per_second: demand.requests_per_second,
            trough: demand.trough,
            weekend: demand.weekend,
            noise: demand.noise,
            retries: demand.retries,
        },
        legacy: side(&service.legacy),
        kubernetes: side(&service.kubernetes),
        autoscaler: service.autoscaler.map(|Autoscaler { least, most, target }| AutoscalerSetup {
            least,
            most,
            target,
        }),
        ingress: service.ingress,
    }
}

fn side(servers: &Servers) -> SideSetup {
    SideSetup {
        servers: servers.servers,
        requests_per_second_per_server: servers.requests_per_second_per_server,
        connects_per_request: servers.connects_per_request,
        warm_up: servers.warm_up.0,
        cold: servers.cold,
        patience: servers.patience.0,
    }
}

fn events(file: &File, names: &Names, problems: &mut Problems) -> Vec<Event> {
    let lasts = file.scenario.lasts;
    let mut events = Vec::new();
    for (place, event) in file.events.iter().enumerate() {
        let field = format!("events[{place}]");
        let mut say = |name: &str, reason: String, remedy: String| {
            problems.push(Problem::new(format!("{field}{name}"), reason, remedy));
        };
        if event.at > lasts {
            let reason = format!("{} is after the end, {lasts} after the begin", event.at);
            say(".at", reason, "let it happen before, or let the scenario last longer".into());
        }
        if event.every.is_some_and(|every| every.is_zero()) {
            say(".every", "is no time".into(), "write for example 60s, or leave it out".into());
        }
        if event.until.is_some_and(|until| until < event.at) {
            say(".until", "is before at".into(), "it is a time after the begin, as at".into());
        }
        if event.until.is_some() && event.every.is_none() {
            say(".until", "says nothing without every".into(), "add every, or leave it out".into());
        }
        match event.named().as_slice() {
            [_] => {}
            [] => say(
                "",
                "nothing happens".into(),
                "say what, such as connects: {side: kubernetes, times: 6}".into(),
            ),
            several => {
                let several: Vec<String> = several.iter().map(|name| camel(name)).collect();
                say("", format!("{} at once", several.join(" and ")), "make an event of each".into());
            }
        }
        let every = event.every.map(|every| (every.0, event.until.unwrap_or(lasts).0));
        let what = happening::read(event, names, &field, problems);
        events.extend(what.into_iter().map(|what| Event { after: event.at.0, every, what }));
    }
    events
}

/// A field's name as the file spells it.
pub fn camel(name: &str) -> String {
    let mut parts = name.split('_');
    let mut spelt = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (first, rest) = part.split_at(1.min(part.len()));
        spelt += &first.to_uppercase();
        spelt += rest;
    }
    spelt
}
