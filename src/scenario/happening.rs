//! Events from the file, where things have names, to the world, where they have places.

use super::event::{Event, Goes, Is};
use super::names::{Names, Problems};
use super::plan;
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
    if let Some(it) = &event.replaced {
        found.push(What::Replaced { service: names.service(it.service.as_ref(), &at("replaced"), problems) });
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
            Goes::Slow => sim::Hands::Slow,
            Goes::Dropped => sim::Hands::Dropped,
            Goes::Any => sim::Hands::Any,
        };
        return Some(What::Hands { service, instance, hands, span: it.lasting.0 });
    }
    if let Some(it) = &event.api_server {
        let mode = match it.is {
            Is::Up => Mode::Up,
            Is::Away => Mode::Away,
            Is::Slow => Mode::Slow,
            Is::LosesAnswers => Mode::Lost,
            Is::Late => Mode::Late,
            Is::Conflicting => Mode::Conflict,
            Is::Any => Mode::Any,
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
    if let Some(it) = &event.stop {
        let replica = names.replica(it.replica, &at("stop"), problems);
        return Some(What::Stop { replica, span: it.lasting.0 });
    }
    if let Some(it) = &event.cut {
        let replica = names.replica(it.replica, &at("cut"), problems);
        return Some(What::Cut { replica, span: it.lasting.0 });
    }
    if let Some(it) = &event.unwatched {
        let replica = names.replica(it.replica, &at("unwatched"), problems);
        return Some(What::Unwatched { replica, span: it.lasting.0 });
    }
    if let Some(it) = &event.retreated {
        let service = names.service(it.service.as_ref(), &at("retreated"), problems);
        return Some(What::Retreated { service, times: it.times, ago: it.ago.0 });
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
