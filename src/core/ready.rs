//! Whether Kubernetes' ready pods, warm or not, are enough for what it is asked for (R3).
//!
//! What a pod carries is declared, and may be declared wrongly. So it is the loss of pods that counts: what
//! is ready now is compared with what was ready when that was last enough, by the same figure. A rise of
//! demand over pods that are all there is no failure of Kubernetes, nor is a figure that was never enough.

use crate::load;
use crate::time::Time;

/// What ready pods can carry now, and what Kubernetes is asked for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Now {
    /// Pods that are ready.
    pub pods: f64,
    /// Requests per second that they can carry, as declared.
    pub carries: f64,
    /// Requests per second that Kubernetes is asked for.
    pub asked: f64,
}

impl std::fmt::Display for Now {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { pods, carries, asked } = self;
        let are = if (*pods - 1.0).abs() < 0.5 { "pod is" } else { "pods are" };
        write!(
            f,
            "{pods:.0} {are} ready, which can carry {carries:.0} requests/s, and Kubernetes is asked for {asked:.0}"
        )
    }
}

/// Pods are too few that can carry less than this share of what they are asked for,
const FEW: f64 = 0.5;
/// ... or could carry when that was last enough.
const LOST: f64 = 0.5;
/// A side that is left for them has enough again from this share on: the noise of demand begins no retreat anew.
const AGAIN: f64 = 0.6;

/// What was seen of ready pods.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Ready {
    /// What they could carry when that was last enough; 0 until it was.
    enough: f64,
    /// Since when they have been too few: they can carry less than half of what they are asked for, and less
    /// than half of what they could when it was last enough.
    pub few_since: Option<Time>,
}

impl Ready {
    /// Takes in what is so at `at`; what is unknown is not few.
    pub fn see(&mut self, now: Option<Now>, at: Time) {
        if let Some(Now { carries, .. }) = now.filter(|now| now.carries >= now.asked) {
            self.enough = carries;
        }
        let few = now.is_some_and(|now| self.is_below(FEW, &now));
        self.few_since = if few { self.few_since.or(Some(at)) } else { None };
    }

    /// Whether a side that is left because they were too few has not enough yet.
    pub fn is_still_few(&self, now: &Now) -> bool {
        self.is_below(AGAIN, now)
    }

    fn is_below(&self, share: f64, now: &Now) -> bool {
        now.asked >= load::FEW && now.carries < share * now.asked && now.carries < LOST * self.enough
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Since which second pods are too few, after each second's: what they can carry, what they are asked for.
    fn few(seconds: &[Option<(f64, f64)>]) -> Vec<Option<u64>> {
        let mut ready = Ready::default();
        let at = |second: usize| Time::from_millis(1000 * second as u64);
        let mut see = |(second, now): (usize, &Option<(f64, f64)>)| {
            ready.see(now.map(|(carries, asked)| Now { pods: 1.0, carries, asked }), at(second));
            ready.few_since.map(|since| since.as_millis() / 1000)
        };
        seconds.iter().enumerate().map(&mut see).collect()
    }

    #[test]
    fn they_are_too_few_while_they_carry_less_than_half_of_what_they_did_and_are_asked_for() {
        let all = Some((1000.0, 900.0));
        assert_eq!(few(&[all, Some((450.0, 900.0)), Some((449.0, 900.0))]), [None, None, Some(2)]);
        assert_eq!(few(&[all, Some((0.0, 900.0)), Some((0.0, 901.0)), all]), [None, Some(1), Some(1), None]);
        // One after the other: it was last enough with all of them.
        let one_by_one = [all, Some((800.0, 900.0)), Some((600.0, 900.0)), Some((400.0, 900.0))];
        assert_eq!(few(&one_by_one), [None, None, None, Some(3)]);
    }

    #[test]
    fn a_rise_of_demand_is_no_loss_of_pods() {
        let (all, surge) = (Some((1000.0, 900.0)), Some((1000.0, 3000.0)));
        assert_eq!(few(&[all, surge]), [None, None]);
        assert_eq!(few(&[all, surge, Some((500.0, 3000.0))]), [None, None, None], "half of them are there");
        assert_eq!(few(&[all, surge, Some((499.0, 3000.0))]), [None, None, Some(2)]);
        // Fewer were enough for less, and are asked for more.
        let scaled = [all, Some((300.0, 200.0)), Some((300.0, 900.0)), Some((149.0, 900.0))];
        assert_eq!(few(&scaled), [None, None, None, Some(3)]);
    }

    #[test]
    fn a_figure_that_was_never_enough_says_nothing() {
        assert_eq!(few(&[Some((400.0, 900.0)), Some((100.0, 900.0))]), [None, None]);
        let later = [Some((400.0, 900.0)), Some((1000.0, 1000.0)), Some((100.0, 900.0))];
        assert_eq!(few(&later), [None, None, Some(2)]);
    }

    #[test]
    fn what_is_unknown_is_not_few_and_what_was_enough_is_remembered_over_it() {
        let (all, gone) = (Some((1000.0, 900.0)), Some((0.0, 900.0)));
        assert_eq!(few(&[all, None, gone, None, gone]), [None, None, Some(2), None, Some(4)]);
    }

    #[test]
    fn a_side_that_is_left_has_enough_again_a_little_above_half() {
        let mut ready = Ready::default();
        let now = |carries| Now { pods: 1.0, carries, asked: 900.0 };
        assert!(!ready.is_still_few(&now(0.0)), "they were never enough");
        ready.see(Some(now(2000.0)), Time::default());
        assert_eq!([0.0, 539.0, 540.0].map(|carries| ready.is_still_few(&now(carries))), [true, true, false]);
        ready.see(Some(now(1000.0)), Time::default());
        assert!(!ready.is_still_few(&now(500.0)), "half of them are there");
    }

    #[test]
    fn hardly_a_request_needs_no_pod() {
        assert_eq!(few(&[Some((100.0, 1.9)), Some((0.0, 1.9)), Some((0.0, 2.0))]), [None, None, Some(2)]);
    }
}
