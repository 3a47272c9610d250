//! R8 on the real parts: the operator is killed (SIGKILL) between any two actions of a raise and of
//! a retreat, and started again. The end is the one without the crash, and at no moment is there
//! more weight than was allowed.
//!
//! A killed operator's lease stands for 10 s more. That wait is the business of the tests of
//! replicas; here somebody empties the lease, so that a dozen crashes take no minutes.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, ensure};
use k8s_openapi::api::coordination::v1::Lease;
use kube::Api;
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::ground::{Ground, PATIENCE, Plan, near, play, scenes, until};
use crate::stage::world::{OPERATOR_NAMESPACE, read_weight};
use crate::witness::Witness;

/// How many crashes happen at random moments, of a raise and of a retreat each.
const RANDOM: u32 = 6;
/// A raise by three steps, and how long it takes at most without a crash.
const STEP: f64 = 10.0;
const TOP: f64 = 30.0;
const RAISE: Duration = Duration::from_secs(4);
/// A retreat from there in two steps, and how long it takes at most without a crash.
const RETREAT: Duration = Duration::from_secs(3);

#[tokio::test(flavor = "multi_thread")]
async fn the_end_is_the_same_with_and_without_a_crash() -> Result<()> {
    let mut ground = Ground::start().await?;
    let scenes = scenes![
        killed_when_a_raise_is_recorded,
        killed_when_a_raise_is_written_and_not_confirmed,
        killed_while_the_write_of_a_raise_is_stuck_in_haproxy,
        killed_when_a_raise_is_confirmed,
        killed_at_random_moments_of_a_raise,
        killed_when_a_step_of_a_retreat_is_written_and_not_recorded,
        killed_while_a_step_of_a_retreat_is_stuck_in_haproxy,
        killed_when_the_first_step_of_a_retreat_is_recorded,
        killed_at_random_moments_of_a_retreat,
        asked_to_end_in_mid_raise_it_leaves_the_weight_and_goes_on_after_its_return,
    ];
    play(&mut ground, scenes).await
}

/// Random enough, and the same for the same seed.
struct Dice(u64);

impl Dice {
    fn new() -> Result<Self> {
        let now = || SystemTime::now().duration_since(UNIX_EPOCH).map(|since| since.as_secs());
        let seed = match std::env::var("CROSSFADE_SEED") {
            Ok(seed) => seed.parse().context("read CROSSFADE_SEED")?,
            Err(_) => now()?,
        };
        println!("        CROSSFADE_SEED={seed}");
        Ok(Self(seed))
    }

    /// A time from 0 to `most`.
    fn roll(&mut self, most: Duration) -> Duration {
        // SplitMix64.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^= z >> 31;
        most.mul_f64((z >> 11) as f64 / (1_u64 << 53) as f64)
    }
}

async fn crash_and_return(ground: &mut Ground) -> Result<()> {
    ground.operator().kill();
    let leases: Api<Lease> = Api::namespaced(ground.world.cluster.admin_client()?, OPERATOR_NAMESPACE);
    let empty = json!({"spec": {"holderIdentity": null}});
    leases.patch("crossfade", &PatchParams::default(), &Patch::Merge(empty)).await?;
    ground.operator().restart()?;
    ground.operator().ready().await
}

/// Waits, looking as often as it can, until the status fulfils a condition.
async fn moment(ground: &Ground, what: &str, holds: impl Fn(&Value) -> bool) -> Result<()> {
    let plans = ground.world.plans()?;
    let begin = Instant::now();
    loop {
        let plan = plans.get_opt("mail").await?;
        if plan.is_some_and(|plan| plan.data.get("status").is_some_and(&holds)) {
            return Ok(());
        }
        ensure!(begin.elapsed() < PATIENCE, "there was no moment when {what}");
        sleep(Duration::from_millis(2)).await;
    }
}

/// Waits, looking as often as it can, until the weight differs from `from`.
async fn moved(ground: &Ground, from: f64) -> Result<()> {
    let (socket, begin) = (ground.world.haproxy.admin_unix(), Instant::now());
    while (read_weight(&socket).await? - from).abs() < 1.0 {
        ensure!(begin.elapsed() < PATIENCE, "the weight stays at {from} %");
        sleep(Duration::from_millis(1)).await;
    }
    Ok(())
}

/// A raise from 0 with a crash at the moment for which `crash` waits.
async fn raise(ground: &mut Ground, crash: impl AsyncFnOnce(&mut Ground) -> Result<()>) -> Result<()> {
    ground.clean(0).await?;
    let witness = Witness::of(&ground.world.haproxy);
    ground.apply(&Plan::with(&[(TOP, STEP)], &ground.one())).await?;
    crash(ground).await?;
    let at = read_weight(&ground.world.haproxy.admin_unix()).await?;
    let returned = crash_and_return(ground).await;
    returned.with_context(|| format!("killed at {at:.1} %"))?;
    let ended = ended_raised(ground, &witness).await;
    ended.with_context(|| format!("killed at {at:.1} %, then {}", witness.path()))
}

/// What a raise ends with, crash or none.
async fn ended_raised(ground: &Ground, witness: &Witness) -> Result<()> {
    let status = ground
        .until("the raise has ended", PATIENCE, |status| {
            status["phase"] == "Soaking"
                && near(&status["weight"]["intended"], TOP)
                && near(&status["weight"]["actual"], TOP)
                && status["raise"].is_null()
        })
        .await?;
    ensure!(status["stage"]["name"] == "stage-0", "{status:#}");
    ensure!(status["cooldown"]["until"].is_null() && status["halt"].is_null(), "{status:#}");
    witness.rose_within(STEP, TOP)
}

async fn killed_when_a_raise_is_recorded(ground: &mut Ground) -> Result<()> {
    raise(ground, async |ground| moment(ground, "a raise is recorded", |s| !s["raise"].is_null()).await).await
}

/// Kills the operator while something is frozen, so that what it does next cannot arrive: `freeze`
/// freezes, `moment` waits, `thaw` thaws.
async fn kill_between(
    ground: &mut Ground,
    freeze: impl AsyncFnOnce(&Ground) -> Result<()>,
    moment: impl AsyncFnOnce(&Ground) -> Result<()>,
    thaw: impl FnOnce(&Ground) -> Result<()>,
) -> Result<()> {
    freeze(ground).await?;
    let came = moment(ground).await;
    ground.operator().kill();
    thaw(ground)?;
    came
}

async fn killed_when_a_raise_is_written_and_not_confirmed(ground: &mut Ground) -> Result<()> {
    raise(ground, async |ground| {
        let freeze = async |ground: &Ground| {
            moment(ground, "a raise is recorded", |status| !status["raise"].is_null()).await?;
            ground.world.cluster.freeze_api()
        };
        let written = async |ground: &Ground| moved(ground, 0.0).await;
        kill_between(ground, freeze, written, |ground| ground.world.cluster.thaw_api()).await
    })
    .await
}

async fn killed_while_the_write_of_a_raise_is_stuck_in_haproxy(ground: &mut Ground) -> Result<()> {
    raise(ground, async |ground| {
        let freeze = async |ground: &Ground| {
            moment(ground, "the first step is confirmed", |status| {
                status["raise"].is_null() && near(&status["weight"]["intended"], STEP)
            })
            .await?;
            ground.world.haproxy.freeze(true);
            Ok(())
        };
        let recorded = async |ground: &Ground| {
            moment(ground, "the second step is recorded", |status| near(&status["raise"]["to"], 2.0 * STEP))
                .await?;
            // It is written as soon as it is recorded: into the socket of a process that is stuck.
            sleep(Duration::from_millis(100)).await;
            Ok(())
        };
        let thaw = |ground: &Ground| {
            ground.world.haproxy.freeze(false);
            Ok(())
        };
        kill_between(ground, freeze, recorded, thaw).await
    })
    .await
}

async fn killed_when_a_raise_is_confirmed(ground: &mut Ground) -> Result<()> {
    raise(ground, async |ground| {
        moment(ground, "a raise is confirmed", |status| {
            status["raise"].is_null() && near(&status["weight"]["intended"], STEP)
        })
        .await
    })
    .await
}

async fn killed_at_random_moments_of_a_raise(ground: &mut Ground) -> Result<()> {
    let mut dice = Dice::new()?;
    for _ in 0..RANDOM {
        let after = dice.roll(RAISE);
        let raised = raise(ground, async |_: &mut Ground| {
            sleep(after).await;
            Ok(())
        })
        .await;
        raised.with_context(|| format!("killed {after:?} after the plan was applied"))?;
    }
    Ok(())
}

/// A retreat from 30 % with a crash at the moment for which `crash` waits.
async fn retreat(ground: &mut Ground, crash: impl AsyncFnOnce(&mut Ground) -> Result<()>) -> Result<()> {
    ground.begin(30, &Plan::at(TOP, &ground.one())).await?;
    let witness = Witness::of(&ground.world.haproxy);
    ground.surge();
    crash(ground).await?;
    let at = read_weight(&ground.world.haproxy.admin_unix()).await?;
    crash_and_return(ground).await.with_context(|| format!("killed at {at:.1} %"))?;
    let ended = ended_rolled_back(ground, &witness).await;
    ended.with_context(|| format!("killed at {at:.1} %, then {}", witness.path()))
}

/// What a retreat ends with, crash or none.
async fn ended_rolled_back(ground: &Ground, witness: &Witness) -> Result<()> {
    ground.until_weight(0.0, PATIENCE).await?;
    let status = ground
        .until("the retreat has ended", PATIENCE, |status| {
            status["phase"] == "RolledBack"
                && near(&status["weight"]["intended"], 0.0)
                && near(&status["weight"]["actual"], 0.0)
        })
        .await?;
    ensure!(status["cooldown"]["retreats"].as_array().map(Vec::len) == Some(1), "{status:#}");
    ensure!(status["cooldown"]["until"].is_string() && status["halt"].is_null(), "{status:#}");
    witness.never_rose()?;
    // 20 points, then the rest a second later.
    let moves = witness.moves();
    let least = moves.get(1).map_or(0.0, |(_, weight)| *weight);
    ensure!((least - 10.0).abs() < 1.0, "the first step is not one of 20 points");
    Ok(())
}

async fn killed_when_a_step_of_a_retreat_is_written_and_not_recorded(ground: &mut Ground) -> Result<()> {
    // The one that returns knows of no breach: it must see the surge before it may raise.
    let direct = ground.direct()?;
    let retreated = retreat(ground, async |ground| {
        let freeze = async |ground: &Ground| ground.world.cluster.freeze_api();
        let written = async |ground: &Ground| moved(ground, TOP).await;
        kill_between(ground, freeze, written, |ground| ground.world.cluster.thaw_api()).await
    })
    .await;
    direct.stop().await;
    retreated
}

async fn killed_while_a_step_of_a_retreat_is_stuck_in_haproxy(ground: &mut Ground) -> Result<()> {
    let direct = ground.direct()?;
    let retreated = retreat(ground, async |ground| {
        let freeze = async |ground: &Ground| {
            ground.world.haproxy.freeze(true);
            Ok(())
        };
        let recorded = async |ground: &Ground| {
            moment(ground, "a retreat is recorded", |status| !status["retreat"].is_null()).await
        };
        let thaw = |ground: &Ground| {
            ground.world.haproxy.freeze(false);
            Ok(())
        };
        kill_between(ground, freeze, recorded, thaw).await
    })
    .await;
    direct.stop().await;
    retreated
}

async fn killed_when_the_first_step_of_a_retreat_is_recorded(ground: &mut Ground) -> Result<()> {
    retreat(ground, async |ground| {
        moment(ground, "a retreat is recorded", |status| !status["retreat"].is_null()).await
    })
    .await
}

async fn killed_at_random_moments_of_a_retreat(ground: &mut Ground) -> Result<()> {
    let mut dice = Dice::new()?;
    for _ in 0..RANDOM {
        let after = dice.roll(RETREAT);
        let retreated = retreat(ground, async |_: &mut Ground| {
            sleep(after).await;
            Ok(())
        })
        .await;
        retreated.with_context(|| format!("killed {after:?} after the surge began"))?;
    }
    Ok(())
}

async fn asked_to_end_in_mid_raise_it_leaves_the_weight_and_goes_on_after_its_return(
    ground: &mut Ground,
) -> Result<()> {
    ground.clean(0).await?;
    let witness = Witness::of(&ground.world.haproxy);
    ground.apply(&Plan::with(&[(TOP, STEP)], &ground.one())).await?;
    moved(ground, 0.0).await?;
    let ended = ground.operator().stop().await?;
    ensure!(ended.success(), "it ended with {ended}");
    let leases: Api<Lease> = Api::namespaced(ground.world.cluster.admin_client()?, OPERATOR_NAMESPACE);
    let holder = leases.get("crossfade").await?.spec.and_then(|spec| spec.holder_identity);
    ensure!(holder.as_deref().unwrap_or_default().is_empty(), "the lease is still held by {holder:?}");
    let at = read_weight(&ground.world.haproxy.admin_unix()).await?;
    sleep(Duration::from_secs(2)).await;
    let later = read_weight(&ground.world.haproxy.admin_unix()).await?;
    ensure!((at - later).abs() < 0.1, "the weight moved from {at} to {later} with nobody there");
    ground.operator().restart()?;
    ground.operator().ready().await?;
    until("the weight rises on", PATIENCE, async || {
        Ok(read_weight(&ground.world.haproxy.admin_unix()).await? > at + 5.0)
    })
    .await?;
    ended_raised(ground, &witness).await
}
