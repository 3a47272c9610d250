//! Moments as people and exports write them.

use std::str::FromStr;

use crossfade_core::time::Time;
use jiff::Timestamp;

/// From here on a number is no count of seconds (the year 5138), but of milliseconds.
const MILLISECONDS: f64 = 1e11;

/// A moment given as text: RFC 3339, or seconds since the Unix epoch, fractions allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(pub Time);

/// A text that is no moment.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{text}\" is no time{hint}: write for example 2026-11-01T00:00:00Z, or seconds since 1970")]
pub struct Error {
    text: String,
    hint: &'static str,
}

impl FromStr for Moment {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let refuse = |hint| Error { text: text.chars().take(40).collect(), hint };
        if let Ok(seconds) = text.parse::<f64>() {
            return match seconds {
                MILLISECONDS.. => Err(refuse(" in seconds (divide milliseconds by 1000)")),
                0.0..MILLISECONDS => Ok(Self(from_seconds(seconds))),
                _ => Err(refuse("")),
            };
        }
        match text.parse::<Timestamp>() {
            Ok(at) => {
                let millis = u64::try_from(at.as_millisecond());
                millis.map(|millis| Self(Time::from_millis(millis))).map_err(|_| refuse(" since 1970"))
            }
            Err(_) if text.parse::<jiff::civil::DateTime>().is_ok() => Err(refuse(" with its zone")),
            Err(_) => Err(refuse("")),
        }
    }
}

/// To the millisecond.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // within the limits above
fn from_seconds(seconds: f64) -> Time {
    Time::from_millis((seconds * 1000.0).round() as u64)
}

/// `at` in UTC, as RFC 3339, to the second.
pub fn show(at: Time) -> String {
    let seconds = i64::try_from(at.as_millis() / 1000).unwrap_or(i64::MAX);
    Timestamp::from_second(seconds).map_or_else(|_| format!("{seconds}"), |at| at.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc_3339_and_unix_seconds_are_the_same_moment() {
        let read = |text: &str| text.parse::<Moment>().map(|moment| moment.0.as_millis());
        assert_eq!(read("2026-11-01T00:00:00Z"), Ok(1_793_491_200_000));
        assert_eq!(read("2026-11-01T01:00:00.25+01:00"), Ok(1_793_491_200_250));
        assert_eq!(read("1793491200.25"), Ok(1_793_491_200_250));
        assert_eq!(read("1.7934912e9"), Ok(1_793_491_200_000));
        assert_eq!(show(Time::from_millis(1_793_491_200_250)), "2026-11-01T00:00:00Z");
    }

    #[test]
    fn what_is_no_moment_says_why() {
        let refusal = |text: &str| text.parse::<Moment>().unwrap_err().to_string();
        let example = "write for example 2026-11-01T00:00:00Z, or seconds since 1970";
        for (text, hint) in [
            ("1793491200000", " in seconds (divide milliseconds by 1000)"),
            ("2026-11-01 00:00:00", " with its zone"),
            ("1960-01-01T00:00:00Z", " since 1970"),
            ("-5", ""),
            ("NaN", ""),
            ("noon", ""),
        ] {
            assert_eq!(refusal(text), format!("\"{text}\" is no time{hint}: {example}"));
        }
    }
}
