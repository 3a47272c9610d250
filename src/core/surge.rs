//! Whose surge it is (R4): what the samples say of it, and what is remembered of the answer.
//!
//! Data only: [`crate::rules::whose`] judges.

use crate::guard::Signal;
use crate::side::BySide;
use crate::sides::Cost;
use crate::time::Time;

/// What the samples of one database say of whose surge it is; nothing while they say nothing at all.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Look {
    /// What each side's connects cost, where the sides are told apart.
    pub sides: Option<BySide<Cost>>,
    /// What is normal for them, in connects per second that all of the traffic would bring by either: known
    /// whether or not there is fresh data.
    pub normal: Option<BySide<f64>>,
    /// Connects per second. Looked at only while a guard of the database is tripped.
    pub rate: Option<Mean>,
    /// Failed connects per second. Looked at only while a guard of the database is tripped.
    pub failures: Option<Mean>,
    /// The database was full or nearly, within the last seconds (R6).
    pub saturated: bool,
}

/// A mean of the last 5 s.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Mean {
    /// The mean, per second.
    pub now: f64,
    /// What is normal; 0 where that is not known.
    pub normal: f64,
    /// How far chance alone moves it: one standard deviation.
    pub noise: f64,
}

/// Whose surge a breach is, as far as that is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Whose {
    /// Kubernetes': a retreat helps.
    Kubernetes,
    /// Nothing that the sides could be told apart by has risen: the brake goes as if it were Kubernetes'.
    Unmeasured,
    /// One step back was taken, and it is watched whether it helps.
    Judging,
    /// Both sides': moving traffic does not help.
    Common,
    /// Legacy's: moving more traffic there would make it worse.
    Legacy,
    /// Neither side's: others connect to the same database.
    Neither,
}

impl Whose {
    /// Every one.
    pub const ALL: [Self; 6] =
        [Self::Kubernetes, Self::Unmeasured, Self::Judging, Self::Common, Self::Legacy, Self::Neither];

    /// The name as status spells it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Kubernetes => "Kubernetes",
            Self::Unmeasured => "Unmeasured",
            Self::Judging => "Judging",
            Self::Common => "Common",
            Self::Legacy => "Legacy",
            Self::Neither => "Neither",
        }
    }

    /// Whether a retreat may take its next step.
    pub const fn permits(self) -> bool {
        matches!(self, Self::Kubernetes | Self::Unmeasured)
    }

    /// Whether it is known that a retreat would not help.
    pub const fn is_held(self) -> bool {
        matches!(self, Self::Common | Self::Legacy | Self::Neither)
    }
}

/// What is remembered of a breach of one database, until its guards are clear.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Surge {
    /// Whose it is.
    pub whose: Whose,
    /// Since when that is the answer.
    pub since: Time,
    /// What is normal for each side, as it was when the breach came, if it was known.
    pub normal: Option<BySide<f64>>,
    /// The step that was taken to find out, if one was.
    pub trial: Option<Trial>,
}

/// A step back whose effect tells whose surge it is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Trial {
    /// When it was taken.
    pub at: Time,
    /// What is compared: connects per second, or with [`Signal::FailedConnections`] those that failed.
    pub signal: Signal,
    /// The mean before it, per second.
    pub before: f64,
    /// The fall that a surge of Kubernetes' alone would show.
    pub predicted: f64,
    /// The fall from which on it counts as one.
    pub enough: f64,
}
