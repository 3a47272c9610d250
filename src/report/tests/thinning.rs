use proptest::prelude::*;

use crate::report::thin::thin;
use crate::report::{Chart, Role, Run, Series};

fn run(times: Vec<f64>, curves: Vec<Vec<Option<f64>>>) -> Run {
    let chart = curves.into_iter().fold(Chart::new("a", "A", ""), |chart, values| {
        chart.series(Series::line("curve", Role::Rate, values))
    });
    Run::new("run", times).chart(chart)
}

fn curves(run: &Run) -> Vec<Vec<Option<f64>>> {
    run.charts[0].series.iter().map(|series| series.values.clone()).collect()
}

#[test]
fn a_short_run_stays_as_it_is() {
    let short = run(vec![0.0, 1.0, 2.0], vec![vec![Some(1.0), None, Some(3.0)]]);
    assert_eq!(thin(&short, 4), short);
}

#[test]
fn a_bucket_keeps_its_extremes_in_order_of_time() {
    let values = [5.0, 9.0, 1.0, 5.0, 2.0, 1.0, 7.0, 3.0].map(Some).to_vec();
    let thinned = thin(&run((0..8).map(f64::from).collect(), vec![values]), 4);
    assert_eq!(thinned.times, [0.0, 3.0, 4.0, 7.0]);
    assert_eq!(curves(&thinned), [[Some(9.0), Some(1.0), Some(1.0), Some(7.0)]]);
}

#[test]
fn a_gap_as_long_as_a_bucket_stays() {
    let values = vec![Some(1.0), Some(2.0), None, None, None, None, Some(3.0), Some(4.0)];
    let thinned = thin(&run((0..8).map(f64::from).collect(), vec![values]), 8);
    assert_eq!(curves(&thinned)[0][2..6], [None; 4]);
    let coarse = thin(&thinned, 4);
    assert_eq!(curves(&coarse), [[Some(1.0), Some(2.0), Some(3.0), Some(4.0)]]);
}

#[test]
fn what_is_no_number_is_a_gap_and_a_time_that_does_not_rise_is_left_out() {
    let values = vec![Some(f64::NAN), Some(1.0), Some(2.0), Some(f64::INFINITY), Some(4.0), Some(5.0)];
    let messy = run(vec![0.0, 1.0, 1.0, 2.0, f64::NAN, 3.0], vec![values, vec![Some(8.0)]]);
    let thinned = thin(&messy, 100);
    assert_eq!(thinned.times, [0.0, 1.0, 2.0, 3.0]);
    assert_eq!(curves(&thinned), [[None, Some(1.0), None, Some(5.0)], [Some(8.0), None, None, None]]);
}

fn extremes(values: &[Option<f64>]) -> Option<(f64, f64)> {
    let seen = values.iter().copied().flatten().filter(|value| value.is_finite());
    seen.fold(None, |seen, value| {
        let (low, high) = seen.unwrap_or((value, value));
        Some((value.min(low), value.max(high)))
    })
}

proptest! {
    #[test]
    fn no_spike_is_lost_and_none_moves_further_than_a_bucket(
        values in prop::collection::vec(
            prop::option::weighted(0.9, prop_oneof![-10.0..10.0, Just(1e6), Just(-1e6), Just(f64::NAN)]),
            1..600,
        ),
        step in prop::sample::select(vec![0.1, 1.0, 60.0]),
        points in 1_usize..40,
    ) {
        let times: Vec<f64> = (0_u32..).map(|at| f64::from(at) * step).take(values.len()).collect();
        let thinned = thin(&run(times.clone(), vec![values.clone()]), points);
        prop_assert!(thinned.times.len() <= points.max(2));
        prop_assert!(thinned.times.is_sorted_by(|one, other| one < other));
        prop_assert_eq!(thinned.times.first(), times.first());
        prop_assert_eq!(thinned.times.last(), times.last());
        let kept = &curves(&thinned)[0];
        prop_assert_eq!(kept.len(), thinned.times.len());
        prop_assert_eq!(extremes(kept), extremes(&values));
        // Whatever stretch of the run one looks at, widened by a bucket its peak is there.
        let bucket = values.len().div_ceil((points / 2).max(1)) as f64 * step;
        for (at, window) in values.chunks(7).enumerate() {
            let Some((low, high)) = extremes(window) else { continue };
            let from = times[at * 7] - bucket;
            let to = times[at * 7 + window.len() - 1] + bucket;
            let near: Vec<_> = thinned.times.iter().zip(kept)
                .filter(|(time, _)| (from..=to).contains(*time)).map(|(_, value)| *value).collect();
            let (least, greatest) = extremes(&near).unwrap_or((f64::INFINITY, f64::NEG_INFINITY));
            prop_assert!(least <= low && high <= greatest, "{low} to {high} became {least} to {greatest}");
        }
    }
}
