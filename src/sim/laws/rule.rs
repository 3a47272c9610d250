//! The rules that the laws watch over, each stated once, and what a breach of one says.

use std::fmt;

use crossfade_core::time::Time;

macro_rules! rules {
    ($($(#[doc = $doc:literal])+ $name:ident = $statement:literal,)+) => {
        /// A rule of the design. R10 is not built yet: it comes with the seal.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Rule { $($(#[doc = $doc])+ $name,)+ }

        impl Rule {
            /// Every rule that is watched.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// Its name.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => stringify!($name),)+ }
            }

            /// What it says.
            pub const fn statement(self) -> &'static str {
                match self { $(Self::$name => $statement,)+ }
            }
        }
    };
}

rules! {
    /// Raise only in the clear.
    R1 = "the weight rises only if nothing stands against it: person, guard, stage, data, cooldown, lease, record",
    /// The brake comes first.
    R2 = "from the sample that completes a breach to the writes nothing is waited for, and the weight falls as far as legacy can carry it",
    /// A retreat fits.
    R3 = "no step back makes legacy fuller than 0.95 of what it can carry; where nothing is known it is 5 points at most; \
          a Kubernetes that fails outright is left, and no other is said to fail",
    /// Whose surge?
    R4 = "what both sides cause is held, not walked back; what Kubernetes alone causes is walked back",
    /// A fact has an age.
    R5 = "stale data is never clear and never a breach; it blocks raises, and pauses the plan after 60 s",
    /// Saturated is not quiet.
    R6 = "a rate that falls while the database is full clears no guard",
    /// No oscillation.
    R7 = "a retreat walks by maxStep every `every`, a cooldown runs from its last step, a guard clears by its resume alone",
    /// Record, then raise; retreat, then record.
    R8 = "a raise is written when its record is stored; what is remembered is recorded; a restart goes on from what is stored",
    /// Capacity before traffic.
    R9 = "capacity comes before traffic, and is not given back early",
    /// One hand on a shared database.
    R11 = "of the plans with the same database one raises at a time",
    /// Never worse than absent.
    R12 = "only the replica with the right writes, and what it may",
    /// Always a reason.
    R13 = "where nothing happens, `blockedBy` says what is waited for and who must act",
    /// Asked again with nothing new, the engine does nothing.
    Still = "asked again with nothing new, the engine does nothing",
    /// Between two decisions nothing is missed.
    Wakes = "the deadline that is reported is enough: asked before it, the engine does nothing",
    /// What can go on goes on.
    Lives = "once faults have ended a plan goes on to its end, or says who must act",
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A breach of a rule.
#[derive(Clone, Debug, PartialEq)]
pub struct Violation {
    /// Of which rule.
    pub rule: Rule,
    /// When, in true time.
    pub at: Time,
    /// Of whose plan.
    pub service: usize,
    /// By which replica, if it was one's decision.
    pub replica: Option<usize>,
    /// What was seen.
    pub message: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}): service {}", self.rule, self.rule.statement(), self.service)?;
        if let Some(replica) = self.replica {
            write!(f, ", replica {replica}")?;
        }
        write!(f, ": {}", self.message)
    }
}
