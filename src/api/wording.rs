//! Thresholds and stages in words, for the status, `check` and the command line.
#![allow(clippy::format_push_string)] // short texts for people, put together once

use super::duration;
use crate::core::guard::{Condition, Guard, Judgement, Signal, Test, Unknown};
use crate::core::plan::Stage;

/// The baseline counts as at least this many attempts per second (design, section 4).
pub const LEAST_BASELINE: f64 = 20.0;

/// The unit of a signal's values.
pub const fn unit(signal: Signal) -> &'static str {
    match signal {
        Signal::ConnectionRate => "/s",
        Signal::ConnectionsOfMax | Signal::FailedConnections => " %",
    }
}

/// Conditions of which any suffices; "never" when there is none.
pub fn any(conditions: &[Condition], signal: Signal) -> String {
    if conditions.is_empty() {
        return "never".into();
    }
    conditions.iter().map(|condition| one(condition, signal)).collect::<Vec<_>>().join(", or ")
}

/// One condition: "above 800/s for 8s of the last 10s".
pub fn one(condition: &Condition, signal: Signal) -> String {
    let unit = unit(signal);
    let test = match condition.test {
        Test::Above(value) => format!("above {value}{unit}"),
        Test::Below(value) => format!("below {value}{unit}"),
        Test::AboveBaseline(factor) => format!("above {factor} x baseline"),
        Test::BelowBaseline(factor) => format!("below {factor} x baseline"),
        Test::Trend(sum) => format!("trend (CUSUM) reaches {sum}"),
        Test::FullWithin(span) => format!("full in {} at this slope", duration::format(span)),
        Test::Failures { percent, per_second } => {
            format!("above {percent} % over its median, and {per_second}/s")
        }
        Test::FailuresBelow { percent } => format!("below {percent} % over its median"),
    };
    let lasting = duration::format(condition.lasting);
    if condition.lasting.is_zero() {
        test
    } else if condition.within == condition.lasting {
        format!("{test} for {lasting}")
    } else {
        format!("{test} for {lasting} of the last {}", duration::format(condition.within))
    }
}

/// The lowest value at which one of `conditions` can hold now; `None` while that is unknown.
pub fn level_now(conditions: &[Condition], baseline: Option<f64>) -> Option<f64> {
    conditions
        .iter()
        .filter_map(|condition| match condition.test {
            Test::Above(value)
            | Test::Below(value)
            | Test::Failures { percent: value, .. }
            | Test::FailuresBelow { percent: value } => Some(value),
            Test::AboveBaseline(factor) | Test::BelowBaseline(factor) => {
                baseline.map(|baseline| factor * baseline.max(LEAST_BASELINE))
            }
            Test::Trend(_) | Test::FullWithin(_) => None,
        })
        .min_by(f64::total_cmp)
}

/// The three thresholds of a guard: pause, rollback, resume.
pub fn thresholds(guard: &Guard) -> [String; 3] {
    [any(&guard.pause, guard.signal), any(&guard.rollback, guard.signal), one(&guard.resume, guard.signal)]
}

/// Why a guard's data says nothing, given how a time is written.
pub fn unknown(judgement: &Judgement, time: impl Fn(crate::core::time::Time) -> String) -> Option<String> {
    Some(match judgement.unknown.as_ref()? {
        Unknown::Stale { since } => format!("no sample since {}", time(*since)),
        Unknown::Down { since, error } => {
            format!("the database does not answer since {}: {error}", time(*since))
        }
        Unknown::Returning { until } => {
            format!("the database came back; its data counts again at {}", time(*until))
        }
        Unknown::Young { until } => {
            format!("watched for too short a time to be clear until {}", time(*until))
        }
        Unknown::Learning { until } => format!("the baseline is being learned until {}", time(*until)),
    })
}

/// A stage in one line: "half: 50 %, in steps of 5 every 5m, soak 24h, needs approval".
pub fn stage(stage: &Stage) -> String {
    let mut text = format!("{}: {} %", stage.name, stage.weight);
    if let Some(ramp) = stage.ramp {
        text += &format!(", in steps of {} every {}", ramp.step, duration::format(ramp.every));
    }
    if !stage.soak.is_zero() || stage.peaks > 0 {
        text += &format!(", soak {}", duration::format(stage.soak));
    }
    match stage.peaks {
        0 => {}
        1 => text += " and a peak",
        peaks => text += &format!(" and {peaks} peaks"),
    }
    if stage.approval {
        text += ", needs approval";
    }
    text
}
