//! A run in words: one line for each thing that happened, was decided or written.

use std::collections::VecDeque;

use crossfade_core::action::Action;
use crossfade_core::lease::Standing;
use crossfade_core::time::Time;
use crossfade_core::weight::Weight;

use crate::scenario::Scenario;
use crate::witness::{Decided, Witness};
use crate::world::World;

/// The last lines of a run.
#[derive(Clone, Debug)]
pub struct Trace {
    lines: VecDeque<String>,
    keep: usize,
    began: Time,
    events: Vec<(Time, String)>,
    holder: Option<usize>,
    alive: Vec<bool>,
    weights: Vec<Vec<u16>>,
    rates: Vec<f64>,
}

impl Trace {
    /// Keeps so many lines of a run of `scenario`.
    pub fn new(scenario: &Scenario, keep: usize) -> Self {
        let mut events: Vec<(Time, String)> = scenario
            .events
            .iter()
            .flat_map(|event| {
                let mut at = vec![event.after];
                if let Some((every, last)) = event.every.filter(|(every, _)| !every.is_zero()) {
                    while let Some(next) = at.last().map(|at| *at + every).filter(|next| *next <= last) {
                        at.push(next);
                    }
                }
                let what = what(event);
                at.into_iter().map(move |at| (scenario.begins + at, what.clone()))
            })
            .collect();
        events.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
        Self {
            lines: VecDeque::new(),
            keep,
            began: scenario.begins,
            events,
            holder: None,
            alive: Vec::new(),
            weights: Vec::new(),
            rates: Vec::new(),
        }
    }

    /// The lines, oldest first.
    pub fn lines(&self) -> impl Iterator<Item = &str> {
        self.lines.iter().map(String::as_str)
    }

    fn say(&mut self, at: Time, line: &str) {
        if self.lines.len() >= self.keep {
            self.lines.pop_front();
        }
        self.lines.push_back(format!("{:>9.3}  {line}", at.since(self.began).as_secs_f64()));
    }

    fn happen(&mut self, until: Time) {
        while let Some((at, what)) = self.events.pop_if(|(at, _)| *at <= until) {
            self.say(at, &format!("* {what}"));
        }
    }
}

fn what(event: &crate::scenario::Event) -> String {
    match &event.what {
        crate::scenario::What::Plan { service, plan } => {
            let stages: Vec<String> =
                plan.stages.iter().map(|stage| format!("{} {}", stage.name, stage.weight)).collect();
            format!("Plan {{ service: {service}, stages: {stages:?}, rollback: {:?} .. }}", plan.rollback)
        }
        what => format!("{what:?}"),
    }
}

fn standing(standing: Standing) -> &'static str {
    match standing {
        Standing::Holder { .. } => "holder",
        Standing::LastHolder { .. } => "last holder",
        Standing::None => "no right",
    }
}

impl Witness for Trace {
    fn decided(&mut self, decided: &Decided<'_>) {
        self.happen(decided.now);
        if decided.actions.is_empty() {
            return;
        }
        let who = format!(
            "replica {} ({}), service {}",
            decided.replica,
            standing(decided.standing),
            decided.service
        );
        let state = decided.after.state();
        for action in decided.actions {
            let line = match action {
                Action::Write { instance, number, weight, purpose } => {
                    format!("writes {weight} % to instance {instance} ({purpose:?}, order {number})")
                }
                Action::Record { revision } => format!(
                    "records {revision}: intended {:?}, raise {:?}, stage {:?}, soaked {:?}, retreat {}, joined {:?}",
                    state.intended.map(Weight::percent),
                    state.raise.map(|raise| (raise.from.percent(), raise.to.percent())),
                    state.stage,
                    state.soaked,
                    state.retreat.is_some(),
                    state.joined,
                ),
                Action::Tell { reason, message } => format!("says {reason}: {message}"),
            };
            self.say(decided.now, &format!("{who} {line}"));
        }
    }

    fn stepped(&mut self, world: &World) {
        self.happen(world.now);
        let alive: Vec<bool> = world
            .processes
            .iter()
            .map(|process| process.is_alive() && world.now >= process.frozen_until)
            .collect();
        if alive != self.alive {
            self.say(world.now, &format!("replicas that run: {alive:?}"));
            self.alive = alive;
        }
        let holder = world.holder().map(crate::process::Process::number);
        if holder != self.holder {
            self.say(world.now, &format!("the lease is held by {holder:?}"));
            self.holder = holder;
        }
        let weights: Vec<Vec<u16>> = world
            .services
            .iter()
            .map(|service| service.balancers.iter().map(|balancer| balancer.weight().hundredths()).collect())
            .collect();
        if weights != self.weights {
            self.say(world.now, &format!("the load balancers stand at {weights:?} hundredths"));
            self.weights = weights;
        }
        let rates: Vec<f64> = world.databases.iter().map(|database| database.flow().attempts).collect();
        let changed = rates
            .iter()
            .zip(self.rates.iter().chain(std::iter::repeat(&0.0)))
            .any(|(rate, before)| (rate - before).abs() > 0.25 * before.max(10.0));
        if changed {
            let told: Vec<String> = world
                .databases
                .iter()
                .map(|database| {
                    format!(
                        "{:.0} connects/s, {:.0} of {} held",
                        database.flow().attempts,
                        database.connected(),
                        database.maximum
                    )
                })
                .collect();
            self.say(world.now, &format!("the databases see {told:?}"));
            self.rates = rates;
        }
    }
}
