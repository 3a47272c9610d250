//! Which states and transitions a run has visited. What is declared reachable must be visited by many
//! runs together, and nothing else.
//!
//! The obstacles of the engine (its reasons not to raise) show as the reasons that block; a retreat under
//! way shows as the phase `RollingBack`.

pub mod declared;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crossfade_core::action::Action;
use crossfade_core::guard::Level;
use crossfade_core::reason::Reason;
use crossfade_core::report::Phase;
use crossfade_core::route::Purpose;
use crossfade_core::seen::Authority;

use crate::scenario::{Hands, Mode, Scenario, What};
use crate::witness::{Decided, Witness};

/// What kind of thing was visited.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A fault or another event of the scenario: its kind, and of which sort.
    Event,
    /// A phase.
    Phase,
    /// From one phase to another.
    Turn,
    /// A guard's signal and its level.
    Level,
    /// A reason that people were told.
    Told,
    /// A reason that blocked a raise.
    Blocked,
    /// What a replica was allowed, and why it wrote.
    Write,
    /// How many retreats a day had seen at a retreat's step.
    Retreat,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 8] = [
        Self::Event,
        Self::Phase,
        Self::Turn,
        Self::Level,
        Self::Told,
        Self::Blocked,
        Self::Write,
        Self::Retreat,
    ];

    const fn name(self) -> &'static str {
        match self {
            Self::Event => "events",
            Self::Phase => "phases",
            Self::Turn => "phase to phase",
            Self::Level => "guards",
            Self::Told => "told",
            Self::Blocked => "blocked by",
            Self::Write => "writes",
            Self::Retreat => "retreats",
        }
    }
}

/// Something visited: its kind and its names.
pub type Visit = (Kind, &'static str, &'static str);

/// What was visited how often.
#[derive(Clone, Debug, Default)]
pub struct Coverage {
    visits: BTreeMap<Visit, u64>,
    /// The phase that each replica told of each service last.
    told: BTreeMap<(usize, usize), (Phase, Option<Reason>)>,
}

impl Coverage {
    /// Another run begins, of `scenario`.
    pub fn begin(&mut self, scenario: &Scenario) {
        self.told.clear();
        for event in &scenario.events {
            let (name, sort) = event_name(&event.what);
            self.visit((Kind::Event, name, sort));
        }
    }

    /// Adds what others visited.
    pub fn add(&mut self, other: &Self) {
        for (visit, count) in &other.visits {
            *self.visits.entry(*visit).or_default() += count;
        }
    }

    fn visit(&mut self, visit: Visit) {
        *self.visits.entry(visit).or_default() += 1;
    }

    /// What is declared and was not visited, and what was visited and is not declared.
    pub fn gaps(&self) -> (Vec<Visit>, Vec<Visit>) {
        let often = || declared::visits(declared::OFTEN);
        let known = || often().chain(declared::visits(declared::RARE));
        let missing = often().filter(|visit| !self.visits.contains_key(visit)).collect();
        let unknown = self.visits.keys().filter(|visit| !known().any(|known| known == **visit));
        (missing, unknown.copied().collect())
    }

    /// A compact table with counts.
    pub fn table(&self) -> String {
        let mut text = String::new();
        for kind in Kind::ALL {
            let _ = write!(text, "{}:", kind.name());
            let mut before = "";
            for ((_, name, sort), count) in self.visits.iter().filter(|((of, ..), _)| *of == kind) {
                if *name != before {
                    let _ = write!(text, "\n  {name}");
                    before = name;
                }
                let _ =
                    if sort.is_empty() { write!(text, " {count}") } else { write!(text, " {sort} {count}") };
            }
            text.push('\n');
        }
        text
    }
}

impl Witness for Coverage {
    fn decided(&mut self, decided: &Decided<'_>) {
        // Whatever changes is recorded, and so is an action.
        if decided.actions.is_empty() {
            return;
        }
        let state = decided.after.state();
        for (key, tripped) in &state.guards {
            if tripped.since == decided.clock {
                self.visit((Kind::Level, key.signal.name(), level(tripped.level)));
            }
        }
        for action in decided.actions {
            match action {
                Action::Write { purpose, .. } => {
                    let authority = authority(decided.after.seen().authority);
                    self.visit((Kind::Write, authority, self::purpose(*purpose)));
                }
                Action::Tell { reason, .. } => self.visit((Kind::Told, reason.name(), "")),
                Action::Record { .. } => {}
            }
        }
        if state.history.back().is_some_and(|step| step.at == decided.clock && is_retreat(step.reason)) {
            let depth = DEPTHS.get(state.retreats.len()).copied().unwrap_or("more");
            self.visit((Kind::Retreat, "of a day", depth));
        }
        let Some(told) = state.volatile.told else { return };
        let before = self.told.insert((decided.replica, decided.service), told);
        if before == Some(told) {
            return;
        }
        self.visit((Kind::Phase, told.0.name(), ""));
        if let Some((before, _)) = before.filter(|(before, _)| *before != told.0) {
            self.visit((Kind::Turn, before.name(), told.0.name()));
        }
        for blocker in decided.after.report(decided.clock).blocked_by {
            self.visit((Kind::Blocked, blocker.reason.name(), ""));
        }
    }
}

fn is_retreat(reason: Reason) -> bool {
    matches!(reason, Reason::GuardRollback | Reason::KubernetesFailing)
}

/// How deep retreats go: at the seventh of a day a cooldown is a whole day.
const DEPTHS: [&str; 8] = ["none", "1st", "2nd", "3rd", "4th", "5th", "6th", "7th"];

const fn level(level: Level) -> &'static str {
    match level {
        Level::Clear => "clear",
        Level::Pause => "pause",
        Level::Rollback => "rollback",
    }
}

const fn authority(authority: Authority) -> &'static str {
    match authority {
        Authority::Holder => "holder",
        Authority::LastHolder => "last holder",
        Authority::None => "nobody",
    }
}

const fn purpose(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::Raise => "raise",
        Purpose::PutBack => "put back",
        Purpose::Retreat => "retreat",
    }
}

const fn hands(hands: Hands) -> &'static str {
    match hands {
        Hands::Well => "well",
        Hands::Refuse => "refuse",
        Hands::Lost => "lost",
        Hands::Late => "late",
        Hands::Slow => "slow",
        Hands::Dropped => "dropped",
        Hands::Any => "any",
    }
}

const fn mode(mode: Mode) -> &'static str {
    match mode {
        Mode::Up => "up",
        Mode::Slow => "slow",
        Mode::Lost => "lost",
        Mode::Away => "away",
        Mode::Late => "late",
        Mode::Conflict => "conflict",
        Mode::Any => "any",
    }
}

fn event_name(what: &What) -> (&'static str, &'static str) {
    let either = |is: bool, yes, no| if is { yes } else { no };
    match what {
        What::Connects { .. } => ("Connects", ""),
        What::Demand { .. } => ("Demand", ""),
        What::Servers { up, .. } => ("Servers", either(*up == 0, "none", "some")),
        What::Replaced { .. } => ("Replaced", ""),
        What::PerServer { .. } => ("PerServer", ""),
        What::Burst { .. } => ("Burst", ""),
        What::ConnectCost { .. } => ("ConnectCost", ""),
        What::MaxConnections { .. } => ("MaxConnections", ""),
        What::Restart { failover, .. } => ("Restart", either(*failover, "failover", "same")),
        What::FlushStatus { .. } => ("FlushStatus", ""),
        What::Blind { .. } => ("Blind", ""),
        What::MonitorRefused { .. } => ("MonitorRefused", ""),
        What::MonitorCrowdedOut { .. } => ("MonitorCrowdedOut", ""),
        What::Reload { .. } => ("Reload", ""),
        What::Set { .. } => ("Set", ""),
        What::Hands { hands: how, .. } => ("Hands", hands(*how)),
        What::Api { mode: how, .. } => ("Api", mode(*how)),
        What::Touch { .. } => ("Touch", ""),
        What::Crash { .. } => ("Crash", ""),
        What::CrashAfter { .. } => ("CrashAfter", ""),
        What::Freeze { .. } => ("Freeze", ""),
        What::Stop { .. } => ("Stop", ""),
        What::Cut { .. } => ("Cut", ""),
        What::Unwatched { .. } => ("Unwatched", ""),
        What::ClockStep { .. } => ("ClockStep", ""),
        What::LeaseLost { stolen } => ("LeaseLost", either(*stolen, "stolen", "deleted")),
        What::Retreated { .. } => ("Retreated", ""),
        What::Plan { .. } => ("Plan", ""),
        What::Pause { paused, .. } => ("Pause", either(*paused, "on", "off")),
        What::TargetStage { stage, .. } => ("TargetStage", either(stage.is_some(), "set", "removed")),
        What::Hold { reason, .. } => ("Hold", either(reason.is_some(), "on", "off")),
        What::Approve { .. } => ("Approve", ""),
        What::Rollback { .. } => ("Rollback", ""),
        What::Resume { .. } => ("Resume", ""),
        What::AcceptBaseline { .. } => ("AcceptBaseline", ""),
        What::Reject { rejected, .. } => ("Reject", either(*rejected, "on", "off")),
    }
}
