//! Who looks on: the recording, the laws, the counters.

use crossfade_core::action::Action;
use crossfade_core::engine::Engine;
use crossfade_core::lease::Standing;
use crossfade_core::state::State;
use crossfade_core::time::Time;

use crate::api::ApiServer;
use crate::database::Database;
use crate::mind::Mind;
use crate::service::Service;
use crate::world::World;

/// One decision of one replica.
pub struct Decided<'a> {
    /// Which replica.
    pub replica: usize,
    /// Whose plan.
    pub service: usize,
    /// What was remembered before, if the witness looks back.
    pub before: Option<&'a State>,
    /// The engine after it.
    pub after: &'a Engine,
    /// The plans of this replica, after it.
    pub minds: &'a [Mind],
    /// The standing of this replica, by its own clock.
    pub standing: Standing,
    /// What is to be done, not done yet.
    pub actions: &'a [Action],
    /// The API server at this moment.
    pub api: &'a ApiServer,
    /// The services at this moment.
    pub services: &'a [Service],
    /// The databases at this moment.
    pub databases: &'a [Database],
    /// The true time.
    pub now: Time,
    /// The replica's clock.
    pub clock: Time,
}

/// Looks on.
pub trait Witness {
    /// Whether it wants to know the state before each decision (which costs a copy).
    const LOOKS_BACK: bool = false;

    /// Whether it wants to know it of the next one.
    fn looks_back(&self) -> bool {
        Self::LOOKS_BACK
    }

    /// A replica decided.
    fn decided(&mut self, decided: &Decided<'_>) {
        let _ = decided;
    }

    /// A step of the world is over.
    fn stepped(&mut self, world: &World) {
        let _ = world;
    }
}

/// Nobody.
impl Witness for () {}

impl<A: Witness, B: Witness> Witness for (&mut A, &mut B) {
    const LOOKS_BACK: bool = A::LOOKS_BACK || B::LOOKS_BACK;

    fn looks_back(&self) -> bool {
        self.0.looks_back() || self.1.looks_back()
    }

    fn decided(&mut self, decided: &Decided<'_>) {
        self.0.decided(decided);
        self.1.decided(decided);
    }

    fn stepped(&mut self, world: &World) {
        self.0.stepped(world);
        self.1.stepped(world);
    }
}
