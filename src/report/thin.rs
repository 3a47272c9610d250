//! Long runs made short: no more points than a screen shows, and no spike lost.

use super::{Chart, Run, Series};

/// How many points of a curve a page keeps: about two for each pixel of a wide chart.
pub const POINTS: usize = 2_000;

/// The same run with at most `points` times (an even number, at least 2).
///
/// Samples that follow each other make a bucket. Of each curve a bucket keeps the least and the
/// greatest value, in the order in which they came, at the bucket's first and last time: what peaks
/// stays as high as it was, and moves by less than a bucket. A gap stays where it fills a bucket.
/// Times that do not rise are left out, values that are no numbers become gaps.
#[must_use]
pub fn thin(run: &Run, points: usize) -> Run {
    let kept = rising(&run.times);
    let pairs = (points / 2).max(1);
    let size = if kept.len() <= pairs * 2 { 1 } else { kept.len().div_ceil(pairs) };
    let buckets: Vec<&[usize]> = kept.chunks(size).collect();
    let times = buckets.iter().flat_map(|bucket| ends(bucket)).map(|at| run.times[at]).collect();
    let charts = run.charts.iter().map(|chart| Chart {
        series: chart.series.iter().map(|series| thin_series(series, &buckets)).collect(),
        ..chart.clone_head()
    });
    Run { title: run.title.clone(), times, charts: charts.collect(), marks: run.marks.clone() }
}

/// The places of the times that are later than all before them.
fn rising(times: &[f64]) -> Vec<usize> {
    let mut last = f64::NEG_INFINITY;
    let mut kept = Vec::with_capacity(times.len());
    for (at, &time) in times.iter().enumerate() {
        if time.is_finite() && time > last {
            last = time;
            kept.push(at);
        }
    }
    kept
}

/// The first and the last of a bucket, once if they are the same.
fn ends(bucket: &[usize]) -> impl Iterator<Item = usize> + use<> {
    let first = bucket.first().copied();
    let last = bucket.last().copied().filter(|_| bucket.len() > 1);
    first.into_iter().chain(last)
}

fn thin_series(series: &Series, buckets: &[&[usize]]) -> Series {
    let mut values = Vec::with_capacity(buckets.len() * 2);
    for bucket in buckets {
        let (first, second) = extremes(&series.values, bucket);
        values.push(first);
        if bucket.len() > 1 {
            values.push(second);
        }
    }
    Series { name: series.name.clone(), role: series.role, style: series.style, values }
}

/// The least and the greatest value of a bucket, in order of time.
fn extremes(values: &[Option<f64>], bucket: &[usize]) -> (Option<f64>, Option<f64>) {
    let mut low: Option<(usize, f64)> = None;
    let mut high = low;
    for &at in bucket {
        let Some(value) = values.get(at).copied().flatten().filter(|v| v.is_finite()) else { continue };
        if low.is_none_or(|(_, least)| value < least) {
            low = Some((at, value));
        }
        if high.is_none_or(|(_, greatest)| value > greatest) {
            high = Some((at, value));
        }
    }
    match (low, high) {
        (Some((low_at, low)), Some((high_at, high))) if high_at < low_at => (Some(high), Some(low)),
        (low, high) => (low.map(|(_, v)| v), high.map(|(_, v)| v)),
    }
}
