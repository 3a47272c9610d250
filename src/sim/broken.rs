//! The engine, and the switch that breaks one of its rules: a law that does not see a broken rule is no
//! law. Off, the engine is what it is; no rule is ever broken in the core.

use std::ops::{Deref, DerefMut};
use std::time::Duration;

use crossfade_core::action::Action;
use crossfade_core::capacity::{Capacity, Demand, Figure, Legacy, Source, Workload};
use crossfade_core::engine;
use crossfade_core::guard::Level;
use crossfade_core::lease::Standing;
use crossfade_core::meter::{Observation, Reading, Sample};
use crossfade_core::plan::{Plan, When};
use crossfade_core::reason::Reason;
use crossfade_core::report::Report;
use crossfade_core::route::Purpose;
use crossfade_core::seen::{Authority, Wishes};
use crossfade_core::state::State;
use crossfade_core::time::Time;
use crossfade_core::weight::Weight;

use crate::laws::Rule;

/// Which rule is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Broken {
    /// Raises although a person holds or pauses the plan, or its spec is not accepted.
    R1,
    /// While the outcome of a raise is waited for, nobody says what the sides connect.
    R1Outcome,
    /// Steps of the weight teach nothing.
    R1Learned,
    /// The writes of a retreat wait for its record.
    R2,
    /// A retreat does not ask what legacy can carry.
    R3,
    /// Nobody says how many pods are ready.
    R3Pods,
    /// Pods count as ready when they are warm.
    R3Cold,
    /// A retreat does not ask whose surge it is.
    R4,
    /// The last sample of a silent database is shown as a new one again and again.
    R5,
    /// Nobody says that a database is full.
    R6,
    /// A retreat falls all at once.
    R7,
    /// What is to be recorded counts as recorded at once.
    R8,
    /// A retreat is not recorded.
    R8Retreat,
    /// A raise does not ask what legacy promised to take over.
    R9,
    /// A floor is given back while a guard is tripped.
    R9Floor,
    /// Nobody says that another plan raises.
    R11,
    /// Whoever has held the lease once goes on writing.
    R12,
    /// The status does not say what is waited for.
    R13,
}

impl Broken {
    /// Every one.
    pub const ALL: [Self; 18] = [
        Self::R1,
        Self::R1Outcome,
        Self::R1Learned,
        Self::R2,
        Self::R3,
        Self::R3Pods,
        Self::R3Cold,
        Self::R4,
        Self::R5,
        Self::R6,
        Self::R7,
        Self::R8,
        Self::R8Retreat,
        Self::R9,
        Self::R9Floor,
        Self::R11,
        Self::R12,
        Self::R13,
    ];

    /// The rule that it breaks.
    pub const fn rule(self) -> Rule {
        match self {
            Self::R1 | Self::R1Outcome | Self::R1Learned => Rule::R1,
            Self::R2 => Rule::R2,
            Self::R3 | Self::R3Pods | Self::R3Cold => Rule::R3,
            Self::R4 => Rule::R4,
            Self::R5 => Rule::R5,
            Self::R6 => Rule::R6,
            Self::R7 => Rule::R7,
            Self::R8 | Self::R8Retreat => Rule::R8,
            Self::R9 | Self::R9Floor => Rule::R9,
            Self::R11 => Rule::R11,
            Self::R12 => Rule::R12,
            Self::R13 => Rule::R13,
        }
    }

    /// The name by which the runner takes it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::R1 => "R1",
            Self::R1Outcome => "R1-outcome",
            Self::R1Learned => "R1-learned",
            Self::R2 => "R2",
            Self::R3 => "R3",
            Self::R3Pods => "R3-pods",
            Self::R3Cold => "R3-cold",
            Self::R4 => "R4",
            Self::R5 => "R5",
            Self::R6 => "R6",
            Self::R7 => "R7",
            Self::R8 => "R8",
            Self::R8Retreat => "R8-retreat",
            Self::R9 => "R9",
            Self::R9Floor => "R9-floor",
            Self::R11 => "R11",
            Self::R12 => "R12",
            Self::R13 => "R13",
        }
    }
}

/// The engine of one plan behind the switch.
#[derive(Clone, Debug)]
pub struct Engine {
    core: engine::Engine,
    broken: Option<Broken>,
    /// R2: writes that wait for the record.
    waiting: Vec<Action>,
    /// R5: the newest sample of each database.
    samples: Vec<(usize, Sample)>,
    /// R12: it has held the lease.
    held: bool,
}

impl Deref for Engine {
    type Target = engine::Engine;

    fn deref(&self) -> &engine::Engine {
        &self.core
    }
}

impl DerefMut for Engine {
    fn deref_mut(&mut self) -> &mut engine::Engine {
        &mut self.core
    }
}

impl Engine {
    /// An engine that knows nothing yet but its plan.
    pub fn new(plan: Plan, now: Time, broken: Option<Broken>) -> Self {
        let core = engine::Engine::new(shown(broken, plan), State::default(), now);
        Self { core, broken, waiting: Vec::new(), samples: Vec::new(), held: false }
    }

    /// See [`engine::Engine::set_plan`].
    pub fn set_plan(&mut self, plan: Plan, now: Time) {
        self.core.set_plan(shown(self.broken, plan), now);
    }

    /// See [`engine::Engine::set_wishes`].
    pub fn set_wishes(&mut self, mut wishes: Wishes) {
        if self.broken == Some(Broken::R1) {
            wishes.hold = None;
        }
        self.core.set_wishes(wishes);
    }

    /// See [`engine::Engine::set_rejected`].
    pub fn set_rejected(&mut self, rejected: Option<(Reason, String)>) {
        self.core.set_rejected(rejected.filter(|_| self.broken != Some(Broken::R1)));
    }

    /// See [`engine::Engine::set_others_raising`].
    pub fn set_others_raising(&mut self, other: Option<String>) {
        self.core.set_others_raising(other.filter(|_| self.broken != Some(Broken::R11)));
    }

    /// See [`engine::Engine::measured`]; those that are warm are told before those that are ready.
    pub fn measured(&mut self, figure: Figure, value: f64, at: Time) {
        let value = match (self.broken, figure) {
            (Some(Broken::R3Pods), Figure::Ready(_)) => return,
            (Some(Broken::R3Cold), Figure::Ready(place)) => {
                let warm = self.core.seen().figures.measured.get(&Figure::Pods(place));
                warm.map_or(value, |(_, warm)| *warm)
            }
            _ => value,
        };
        self.core.measured(figure, value, at);
    }

    /// See [`engine::Engine::disturbed`].
    pub fn disturbed(&mut self) {
        self.core.disturbed();
    }

    /// See [`engine::Engine::set_authority`].
    pub fn set_authority(&mut self, authority: Authority) {
        self.held |= authority == Authority::Holder;
        let anyway = self.held && self.broken == Some(Broken::R12);
        self.core.set_authority(if anyway { Authority::Holder } else { authority });
    }

    /// By what standing its writes are permitted.
    pub fn standing(&self, standing: Standing) -> Standing {
        match self.broken {
            Some(Broken::R12) if self.held => match standing {
                Standing::Holder { epoch, .. } => Standing::Holder { epoch, until: LAST },
                Standing::LastHolder { .. } | Standing::None => Standing::LastHolder { until: LAST },
            },
            _ => standing,
        }
    }

    /// See [`engine::Engine::observe_at`].
    pub fn observe_at(&mut self, database: usize, observation: &Observation, now: Time) {
        match self.broken {
            Some(Broken::R5) => {
                self.samples.retain(|(place, _)| *place != database || !is_sample(observation));
                if let Reading::Sample(sample) = &observation.reading {
                    self.samples.push((database, sample.clone()));
                }
            }
            Some(Broken::R6) => {
                let mut observation = observation.clone();
                if let Reading::Sample(sample) = &mut observation.reading {
                    sample.saturated = false;
                }
                self.core.observe_at(database, &observation, now);
                return;
            }
            Some(Broken::R1Outcome) if self.core.state().foreseen.is_some() => {
                let mut observation = observation.clone();
                if let Reading::Sample(sample) = &mut observation.reading {
                    sample.by_side = None;
                }
                self.core.observe_at(database, &observation, now);
                return;
            }
            Some(Broken::R1Learned) => {
                // While another plan moves nothing is learned; who that is, is said anew before it decides.
                self.core.set_others_raising(Some("another".into()));
                self.core.observe_at(database, observation, now);
                self.core.set_others_raising(None);
                return;
            }
            _ => {}
        }
        if self.broken != Some(Broken::R5) || is_sample(observation) {
            self.core.observe_at(database, observation, now);
        }
    }

    /// See [`engine::Engine::decide`].
    pub fn decide(&mut self, now: Time) -> Vec<Action> {
        if self.broken == Some(Broken::R5) {
            for (database, sample) in &self.samples {
                if now.since(sample.at) >= AGAIN {
                    let reading = Reading::Sample(Sample { at: now, ..sample.clone() });
                    self.core.observe_at(*database, &Observation { reading, returning_until: None }, now);
                }
            }
        }
        if self.broken == Some(Broken::R9Floor) {
            self.let_floors_go(now);
        }
        let mut actions = self.core.decide(now);
        match self.broken {
            Some(Broken::R2) => self.hold_back(&mut actions),
            Some(Broken::R8) => {
                if let Some(Action::Record { revision }) =
                    actions.iter().find(|action| matches!(action, Action::Record { .. }))
                {
                    self.core.recorded(*revision);
                }
            }
            Some(Broken::R8Retreat) if self.core.state().retreat.is_some() => {
                actions.retain(|action| !matches!(action, Action::Record { .. }));
            }
            _ => {}
        }
        actions
    }

    /// A floor that the plan does not ask for is given back.
    fn let_floors_go(&mut self, now: Time) {
        let tripped = self.core.state().guards.values().any(|guard| guard.level != Level::Clear);
        let asks = |workload: &Workload| workload.floor;
        let side = self.core.plan().capacity.kubernetes.as_ref();
        if !tripped || !side.is_some_and(|side| side.workloads.iter().any(asks)) {
            return;
        }
        let mut plan = self.core.plan().clone();
        let workloads = plan.capacity.kubernetes.iter_mut().flat_map(|side| &mut side.workloads);
        workloads.for_each(|workload| workload.floor = false);
        self.core.set_plan(plan, now);
    }

    fn hold_back(&mut self, actions: &mut Vec<Action>) {
        let is_retreat = |action: &Action| matches!(action, Action::Write { purpose: Purpose::Retreat, .. });
        if self.core.seen().recorded {
            let mut waiting = std::mem::take(&mut self.waiting);
            waiting.append(actions);
            *actions = waiting;
        } else {
            self.waiting.extend(actions.iter().filter(|action| is_retreat(action)).cloned());
            actions.retain(|action| !is_retreat(action));
        }
    }

    /// See [`engine::Engine::report`].
    pub fn report(&self, now: Time) -> Report {
        let mut report = self.core.report(now);
        if self.broken == Some(Broken::R13) {
            report.blocked_by.clear();
        }
        report
    }
}

/// The plan as an engine that breaks a rule is shown it.
fn shown(broken: Option<Broken>, mut plan: Plan) -> Plan {
    match broken {
        Some(Broken::R1) => plan.paused = false,
        Some(Broken::R3) => plan.capacity = boundless(),
        Some(Broken::R4) => plan.rollback.when = When::Always,
        Some(Broken::R7) => plan.rollback.max_step = Weight::FULL,
        Some(Broken::R9) => plan.capacity.takeover.legacy = 0.0,
        _ => {}
    }
    plan
}

/// Legacy carries whatever comes.
fn boundless() -> Capacity {
    let declared = |requests_per_second| Source::Declared { requests_per_second, until: None };
    Capacity {
        demand: Some(Demand { from: declared(1.0), surge_factor: 1.0, peak_window: Duration::from_hours(1) }),
        legacy: Some(Legacy {
            capacity: declared(1e9),
            requests_per_second_per_server: 1.0,
            connections_per_server: None,
            headroom: 0.0,
        }),
        ..Capacity::default()
    }
}

fn is_sample(observation: &Observation) -> bool {
    matches!(observation.reading, Reading::Sample(_))
}

/// When a sample is shown again.
const AGAIN: Duration = Duration::from_millis(900);
/// The end of time.
const LAST: Time = Time::from_millis(u64::MAX);
