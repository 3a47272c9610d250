//! When a value that rises reaches 100.

use std::time::Duration;

use crate::held::Recent;
use crate::series::Point;

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
    let recent = || {
        let points = before.newest_first().map(|value| &value.point);
        std::iter::once(newest).chain(points.take_while(|point| newest.at.since(point.at) <= SPAN))
    };
    let age = |point: &Point| -newest.at.since(point.at).as_secs_f64();
    let (mut count, mut ages, mut values) = (0_u32, 0.0, 0.0);
    for point in recent() {
        count += 1;
        ages += age(point);
        values += point.value;
    }
    if count < 3 {
        return None;
    }
    let (mean_age, mean_value) = (ages / f64::from(count), values / f64::from(count));
    let (mut covariance, mut variance) = (0.0, 0.0);
    for point in recent() {
        covariance += (age(point) - mean_age) * (point.value - mean_value);
        variance += (age(point) - mean_age).powi(2);
    }
    let slope = covariance / variance;
    if slope.is_nan() || slope <= 0.0 {
        return None;
    }
    Duration::try_from_secs_f64((100.0 - newest.value).max(0.0) / slope).ok()
}
