//! Balance: the weight moves about the stage's while one side is short of its headroom and the other is not.

use std::time::Duration;

use crossfade_core::action::Action;
use crossfade_core::capacity::{Balance, Figure, Kubernetes, Takeover, Workload};
use crossfade_core::guard::Level;
use crossfade_core::plan::Ramp;
use crossfade_core::reason::Reason;
use crossfade_core::report::{self, Phase};
use crossfade_core::route::{Outcome, Purpose};
use crossfade_core::state::Halt;
use crossfade_core::weight::Weight;
use proptest::prelude::*;

use crate::build::{
    Case, NOW, ago, capacity, declared, minutes, percent, rate, reading, seconds, standing_at, told,
};

/// At 50, soaking, asked for 1,000 requests a second; legacy can carry so many hundreds, and Kubernetes too.
/// 20 % of each must stay unused; nothing is promised. Moves within 10 points, at most each ten minutes.
fn between(legacy: f64, kubernetes: f64) -> Case {
    standing_at(50).but(|case| {
        case.plan.capacity = capacity(declared(1_000.0), declared(legacy * 100.0));
        let workload = Workload {
            name: "pods".into(),
            requests_per_second_per_pod: 100.0,
            connections_per_pod: None,
            warm_up: seconds(60),
            max_replicas: 100,
            floor: false,
        };
        case.plan.capacity.kubernetes = Some(Kubernetes { workloads: vec![workload], headroom: 0.2 });
        case.plan.capacity.demand.as_mut().unwrap().surge_factor = 1.0;
        case.plan.capacity.takeover = Takeover { legacy: 0.0, kubernetes: 0.0 };
        case.plan.capacity.balance = Some(Balance { max_shift: percent(10), every: minutes(10) });
        case.seen.figures.measured.insert(Figure::Pods(0), (NOW, kubernetes));
    })
}

/// The same, moved by so many hundredths before.
fn moved(case: Case, shift: i16) -> Case {
    case.but(|case| {
        case.state.shift = shift;
        let hundredths = u16::try_from(5_000 + shift).unwrap();
        stand(case, Weight::from_hundredths(hundredths));
    })
}

/// All instances were set to `weight`, and stand there.
fn stand(case: &mut Case, weight: Weight) {
    case.state.intended = Some(weight);
    for instance in 0..case.seen.instances.len() {
        let key = case.seen.instances[instance].key.clone();
        case.order(instance, 0, Purpose::Raise, Outcome::Done(reading(weight)));
        case.seen.instances[instance].order.as_mut().unwrap().weight = weight;
        case.seen.instances[instance].reading = Some((case.now, reading(weight)));
        case.state.volatile.remembered.insert(key.clone(), case.state.volatile.orders);
        case.state.volatile.ours.insert(key, reading(weight));
    }
}

/// Where the weight, or a raise that is being recorded, goes, and how far that is from the stage's.
fn goes(case: &Case) -> (f64, i16) {
    let state = case.decide().state;
    let to = state.raise.map_or(state.intended, |raise| Some(raise.to));
    (to.unwrap().percent(), state.shift)
}

const STAYS: (f64, i16) = (50.0, 0);

/// What stands against a move, and why.
type Stands = (&'static str, fn(&mut Case));

#[test]
fn the_side_that_is_short_gives_what_relieves_it_and_fits_the_other() {
    for (legacy, kubernetes, to) in [
        (10.0, 10.0, STAYS),
        // Kubernetes keeps its fifth at 48 %.
        (10.0, 6.0, (48.0, -200)),
        (10.0, 6.26, STAYS),
        // Less than a point is not worth a move.
        (10.0, 6.13, STAYS),
        (10.0, 6.12, (48.96, -104)),
        // ... and may go no further than ten points,
        (10.0, 1.0, (40.0, -1_000)),
        // nor so far that legacy loses its own: at 45 %.
        (6.875, 5.0, (45.0, -500)),
        // Both are short.
        (6.0, 6.0, STAYS),
        // Legacy keeps its fifth at 52 %.
        (6.0, 10.0, (52.0, 200)),
        (5.0, 20.0, STAYS),
        (5.5, 20.0, (56.0, 600)),
    ] {
        assert_eq!(goes(&between(legacy, kubernetes)), to, "{legacy} {kubernetes}");
    }
}

#[test]
fn pods_are_promised_for_the_next_step_of_a_rise_that_only_capacity_stands_against() {
    let promised = |legacy, change: fn(&mut Case)| {
        let case = between(legacy, 10.0).but(|case| {
            let workload = &mut case.plan.capacity.kubernetes.as_mut().unwrap().workloads[0];
            (workload.requests_per_second_per_pod, workload.max_replicas, workload.floor) =
                (10.0, 1_000, true);
            case.seen.figures.measured.insert(Figure::Pods(0), (NOW, 100.0));
        });
        case.but(change).decide().state.floors["pods"]
    };
    // At 50 %: 500 / 0.8, in pods of 10, and one more; and at 52 %.
    assert_eq!((promised(10.0, |_| ()), promised(6.0, |_| ())), (64, 66));
    assert_eq!(promised(6.0, |case| case.plan.paused = true), 64);
    let by_points = |case: &mut Case| {
        case.plan.stages[2].ramp = Some(Ramp { step: percent(1), every: minutes(1) });
    };
    assert_eq!(promised(6.0, by_points), 65);
}

#[test]
fn a_rise_asks_for_all_that_a_raise_does() {
    let short = || between(6.0, 10.0);
    assert_eq!(goes(&short()), (52.0, 200));
    let stands: [Stands; 12] = [
        ("paused", |case| case.plan.paused = true),
        ("held", |case| case.seen.wishes.hold = Some("lunch".into())),
        ("cooldown", |case| case.state.cooldown_until = Some(NOW + seconds(1))),
        ("another plan raises", |case| case.seen.others_raising = Some("other".into())),
        ("the newest spec is not accepted", |case| {
            case.seen.rejected = Some((Reason::InvalidSpec, String::new()));
        }),
        ("drift", |case| {
            case.state.halt = Some(Halt { reason: Reason::Drift, message: String::new(), since: NOW });
        }),
        ("an instance fails", |case| case.seen.instances[0].failing = Some((NOW, "refused".into()))),
        ("legacy promised more", |case| case.plan.capacity.takeover.legacy = 0.5),
        ("Kubernetes promised more", |case| case.plan.capacity.takeover.kubernetes = 1.0),
        ("no surge fits", |case| case.plan.capacity.demand.as_mut().unwrap().surge_factor = 2.0),
        ("nobody knows Kubernetes", |case| case.seen.figures.measured.clear()),
        ("data is unknown", |case| {
            case.seen.judgements[0].1.unknown = Some(crossfade_core::guard::Unknown::Stale { since: NOW });
        }),
    ];
    for (why, change) in stands {
        assert_eq!(goes(&short().but(change)), STAYS, "{why}");
    }
    let tripped = short().at_level(&rate(), Level::Pause);
    assert_eq!(goes(&tripped.but(|case| case.seen.judgements[0].1.resume = false)), STAYS);
    // It is recorded first, and read back.
    let decision = short().decide();
    assert!(decision.actions.iter().all(|action| !matches!(action, Action::Write { .. })));
    let mut risen = short().but(|case| case.state = decision.state);
    risen.state = risen.decide().state;
    assert_eq!((risen.state.intended, risen.state.shift), (Some(percent(52)), 200));
    stand(&mut risen, percent(52));
    let state = risen.decide().state;
    assert_eq!((state.raise, state.shift), (None, 200));
    assert_eq!(
        state.history.back().map(|step| (step.to, step.reason)),
        Some((percent(52), Reason::Balancing))
    );
    // A stage that is done and waits for a person is balanced too.
    let waits = short().soaked().but(|case| case.plan.stages[3].approval = true);
    assert_eq!(goes(&waits), (52.0, 200));
    // Broken off: it is not tried again for its own sake.
    let broken = short().but(|case| {
        (case.state.shift, case.plan.capacity.legacy) = (200, between(9.0, 9.0).plan.capacity.legacy);
    });
    assert_eq!(goes(&broken), STAYS);
}

#[test]
fn a_fall_goes_as_far_as_it_fits_and_waits_for_no_cooldown() {
    let short = || between(10.0, 1.0).but(|case| case.state.volatile.soak_counted_to = Some(NOW));
    let stands: [Stands; 6] = [
        ("paused", |case| case.plan.paused = true),
        ("held", |case| case.seen.wishes.hold = Some("lunch".into())),
        ("legacy promised more", |case| case.plan.capacity.takeover.legacy = 1.0),
        ("an instance fails", |case| case.seen.instances[0].failing = Some((NOW, "refused".into()))),
        ("the load balancers give a pool that lost servers less by themselves", |case| {
            for seen in &mut case.seen.instances {
                let fewer = crossfade_core::route::Reading {
                    kubernetes_up: 2,
                    weight: percent(33),
                    ..reading(percent(50))
                };
                seen.reading = Some((NOW, fewer));
            }
        }),
        ("a guard is tripped", |case| {
            *case = case.clone().at_level(&rate(), Level::Pause);
            case.seen.judgements[0].1.resume = false;
        }),
    ];
    for (why, change) in stands {
        assert_eq!(goes(&short().but(change)), STAYS, "{why}");
    }
    assert_eq!(goes(&short().but(|case| case.state.cooldown_until = Some(NOW + seconds(1)))), (40.0, -1_000));
    assert_eq!(goes(&short().but(|case| case.plan.rollback.max_step = percent(4))), (46.0, -400));
    let decision = short().decide();
    assert_eq!(crate::build::writes(&decision.actions).len(), 2, "towards safety: act, then record");
    assert_eq!(told(&decision.actions)[0], Reason::Balancing);
    assert_eq!(decision.state.history.back().map(|step| step.reason), Some(Reason::Balancing));
    assert_eq!((decision.state.stage, decision.state.cooldown_until), (Some(2), None), "no retreat");
    let again = short().but(|case| case.state = decision.state);
    let again = again.decide().actions;
    assert!(
        again.iter().all(|action| matches!(action, Action::Write { .. })),
        "nothing new to say: {again:?}"
    );
}

#[test]
fn it_moves_at_most_once_in_its_time_and_off_means_never() {
    let since = |span: Duration| between(10.0, 6.0).but(|case| case.state.last_step = Some(ago(span)));
    assert_eq!(goes(&since(minutes(10))), (48.0, -200));
    assert_eq!(goes(&since(Duration::from_millis(599_999))), STAYS);
    assert_eq!(goes(&between(10.0, 6.0).but(|case| case.plan.capacity.balance = None)), STAYS);
}

#[test]
fn a_rise_waits_for_the_stage_s_ramp_too() {
    let ramp = |every| {
        between(6.0, 10.0).but(|case| {
            case.state.last_step = Some(ago(minutes(20)));
            case.plan.stages[2].ramp = Some(Ramp { step: percent(1), every: minutes(every) });
        })
    };
    assert_eq!((goes(&ramp(21)), goes(&ramp(20))), (STAYS, (51.0, 200)));
}

#[test]
fn a_stage_that_begins_below_what_was_moved_begins_at_its_own_weight() {
    let waits = moved(between(10.0, 20.0), 200).soaked().but(|case| {
        case.state.last_step = Some(ago(minutes(1)));
        case.plan.stages[3].ramp = Some(Ramp { step: percent(5), every: minutes(60) });
    });
    let state = waits.decide().state;
    assert_eq!((state.stage, state.shift, state.raise), (Some(3), 0, None));
}

#[test]
fn what_was_moved_above_its_stage_walks_back_to_a_lowered_target() {
    let lowered = moved(between(10.0, 20.0), 200).but(|case| case.plan.target_stage = Some("tenth".into()));
    assert_eq!(lowered.decide().state.intended, Some(percent(27)));
}

#[test]
fn what_stands_where_it_was_moved_is_not_recorded_again() {
    let mut moved = moved(between(6.3, 10.0), 200);
    moved.state = moved.decide().state;
    assert_eq!(moved.decide().actions, []);
}

#[test]
fn it_comes_back_when_both_have_room_with_something_to_spare() {
    assert_eq!(goes(&moved(between(10.0, 6.5), -200)), (48.0, -200), "not enough to stay");
    assert_eq!(goes(&moved(between(10.0, 6.58), -200)), (50.0, 0));
    assert_eq!(goes(&moved(between(6.5, 10.0), 200)), (52.0, 200));
    assert_eq!(goes(&moved(between(6.58, 10.0), 200)), (50.0, 0));
    let small = moved(between(10.0, 10.0), -20);
    assert_eq!(goes(&small), (50.0, 0), "a small step back is one");
    // Switched off, or allowed less: back, as it fits.
    let off = |shift| moved(between(10.0, 10.0), shift).but(|case| case.plan.capacity.balance = None);
    assert_eq!((goes(&off(200)), goes(&off(-200))), (STAYS, STAYS));
    let less = moved(between(10.0, 1.0), -800).but(|case| {
        case.plan.capacity.balance = Some(Balance { max_shift: percent(5), every: minutes(10) });
    });
    assert_eq!(goes(&less), (42.0, -800), "a way back that R1 forbids");
}

#[test]
fn the_clock_stands_below_the_stage_s_weight_and_runs_above() {
    let soaking = |shift| {
        let sides = if shift < 0 { between(10.0, 6.3) } else { between(6.3, 10.0) };
        moved(sides, shift).but(|case| {
            case.state.soaked = minutes(1);
            case.state.volatile.soak_counted_to = Some(ago(seconds(2)));
        })
    };
    let soaked = |case: &Case| case.decide().state.soaked;
    assert_eq!(soaked(&soaking(-200)), minutes(1));
    assert_eq!(soaked(&soaking(200)), seconds(62));
    let report = |case: &Case| report::of(&case.plan, &case.state, &case.seen, case.now);
    let below = report(&soaking(-200));
    let why: Vec<_> =
        below.blocked_by.iter().map(|blocker| (blocker.reason, blocker.message.as_str())).collect();
    assert_eq!(
        why,
        [(
            Reason::Balancing,
            "Kubernetes is short of its headroom: 48 % until both sides have it at the stage's 50 %, at the peak too"
        )]
    );
    assert_eq!((below.phase, report(&soaking(200)).phase), (Phase::Shifting, Phase::Soaking));
}

#[test]
fn what_it_moved_beyond_the_stage_is_not_beyond_the_target_and_no_stage_to_go_back_to() {
    let risen = moved(between(6.3, 10.0), 200).but(|case| case.plan.target_stage = Some("half".into()));
    assert_eq!(goes(&risen), (52.0, 200));
    let further = risen.clone().but(|case| case.state.shift = 0);
    assert_eq!(goes(&further), STAYS, "of a weight that nobody moved there");
    let proven = risen.soaked().breaching(&rate()).decide().state;
    assert_eq!(proven.retreat.map(|retreat| retreat.target), Some(percent(10)));
    assert_eq!(proven.shift, 0);
    // Nobody balances what was found: a next stage below it is not beyond anything.
    let found = between(6.1, 20.0).soaked().but(|case| {
        case.plan.stages[3].weight = percent(50);
        stand(case, percent(66));
    });
    assert_eq!(found.decide().state.shift, 0);
    // The next stage begins where this one stood.
    let next = moved(between(10.0, 20.0), 200).soaked().decide().state;
    assert_eq!((next.stage, next.shift, next.raise.map(|raise| raise.to)), (Some(3), 0, Some(percent(100))));
    let near = moved(between(6.1, 20.0), 200).soaked().but(|case| case.plan.stages[3].weight = percent(51));
    let near = near.decide().state;
    assert_eq!((near.stage, near.shift, near.intended), (Some(3), 100, Some(percent(52))));
}

proptest! {
    /// However capacities change: never beyond, never sooner, never without.
    #[test]
    fn it_never_goes_further_nor_faster_than_it_may(
        changes in prop::collection::vec((1.0..20.0, 1.0..20.0, 1..8_u64), 1..60),
        most in 1..3_000_u16,
        configured in any::<bool>(),
    ) {
        let mut case = between(10.0, 10.0);
        let (most, every) = (Weight::from_hundredths(most), minutes(2));
        case.plan.capacity.balance = configured.then_some(Balance { max_shift: most, every });
        case.plan.stages[2].soak = Duration::from_hours(1_000);
        let mut moves = Vec::new();
        for (legacy, kubernetes, times) in changes {
            case.plan.capacity.legacy = between(legacy, 1.0).plan.capacity.legacy;
            for _ in 0..times {
                case.now = case.now + seconds(20);
                case.seen.figures.measured.insert(Figure::Pods(0), (case.now, kubernetes));
                case.state = case.decide().state;
                let now = case.state.intended.unwrap();
                if let Some(step) = case.state.history.back().filter(|step| step.at == case.now) {
                    prop_assert_eq!(step.reason, Reason::Balancing);
                    moves.push(step.at);
                }
                prop_assert!(now.distance(percent(50)) <= most, "{} of {}", now, most);
                // What was decided is stored, and every load balancer obeys.
                stand(&mut case, now);
            }
        }
        prop_assert!(configured || moves.is_empty());
        prop_assert!(moves.windows(2).all(|two| two[1].since(two[0]) >= every), "{moves:?}");
    }
}
