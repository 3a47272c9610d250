use serde_json::json;

use super::*;

const WARM_UP: Duration = Duration::from_mins(1);

/// The wall clock is 5 s ahead.
fn at(second: u64) -> Moment {
    Moment { now: Time::from_millis(1_767_225_600_000 + second * 1000 - 5000), offset: 5000 }
}

/// A pod of `app` that has been ready since a second of the wall clock.
fn pod(name: &str, app: &str, ready: Option<u64>) -> Pod {
    let status = if ready.is_some() { "True" } else { "False" };
    let since =
        Timestamp::from_millisecond(1_767_225_600_000 + i64::try_from(ready.unwrap_or(0)).unwrap() * 1000);
    serde_json::from_value(json!({
        "metadata": {"name": name, "uid": name, "labels": {"app": app, "b": "c"}},
        "status": {"phase": "Running", "conditions": [
            {"type": "Ready", "status": status, "lastTransitionTime": since.unwrap().to_string()},
        ]},
    }))
    .unwrap()
}

/// Ready, warm, and the second at which one more becomes warm.
fn counted(roster: &Roster, second: u64) -> (u32, u32, Option<u64>) {
    let selector = "app=mail".parse().unwrap();
    let (Count { ready, warm }, next) = roster.count(&selector, WARM_UP, at(second).now);
    (ready, warm, next.map(|next| next.since(at(0).now).as_secs()))
}

#[test]
fn a_pod_is_warm_when_it_was_ready_for_the_warm_up() {
    let mut roster = Roster::default();
    let pods = vec![
        pod("a", "mail", Some(100)),
        pod("b", "mail", Some(130)),
        pod("c", "mail", None),
        pod("other", "web", Some(0)),
    ];
    roster.replace(pods, at(140));
    // Their seconds may just have begun, or be almost over.
    assert_eq!(counted(&roster, 160), (2, 0, Some(161)));
    assert_eq!(counted(&roster, 161), (2, 1, Some(191)));
    assert_eq!(counted(&roster, 191), (2, 2, None));
}

#[test]
fn a_pod_that_was_unready_warms_up_anew() {
    let mut roster = Roster::default();
    roster.replace(vec![pod("a", "mail", Some(0))], at(100));
    assert_eq!(counted(&roster, 100), (1, 1, None));
    roster.is(pod("a", "mail", None), at(110));
    assert_eq!(counted(&roster, 110), (0, 0, None));
    roster.is(pod("a", "mail", Some(120)), at(121));
    assert_eq!(counted(&roster, 121), (1, 0, Some(181)));
    // Once more, and nobody saw it.
    roster.is(pod("a", "mail", Some(150)), at(170));
    assert_eq!(counted(&roster, 180), (1, 0, Some(211)));
}

#[test]
fn a_pod_that_terminates_or_is_gone_does_not_count() {
    let mut roster = Roster::default();
    roster.replace(vec![pod("a", "mail", Some(0)), pod("b", "mail", Some(0))], at(100));
    let mut ending = pod("a", "mail", Some(0));
    ending.metadata.deletion_timestamp = serde_json::from_value(json!("2026-01-01T00:02:00Z")).unwrap();
    roster.is(ending, at(120));
    assert_eq!(counted(&roster, 120), (1, 1, None));
    roster.gone("b");
    assert_eq!(counted(&roster, 120), (0, 0, None));
    roster.replace(vec![], at(130));
    assert!(roster.pods.is_empty());
}

#[test]
fn the_clock_of_a_node_makes_no_pod_warm_too_early_nor_never() {
    let mut roster = Roster::default();
    // Behind: it was seen to take no requests at 100.
    roster.is(pod("a", "mail", None), at(100));
    roster.is(pod("a", "mail", Some(10)), at(101));
    assert_eq!(counted(&roster, 101), (1, 0, Some(160)));
    // Ahead: it is ready now, whatever it says.
    roster.is(pod("b", "mail", Some(9000)), at(101));
    assert_eq!(counted(&roster, 101), (2, 0, Some(160)));
    assert_eq!(counted(&roster, 161), (2, 2, None));
    // Told again, nothing changes.
    roster.is(pod("b", "mail", Some(9000)), at(161));
    assert_eq!(counted(&roster, 161), (2, 2, None));
}

#[test]
fn a_pod_made_anew_under_its_name_is_another_one() {
    let mut roster = Roster::default();
    roster.is(pod("a", "mail", None), at(100));
    let mut anew = pod("a", "mail", Some(10));
    anew.metadata.uid = "another".into();
    roster.replace(vec![anew], at(101));
    assert_eq!(counted(&roster, 101), (1, 1, None));
}

#[test]
fn a_change_concerns_the_workload_that_had_the_pod_and_the_one_that_has_it() {
    let mut roster = Roster::default();
    roster.is(pod("a", "mail", Some(0)), at(100));
    let touched = roster.is(pod("a", "web", Some(0)), at(100));
    let concerned = |selector: &str| touched.concerns(&selector.parse().unwrap());
    assert_eq!(["app=mail", "app=web", "app=news"].map(concerned), [true, true, false]);
}
