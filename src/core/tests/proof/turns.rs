//! What every turn keeps: the history's length, one order an instance, deadlines that lie ahead; and
//! what a token stands for.

use crossfade_core::guard::Test;
use crossfade_core::plan::{Plan, Ramp, RollbackTo};
use crossfade_core::reason::Reason;
use crossfade_core::route::Purpose;
use crossfade_core::state::{Command, HISTORY};
use crossfade_core::token::token;

use crate::build::{
    Case, NOW, ago, minutes, moved, percent, plan, rate, reading, seconds, stage, standing_at, writes,
};

/// Somebody has lowered the first instance: one move is made.
fn lowered(moves: u64) -> Case {
    standing_at(50).found(0, 20).but(|case| {
        case.state.history =
            (0..moves).map(|n| moved(ago(minutes(1000 - n)), 50, 50, Reason::Raising)).collect();
    })
}

#[test]
fn the_last_twenty_moves_are_kept() {
    for (before, after) in [(0, 1), (18, 19), (19, 20), (20, 20), (40, 20)] {
        let history = lowered(before).decide().state.history;
        assert_eq!(history.len(), after, "{before} before");
        assert_eq!(history.back(), Some(&moved(NOW, 50, 20, Reason::LoweredByHand)));
    }
    assert_eq!(HISTORY, 20);
}

#[test]
fn a_fall_leads_to_an_earlier_stage_and_never_to_a_later_one() {
    let twin = || {
        standing_at(50).but(|case| {
            // Two stages at one weight: the second was never entered.
            case.plan.stages.insert(3, stage("half-again", 50));
            case.state.stage = Some(2);
        })
    };
    let decision = twin().found(0, 49).decide();
    assert_eq!((decision.state.stage, decision.state.retreats_ever), (Some(1), 1));
    // Down to the weight of both, from between them and the last.
    let between = twin().but(|case| {
        case.state.intended = Some(percent(60));
        for instance in &mut case.seen.instances {
            instance.reading = Some((NOW, reading(percent(60))));
        }
        for ours in case.state.volatile.ours.values_mut() {
            *ours = reading(percent(60));
        }
    });
    let decision = between.found(0, 50).decide();
    assert_eq!((decision.state.stage, decision.state.retreats_ever), (Some(2), 0));
}

#[test]
fn nothing_rises_in_the_turn_that_puts_weights_back() {
    let more_servers = standing_at(10).soaked().but(|case| {
        let (_, reading) = case.seen.instances[0].reading.as_mut().unwrap();
        reading.kubernetes_up = 5;
        reading.weight = percent(12);
    });
    let decision = more_servers.decide();
    assert_eq!(writes(&decision.actions), [(0, percent(10), Purpose::PutBack)]);
    assert_eq!((decision.state.raise, decision.state.stage), (None, Some(1)));
}

#[test]
fn a_retreat_takes_the_place_of_a_put_back_to_the_same_instance() {
    let both = standing_at(50).found(0, 60).breaching(&rate());
    let decision = both.decide();
    assert_eq!(
        writes(&decision.actions),
        [(0, percent(25), Purpose::Retreat), (1, percent(25), Purpose::Retreat)]
    );
}

#[test]
fn every_retreat_is_counted() {
    for (before, after) in [(0, 1), (1, 2), (7, 8)] {
        let retreats = standing_at(50).breaching(&rate()).but(|case| case.state.retreats_ever = before);
        assert_eq!(retreats.decide().state.retreats_ever, after);
    }
}

#[test]
fn a_deadline_lies_ahead() {
    let cases = [
        standing_at(50),
        standing_at(50).soaked(),
        standing_at(50).breaching(&rate()),
        standing_at(10).with_a_ramp(5, 60).soaked(),
        standing_at(10).with_a_ramp(5, 60).soaked().but(|case| case.state.last_step = Some(ago(minutes(1)))),
        standing_at(50).but(|case| case.state.cooldown_until = Some(NOW)),
        standing_at(50)
            .but(|case| case.seen.instances[0].reading = Some((ago(seconds(6)), reading(percent(50))))),
    ];
    for (place, case) in cases.iter().enumerate() {
        assert!(case.decide().again.is_none_or(|at| at > NOW), "case {place}");
    }
}

#[test]
fn commands_are_named_as_their_annotations() {
    assert_eq!(Command::ALL.map(Command::name), ["approve", "rollback", "resume", "accept-baseline"]);
}

#[test]
fn a_token_stands_for_everything_that_is_approved_with_it() {
    let before = token(&plan(), 0);
    let changes: &[fn(&mut Plan)] = &[
        |plan| plan.stages[1].name = "tent".into(),
        |plan| plan.stages[1].weight = percent(11),
        |plan| plan.stages[1].ramp = Some(Ramp { step: percent(1), every: seconds(1) }),
        |plan| plan.stages[1].approval = true,
        |plan| plan.routes[0].name = "other".into(),
        |plan| plan.routes[0].instances[1] = "c".into(),
        |plan| plan.databases[0].name = "other".into(),
        |plan| plan.databases[0].every = seconds(2),
        |plan| plan.databases[0].guards[0].pause[0].test = Test::Above(801.0),
        |plan| plan.databases[0].guards[0].pause[0].test = Test::AboveBaseline(800.0),
        |plan| plan.databases[0].guards[0].rollback[0].lasting = seconds(9),
        |plan| plan.databases[0].guards[0].resume.within = seconds(61),
        |plan| plan.databases[0].guards.truncate(1),
        |plan| plan.rollback.to = RollbackTo::Zero,
        |plan| plan.rollback.max_step = percent(24),
    ];
    for (place, change) in changes.iter().enumerate() {
        let mut other = plan();
        change(&mut other);
        // How a retreat goes is not approved.
        assert_eq!(token(&other, 0) == before, place >= 13, "change {place}");
    }
    // Names that run into one another are not the same names.
    let named = |one: &str, other: &str| {
        let mut plan = plan();
        plan.stages[0].name = one.into();
        plan.stages[1].name = other.into();
        token(&plan, 0)
    };
    assert_ne!(named("ab", "c"), named("a", "bc"));
}

#[test]
fn of_several_stages_at_one_weight_the_first_is_where_a_weight_stands() {
    let mut plan = plan();
    plan.stages.push(stage("sealed", 100));
    let at = |weight| plan.stage_at(percent(weight));
    assert_eq!(
        [at(0), at(1), at(49), at(50), at(99), at(100)],
        [None, Some(0), Some(1), Some(2), Some(2), Some(3)]
    );
}
