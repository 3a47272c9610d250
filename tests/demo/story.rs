//! The incident, act by act, and what is to be seen in each. What does not come to pass in time is
//! an error: then the demo has failed.

use std::time::Duration;

use anyhow::{Result, ensure};
use tokio::time::sleep;

use crate::board::{Board, Facts, Who};
use crate::stage::load::Tally;
use crate::stage::world::World;
use crate::summary::Outcome;

/// Connections a request costs in calm, after a careless release, and after a bad one.
pub const CALM: f64 = 0.25;
const CARELESS: f64 = 1.4;
const BAD: f64 = 6.0;

/// A release goes out server by server, one after this time.
const SERVER_BY_SERVER: Duration = Duration::from_secs(4);
/// How long people take to find the bad release and take it back.
const UNTIL_TAKEN_BACK: Duration = Duration::from_secs(24);
/// How long failures are counted after it was taken back.
const AFTERMATH: Duration = Duration::from_secs(4);

/// How long a stage, a pause, a retreat or a clear may take to come, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// Plays it all. `unguarded`: the operators are stopped before the surge.
pub async fn play(
    world: &World,
    board: &Board,
    unguarded: impl AsyncFnOnce() -> Result<()>,
) -> Result<Outcome> {
    board.tell(Who::Incident, "the plan is applied: all traffic on legacy, 400 requests/s");
    for (stage, weight) in [("canary", 5.0), ("tenth", 10.0), ("half", 50.0)] {
        let there = |facts: &Facts| {
            facts.status.stage.name == stage && facts.read_back.is_some_and(|now| (now - weight).abs() < 0.6)
        };
        board.until(&format!("the plan stands at stage {stage}"), PATIENCE, there).await?;
    }
    sleep(Duration::from_secs(4)).await;
    unguarded().await?;
    let guarded = board.facts().watched;
    let mut outcome = Outcome { guarded, ..Outcome::default() };

    board.tell(
        Who::Incident,
        format!("a careless release on Kubernetes: {CALM} connections a request become {CARELESS}"),
    );
    outcome.surge_at = board.now();
    world.kubernetes.change(|behaviour| behaviour.connects_per_request = CARELESS);
    if guarded {
        let paused = |facts: &Facts| facts.status.phase == "Paused";
        let at = board.until("the surge pauses the plan", PATIENCE, paused).await?;
        outcome.paused_after = Some(at.saturating_sub(outcome.surge_at));
    }
    sleep(Duration::from_secs(6)).await;
    ensure!(
        !guarded || board.facts().read_back.is_some_and(|weight| weight > 49.0),
        "the smaller surge should pause the plan and leave the weight alone"
    );

    board.tell(
        Who::Incident,
        format!("a bad release goes out, server by server: {BAD} connections a request"),
    );
    outcome.release_at = board.now();
    let before = world.load.total();
    let (released, retreated) = tokio::join!(release(world), async {
        if guarded { retreat(board, &mut outcome).await } else { Ok(()) }
    });
    released?;
    retreated?;

    world.kubernetes.change(|behaviour| behaviour.connects_per_request = CALM);
    board.tell(Who::Incident, "the release is taken back");
    let taken_back = board.now();
    sleep(AFTERMATH).await;
    let after = world.load.total();
    (outcome.requests, outcome.failed) = between(&before, &after);
    if guarded {
        let at = board.until("all guards clear", PATIENCE, |facts| facts.status.clear()).await?;
        outcome.clear_after = Some(at.saturating_sub(taken_back));
        let cooling = |facts: &Facts| facts.status.cooldown.until.is_some();
        board.until("the cooldown begins", PATIENCE, cooling).await?;
        outcome.cooldown_until.clone_from(&board.facts().status.cooldown.until);
        board.tell(Who::Operator, format!("cooldown: nothing rises before {}", outcome.until()));
        sleep(Duration::from_secs(5)).await;
        outcome.weight = board.facts().read_back;
    }
    Ok(outcome)
}

/// The bad release: to one server after the other, and taken back after the time it takes people.
async fn release(world: &World) -> Result<()> {
    let begin = tokio::time::Instant::now();
    for server in 0..world.kubernetes.addresses().len() {
        world.kubernetes.change_one(server, |behaviour| behaviour.connects_per_request = BAD);
        sleep(SERVER_BY_SERVER).await;
    }
    tokio::time::sleep_until(begin + UNTIL_TAKEN_BACK).await;
    Ok(())
}

/// The operator walks back, step by step, to the stage that was proven.
async fn retreat(board: &Board, outcome: &mut Outcome) -> Result<()> {
    let begin = board.now();
    let fell = |facts: &Facts| facts.moves.last().is_some_and(|(at, weight)| *at > begin && *weight < 49.0);
    let at = board.until("the larger surge begins a retreat", PATIENCE, fell).await?;
    outcome.retreat_after = Some(at.saturating_sub(begin));
    let proven = |facts: &Facts| facts.read_back.is_some_and(|weight| weight < 10.6);
    let at = board.until("the retreat arrives at the stage that was proven", PATIENCE, proven).await?;
    outcome.retreat_took = Some(at.saturating_sub(begin));
    let steps = |(when, weight): &(Duration, f64)| (*when > begin).then_some(*weight);
    outcome.whose.clone_from(&board.facts().whose);
    outcome.steps = board.facts().moves.iter().filter_map(steps).collect();
    Ok(())
}

/// Requests and failures from one moment to another.
fn between(before: &Tally, after: &Tally) -> (u64, u64) {
    (after.requests() - before.requests(), after.failed() - before.failed())
}
