//! A run's curves as charts.

use super::run::Played;
use crate::api::wording;
use crate::core::guard::{Condition, Signal};
use crate::report::{Chart, Role, Run, Series, Style, Threshold, ThresholdKind};
use crate::sim::recording::{Bucket, Curve, Recording};
use crate::sim::scenario::Scenario;

/// The run's charts. The thresholds are those of `guarded`, the run that has guards, so that both runs show
/// the same lines.
pub fn run(title: &str, scenario: &Scenario, played: &Played, guarded: &Recording) -> Run {
    let recording = &played.recording;
    let scale = Scale { scenario, recording };
    let mut run = Run::new(title, scale.times());
    let several = recording.services.len() > 1;
    for (place, curves) in recording.services.iter().enumerate() {
        let of = if several { format!(" of {}", curves.name) } else { String::new() };
        let chart = |id: &str, title: &str, unit: &str| {
            Chart::new(format!("{id}-{place}"), format!("{title}{of}"), unit)
        };
        run = run
            .chart(
                chart("weight", "Kubernetes' share of the traffic", "%")
                    .series(scale.series("wanted", Role::Intended, Style::Step, &curves.intended))
                    .series(scale.series("as it stands", Role::Weight, Style::Step, &curves.weight)),
            )
            .chart(
                chart("failed", "Requests that fail", "requests/s")
                    .series(scale.series("answered by an error", Role::Failed, Style::Area, &curves.errors))
                    .series(scale.series("given up by users", Role::Other(0), Style::Line, &curves.failed)),
            );
        let sides = [("legacy", "Legacy", Role::Legacy), ("kubernetes", "Kubernetes", Role::Kubernetes)];
        for ((id, title, role), (load, capacity)) in
            sides.into_iter().zip(curves.load.iter().zip(&curves.capacity))
        {
            run = run.chart(
                chart(id, &format!("{title}: load, capacity and the headroom between"), "requests/s")
                    .series(scale.series("capacity", Role::Capacity, Style::Line, capacity))
                    .series(scale.series("load, retries included", role, Style::Band, load)),
            );
        }
        run = run.chart(chart("demand", "Demand", "requests/s").series(scale.series(
            "of users, retries left out",
            Role::Demand,
            Style::Line,
            &curves.demand,
        )));
    }
    let several = recording.databases.len() > 1;
    for (place, curves) in recording.databases.iter().enumerate() {
        let of = if several { format!(" of {}", curves.name) } else { String::new() };
        let mut rate = Chart::new(format!("rate-{place}"), format!("Connects{of}"), "connects/s")
            .series(scale.series("tried", Role::Rate, Style::Line, &curves.rate))
            .series(scale.series("failed", Role::Failed, Style::Area, &curves.failed));
        let mut connections =
            Chart::new(format!("connections-{place}"), format!("Connections{of}"), "connections")
                .series(scale.series("max_connections", Role::Capacity, Style::Step, &curves.maximum))
                .series(scale.series("held", Role::Connections, Style::Line, &curves.connected));
        let setup = scenario.databases.get(place);
        let maximum = setup.map_or(0.0, |setup| f64::from(setup.max_connections));
        for line in thresholds(scenario, guarded, place, Signal::ConnectionRate, 1.0) {
            rate = rate.line(line);
        }
        if let Some(setup) = setup {
            rate = rate.line(Threshold::new("capacity", setup.connects_per_second, ThresholdKind::Limit));
        }
        for line in thresholds(scenario, guarded, place, Signal::ConnectionsOfMax, maximum / 100.0) {
            connections = connections.line(line);
        }
        run = run.chart(rate).chart(connections);
    }
    run
}

/// The thresholds in force at the end, of the first plan that guards that database.
fn thresholds(
    scenario: &Scenario,
    guarded: &Recording,
    database: usize,
    signal: Signal,
    scale: f64,
) -> Vec<Threshold> {
    for (setup, report) in scenario.services.iter().zip(&guarded.reports) {
        let behind = setup.databases.iter().position(|place| *place == database);
        let Some(named) = behind.and_then(|place| setup.plan.databases.get(place)) else { continue };
        let Some(guard) = named.guards.iter().find(|guard| guard.signal == signal) else { continue };
        let reports = report.iter().flat_map(|report| &report.guards);
        let mut mine = reports.filter(|guard| guard.key.database == named.name && guard.key.signal == signal);
        let baseline = mine.find_map(|guard| guard.judgement.baseline);
        let line = |label: &str, conditions: &[Condition], kind| {
            let level = wording::level_now(conditions, baseline)?;
            Some(Threshold::new(label, level * scale, kind))
        };
        return [
            line("pauses", &guard.pause, ThresholdKind::Pause),
            line("retreats", &guard.rollback, ThresholdKind::Rollback),
            line("clears", std::slice::from_ref(&guard.resume), ThresholdKind::Resume),
        ]
        .into_iter()
        .flatten()
        .collect();
    }
    Vec::new()
}

struct Scale<'a> {
    scenario: &'a Scenario,
    recording: &'a Recording,
}

impl Scale<'_> {
    /// Whether a point covers more than one step: then it becomes two, its least and its greatest value.
    fn is_thinned(&self) -> bool {
        self.recording.covers > self.scenario.step
    }

    fn times(&self) -> Vec<f64> {
        let half = self.recording.covers.as_secs_f64() / 2.0;
        let ends = self.recording.times.iter().map(|time| time.since(self.recording.began).as_secs_f64());
        if self.is_thinned() { ends.flat_map(|end| [end - half, end]).collect() } else { ends.collect() }
    }

    fn series(&self, name: &str, role: Role, style: Style, curve: &Curve) -> Series {
        let values: Vec<Option<f64>> = if self.is_thinned() {
            curve.points.iter().flat_map(|bucket| [Some(bucket.least), Some(bucket.most)]).collect()
        } else {
            curve.points.iter().map(Bucket::mean).map(Some).collect()
        };
        Series::new(name, role, style, values)
    }
}
