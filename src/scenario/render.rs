//! From a scenario that can be played back to the file that says it: what a failing seed becomes.

use std::collections::BTreeMap;

use super::file::{Autoscaler, Database, Demand, File, Head, Servers, Service};
use super::names::Names;
use super::words::{Begin, Span};
use super::{load, read, retell, spec};
use crate::api::number;
use crate::sim::autoscaler::AutoscalerSetup;
use crate::sim::scenario::{DatabaseSetup, Scenario, ServiceSetup, SideSetup};

/// The file of `scenario`, which reads back equal. What no file can say (a guard that no plan can have) is
/// told in comments at its head, and so is a file that does not read back equal for another reason.
pub fn render(scenario: &Scenario) -> String {
    let mut lost = Vec::new();
    let file = file(scenario, &mut lost);
    let value = serde_json::to_value(&file).map(number::normal);
    let text = value.map_err(|error| error.to_string());
    let text = text.and_then(|value| serde_saphyr::to_string(&value).map_err(|error| error.to_string()));
    let text = match text {
        Ok(text) => text,
        Err(error) => {
            lost.push(format!("the scenario: {error}"));
            String::new()
        }
    };
    let back = read::read(&text).and_then(|file| load::load(&file, &[]));
    match back {
        Ok(back) if back.scenario == *scenario => {}
        Ok(_) if lost.is_empty() => lost.push("something that is read back otherwise".into()),
        Ok(_) => {}
        Err(problems) => lost.extend(problems.iter().map(ToString::to_string)),
    }
    let mut commented = String::new();
    for lost in lost {
        commented += &format!("# not as it was played: {}\n", lost.replace('\n', " "));
    }
    commented + &text
}

fn file(scenario: &Scenario, lost: &mut Vec<String>) -> File {
    let names = Names {
        services: scenario.services.iter().map(|service| service.name.clone()).collect(),
        databases: scenario.databases.iter().map(|database| database.name.clone()).collect(),
        plans: scenario.services.iter().map(|service| Some(service.plan.clone())).collect(),
        replicas: u32::try_from(scenario.replicas).unwrap_or(u32::MAX),
    };
    let events = scenario.events.iter().map(|event| {
        let (event, missing) = retell::event(event, &names);
        lost.extend(missing);
        event
    });
    let events = events.collect();
    File {
        scenario: Head {
            name: format!("seed-{}", scenario.seed),
            description: String::new(),
            seed: scenario.seed,
            begins: Begin(scenario.begins),
            lasts: Span(scenario.lasts),
            step: Span(scenario.step),
            replicas: names.replicas,
        },
        databases: scenario.databases.iter().map(database).collect(),
        services: scenario.services.iter().map(|setup| service(setup, &names, lost)).collect(),
        plan: None,
        events,
        expect: Vec::new(),
        needs: Vec::new(),
    }
}

fn database(setup: &DatabaseSetup) -> Database {
    Database {
        name: setup.name.clone(),
        connects_per_second: setup.connects_per_second,
        max_connections: setup.max_connections,
        held: Span(setup.held),
        others: setup.others,
    }
}

fn service(setup: &ServiceSetup, names: &Names, lost: &mut Vec<String>) -> Service {
    let (spec, missing) = spec::write(&setup.plan);
    lost.extend(missing);
    let behind = setup.plan.databases.iter().zip(&setup.databases);
    let behind: BTreeMap<String, String> = behind
        .filter_map(|(database, place)| Some((database.name.clone(), names.databases.get(*place)?.clone())))
        .collect();
    Service {
        name: setup.name.clone(),
        plan: Some(spec),
        databases: behind,
        weight: setup.weight.percent(),
        standing: setup.standing,
        peak: setup.peak,
        demand: Demand {
            requests_per_second: setup.demand.requests_per_second,
            trough: setup.demand.trough,
            weekend: setup.demand.weekend,
            noise: setup.demand.noise,
            retries: setup.demand.retries,
        },
        legacy: side(&setup.legacy),
        kubernetes: side(&setup.kubernetes),
        autoscaler: setup.autoscaler.map(|AutoscalerSetup { least, most, target }| Autoscaler {
            least,
            most,
            target,
        }),
        ingress: setup.ingress,
    }
}

fn side(setup: &SideSetup) -> Servers {
    Servers {
        servers: setup.servers,
        requests_per_second_per_server: setup.requests_per_second_per_server,
        connects_per_request: setup.connects_per_request,
        warm_up: Span(setup.warm_up),
        cold: setup.cold,
        patience: Span(setup.patience),
    }
}
