//! What happens to the world, one event after the other.

use std::time::Duration;

use crossfade_core::reason::Reason;
use crossfade_core::state::{Command, State};
use crossfade_core::time::Time;
use crossfade_core::token;

use crate::api::ApiServer;
use crate::scenario::{What, Which};
use crate::world::World;

/// Longer than any run: for what has no end of its own.
const FOREVER: Time = Time::from_millis(u64::MAX);

impl World {
    /// Lets something happen now. What names a thing that does not exist does nothing.
    pub(crate) fn happen(&mut self, what: &What) {
        self.change_the_world(what);
        self.disturb_the_operator(what);
        self.ask_by_people(what);
    }

    fn change_the_world(&mut self, what: &What) {
        let now = self.now;
        let until = |span: Duration| if span.is_zero() { FOREVER } else { now + span };
        match *what {
            What::Connects { service, side, times, over } => {
                if let Some(service) = self.services.get_mut(service) {
                    service.side(side).connects.go(times, over, now);
                }
            }
            What::Demand { service, times, over } => {
                if let Some(service) = self.services.get_mut(service) {
                    service.demand.factor.go(times, over, now);
                }
            }
            What::Servers { service, side, up } => {
                if let Some(service) = self.services.get_mut(service) {
                    service.side(side).set_servers(up, now);
                    service.see_servers();
                }
            }
            What::Replaced { service } => {
                if let Some(service) = self.services.get_mut(service) {
                    service.side(Which::Kubernetes).replace(now);
                }
            }
            What::PerServer { service, side, requests_per_second } => {
                if let Some(service) = self.services.get_mut(service) {
                    service.side(side).per_server = requests_per_second;
                }
            }
            What::Burst { database, connects_per_second, span } => {
                if let Some(database) = self.databases.get_mut(database) {
                    database.burst = (connects_per_second, until(span));
                }
            }
            What::ConnectCost { database, times } => {
                if let Some(database) = self.databases.get_mut(database) {
                    database.cost = times.max(f64::MIN_POSITIVE);
                }
            }
            What::MaxConnections { database, maximum } => {
                if let Some(database) = self.databases.get_mut(database) {
                    database.maximum = maximum;
                }
            }
            What::Restart { database, span, failover } => {
                if let Some(database) = self.databases.get_mut(database) {
                    database.restart(span, failover, now);
                }
            }
            What::FlushStatus { database } => {
                if let Some(database) = self.databases.get_mut(database) {
                    database.flush_status(now);
                }
            }
            What::Blind { database, span } => {
                if let Some(database) = self.databases.get_mut(database) {
                    database.blind = until(span);
                }
            }
            What::MonitorRefused { database, span } => {
                if let Some(database) = self.databases.get_mut(database) {
                    database.refuses_monitor = until(span);
                }
            }
            What::MonitorCrowdedOut { database, span } => {
                if let Some(database) = self.databases.get_mut(database) {
                    database.crowds_out_monitor = until(span);
                }
            }
            _ => {}
        }
    }

    fn disturb_the_operator(&mut self, what: &What) {
        let now = self.now;
        let until = |span: Duration| if span.is_zero() { FOREVER } else { now + span };
        match *what {
            What::Reload { service, instance, configured } => {
                if let Some(balancer) = self.balancer(service, instance) {
                    balancer.reload(configured);
                }
            }
            What::Set { service, instance, weight } => {
                if let Some(balancer) = self.balancer(service, instance) {
                    balancer.set(weight);
                }
            }
            What::Hands { service, instance, hands, span } => {
                if let Some(balancer) = self.balancer(service, instance) {
                    balancer.hands = (hands, until(span));
                }
            }
            What::Api { mode, span } => self.api.mode = (mode, until(span)),
            What::Crash { replica, span } => {
                if let Some(process) = self.processes.get_mut(replica) {
                    process.die(now, span);
                }
            }
            What::CrashAfter { actions, span } => {
                if let Some(process) = self.processes.iter_mut().find(|process| process.holds(now)) {
                    process.dies_after = Some((actions, span));
                }
            }
            What::Freeze { replica, span } => {
                if let Some(process) = self.processes.get_mut(replica) {
                    process.frozen_until = now + span;
                }
            }
            What::Stop { replica, span } => {
                if let Some(process) = self.processes.get_mut(replica) {
                    process.stop(now, span);
                }
            }
            What::Cut { replica, span } => {
                if let Some(process) = self.processes.get_mut(replica) {
                    process.cut_until = now + span;
                }
            }
            What::Unwatched { replica, span } => {
                if let Some(process) = self.processes.get_mut(replica) {
                    process.unwatched_until = now + span;
                }
            }
            What::ClockStep { replica, seconds } => {
                if let Some(process) = self.processes.get_mut(replica) {
                    process.next_offset += seconds * 1000;
                }
            }
            What::LeaseLost { stolen } => {
                let version = self.api.next_version().to_string();
                if let Some(found) = self.api.lease.as_mut().filter(|_| stolen) {
                    found.record.holder = Some("somebody else".into());
                    found.record.epoch += 1;
                    found.version = version;
                } else {
                    self.api.lease = None;
                }
            }
            _ => {}
        }
    }

    fn balancer(&mut self, service: usize, instance: usize) -> Option<&mut crate::balancer::Balancer> {
        self.services.get_mut(service)?.balancers.get_mut(instance)
    }

    fn ask_by_people(&mut self, what: &What) {
        let stamp = self.now.as_millis();
        match what {
            What::Touch { service } => self.api.change(*service, |_| {}),
            What::Retreated { service, times, ago } => {
                let now = self.now;
                self.api.change(*service, |object| {
                    if let Some(state) = object.status.as_mut() {
                        remember_retreats(state, *times, now - *ago);
                    }
                });
            }
            What::Plan { service, plan } => self.api.change(*service, |object| {
                object.plan = (**plan).clone();
                object.generation += 1;
            }),
            What::Pause { service, paused } => self.api.change(*service, |object| {
                object.plan.paused = *paused;
                object.generation += 1;
            }),
            What::TargetStage { service, stage } => self.api.change(*service, |object| {
                object.plan.target_stage.clone_from(stage);
                object.generation += 1;
            }),
            What::Hold { service, reason } => {
                self.api.change(*service, |object| object.wishes.hold.clone_from(reason));
            }
            What::Reject { service, rejected } => self.api.change(*service, |object| {
                object.rejected = rejected.then(|| (Reason::InvalidSpec, "spec.stages is wrong".to_owned()));
            }),
            What::Approve { service, stage } => {
                let token = self.api.objects.get(*service).map(|object| {
                    let retreats = object.status.as_ref().map_or(0, |status| status.retreats_ever);
                    token::token(&object.plan, retreats)
                });
                command(
                    &mut self.api,
                    *service,
                    Command::Approve,
                    format!("{stage}/{}", token.unwrap_or_default()),
                );
            }
            What::Rollback { service } => {
                command(&mut self.api, *service, Command::Rollback, format!("{stamp} by hand"));
            }
            What::Resume { service } => {
                command(&mut self.api, *service, Command::Resume, format!("{stamp} go on"));
            }
            What::AcceptBaseline { service, database } => {
                command(&mut self.api, *service, Command::AcceptBaseline, format!("{stamp} {database}"));
            }
            _ => {}
        }
    }
}

/// So many retreats of the last day, the last of which ended at `last`.
fn remember_retreats(state: &mut State, times: u32, last: Time) {
    state.retreats = (0..times).rev().map(|before| last - Duration::from_mins(u64::from(before))).collect();
    state.retreats_ever += times;
    let cooldown = Duration::from_mins(30) * 2_u32.pow(times.saturating_sub(1).min(10));
    state.cooldown_until = Some(last + cooldown.min(Duration::from_hours(24)));
}

/// Somebody gives a command by annotation.
fn command(api: &mut ApiServer, service: usize, command: Command, value: String) {
    api.change(service, |object| {
        object.wishes.commands.insert(command, value);
    });
}
