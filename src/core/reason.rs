//! Why something happens or does not: one list, shared by conditions, events and metrics.

use std::fmt;

macro_rules! reasons {
    ($($(#[doc = $doc:literal])+ $name:ident,)+) => {
        /// Why something happens or does not.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Reason { $($(#[doc = $doc])+ $name,)+ }

        impl Reason {
            /// Every reason.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// The name as conditions, events and metrics spell it.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => stringify!($name),)+ }
            }
        }
    };
}

reasons! {
    /// The spec was accepted.
    Accepted,
    /// The spec is not valid; the last accepted one goes on.
    InvalidSpec,
    /// Another, older plan names the same route.
    RouteTaken,
    /// A Secret or another thing that the plan names was not found or is not usable.
    ReferenceNotFound,
    /// The operator lacks a right that the plan needs.
    PermissionMissing,
    /// The plan took over the weight that it found.
    Adopted,
    /// Waiting for the first reading of every route.
    ReadingRoutes,
    /// A raise towards the stage's weight.
    Raising,
    /// The weight moves about the stage's while one side is short of its headroom.
    Balancing,
    /// A route that stood elsewhere is brought to the plan's weight.
    Joining,
    /// The stage holds its weight until its soak is done.
    Soaking,
    /// The stage has soaked, and waits for the peaks that it must see.
    AwaitingPeak,
    /// A stage was entered.
    StageEntered,
    /// A stage has soaked, and seen its peaks.
    StageProven,
    /// The next stage needs a person's approval.
    AwaitingApproval,
    /// The next stage is beyond `targetStage`.
    TargetStageReached,
    /// `targetStage` lies below the weight: walking back.
    TargetStageLowered,
    /// Every stage is done.
    Completed,
    /// `spec.paused` is set.
    PausedBySpec,
    /// The annotation `hold` is set.
    Held,
    /// A guard crossed its pause threshold.
    GuardPaused,
    /// A guard crossed its rollback threshold.
    GuardRollback,
    /// A surge of connections is both sides': moving traffic would not help, so it is not moved.
    SurgeCommon,
    /// A surge of connections is legacy's: moving traffic there would make it worse.
    SurgeLegacy,
    /// A surge of connections is of users of neither side: moving traffic would not help.
    SurgeElsewhere,
    /// One step back was taken; whether it helps tells whose surge it is.
    JudgingSurge,
    /// All guards are clear.
    GuardsClear,
    /// A guard's data is too old or missing.
    DataUnknown,
    /// A database does not answer, or came back less than 60 s ago.
    DatabaseDown,
    /// A guard's baseline is not learned yet.
    BaselineLearning,
    /// After a retreat nothing rises for a while.
    Cooldown,
    /// A retreat has reached its target.
    RolledBack,
    /// A person asked to walk back.
    RollbackByHand,
    /// A person lowered the weight on a route.
    LoweredByHand,
    /// Another writer changed a route's weight.
    Drift,
    /// A changed weight was put back.
    PutBack,
    /// A load balancer was reloaded and lost its weights.
    Reloaded,
    /// A route cannot be read or written.
    RouteFailing,
    /// Every route stands at the plan's weight.
    InSync,
    /// A route does not stand at the plan's weight yet.
    OutOfSync,
    /// Another plan that shares a database is raising.
    AnotherPlanRaising,
    /// A side has less capacity than the weight asks for, or nothing is known of it.
    CapacityShort,
    /// The next step is predicted to bring more connects than a database should get.
    ConnectionsPredicted,
    /// A raise brought more or fewer connects than were predicted.
    PredictionWrong,
    /// Nothing more fits legacy, by its own room or by what it would cost a database: the retreat waits.
    LegacyFull,
    /// Kubernetes fails over half of its requests, or none of its servers is up.
    KubernetesFailing,
    /// The floor of what runs the pods was raised, or lowered to what is still needed.
    FloorSet,
    /// The floor of what runs the pods was given back.
    FloorGivenBack,
    /// Somebody else changed a floor that was raised, or it cannot be raised or given back.
    FloorLost,
    /// Both sides keep the capacity that was asked for.
    CapacityReserved,
    /// What was written down of a side's capacity soon counts no more.
    CapacityExpiring,
    /// The plan does not say what the sides can carry: nothing is reserved.
    CapacityNotConfigured,
    /// The next step of the ramp is not due yet.
    RampWaiting,
    /// This replica may not write.
    NotLeader,
    /// The API server has not confirmed the intent yet.
    Recording,
    /// A command was acted on.
    CommandAnswered,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
