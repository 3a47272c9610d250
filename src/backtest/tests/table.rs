//! CSV files, right and wrong.

use std::time::Duration;

use super::{ABSOLUTE, BEGIN, database, half, plan, second};
use crate::backtest::record::{Record, Row};
use crate::backtest::replay::Scene;
use crate::backtest::table::read;
use crate::core::guard::Signal;

fn refusal(text: &str) -> String {
    read(text.as_bytes()).unwrap_err().to_string()
}

#[test]
fn rates_are_read_and_empty_cells_are_unknown() {
    let text = "\u{feff}time, connection_rate ,connections_of_max,failed_rate\n\
        2026-11-01T00:00:00Z,100,50,\n\
        1793491201.5,NaN,,\n\
        1793491202,90,101,4.5\n";
    let record = read(text.as_bytes()).unwrap();
    let rows = [
        Row::new(second(0), Some(100.0), Some(50.0), None),
        Row::new(second(2), Some(90.0), Some(100.0), Some(4.5)),
    ];
    assert_eq!(format!("{:?}", record.rows()), format!("{rows:?}"));
    assert_eq!(record.rows()[1].value(Signal::FailedConnections), Some(5.0));
    assert_eq!(record.step(), Duration::from_secs(2));
}

#[test]
fn a_header_that_is_not_understood_says_how_to_rename_it() {
    for (header, error) in [
        (
            "\"Time\",\"Value\"",
            "column 1 is called \"Time\": call it time, if that is what it holds, or leave it out",
        ),
        (
            "time,Value",
            "column 2 is called \"Value\": call it connection_rate, if that is what it holds, or leave it out",
        ),
        (
            "time,Aborted_connects",
            "column 2 is called \"Aborted_connects\": call it failed, if that is what it holds, or leave it out",
        ),
        ("time;value", "column 1 is called \"time;value\": separate the columns by commas"),
        (
            "time,instance",
            "column 2 is called \"instance\": rename it or leave it out; known are time, connection_rate, connections_of_max, failed_rate, attempts, refused, failed, connected, maximum, uptime",
        ),
        ("time,time", "column 2 is called \"time\": it stands twice: keep one"),
        (
            "connection_rate",
            "there is no column `time`: the first line names the columns, see `crossfade backtest --help`",
        ),
        ("time", "there is nothing but the time: give connection_rate, or the counter attempts"),
        (
            "time,failed_rate",
            "failed_rate needs connection_rate: failures are judged in percent of the attempts",
        ),
        ("time,uptime", "the counters need `attempts` (MySQL's Connections)"),
        ("time,attempts,connected", "connected and maximum go together"),
        (
            "time,attempts,connection_rate",
            "rates and counters stand side by side: give connection_rate, connections_of_max and failed_rate, or attempts and the other counters",
        ),
    ] {
        assert_eq!(refusal(&format!("{header}\n1,2\n")), error, "{header}");
    }
}

#[test]
fn a_wrong_line_is_named_with_its_column_and_what_to_do() {
    let wrong =
        |lines: &str| refusal(&format!("time,connection_rate,connections_of_max\n100,1,1\n{lines}\n"));
    for (lines, error) in [
        (
            "101,one,1",
            "line 3, column 2 (connection_rate): \"one\" is no number from 0 up: correct it, or leave the cell empty if it is unknown",
        ),
        (
            "101,-1,1",
            "line 3, column 2 (connection_rate): \"-1\" is no number from 0 up: correct it, or leave the cell empty if it is unknown",
        ),
        (
            "101,+Inf,1",
            "line 3, column 2 (connection_rate): \"+Inf\" is no number from 0 up: correct it, or leave the cell empty if it is unknown",
        ),
        (
            "101,1,400",
            "line 3, column 3 (connections_of_max): it is a percentage: for a number of connections use the counters connected and maximum",
        ),
        ("101,1", "line 3 has 2 cells, the header 3: give each line as many, empty ones for what is unknown"),
        (
            "soon,1,1",
            "line 3, column 1 (time): \"soon\" is no time: write for example 2026-11-01T00:00:00Z, or seconds since 1970",
        ),
        (
            "1793491200000,1,1",
            "line 3, column 1 (time): \"1793491200000\" is no time in seconds (divide milliseconds by 1000): write for example 2026-11-01T00:00:00Z, or seconds since 1970",
        ),
        (
            "101,1,1\n101,2,1",
            "line 4, column 1 (time): it does not come after the line before: sort the lines, and keep one of each time",
        ),
        (
            "99,1,1",
            "line 3, column 1 (time): it does not come after the line before: sort the lines, and keep one of each time",
        ),
        ("", "the record has 1 samples; at least 2 are needed"),
        (
            "3700,1,1",
            "the record has a sample every 3600s: guards look at seconds, take one with at most 300s between them",
        ),
    ] {
        assert_eq!(wrong(lines), error, "{lines}");
    }
}

/// Counters, one line a second; `line` gives `attempts,refused,failed,connected,maximum` or nothing.
fn counters(seconds: u64, line: impl Fn(u64) -> String) -> Record {
    let mut text = "time,attempts,refused,failed,connected,maximum\n".to_owned();
    for at in 0..seconds {
        text += &format!("{},{}\n", BEGIN + at, line(at));
    }
    read(text.as_bytes()).unwrap()
}

#[test]
fn counters_become_the_rates_that_the_meter_makes_of_them() {
    // Ten attempts a second, of which five refused; two of the ten fail in all.
    let record = counters(10, |at| format!("{},{},{},380,400", 5 * at, 5 * at, 2 * at));
    let row = &record.rows()[5];
    let values = Signal::ALL.map(|signal| row.value(signal));
    assert_eq!(values, [Some(10.0), Some(95.0), Some(20.0)]);
    // 95 % of the maximum: a low rate proves nothing (R6).
    assert_eq!(format!("{:?}", row.observation()).matches("saturated: true").count(), 1);
}

#[test]
fn the_storm_after_a_restart_is_no_alarm() {
    // 300/s; at 1000 the server restarts, its clients come back at 3000/s for 30 s.
    let attempts = |at: u64| match at {
        ..1000 => 1_000_000 + 300 * at,
        1000..1030 => 3000 * (at - 1000),
        _ => 90_000 + 300 * (at - 1030),
    };
    let record = counters(3000, |at| format!("{},0,0,100,400", attempts(at)));
    let plan = plan(ABSOLUTE);
    assert_eq!(record.restarts(), 1);
    assert_eq!(Scene::new(&plan, database(&plan), half(), &record).replay(&record).trips, []);
    // The same storm without a restart is one.
    let record =
        counters(3000, |at| format!("{},0,0,100,400", attempts(at) + if at < 1000 { 0 } else { 1_300_000 }));
    assert_eq!(record.restarts(), 0);
    assert_eq!(Scene::new(&plan, database(&plan), half(), &record).replay(&record).trips.len(), 1);
}

#[test]
fn a_counter_that_was_reset_alone_gives_no_rate_at_that_moment() {
    let record =
        counters(10, |at| format!("{},0,{},100,400", 100 * at, if at < 5 { 1000 + at } else { at - 5 }));
    let failed: Vec<_> = record.rows().iter().map(|row| row.value(Signal::FailedConnections)).collect();
    assert_eq!(failed[5], None);
    assert_eq!(failed[4], Some(1.0));
    assert_eq!(failed[6], Some(1.0));
    assert_eq!(record.rows()[5].connection_rate(), Some(100.0));
}

#[test]
fn a_guard_without_data_is_left_out_rather_than_clear() {
    let record =
        read(format!("time,attempts\n{BEGIN},1\n{},2\n{},3\n", BEGIN + 1, BEGIN + 2).as_bytes()).unwrap();
    let has = Signal::ALL.map(|signal| record.has(signal));
    assert_eq!(has, [true, false, false]);
    let plan = plan(ABSOLUTE);
    let scene = Scene::new(&plan, database(&plan), half(), &record);
    let guards: Vec<_> = scene.database().unwrap().guards.iter().map(|guard| guard.signal).collect();
    assert_eq!(guards, [Signal::ConnectionRate]);
}
