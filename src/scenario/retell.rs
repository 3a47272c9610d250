//! Events from the world, where things have places, back to the file, where they have names.

use super::event::{
    Api, Burst, ClockStep, ConnectCost, Connects, CrashAfter, DemandGoes, Event, ForAWhile, Goes, Hands,
    Hold, Is, LeaseLost, MaxConnections, NewPlan, OfBalancer, OfDatabase, OfDatabaseInPlan, OfReplica,
    OfService, OfStage, Pause, PerServer, Reject, Restart, Retreated, ServersGo, Stage,
};
use super::names::Names;
use super::spec;
use super::words::Span;
use crate::sim::scenario::{self as sim, Mode, What};

/// The event that lets `what` happen, and what of it no file can say.
#[allow(clippy::too_many_lines)] // one line for each thing that happens
pub fn event(happens: &sim::Event, names: &Names) -> (Event, Vec<String>) {
    let mut event = Event { at: Span(happens.after), ..Event::default() };
    if let Some((every, until)) = happens.every {
        (event.every, event.until) = (Some(Span(every)), Some(Span(until)));
    }
    let mut lost = Vec::new();
    let service = |place: usize| names.services.get(place).cloned();
    let database = |place: usize| names.databases.get(place).cloned();
    let balancer = |service: usize, place: usize| names.plan(service)?.instance_keys().nth(place);
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
        &What::Replaced { service: place } => {
            event.replaced = Some(OfService { service: service(place) });
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
                sim::Hands::Slow => Goes::Slow,
                sim::Hands::Dropped => Goes::Dropped,
                sim::Hands::Any => Goes::Any,
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
                Mode::Late => Is::Late,
                Mode::Conflict => Is::Conflicting,
                Mode::Any => Is::Any,
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
        &What::Stop { replica: place, span } => {
            event.stop = Some(OfReplica { replica: replica(place), lasting: Span(span) });
        }
        &What::Cut { replica: place, span } => {
            event.cut = Some(OfReplica { replica: replica(place), lasting: Span(span) });
        }
        &What::Unwatched { replica: place, span } => {
            event.unwatched = Some(OfReplica { replica: replica(place), lasting: Span(span) });
        }
        &What::Retreated { service: place, times, ago } => {
            event.retreated = Some(Retreated { service: service(place), times, ago: Span(ago) });
        }
        &What::ClockStep { replica: place, seconds } => {
            event.clock_step = Some(ClockStep { replica: replica(place), seconds });
        }
        &What::LeaseLost { stolen } => event.lease_lost = Some(LeaseLost { stolen }),
        What::Plan { service: place, plan: new } => {
            let (spec, missing) = spec::write(new);
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
