//! Between the core's clock, which never steps, and the wall clock's time as the status spells it.

use jiff::Timestamp;

use crate::core::time::Time;

/// `time` plus `offset` milliseconds as RFC 3339 with milliseconds. `offset` is how far the wall
/// clock is ahead of the core's; a moment that no calendar knows becomes the nearest one.
pub fn write(time: Time, offset: i64) -> String {
    let millis = i64::try_from(time.as_millis()).unwrap_or(i64::MAX).saturating_add(offset);
    format!("{:.3}", stamp(millis))
}

/// The same to the second, as the conditions of Kubernetes are written.
pub fn write_seconds(time: Time, offset: i64) -> String {
    let millis = i64::try_from(time.as_millis()).unwrap_or(i64::MAX).saturating_add(offset);
    format!("{:.0}", stamp(millis))
}

/// What [`write`] wrote; `None` when it is no time. Before the epoch becomes the epoch.
pub fn read(text: &str, offset: i64) -> Option<Time> {
    let stamp: Timestamp = text.parse().ok()?;
    Some(Time::from_millis(u64::try_from(stamp.as_millisecond().saturating_sub(offset)).unwrap_or(0)))
}

fn stamp(millis: i64) -> Timestamp {
    let end = if millis < 0 { Timestamp::MIN } else { Timestamp::MAX };
    Timestamp::from_millisecond(millis).unwrap_or(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_written_with_milliseconds_and_read_again() {
        let time = Time::from_millis(1_700_000_000_123);
        assert_eq!(write(time, 0), "2023-11-14T22:13:20.123Z");
        assert_eq!(write_seconds(time, 0), "2023-11-14T22:13:20Z");
        assert_eq!(read(&write(time, -77), -77), Some(time));
        assert_eq!(read("yesterday", 0), None);
    }
}
