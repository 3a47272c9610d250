//! The Kubernetes side's share of the traffic.

use std::fmt;

/// Kubernetes' share of traffic in hundredths of a percent: 0 to 10,000. Legacy has the rest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Weight(u16);

impl Weight {
    /// All traffic on legacy.
    pub const ZERO: Self = Self(0);
    /// All traffic on Kubernetes.
    pub const FULL: Self = Self(10_000);

    /// A weight from hundredths of a percent; more than 10,000 becomes 10,000.
    pub const fn from_hundredths(hundredths: u16) -> Self {
        if hundredths > Self::FULL.0 { Self::FULL } else { Self(hundredths) }
    }

    /// The nearest weight to a percentage; outside 0 to 100 the nearer end, and not-a-number is 0.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // clamped just before
    pub fn from_percent(percent: f64) -> Self {
        Self((percent * 100.0).round().clamp(0.0, 10_000.0) as u16)
    }

    /// Hundredths of a percent, 0 to 10,000.
    pub const fn hundredths(self) -> u16 {
        self.0
    }

    /// Percent, 0.0 to 100.0.
    pub fn percent(self) -> f64 {
        f64::from(self.0) / 100.0
    }

    /// This weight raised by `step`, at most 100 %.
    #[must_use]
    pub const fn plus(self, step: Self) -> Self {
        Self::from_hundredths(self.0.saturating_add(step.0))
    }

    /// This weight lowered by `step`, at least 0.
    #[must_use]
    pub const fn minus(self, step: Self) -> Self {
        Self(self.0.saturating_sub(step.0))
    }

    /// How far two weights lie apart.
    #[must_use]
    pub const fn distance(self, other: Self) -> Self {
        Self(self.0.abs_diff(other.0))
    }
}

impl fmt::Display for Weight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.percent())
    }
}
