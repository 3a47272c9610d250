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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_weight_is_a_hundredth_of_a_percent_between_nothing_and_all() {
        assert_eq!(Weight::from_hundredths(9_999).hundredths(), 9_999);
        assert_eq!(Weight::from_hundredths(10_000), Weight::FULL);
        assert_eq!(Weight::from_hundredths(10_001), Weight::FULL);
        assert_eq!(Weight::from_percent(12.345), Weight::from_hundredths(1_235));
        assert_eq!(Weight::from_percent(-1.0), Weight::ZERO);
        assert_eq!(Weight::from_percent(101.0), Weight::FULL);
        assert_eq!(Weight::from_percent(f64::NAN), Weight::ZERO);
        assert!((Weight::from_hundredths(1_234).percent() - 12.34).abs() < 1e-9);
        assert_eq!(Weight::from_hundredths(1_250).to_string(), "12.5");
    }

    #[test]
    fn a_weight_rises_and_falls_within_its_bounds() {
        let (ten, ninety) = (Weight::from_hundredths(1_000), Weight::from_hundredths(9_000));
        assert_eq!(ten.plus(ninety), Weight::FULL);
        assert_eq!(ninety.plus(ninety), Weight::FULL);
        assert_eq!(ninety.minus(ten), Weight::from_hundredths(8_000));
        assert_eq!(ten.minus(ninety), Weight::ZERO);
        assert_eq!(
            (ten.distance(ninety), ninety.distance(ten)),
            (Weight::from_hundredths(8_000), Weight::from_hundredths(8_000))
        );
    }
}
