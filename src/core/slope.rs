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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::held::Kept;

    /// When the last of these values is 100, each a second after the one before it.
    fn full(values: &[f64]) -> Option<Duration> {
        let point = |(second, value): (u64, &f64)| Point {
            at: Time::from_millis(1_000_000_000 + second * 1_000),
            covers: Duration::from_secs(1),
            value: *value,
            per_second: 0.0,
            saturated: false,
        };
        let points: Vec<Point> = (0..).zip(values).map(point).collect();
        let (newest, before) = points.split_last().unwrap();
        let mut recent = Recent::default();
        for point in before {
            recent.push(Kept::new(*point, None));
        }
        full_in(newest, &recent)
    }

    #[test]
    fn a_line_through_three_values_or_more_says_when_it_is_full() {
        let secs = |count| Some(Duration::from_secs(count));
        assert_eq!(full(&[78.0, 80.0]), None, "two are no line");
        assert_eq!(full(&[76.0, 78.0, 80.0]), secs(10));
        assert_eq!(full(&[60.0, 74.0, 70.0]), secs(6), "least squares: 5 a second");
        assert_eq!(full(&[46.0, 48.0, 50.0]), None, "half full is early");
        assert_eq!(full(&[47.0, 49.0, 51.0]), Some(Duration::from_millis(24_500)));
    }

    #[test]
    fn what_does_not_rise_is_never_full_and_what_is_full_rises_no_more() {
        assert_eq!(full(&[80.0, 80.0, 80.0]), None);
        assert_eq!(full(&[84.0, 82.0, 80.0]), None);
        assert_eq!(full(&[104.0, 102.0, 100.0]), None);
        assert_eq!(full(&[96.0, 98.0, 100.0]), Some(Duration::ZERO));
        assert_eq!(full(&[99.0, 101.0, 103.0]), Some(Duration::ZERO));
    }

    #[test]
    fn what_is_older_than_ten_seconds_does_not_count() {
        let mut values = vec![10.0; 5];
        values.extend([60.0; 10]);
        values.push(60.0);
        assert_eq!(full(&values), None);
    }
}
