//! The incidents that the engine must master, as far as they concern it alone: watch and engine at
//! one sample a second. Names and numbers are those of the list of incidents.

use std::time::Duration;

use crossfade_core::guard::{Guard, Level, Signal, Test};
use crossfade_core::plan::Plan;
use crossfade_core::reason::Reason;
use crossfade_core::report::Phase;

use crate::balancer::Hands;
use crate::build::{condition, minutes, percent, plan, rate, seconds};
use crate::world::{Api, Database, World};

/// The default thresholds of the connection rate, and a rollback at 1500.
fn relative() -> Plan {
    let mut plan = plan();
    plan.databases[0].guards[0] = Guard {
        signal: Signal::ConnectionRate,
        pause: vec![condition(Test::AboveBaseline(1.5), 3, 3), condition(Test::Trend(12.0), 0, 0)],
        rollback: vec![condition(Test::Above(1500.0), 8, 10)],
        resume: condition(Test::BelowBaseline(1.2), 57, 60),
    };
    plan
}

/// Half an hour at `weight`, both sides calm.
fn calm_at(plan: Plan, weight: u16, rate: f64) -> World {
    let mut world = World::new(plan, percent(weight));
    world.database = Database::Rate(rate);
    world.change_plan(|plan| {
        plan.target_stage = plan.stage_at(percent(weight)).map(|at| plan.stages[at].name.clone());
    });
    world.run(minutes(30));
    assert_eq!(world.weights(), vec![percent(weight); 2]);
    world
}

fn phase(world: &World) -> Phase {
    world.engine().report(world.now).phase
}

fn level(world: &World) -> Level {
    world.engine().state().guards.get(&rate()).map_or(Level::Clear, |guard| guard.level)
}

#[test]
fn counter_collapse_a_full_database_keeps_its_guards_tripped() {
    let mut world = calm_at(plan(), 50, 100.0);
    world.database = Database::Rate(1000.0);
    world.run(seconds(5));
    assert_eq!(level(&world), Level::Pause);
    world.database = Database::Full;
    world.run(minutes(60));
    assert_eq!(level(&world), Level::Pause);
    world.database = Database::Rate(100.0);
    let cleared = world.run_until(minutes(5), |world| level(world) == Level::Clear);
    assert_eq!(cleared, Some(seconds(57)));
}

#[test]
fn blind_nothing_rises_at_three_seconds_it_is_a_pause_at_sixty_and_never_a_retreat() {
    let mut world = calm_at(plan(), 10, 100.0);
    world.change_plan(|plan| plan.target_stage = None);
    world.run(seconds(1));
    let weights = world.weights();
    world.database = Database::Silent;
    let blind = world.run_until(minutes(1), |world| {
        world.engine().report(world.now).blocked_by.iter().any(|why| why.reason == Reason::DataUnknown)
    });
    assert!(blind.unwrap() <= seconds(4), "{blind:?}");
    let paused = world.run_until(minutes(5), |world| phase(world) == Phase::Paused);
    let after = blind.unwrap() + paused.unwrap();
    assert!(after >= seconds(59) && after <= seconds(61), "{after:?}");
    world.run(minutes(30));
    assert!(!world.ever_retreated);
    assert!(world.weights() <= vec![percent(50); 2] && world.weights() >= weights);
}

#[test]
fn load_balancer_reload_the_configured_half_is_put_back_within_two_seconds() {
    let mut world = calm_at(plan(), 10, 100.0);
    for balancer in &mut world.balancers {
        balancer.configured = percent(50);
    }
    world.balancers[0].reload();
    let back = world.run_until(seconds(10), |world| world.weights() == [percent(10); 2]);
    assert!(back.unwrap() <= Duration::from_millis(2500), "{back:?}");
    world.run(seconds(5));
    assert_eq!(phase(&world), Phase::Soaking);
    assert_eq!(world.engine().state().halt, None);
}

#[test]
fn gitops_revert_is_put_back_three_times_and_then_halts_with_the_writer_named() {
    let mut world = calm_at(plan(), 10, 100.0);
    let mut put_back = 0;
    for _ in 0..9 {
        world.balancers[0].set(percent(50));
        world.run(seconds(60));
        put_back += u32::from(world.weights() == [percent(10); 2]);
    }
    assert_eq!(put_back, 3);
    assert_eq!(phase(&world), Phase::Paused);
    let report = world.engine().report(world.now);
    assert_eq!(report.blocked_by[0].reason, Reason::Drift);
    assert!(report.blocked_by[0].message.contains("another writer set the weights of edge/a"));
    let in_sync = report.conditions.iter().find(|condition| condition.kind == "RoutesInSync").unwrap();
    assert!(!in_sync.status);
}

#[test]
fn cron_bursts_pause_briefly_and_never_retreat() {
    // Twice the rate for a second each minute, two and a half times for five seconds each hour.
    let mut world = calm_at(relative(), 10, 1000.0);
    let (mut pauses, mut tripped_for, mut longest) = (0, 0_u64, 0_u64);
    for second in 1..=21_600_u64 {
        let rate = match (second % 3600, second % 60) {
            (0..5, _) => 2500.0,
            (_, 0) => 2000.0,
            _ => 1000.0,
        };
        // Five seconds over 1500 are not eight.
        world.database = Database::Rate(rate);
        world.run(seconds(1));
        if level(&world) == Level::Clear {
            tripped_for = 0;
        } else {
            pauses += u32::from(tripped_for == 0);
            tripped_for += 1;
            longest = longest.max(tripped_for);
        }
    }
    assert!(!world.ever_retreated);
    assert!(pauses <= 6, "{pauses} pauses in six hours");
    assert!(longest <= 90, "{longest} s");
}

#[test]
fn low_rate_a_batch_of_thirty_among_five_a_second_is_nothing() {
    let mut world = calm_at(relative(), 10, 5.0);
    world.database = Database::Rate(30.0);
    world.run(seconds(1));
    world.database = Database::Rate(5.0);
    for _ in 0..120 {
        world.run(seconds(1));
        assert_eq!(level(&world), Level::Clear);
    }
}

#[test]
fn counter_reset_a_restart_of_the_database_pauses_for_a_minute_and_retreats_nothing() {
    let mut world = calm_at(plan(), 50, 100.0);
    world.database = Database::Down;
    world.run(seconds(20));
    assert_eq!(phase(&world), Phase::Paused);
    // The reconnects of every pool.
    world.database = Database::Rate(3000.0);
    world.run(seconds(10));
    world.database = Database::Rate(100.0);
    let well = world.run_until(minutes(5), |world| phase(world) != Phase::Paused);
    assert!(well.unwrap() >= seconds(48) && well.unwrap() <= seconds(53), "{well:?}");
    assert!(!world.ever_retreated);
    assert_eq!(world.weights(), [percent(50); 2]);
}

#[test]
fn api_down_a_surge_is_braked_and_status_catches_up() {
    let mut world = calm_at(plan(), 50, 100.0);
    world.set_api(Api::Away);
    let stored = world.stored.clone();
    world.run(seconds(30));
    world.database = Database::Rate(2000.0);
    let braked = world.run_until(minutes(1), |world| world.weights() == [percent(25); 2]);
    assert!(braked.unwrap() <= seconds(10), "{braked:?}");
    world.run(seconds(20));
    assert_eq!(world.stored, stored);
    assert!(world.weights() <= vec![percent(10); 2]);
    world.database = Database::Rate(100.0);
    world.run(minutes(9));
    world.set_api(Api::Up);
    world.run(seconds(10));
    assert_eq!(world.stored.intended, world.engine().state().intended);
    assert_eq!(world.stored.retreats_ever, 1);
    assert!(world.stored.cooldown_until.is_some());
    assert_eq!(phase(&world), Phase::RolledBack);
}

#[test]
fn a_breach_ends_where_the_retreat_ends_and_after_its_cooldown_the_plan_completes() {
    let mut world = calm_at(plan(), 50, 100.0);
    world.database = Database::Rate(2000.0);
    let stopped = world.run_until(minutes(2), |world| {
        world.engine().state().retreat.as_ref().is_some_and(|retreat| retreat.arrived)
    });
    assert!(stopped.unwrap() <= seconds(20), "{stopped:?}");
    world.database = Database::Rate(100.0);
    world.run(seconds(2));
    assert_eq!(world.weights(), [percent(10); 2]);
    world.change_plan(|plan| plan.target_stage = None);
    let rose = world.run_until(minutes(60), |world| world.weights()[0] > percent(10));
    assert!(rose.unwrap() >= minutes(29), "{rose:?}");
    let done = world.run_until(minutes(60), |world| phase(world) == Phase::Completed);
    assert!(done.is_some());
}

#[test]
fn one_of_two_load_balancers_down_does_not_delay_the_other_and_follows_when_it_is_back() {
    let mut world = calm_at(plan(), 50, 100.0);
    world.balancers[0].hands = Hands::Refuse;
    world.run(seconds(5));
    world.database = Database::Rate(2000.0);
    let braked = world.run_until(minutes(1), |world| world.weights()[1] == percent(25));
    assert!(braked.unwrap() <= seconds(10), "{braked:?}");
    assert_eq!(world.weights()[0], percent(50));
    world.database = Database::Rate(100.0);
    world.run(seconds(20));
    world.balancers[0].hands = Hands::Well;
    let followed = world.run_until(seconds(10), |world| world.weights()[0] == world.weights()[1]);
    assert!(followed.is_some());
}

#[test]
fn while_nothing_changes_nothing_is_recorded() {
    let mut world = calm_at(plan(), 100, 100.0);
    assert_eq!(phase(&world), Phase::Completed);
    let stored = world.stored.clone();
    let orders = world.engine().state().volatile.orders;
    world.run(minutes(60));
    assert_eq!(world.stored, stored);
    assert_eq!(world.engine().state().volatile.orders, orders);
}
