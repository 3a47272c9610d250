//! Two weeks as an exporter would have left them: two databases, scraped every 15 s.

use crate::stage::prometheus::Metric;

/// 2025-11-01T00:00:00Z: past, whenever the tests run.
pub const BEGIN: u64 = 1_761_955_200;
pub const HOUR: u64 = 3600;
pub const DAY: u64 = 24 * HOUR;

/// The two servers take 100 and 200 attempts a second. Every night at three a job makes it 600 and
/// 400 for two minutes; on the ninth day from noon on there is a surge of 1500 each for ten.
/// On the fourth day from 6:00 on nothing was scraped for an hour.
pub fn history(seconds: u64) -> Vec<Metric> {
    let counter = |normal: f64, job: f64| {
        let mut count = 1e6;
        let mut samples = Vec::new();
        for at in (0..seconds).step_by(15) {
            let clock = at % DAY;
            let surge = at / DAY == 8 && (12 * HOUR..12 * HOUR + 600).contains(&clock);
            count += 15.0
                * match (surge, (3 * HOUR..3 * HOUR + 120).contains(&clock)) {
                    (true, _) => 1500.0,
                    (_, true) => job,
                    _ => normal,
                };
            if !(3 * DAY + 6 * HOUR..3 * DAY + 7 * HOUR).contains(&at) {
                samples.push((BEGIN + at, count));
            }
        }
        samples
    };
    vec![Metric {
        name: "mysql_global_status_connections".into(),
        series: vec![
            (r#"{instance="db-1"}"#.into(), counter(100.0, 600.0)),
            (r#"{instance="db-2"}"#.into(), counter(200.0, 400.0)),
        ],
    }]
}

/// Whether a rate over one minute has no value at that second: it needs two samples in the minute
/// that ends then.
pub fn is_missing(at: u64) -> bool {
    (3 * DAY + 6 * HOUR + 45..3 * DAY + 7 * HOUR + 15).contains(&at)
}
