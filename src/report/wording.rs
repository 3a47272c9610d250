//! Figures and times as a person reads them. `assets/page.js` words them alike.

use jiff::Timestamp;

use super::Clock;

/// A time by the page's clock, to the second.
pub fn time(clock: Clock, at: f64) -> String {
    if !at.is_finite() {
        return "–".to_owned();
    }
    #[allow(clippy::cast_possible_truncation)] // `as` saturates, and such times are refused below
    let seconds = at.round() as i64;
    match clock {
        Clock::SinceBegin => since_begin(seconds),
        Clock::Unix => Timestamp::from_second(seconds)
            .map_or_else(|_| "–".to_owned(), |time| time.strftime("%Y-%m-%d %H:%M:%S").to_string()),
    }
}

fn since_begin(seconds: i64) -> String {
    let sign = if seconds < 0 { "−" } else { "" };
    let all = seconds.unsigned_abs();
    let (days, hours, minutes, seconds) = (all / 86_400, all / 3_600 % 24, all / 60 % 60, all % 60);
    if days > 0 {
        format!("{sign}{days}d {hours}:{minutes:02}:{seconds:02}")
    } else {
        format!("{sign}{hours}:{minutes:02}:{seconds:02}")
    }
}

/// A figure with at least three digits that count, thousands apart, no idle zeros.
pub fn figure(value: f64) -> String {
    let size = value.abs();
    let decimals = if size >= 100.0 {
        0
    } else if size >= 10.0 {
        1
    } else if size >= 1.0 {
        2
    } else {
        3
    };
    let rounded = format!("{size:.decimals$}");
    let (whole, fraction) = rounded.split_once('.').unwrap_or((&rounded, ""));
    let mut out = String::new();
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at) % 3 == 0 {
            out.push(',');
        }
        out.push(digit);
    }
    let fraction = fraction.trim_end_matches('0');
    if !fraction.is_empty() {
        out = format!("{out}.{fraction}");
    }
    if value < 0.0 && out != "0" { format!("−{out}") } else { out }
}

/// A figure with its unit: `50 %`, `1,610 connects/s`.
pub fn measure(value: f64, unit: &str) -> String {
    let figure = figure(value);
    if unit.is_empty() { figure } else { format!("{figure} {unit}") }
}
