//! Durations as the API spells them (GEP-2257): `1h30m`, `500ms`.

use std::time::Duration;

/// A text that is no duration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is no duration; write for example 500ms, 30s, 5m or 1h30m")]
pub struct Error(pub String);

/// The duration that `text` spells.
///
/// # Errors
/// When it does not match `^([0-9]{1,5}(h|m|s|ms)){1,4}$`.
pub fn parse(text: &str) -> Result<Duration, Error> {
    let error = || Error(text.chars().take(40).collect());
    let mut rest = text;
    let mut millis = 0_u64;
    for _ in 0..4 {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        if digits == 0 || digits > 5 {
            return Err(error());
        }
        let (number, tail) = rest.split_at(digits);
        let number: u64 = number.parse().map_err(|_| error())?;
        let units = [("ms", 1), ("h", 3_600_000), ("m", 60_000), ("s", 1000)];
        let (unit, scale) = units.into_iter().find(|(unit, _)| tail.starts_with(unit)).ok_or_else(error)?;
        millis += number * scale;
        rest = &tail[unit.len()..];
        if rest.is_empty() {
            return Ok(Duration::from_millis(millis));
        }
    }
    Err(error())
}

/// `duration` to the millisecond; more than 99,999 hours become 99,999.
pub fn format(duration: Duration) -> String {
    let total = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX).min(99_999 * 3_600_000 + 3_599_999);
    let parts = [
        (total / 3_600_000, "h"),
        (total / 60_000 % 60, "m"),
        (total / 1000 % 60, "s"),
        (total % 1000, "ms"),
    ];
    let parts: Vec<_> = parts.iter().filter(|(n, _)| *n > 0).map(|(n, unit)| format!("{n}{unit}")).collect();
    if parts.is_empty() { "0s".into() } else { parts.concat() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_gep_2257_spells_them() {
        let millis = |text| parse(text).map(|d| d.as_millis());
        assert_eq!(millis("1h30m"), Ok(5_400_000));
        assert_eq!(millis("100ms"), Ok(100));
        assert_eq!(millis("0s"), Ok(0));
        assert_eq!(millis("1s500ms"), Ok(1500));
        for wrong in ["", "1", "s", "1d", "1.5s", "-1s", "123456s", "1s1s1s1s1s", "1 s", "1s "] {
            assert!(parse(wrong).is_err(), "{wrong:?} was read");
        }
    }

    #[test]
    fn what_is_written_is_read_again() {
        for millis in [0, 1, 999, 1000, 60_000, 61_001, 3_600_000, 90_061_007] {
            let duration = Duration::from_millis(millis);
            assert_eq!(parse(&format(duration)), Ok(duration));
        }
    }
}
