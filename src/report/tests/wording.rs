use crate::report::Clock;
use crate::report::wording::{figure, measure, time};

#[test]
fn figures_keep_what_counts_of_them() {
    let figures = [0.0, 0.0004, 0.1234, 1.5, 12.345, 99.96, 123.4, 1_610.2, 1_234_567.0, -42.5, -0.000_1];
    assert_eq!(
        figures.map(figure),
        ["0", "0", "0.123", "1.5", "12.3", "100", "123", "1,610", "1,234,567", "−42.5", "0"]
    );
    assert_eq!([measure(50.0, "%"), measure(3.0, "")], ["50 %", "3"]);
}

#[test]
fn times_read_as_what_they_count_from() {
    let since = [0.0, 62.4, 3_661.0, 90_061.0, -5.0, f64::NAN].map(|at| time(Clock::SinceBegin, at));
    assert_eq!(since, ["0:00:00", "0:01:02", "1:01:01", "1d 1:01:01", "−0:00:05", "–"]);
    let unix = [1_736_424_000.0, f64::INFINITY, 1e300].map(|at| time(Clock::Unix, at));
    assert_eq!(unix, ["2025-01-09 12:00:00", "–", "–"]);
}
