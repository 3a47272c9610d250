//! The small words of scenario files: times, shares, names of sides.

use std::fmt;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::api::{duration, wall};
use crate::core::time::Time;
use crate::sim::scenario::{MONDAY, Which};

macro_rules! text {
    ($name:ident, $pattern:expr, $parse:path) => {
        impl JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn inline_schema() -> bool {
                true
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({"type": "string", "pattern": $pattern})
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                $parse(&text).ok_or_else(|| D::Error::custom(format!("\"{text}\" is not understood")))
            }
        }
    };
}

/// A duration such as `90s`, `5m` or `1h30m`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(pub Duration);

text!(Span, "^([0-9]{1,5}(h|m|s|ms)){1,4}$", span);

fn span(text: &str) -> Option<Span> {
    duration::parse(text).ok().map(Span)
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&duration::format(self.0))
    }
}

impl Span {
    /// So many seconds.
    pub const fn seconds(seconds: u64) -> Self {
        Self(Duration::from_secs(seconds))
    }

    /// Whether it is no time at all.
    pub const fn is_zero(&self) -> bool {
        self.0.is_zero()
    }
}

/// A moment of a run: `end`, or a time after the begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// The end of the run.
    End,
    /// So long after the begin.
    After(Duration),
}

text!(Moment, "^(end|([0-9]{1,5}(h|m|s|ms)){1,4})$", moment);

fn moment(text: &str) -> Option<Moment> {
    if text == "end" { Some(Moment::End) } else { span(text).map(|span| Moment::After(span.0)) }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::End => f.write_str("end"),
            Self::After(after) => Span(*after).fmt(f),
        }
    }
}

/// A share in percent: `0.5%`.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Percent(pub f64);

text!(Percent, r"^[0-9]{1,3}(\.[0-9]{1,6})? ?%$", percent);

fn percent(text: &str) -> Option<Percent> {
    text.strip_suffix('%')?.trim_end().parse().ok().map(Percent)
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}%", self.0)
    }
}

/// When a run begins: a weekday with its time (`Monday 10:00`), or a date with its time
/// (`2025-01-09T10:00:00Z`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Begin(pub Time);

text!(
    Begin,
    "^((Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day ([01][0-9]|2[0-3]):[0-5][0-9]|[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]{8,12}Z)$",
    begin
);

const WEEKDAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
const MINUTES_PER_DAY: u64 = 24 * 60;

fn begin(text: &str) -> Option<Begin> {
    if let Some((day, time)) = text.split_once(' ') {
        let day = WEEKDAYS.iter().position(|name| *name == day)? as u64;
        let (hour, minute) = time.split_once(':')?;
        let minutes = day * MINUTES_PER_DAY + hour.parse::<u64>().ok()? * 60 + minute.parse::<u64>().ok()?;
        return Some(Begin(MONDAY + Duration::from_mins(minutes)));
    }
    wall::read(text, 0).map(Begin)
}

impl Begin {
    /// Monday, ten o'clock.
    pub const MONDAY_MORNING: Self = Self(Time::from_millis(MONDAY.as_millis() + 10 * 3_600_000));
}

impl fmt::Display for Begin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let since = self.0.as_millis().checked_sub(MONDAY.as_millis());
        let minutes = since.filter(|since| since % 60_000 == 0).map(|since| since / 60_000);
        let day = minutes.and_then(|minutes| {
            WEEKDAYS.get(usize::try_from(minutes / MINUTES_PER_DAY).ok()?).map(|day| (minutes, day))
        });
        match day {
            Some((minutes, day)) => write!(f, "{day} {:02}:{:02}", minutes / 60 % 24, minutes % 60),
            None => f.write_str(&wall::write(self.0, 0)),
        }
    }
}

/// One side of a service.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub enum Side {
    /// The old servers.
    Legacy,
    /// The pods.
    Kubernetes,
}

/// One side of a service, or both.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub enum Sides {
    /// The old servers.
    Legacy,
    /// The pods.
    Kubernetes,
    /// Both.
    Both,
}

impl From<Side> for Which {
    fn from(side: Side) -> Self {
        match side {
            Side::Legacy => Self::Legacy,
            Side::Kubernetes => Self::Kubernetes,
        }
    }
}

impl From<Which> for Side {
    fn from(which: Which) -> Self {
        match which {
            Which::Legacy => Self::Legacy,
            Which::Kubernetes => Self::Kubernetes,
        }
    }
}

impl Sides {
    /// The sides that are meant.
    pub fn each(self) -> &'static [Which] {
        match self {
            Self::Legacy => &[Which::Legacy],
            Self::Kubernetes => &[Which::Kubernetes],
            Self::Both => &[Which::Legacy, Which::Kubernetes],
        }
    }
}

impl From<Which> for Sides {
    fn from(which: Which) -> Self {
        match which {
            Which::Legacy => Self::Legacy,
            Which::Kubernetes => Self::Kubernetes,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        for text in ["Monday 00:00", "Sunday 23:59", "2025-01-13T00:00:00.000Z", "2024-12-31T10:00:00.250Z"] {
            assert_eq!(begin(text).map(|begin| begin.to_string()).as_deref(), Some(text));
        }
        assert_eq!(begin("Monday 10:00"), Some(Begin::MONDAY_MORNING));
        assert_eq!(begin("Moonday 10:00"), None);
        for text in ["end", "1h30m", "0s"] {
            assert_eq!(moment(text).map(|moment| moment.to_string()).as_deref(), Some(text));
        }
        assert_eq!(percent("0.5%"), Some(Percent(0.5)));
        assert_eq!(percent("0.5"), None);
    }
}
