//! R3's last word: a retreat that makes legacy fail stands; one that nobody measures goes gently. R4: what load
//! balancers count tells whose surge it is where the database does not.

use std::time::Duration;

use crossfade_core::capacity::Source;
use crossfade_core::engine::Engine;
use crossfade_core::guard::Level;
use crossfade_core::load::{Flow, Load};
use crossfade_core::plan::When;
use crossfade_core::reason::Reason;
use crossfade_core::report::{self, Phase};
use crossfade_core::route::{Counted, Reading, Requests};
use crossfade_core::state::{Retreat, State, Strain};
use crossfade_core::surge::{Surge, Whose};

use crate::build::{
    Case, NOW, ago, capacity, declared, moved, percent, plan, rate, reading, seconds, standing_at,
};
use crate::r4_whose_surge::{breach, look};

/// So many percent of 1,000 requests/s each fail.
fn split(legacy: f64, kubernetes: f64) -> Load {
    let flow = |percent: f64| Flow { requests: 1_000.0, failed: 10.0 * percent };
    Load { legacy: flow(legacy), kubernetes: flow(kubernetes) }
}

/// A retreat of Kubernetes' surge whose last step, to 50 %, was so long ago.
pub fn retreating(before: Duration) -> Case {
    breach(look(None, 3_000.0)).at_level(&rate(), Level::Rollback).but(|case| {
        let at = NOW - before;
        case.state.retreat =
            Some(Retreat { target: percent(0), since: at, guard: Some(rate()), arrived: false });
        case.state.last_step = Some(at);
        case.state.history = [moved(at, 75, 50, Reason::GuardRollback)].into();
        let surge = Surge { whose: Whose::Kubernetes, since: at, normal: None, trial: None };
        case.state.surges.insert("accounts".into(), surge);
    })
}

pub fn fails(case: Case, legacy: f64, kubernetes: f64) -> Case {
    case.but(|case| case.seen.figures.split = Some((NOW, split(legacy, kubernetes))))
}

/// The load balancers see servers of a pool that carries all.
pub fn measured(case: Case) -> Case {
    case.but(|case| case.plan.capacity = capacity(declared(1_000.0), Source::Route(0)))
}

/// It had stepped when legacy failed so much.
pub fn strained(case: Case, before: f64, seen: bool) -> Case {
    case.but(|case| case.state.strain = Some(Strain { before, seen: seen.then_some(ago(seconds(1))) }))
}

fn intended(case: &Case) -> u16 {
    case.decide().state.intended.unwrap().hundredths() / 100
}

#[test]
fn a_legacy_that_somebody_described_is_given_25_points_and_then_5_every_half_minute() {
    let all = |case: Case| case.but(|case| case.plan.rollback.max_step = percent(100));
    assert_eq!(intended(&all(breach(look(Some((1.0, 4.0)), 2_500.0)))), 25);
    assert_eq!(intended(&all(retreating(seconds(29)))), 50);
    assert_eq!(intended(&all(retreating(seconds(30)))), 45);
    let unsaid = |case: Case| all(case).but(|case| case.plan.capacity.legacy = None);
    assert_eq!(intended(&unsaid(retreating(seconds(29)))), 50);
    assert_eq!(intended(&unsaid(retreating(seconds(30)))), 45);
}

#[test]
fn a_legacy_that_is_measured_is_given_what_fits_and_whoever_does_not_look_gives_it_too() {
    let all = |case: Case| case.but(|case| case.plan.rollback.max_step = percent(100));
    assert_eq!(intended(&all(measured(retreating(seconds(5))))), 0);
    assert_eq!(intended(&measured(retreating(seconds(4)))), 50);
    let always = retreating(seconds(5)).but(|case| case.plan.rollback.when = When::Always);
    assert_eq!(intended(&all(always)), 0);
}

#[test]
fn with_each_step_it_is_remembered_what_legacy_failed_before_it() {
    let strain = |case: &Case| case.decide().state.strain;
    let step = || measured(retreating(seconds(5)));
    assert_eq!(strain(&fails(step(), 4.0, 0.0)), Some(Strain { before: 0.04, seen: None }));
    // What fails for both alike is not legacy's.
    assert_eq!(strain(&fails(step(), 4.0, 4.0)), Some(Strain { before: 0.0, seen: None }));
    assert_eq!(strain(&step()), None, "nobody counts");
    let always = fails(step(), 4.0, 0.0).but(|case| case.plan.rollback.when = When::Always);
    assert_eq!(strain(&always), None);
    let again = strained(fails(step(), 4.0, 0.0), 0.04, false);
    assert_eq!(strain(&again), Some(Strain { before: 0.04, seen: None }));
}

#[test]
fn a_retreat_that_makes_legacy_fail_stands_and_says_so() {
    let case = strained(fails(measured(retreating(seconds(5))), 5.0, 0.0), 0.03, false);
    let decision = case.decide();
    assert_eq!(decision.state.intended, Some(percent(50)));
    assert_eq!(decision.state.strain, Some(Strain { before: 0.03, seen: Some(NOW) }));
    assert_eq!(decision.state.volatile.told, Some((Phase::RolledBack, Some(Reason::LegacyFull))));
    let report = report::of(&case.plan, &decision.state, &case.seen, NOW);
    assert_eq!(
        report.blocked_by[0].message,
        "ConnectionRate of database accounts is tripped, and legacy fails more of its requests since the last \
         step back, so that the retreat stands: bring legacy servers up, or shed load"
    );
    // By a hundredth more, of its own, by fresh data.
    for (legacy, kubernetes, age) in [(4.0, 0.0, 0), (5.0, 5.0, 0), (5.0, 0.0, 7)] {
        let case = strained(measured(retreating(seconds(5))), 0.03, false);
        let case =
            case.but(|case| case.seen.figures.split = Some((ago(seconds(age)), split(legacy, kubernetes))));
        assert_eq!(intended(&case), 25, "{legacy} {kubernetes} {age}");
    }
}

#[test]
fn it_goes_on_when_a_measured_legacy_has_recovered_and_not_where_nobody_measures_it() {
    let recovered = |case: Case| strained(fails(case, 3.4, 0.0), 0.03, true);
    assert_eq!(intended(&recovered(measured(retreating(seconds(40))))), 25);
    assert_eq!(intended(&recovered(retreating(seconds(40)))), 50);
    let still = strained(fails(measured(retreating(seconds(40))), 3.6, 0.0), 0.03, true);
    assert_eq!(intended(&still), 50);
    let unknown = strained(measured(retreating(seconds(40))), 0.03, true);
    assert_eq!(intended(&unknown), 50);
}

#[test]
fn with_the_retreat_its_strain_is_over() {
    let over = strained(retreating(seconds(5)), 0.03, true).judged(&rate(), crate::build::quiet());
    let state = over.decide().state;
    assert_eq!((state.retreat, state.strain), (None, None));
}

#[test]
fn where_the_sides_are_not_told_apart_the_one_that_fails_alone_is_the_one_that_surges() {
    let whose = |case: &Case| case.decide().state.surges["accounts"].whose;
    let unknown = || breach(look(None, 3_000.0));
    assert_eq!(whose(&fails(unknown(), 2.0, 6.0)), Whose::Kubernetes);
    assert_eq!(whose(&fails(unknown(), 6.0, 6.0)), Whose::Judging);
    assert_eq!(whose(&fails(unknown(), 6.0, 2.0)), Whose::Judging);
    let known = breach(look(Some((4.0, 4.0)), 4_000.0));
    assert_eq!(whose(&fails(known, 2.0, 6.0)), Whose::Common);
    let held = unknown().at_level(&rate(), Level::Rollback).but(|case| {
        let surge = Surge { whose: Whose::Common, since: ago(seconds(60)), normal: None, trial: None };
        case.state.surges.insert("accounts".into(), surge);
    });
    assert_eq!(whose(&held), Whose::Common);
    assert_eq!(whose(&fails(held, 2.0, 6.0)), Whose::Kubernetes);
    let stale = unknown().but(|case| case.seen.figures.split = Some((ago(seconds(7)), split(2.0, 6.0))));
    assert_eq!(whose(&stale), Whose::Judging);
}

#[test]
fn what_fails_is_counted_at_all_load_balancers_whoever_says_what_demand_is() {
    let mut engine = Engine::new(plan(), State::default(), NOW);
    assert_eq!(standing_at(50).seen.figures.split, None);
    let counted = |all, failed| Counted {
        legacy: Requests { all, failed },
        kubernetes: Requests { all: 2 * all, failed: 0 },
    };
    let read = |counted| Ok(Reading { counted: Some(counted), ..reading(percent(50)) });
    for instance in 0..2 {
        engine.read(instance, read(counted(1_000, 10)), NOW);
    }
    engine.read(0, read(counted(1_200, 30)), NOW + seconds(2));
    assert_eq!(engine.seen().figures.split, None);
    engine.read(1, read(counted(1_400, 10)), NOW + seconds(2));
    let expected = Load {
        legacy: Flow { requests: 300.0, failed: 10.0 },
        kubernetes: Flow { requests: 600.0, failed: 0.0 },
    };
    assert_eq!(engine.seen().figures.split, Some((NOW + seconds(2), expected)));
    assert_eq!(engine.seen().figures.load, None, "demand is declared");
}
