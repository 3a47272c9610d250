//! `make demo`: the main job on real parts, live, in about two minutes.
//!
//! A MariaDB, an HAProxy before two pools of servers, traffic, a Kubernetes API server, and the
//! operator with a plan. Stages, then a surge of connections from the Kubernetes side: pause; a
//! larger one: whose it is, and the retreat, step by step; clear; cooldown. It fails if that is not
//! what happens.

use std::io::{IsTerminal as _, stdout};
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use clap::{Parser, ValueEnum};
use kube::api::{Patch, PatchParams};
use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{sleep, timeout};

#[path = "../stage/mod.rs"]
mod stage;

mod board;
mod graph;
mod lines;
mod look;
mod screen;
mod story;
mod summary;

use board::{Board, Who};
use lines::Printed;
use screen::Terminal;
use stage::mariadb;
use stage::operator::{Operator, program};
use stage::pool::Behaviour;
use stage::surge::Answer;
use stage::world::{Settings, World};
use summary::Outcome;

/// The plan, with places for what only the demo knows.
const PLAN: &str = include_str!("plan.yaml");
/// Requests per second.
const RATE: f64 = 400.0;
/// How often the panel is drawn.
const FRAME: Duration = Duration::from_millis(200);
/// The exit code of what Ctrl-C ended.
const INTERRUPTED: u8 = 130;

/// Moves a service between two pools on real parts, and plays an incident.
#[derive(Debug, Parser)]
struct Args {
    /// Play the same incident with the operator stopped before it: weights stay, nobody brakes.
    #[arg(long)]
    unguarded: bool,
    /// Leave everything running at the end, until Ctrl-C, to look around with kubectl.
    #[arg(long)]
    keep: bool,
    /// Print lines even if there is a terminal.
    #[arg(long)]
    plain: bool,
    /// Only a surge on the Kubernetes side while legacy can carry 80 % of all requests: prints which part of
    /// them fails if so is answered.
    #[arg(long, value_enum, conflicts_with_all = ["unguarded", "keep"])]
    surge: Option<Surge>,
}

/// What is done about the surge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Surge {
    /// As many go back as legacy can carry.
    Fits,
    /// Nothing: there is no plan.
    Nothing,
    /// All go back at once.
    AllBack,
}

impl Surge {
    const fn answer(self) -> (Answer, &'static str) {
        match self {
            Self::Fits => (Answer::Fits, "as many go back as fit"),
            Self::Nothing => (Answer::Nothing, "nothing is done"),
            Self::AllBack => (Answer::AllBack, "all go back at once"),
        }
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    let args = Args::parse();
    let played = tokio::select! {
        biased;
        result = interrupted() => result.map(|()| ExitCode::from(INTERRUPTED)),
        result = play(&args) => match result {
            // Ctrl-C reaches some of the programs too: then their end is no error of the demo.
            Err(_) if timeout(FRAME, interrupted()).await.is_ok() => Ok(ExitCode::from(INTERRUPTED)),
            result => result.map(|()| ExitCode::SUCCESS),
        },
    };
    match played {
        Ok(code) => code,
        Err(error) => {
            eprintln!("demo: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Until somebody wants it to end.
async fn interrupted() -> Result<()> {
    let mut interrupt = signal(SignalKind::interrupt()).context("listen for Ctrl-C")?;
    let mut terminate = signal(SignalKind::terminate()).context("listen for SIGTERM")?;
    let mut hangup = signal(SignalKind::hangup()).context("listen for SIGHUP")?;
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
        _ = hangup.recv() => {}
    }
    Ok(())
}

/// Only the surge, answered so.
async fn answer(surge: Surge) -> Result<()> {
    println!("\nSetting the stage, all of it real and on loopback:");
    let mut world = stage::surge::world(|what| println!("  {what}")).await?;
    let (answer, words) = surge.answer();
    if answer != Answer::Nothing {
        println!("  operator: crossfade run, under its own service account");
        world.start_operator().await?;
    }
    println!(
        "\n400 requests a second, half of them on Kubernetes; legacy can carry 320. For 20 s each request"
    );
    println!("on Kubernetes costs sixteen times the connections, and {words}.\n");
    let outcome = stage::surge::play(&world, answer).await?;
    println!(
        "requests failed: {:.1} %; Kubernetes' weight at the end: {:.1} %",
        outcome.failed, outcome.weight
    );
    Ok(())
}

async fn play(args: &Args) -> Result<()> {
    if let Some(surge) = args.surge {
        return answer(surge).await;
    }
    println!("\nSetting the stage, all of it real and on loopback:");
    let mut world = World::start(settings(), |what| println!("  {what}")).await?;
    // Who has connected how often is shown to those with this right only.
    world.database.exec(&format!("GRANT PROCESS ON *.* TO {}", mariadb::MONITOR.name));
    world.apply_plan(&world.fill(PLAN)).await?;
    println!("  plan: what is normal for each side is known from an operator before this one");
    remember_normal(&world).await?;
    println!("  operator: crossfade run, under its own service account");
    world.start_operator().await?;
    let mut operator = world.operators.remove(0);

    let panel = !args.plain && stdout().is_terminal();
    let board = Board::new();
    board.facts().watched = true;
    let story = story::play(&world, &board, async || {
        if args.unguarded {
            board.tell(Who::Incident, "the operator is stopped: from here on nobody brakes");
            operator.stop().await?;
            board.facts().watched = false;
        }
        Ok(())
    });
    let told = tokio::select! {
        told = story => told,
        gone = look::at_traffic(&world, &board) => gone.and_then(|()| bail!("the traffic is not looked at any more")),
        gone = look::at_weights(&world, &board) => gone.and_then(|()| bail!("the weights are not looked at any more")),
        gone = look::at_plan(&world, &board) => gone.and_then(|()| bail!("the plan is not looked at any more")),
        () = show(&board, panel) => bail!("nothing is shown any more"),
    };
    if panel {
        // The panel is gone by now; what happened stays in the terminal.
        println!();
        for event in &board.facts().events {
            println!("{}", screen::line(event, screen::size().0));
        }
    }
    let outcome = told.with_context(|| last_words(&operator))?;
    conclude(&outcome)?;
    if args.keep { keep(&world).await } else { Ok(()) }
}

/// 400 requests a second at a quarter of a connection each; a database that carries about 650
/// connections a second: 40 at a time, held for 60 ms.
fn settings() -> Settings {
    let query = Duration::from_millis(60);
    Settings {
        rate: RATE,
        behaviour: Behaviour { connects_per_request: story::CALM, query, ..Behaviour::default() },
        database: mariadb::Options {
            max_connections: 40,
            more: vec!["--userstat=1".into()],
            ..mariadb::Options::default()
        },
        ..Settings::default()
    }
}

/// An operator learns in a quarter of an hour what is normal for each side, and leaves it in the status for
/// the next one: so it is left here.
async fn remember_normal(world: &World) -> Result<()> {
    let usual = RATE * story::CALM;
    let normal = json!({"legacy": usual, "kubernetes": usual});
    let databases = json!([{"name": "accounts", "guards": [], "normal": normal}]);
    let status = json!({"measuredAt": jiff::Timestamp::now().to_string(), "databases": databases});
    let patch = Patch::Merge(json!({"status": status}));
    let params = PatchParams::default();
    world.plans()?.patch_status("mail", &params, &patch).await.context("leave what is normal")?;
    Ok(())
}

/// Shows the board for ever: as a panel on the terminal, or as lines.
async fn show(board: &Board, panel: bool) {
    let terminal = panel.then(Terminal::open);
    let mut printed = Printed::default();
    loop {
        if let Some(terminal) = &terminal {
            let panel = screen::draw(&board.facts(), board.now(), screen::size().0);
            terminal.show(&panel);
        } else {
            for line in printed.news(board) {
                println!("{line}");
            }
        }
        sleep(FRAME).await;
    }
}

fn conclude(outcome: &Outcome) -> Result<()> {
    println!();
    for line in outcome.lines() {
        println!("{line}");
    }
    println!();
    outcome.judge()
}

fn last_words(operator: &Operator) -> String {
    let log = operator.log().unwrap_or_default();
    let lines: Vec<&str> = log.lines().collect();
    format!("the end of the operator's log:\n{}\n", lines[lines.len().saturating_sub(15)..].join("\n"))
}

/// Says how to look around, and waits.
async fn keep(world: &World) -> Result<()> {
    let kubectl = world.cluster.kubectl_command();
    let plugin = program("kubectl-crossfade")?;
    let folders = [Path::new(kubectl.as_std().get_program()), &plugin].map(Path::parent);
    let folders: Vec<_> = folders.into_iter().flatten().map(|folder| folder.display().to_string()).collect();
    println!("Everything runs on until Ctrl-C. In another terminal:\n");
    println!("  export KUBECONFIG={}", world.cluster.admin_kubeconfig().display());
    println!("  export PATH={}:$PATH", folders.join(":"));
    println!("  kubectl get mplan -A --watch");
    println!("  kubectl -n mail describe mplan mail");
    println!("  kubectl explain mplan.spec.databases.guards");
    println!("  kubectl crossfade -n mail status mail");
    println!("\nHAProxy answers traffic on http://{}/", world.haproxy.front_address());
    std::future::pending().await
}
