//! Events between the file, where things have names, and the world, where they have places.

use super::event::{
    Api, Burst, ClockStep, ConnectCost, Connects, CrashAfter, DemandGoes, Event, ForAWhile, Goes, Hands,
    Hold, Is, LeaseLost, MaxConnections, NewPlan, OfBalancer, OfDatabase, OfDatabaseInPlan, OfReplica,
    OfService, OfStage, Pause, PerServer, Reject, Restart, ServersGo, Stage,
};
use super::names::{Names, Problems};
use super::plan;
use super::words::Span;
use crate::core::weight::Weight;
use crate::sim::scenario::{self as sim, Mode, What};

/// What happens in the world by an event at `field`: nothing if it names what is not there.
pub fn read(event: &Event, names: &Names, field: &str, problems: &mut Problems) -> Vec<What> {
    let mut what = on_world(event, names, field, problems);
    what.extend(on_operator(event, names, field, problems));
    what.extend(by_people(event, names, field, problems));
    what
}

fn on_world(event: &Event, names: &Names, field: &str, problems: &mut Problems) -> Vec<What> {
    let mut found = Vec::new();
    let at = |kind: &str| format!("{field}.{kind}");
    if let Some(it) = &event.connects {
        let service = names.service(it.service.as_ref(), &at("connects"), problems);
        let (times, over) = (it.times, it.over.0);
        found.extend(it.side.each().iter().map(|&side| What::Connects { service, side, times, over }));
    }
    if let Some(it) = &event.demand {
        let service = names.service(it.service.as_ref(), &at("demand"), problems);
        found.push(What::Demand { service, times: it.times, over: it.over.0 });
    }
    if let Some(it) = &event.servers {
        let service = names.service(it.service.as_ref(), &at("servers"), problems);
        found.extend(it.side.each().iter().map(|&side| What::Servers { service, side, up: it.up }));
    }
    if let Some(it) = &event.per_server {
        let service = names.service(it.service.as_ref(), &at("perServer"), problems);
        let requests_per_second = it.requests_per_second;
        found.extend(it.side.each().iter().map(|&side| What::PerServer {
            service,
            side,
            requests_per_second,
        }));
    }
    let mut database = |name: &Option<String>, kind: &str| names.database(name.as_ref(), &at(kind), problems);
    if let Some(it) = &event.burst {
        let database = database(&it.database, "burst");
        found.push(What::Burst { database, connects_per_second: it.connects_per_second, span: it.lasting.0 });
    }
    if let Some(it) = &event.connect_cost {
        found.push(What::ConnectCost { database: database(&it.database, "connectCost"), times: it.times });
    }
    if let Some(it) = &event.max_connections {
        found.push(What::MaxConnections {
            database: database(&it.database, "maxConnections"),
            maximum: it.to,
        });
    }
    if let Some(it) = &event.restart {
        let database = database(&it.database, "restart");
        found.push(What::Restart { database, span: it.lasting.0, failover: it.failover });
    }
    if let Some(it) = &event.flush_status {
        found.push(What::FlushStatus { database: database(&it.database, "flushStatus") });
    }
    if let Some(it) = &event.blind {
        found.push(What::Blind { database: database(&it.database, "blind"), span: it.lasting.0 });
    }
    if let Some(it) = &event.monitor_refused {
        let database = database(&it.database, "monitorRefused");
        found.push(What::MonitorRefused { database, span: it.lasting.0 });
    }
    if let Some(it) = &event.monitor_crowded_out {
        let database = database(&it.database, "monitorCrowdedOut");
        found.push(What::MonitorCrowdedOut { database, span: it.lasting.0 });
    }
    found
}

fn on_operator(event: &Event, names: &Names, field: &str, problems: &mut Problems) -> Option<What> {
    let at = |kind: &str| format!("{field}.{kind}");
    if let Some(it) = event.reload.as_ref().or(event.set_weight.as_ref()) {
        let at = at(if event.reload.is_some() { "reload" } else { "setWeight" });
        let service = names.service(it.service.as_ref(), &at, problems);
        let name = format!("{at}.loadBalancer");
        let instance = names.balancer(service, it.load_balancer.as_ref(), &name, problems);
        let weight = Weight::from_percent(it.weight);
        return Some(match event.reload {
            Some(_) => What::Reload { service, instance, configured: weight },
            None => What::Set { service, instance, weight },
        });
    }
    if let Some(it) = &event.load_balancer {
        let service = names.service(it.service.as_ref(), &at("loadBalancer"), problems);
        let instance = names.balancer(service, it.name.as_ref(), &at("loadBalancer.name"), problems);
        let hands = match it.goes {
            Goes::Well => sim::Hands::Well,
            Goes::Refuses => sim::Hands::Refuse,
            Goes::LosesAnswers => sim::Hands::Lost,
            Goes::Late => sim::Hands::Late,
        };
        return Some(What::Hands { service, instance, hands, span: it.lasting.0 });
    }
    if let Some(it) = &event.api_server {
        let mode = match it.is {
            Is::Up => Mode::Up,
            Is::Away => Mode::Away,
            Is::Slow => Mode::Slow,
            Is::LosesAnswers => Mode::Lost,
        };
        return Some(What::Api { mode, span: it.lasting.0 });
    }
    if let Some(it) = &event.crash {
        let replica = names.replica(it.replica, &at("crash"), problems);
        return Some(What::Crash { replica, span: it.lasting.0 });
    }
    if let Some(it) = &event.crash_after {
        return Some(What::CrashAfter { actions: it.actions, span: it.lasting.0 });
    }
    if let Some(it) = &event.freeze {
        let replica = names.replica(it.replica, &at("freeze"), problems);
        return Some(What::Freeze { replica, span: it.lasting.0 });
    }
    if let Some(it) = &event.clock_step {
        let replica = names.replica(it.replica, &at("clockStep"), problems);
        return Some(What::ClockStep { replica, seconds: it.seconds });
    }
    event.lease_lost.as_ref().map(|it| What::LeaseLost { stolen: it.stolen })
}

fn by_people(event: &Event, names: &Names, field: &str, problems: &mut Problems) -> Option<What> {
    let at = |kind: &str| format!("{field}.{kind}");
    let mut service = |name: &Option<String>, kind: &str| names.service(name.as_ref(), &at(kind), problems);
    if let Some(it) = &event.touch {
        return Some(What::Touch { service: service(&it.service, "touch") });
    }
    if let Some(it) = &event.release {
        return Some(What::Hold { service: service(&it.service, "release"), reason: None });
    }
    if let Some(it) = &event.rollback {
        return Some(What::Rollback { service: service(&it.service, "rollback") });
    }
    if let Some(it) = &event.resume {
        return Some(What::Resume { service: service(&it.service, "resume") });
    }
    if let Some(it) = &event.pause {
        return Some(What::Pause { service: service(&it.service, "pause"), paused: it.paused });
    }
    if let Some(it) = &event.hold {
        let service = service(&it.service, "hold");
        return Some(What::Hold { service, reason: Some(it.reason.clone()) });
    }
    if let Some(it) = &event.reject {
        return Some(What::Reject { service: service(&it.service, "reject"), rejected: it.rejected });
    }
    if let Some(it) = &event.target_stage {
        let service = service(&it.service, "targetStage");
        if let Some(stage) = &it.stage {
            names.stage(service, stage, &at("targetStage.stage"), problems);
        }
        return Some(What::TargetStage { service, stage: it.stage.clone() });
    }
    if let Some(it) = &event.approve {
        let service = service(&it.service, "approve");
        names.stage(service, &it.stage, &at("approve.stage"), problems);
        return Some(What::Approve { service, stage: it.stage.clone() });
    }
    if let Some(it) = &event.accept_baseline {
        let service = service(&it.service, "acceptBaseline");
        let at = at("acceptBaseline");
        let database = names.plan_database(service, it.database.as_ref(), &at, problems);
        return Some(What::AcceptBaseline { service, database });
    }
    let it = event.plan.as_ref()?;
    let service = service(&it.service, "plan");
    match plan::read(Some(&it.spec), &[], &at("plan.spec")) {
        Ok(said) => Some(What::Plan { service, plan: Box::new(said.plan) }),
        Err(found) => {
            problems.extend(found);
            None
        }
    }
}

/// The event that lets `what` happen, and what of it no file can say.
#[allow(clippy::too_many_lines)] // one line for each thing that happens
pub fn write(happens: &sim::Event, names: &Names) -> (Event, Vec<String>) {
    let mut event = Event { at: Span(happens.after), ..Event::default() };
    if let Some((every, until)) = happens.every {
        (event.every, event.until) = (Some(Span(every)), Some(Span(until)));
    }
    let mut lost = Vec::new();
    let service = |place: usize| names.services.get(place).cloned();
    let database = |place: usize| names.databases.get(place).cloned();
    let balancer = |service: usize, place: usize| names.plans.get(service)?.instance_keys().nth(place);
    let replica = |place: usize| u32::try_from(place + 1).unwrap_or(u32::MAX);
    match &happens.what {
        &What::Connects { service: place, side, times, over } => {
            let over = Span(over);
            event.connects = Some(Connects { service: service(place), side: side.into(), times, over });
        }
        &What::Demand { service: place, times, over } => {
            event.demand = Some(DemandGoes { service: service(place), times, over: Span(over) });
        }
        &What::Servers { service: place, side, up } => {
            event.servers = Some(ServersGo { service: service(place), side: side.into(), up });
        }
        &What::PerServer { service: place, side, requests_per_second } => {
            let service = service(place);
            event.per_server = Some(PerServer { service, side: side.into(), requests_per_second });
        }
        &What::Burst { database: place, connects_per_second, span } => {
            let database = database(place);
            event.burst = Some(Burst { database, connects_per_second, lasting: Span(span) });
        }
        &What::ConnectCost { database: place, times } => {
            event.connect_cost = Some(ConnectCost { database: database(place), times });
        }
        &What::MaxConnections { database: place, maximum } => {
            event.max_connections = Some(MaxConnections { database: database(place), to: maximum });
        }
        &What::Restart { database: place, span, failover } => {
            event.restart = Some(Restart { database: database(place), lasting: Span(span), failover });
        }
        &What::FlushStatus { database: place } => {
            event.flush_status = Some(OfDatabase { database: database(place) });
        }
        &What::Blind { database: place, span } => {
            event.blind = Some(ForAWhile { database: database(place), lasting: Span(span) });
        }
        &What::MonitorRefused { database: place, span } => {
            event.monitor_refused = Some(ForAWhile { database: database(place), lasting: Span(span) });
        }
        &What::MonitorCrowdedOut { database: place, span } => {
            event.monitor_crowded_out = Some(ForAWhile { database: database(place), lasting: Span(span) });
        }
        &What::Reload { service: place, instance, configured: weight }
        | &What::Set { service: place, instance, weight } => {
            let load_balancer = balancer(place, instance);
            let of = Some(OfBalancer { service: service(place), load_balancer, weight: weight.percent() });
            match happens.what {
                What::Reload { .. } => event.reload = of,
                _ => event.set_weight = of,
            }
        }
        &What::Hands { service: place, instance, hands, span } => {
            let goes = match hands {
                sim::Hands::Well => Goes::Well,
                sim::Hands::Refuse => Goes::Refuses,
                sim::Hands::Lost => Goes::LosesAnswers,
                sim::Hands::Late => Goes::Late,
            };
            let (service, name) = (service(place), balancer(place, instance));
            event.load_balancer = Some(Hands { service, name, goes, lasting: Span(span) });
        }
        &What::Api { mode, span } => {
            let is = match mode {
                Mode::Up => Is::Up,
                Mode::Away => Is::Away,
                Mode::Slow => Is::Slow,
                Mode::Lost => Is::LosesAnswers,
            };
            event.api_server = Some(Api { is, lasting: Span(span) });
        }
        &What::Touch { service: place } => event.touch = Some(OfService { service: service(place) }),
        &What::Crash { replica: place, span } => {
            event.crash = Some(OfReplica { replica: replica(place), lasting: Span(span) });
        }
        &What::CrashAfter { actions, span } => {
            event.crash_after = Some(CrashAfter { actions, lasting: Span(span) });
        }
        &What::Freeze { replica: place, span } => {
            event.freeze = Some(OfReplica { replica: replica(place), lasting: Span(span) });
        }
        &What::ClockStep { replica: place, seconds } => {
            event.clock_step = Some(ClockStep { replica: replica(place), seconds });
        }
        &What::LeaseLost { stolen } => event.lease_lost = Some(LeaseLost { stolen }),
        What::Plan { service: place, plan: new } => {
            let (spec, missing) = plan::write(new);
            lost = missing;
            event.plan = Some(NewPlan { service: service(*place), spec });
        }
        &What::Pause { service: place, paused } => {
            event.pause = Some(Pause { service: service(place), paused });
        }
        What::TargetStage { service: place, stage } => {
            event.target_stage = Some(OfStage { service: service(*place), stage: stage.clone() });
        }
        What::Hold { service: place, reason: Some(reason) } => {
            event.hold = Some(Hold { service: service(*place), reason: reason.clone() });
        }
        What::Hold { service: place, reason: None } => {
            event.release = Some(OfService { service: service(*place) });
        }
        What::Approve { service: place, stage } => {
            event.approve = Some(Stage { service: service(*place), stage: stage.clone() });
        }
        &What::Rollback { service: place } => event.rollback = Some(OfService { service: service(place) }),
        &What::Resume { service: place } => event.resume = Some(OfService { service: service(place) }),
        What::AcceptBaseline { service: place, database } => {
            let database = Some(database.clone());
            event.accept_baseline = Some(OfDatabaseInPlan { service: service(*place), database });
        }
        &What::Reject { service: place, rejected } => {
            event.reject = Some(Reject { service: service(place), rejected });
        }
    }
    (event, lost)
}
