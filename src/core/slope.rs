//! When a value that rises reaches 100.

use std::time::Duration;

use crate::held::Recent;
use crate::series::Point;
use crate::time::Time;

/// The time over which a slope is fitted.
pub const SPAN: Duration = Duration::from_secs(10);
/// The value under which a slope does not count, in percent.
const LEAST: f64 = 50.0;

/// When `newest` reaches 100 at the slope of its last 10 s (least squares), of which `before` are the
/// values before it.
pub fn full_in(newest: &Point, before: &Recent) -> Option<Duration> {
    if newest.value <= LEAST {
        return None;
    }
    // Ages (negative) and values, newest first.
    let recent = || {
        let age = |at: Time| -newest.at.since(at).as_secs_f64();
        let young = before.newest_first().take_while(|value| newest.at.since(value.at) <= SPAN);
        std::iter::once((age(newest.at), newest.value))
            .chain(young.map(move |value| (age(value.at), value.value)))
    };
    let (mut count, mut ages, mut values) = (0_u32, 0.0, 0.0);
    for (age, value) in recent() {
        count += 1;
        ages += age;
        values += value;
    }
    if count < 3 {
        return None;
    }
    let (mean_age, mean_value) = (ages / f64::from(count), values / f64::from(count));
    let (mut covariance, mut variance) = (0.0, 0.0);
    for (age, value) in recent() {
        covariance += (age - mean_age) * (value - mean_value);
        variance += (age - mean_age).powi(2);
    }
    let slope = covariance / variance;
    if slope.is_nan() || slope <= 0.0 {
        return None;
    }
    Duration::try_from_secs_f64((100.0 - newest.value).max(0.0) / slope).ok()
}
