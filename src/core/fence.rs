//! What a write needs at the moment when it is made: checked by the executor for every single one.

use std::time::Duration;

use crate::lease::Standing;
use crate::route::Purpose;
use crate::time::Time;

/// What an executor may do with an order now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permit {
    /// Write it as it was ordered.
    AsOrdered,
    /// Read first and write `min(weight read, ordered)`: another replica may be in charge.
    LoweringOnly,
    /// Do not write it.
    Refused,
}

/// Whether an order given under `epoch` may be written now, by a write that takes at most `takes`.
///
/// A raise or a put-back must be over before the claim expires, and be of the claim's own epoch. A
/// retreat may also be made by the last holder.
pub fn permit(standing: Standing, purpose: Purpose, epoch: u64, takes: Duration, now: Time) -> Permit {
    match (standing, purpose) {
        (Standing::Holder { epoch: held, until }, _) if held == epoch && now + takes <= until => {
            Permit::AsOrdered
        }
        (Standing::Holder { .. } | Standing::LastHolder { .. }, Purpose::Retreat) if now < end(standing) => {
            Permit::LoweringOnly
        }
        _ => Permit::Refused,
    }
}

fn end(standing: Standing) -> Time {
    match standing {
        Standing::Holder { until, .. } | Standing::LastHolder { until } => until,
        Standing::None => Time::default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TAKES: Duration = Duration::from_secs(2);

    fn at(seconds: u64) -> Time {
        Time::from_millis(seconds * 1000)
    }

    #[test]
    fn a_raise_needs_a_claim_of_its_epoch_that_outlives_the_write() {
        let holder = Standing::Holder { epoch: 7, until: at(10) };
        for purpose in [Purpose::Raise, Purpose::PutBack] {
            assert_eq!(permit(holder, purpose, 7, TAKES, at(8)), Permit::AsOrdered);
            assert_eq!(permit(holder, purpose, 7, TAKES, at(9)), Permit::Refused);
            assert_eq!(permit(holder, purpose, 6, TAKES, at(1)), Permit::Refused);
            assert_eq!(
                permit(Standing::LastHolder { until: at(99) }, purpose, 7, TAKES, at(1)),
                Permit::Refused
            );
            assert_eq!(permit(Standing::None, purpose, 7, TAKES, at(1)), Permit::Refused);
        }
    }

    #[test]
    fn a_retreat_is_made_by_the_holder_and_only_lowers_under_the_last_holder() {
        let holder = Standing::Holder { epoch: 7, until: at(10) };
        assert_eq!(permit(holder, Purpose::Retreat, 7, TAKES, at(8)), Permit::AsOrdered);
        assert_eq!(permit(holder, Purpose::Retreat, 7, TAKES, at(9)), Permit::LoweringOnly);
        assert_eq!(permit(holder, Purpose::Retreat, 6, TAKES, at(1)), Permit::LoweringOnly);
        assert_eq!(permit(holder, Purpose::Retreat, 7, TAKES, at(10)), Permit::Refused);
        let last = Standing::LastHolder { until: at(99) };
        assert_eq!(permit(last, Purpose::Retreat, 7, TAKES, at(98)), Permit::LoweringOnly);
        assert_eq!(permit(last, Purpose::Retreat, 7, TAKES, at(99)), Permit::Refused);
        assert_eq!(permit(Standing::None, Purpose::Retreat, 7, TAKES, at(1)), Permit::Refused);
    }
}
