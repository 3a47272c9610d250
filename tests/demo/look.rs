//! Looks at the world and writes what it sees on the board: at the load generator, at the
//! database by a connection of its own, at HAProxy, and at the plan. It trusts no figure of the
//! operator's but the plan's status, which is what a user would see.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use mysql_async::Conn;
use mysql_async::prelude::Queryable as _;
use tokio::time::{MissedTickBehavior, interval, sleep};

use crate::board::{Board, Frame, Status};
use crate::stage::mariadb::MONITOR;
use crate::stage::world::{World, login};

/// How often weights and plan are read.
const OFTEN: Duration = Duration::from_millis(50);

/// Once a second: traffic and database.
pub async fn at_traffic(world: &World, board: &Board) -> Result<()> {
    let mut database =
        Conn::new(login(&world.database, MONITOR)).await.context("log in to look at the database")?;
    let mut before: Option<(Instant, Counters)> = None;
    let mut tick = interval(Duration::from_secs(1));
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        let counters = Counters::read(&mut database).await?;
        let now = Instant::now();
        let second = world.load.last(1);
        let mut frame = Frame {
            legacy: second.legacy,
            kubernetes: second.kubernetes,
            legacy_failed: second.legacy_failed,
            kubernetes_failed: second.kubernetes_failed,
            other_failed: second.failed() - second.legacy_failed - second.kubernetes_failed,
            observed: world.load.last(3).share(),
            p99: second.latency.quantile(0.99),
            connections: Some((counters.connected, counters.maximum)),
            ..Frame::default()
        };
        if let Some((then, before)) = &before {
            let per_second =
                |now: u64, before: u64| now.saturating_sub(before) as f64 / then.elapsed().as_secs_f64();
            frame.connects = Some(per_second(counters.attempts, before.attempts));
            frame.refused = Some(per_second(counters.refused, before.refused));
        }
        before = Some((now, counters));
        board.facts().frames.push(frame);
    }
}

/// Many times a second: HAProxy's weights.
pub async fn at_weights(world: &World, board: &Board) -> Result<()> {
    loop {
        board.read_back(world.read_back().await?);
        sleep(OFTEN).await;
    }
}

/// Many times a second: the plan's status.
pub async fn at_plan(world: &World, board: &Board) -> Result<()> {
    let plans = world.plans()?;
    loop {
        let plan = plans.get("mail").await.context("read the plan")?;
        if let Some(status) = plan.data.get("status") {
            board.status(serde_json::from_value::<Status>(status.clone()).context("read the plan's status")?);
        }
        sleep(OFTEN).await;
    }
}

struct Counters {
    attempts: u64,
    refused: u64,
    connected: u64,
    maximum: u64,
}

impl Counters {
    async fn read(database: &mut Conn) -> Result<Self> {
        const ASK: &str = "SELECT VARIABLE_NAME, CAST(VARIABLE_VALUE AS UNSIGNED) \
             FROM information_schema.GLOBAL_STATUS WHERE VARIABLE_NAME IN \
             ('CONNECTIONS', 'CONNECTION_ERRORS_MAX_CONNECTIONS', 'THREADS_CONNECTED') \
             UNION SELECT 'MAX', @@max_connections";
        let rows: Vec<(String, u64)> =
            database.query(ASK).await.context("look at the database's counters")?;
        let rows: HashMap<String, u64> = rows.into_iter().collect();
        let get = |name| rows.get(name).copied().with_context(|| format!("the database has no {name}"));
        let refused = get("CONNECTION_ERRORS_MAX_CONNECTIONS")?;
        Ok(Self {
            attempts: get("CONNECTIONS")? + refused,
            refused,
            connected: get("THREADS_CONNECTED")?,
            maximum: get("MAX")?,
        })
    }
}
