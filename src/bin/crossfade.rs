//! The operator's binary, and the commands that need no cluster.

use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Parser, Subcommand};
use crossfade::api::rbac::Account;
use crossfade::api::{crd, document};
use crossfade::cli;
use crossfade::cli::simulate::{Input, Simulated};
use crossfade::control;

/// Moves a live service from legacy infrastructure to Kubernetes in stages, guarded by its
/// databases' connections.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[allow(clippy::doc_markdown)] // what --help shows
#[derive(Debug, Subcommand)]
enum Command {
    /// Runs the operator.
    Run(control::Args),
    /// Prints the CustomResourceDefinition, for `kubectl apply --server-side -f -`.
    Crd,
    /// Checks the plans in a file without a cluster: all that is wrong, or what they will do.
    Check {
        /// YAML or JSON; `-` is standard input.
        file: PathBuf,
        /// Tells too, stage by stage, what both sides must have ready, and how far a step back goes.
        #[arg(long)]
        explain: bool,
        /// With --explain: a database's max_connections, as <database>=<number>, to tell whether it can hold
        /// what the plan may come to hold. May be given several times.
        #[arg(long, requires = "explain", value_parser = cli::check::maximum)]
        max_connections: Vec<(String, u32)>,
    },
    /// Prints the Role and RoleBinding that the plans in a file need, for `kubectl apply -f -`.
    Rbac {
        /// YAML or JSON; `-` is standard input.
        file: PathBuf,
        /// The operator's service account, as <namespace>/<name>.
        #[arg(long, default_value_t)]
        service_account: Account,
    },
    /// Replays recorded connection rates through a plan's guards: when it would have paused or
    /// retreated, how many false alarms a week, and which thresholds would have given none.
    Backtest(Box<cli::backtest::Args>),
    /// Plays an incident and says what a plan would have done: what happened and why, and whether all that
    /// is expected holds. Exits with 0 if it does, 1 if not, 2 if the input is wrong.
    Simulate {
        /// The scenario: YAML, see tests/scenarios/README.md; `-` is standard input.
        #[arg(long)]
        scenario: PathBuf,
        /// The plans, as they are applied: YAML or JSON. Default: those in the scenario.
        #[arg(long)]
        plan: Option<PathBuf>,
        /// Writes the report there: one HTML page that stands alone.
        #[arg(long)]
        out: Option<PathBuf>,
        /// Where all chance comes from, instead of the scenario's seed.
        #[arg(long)]
        seed: Option<u64>,
    },
}

#[tokio::main]
async fn main() -> ExitCode {
    run().await.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::FAILURE
    })
}

async fn run() -> anyhow::Result<ExitCode> {
    match Arguments::parse().command {
        Command::Run(args) => {
            control::run(args).await?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Crd => print(&crd::yaml()?),
        Command::Check { file, explain, max_connections } => {
            let maxima = max_connections.into_iter().collect();
            let explained = explain.then_some(&maxima);
            let verdict = cli::check::check(&file.display().to_string(), &read(&file)?, explained);
            print(&verdict.text)?;
            Ok(if verdict.good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
        Command::Rbac { file, service_account } => {
            let rights = cli::rbac::rbac(&read(&file)?, &service_account);
            print(&rights.with_context(|| format!("read {}", file.display()))?)
        }
        Command::Backtest(args) => {
            let verdict = cli::backtest::backtest(&args, &read(&args.plan)?, cli::backtest::now()).await?;
            for warning in &verdict.warnings {
                eprintln!("Prometheus warns: {warning}");
            }
            print(&verdict.text)?;
            let wrong = args.strict && !verdict.right;
            Ok(if wrong { ExitCode::from(cli::backtest::NOT_RIGHT) } else { ExitCode::SUCCESS })
        }
        Command::Simulate { scenario, plan, out, seed } => simulate(&scenario, plan.as_deref(), out, seed),
    }
}

/// A file's name and text.
fn input((name, text): &(String, String)) -> Input<'_> {
    Input { name, text }
}

fn simulate(
    scenario: &Path,
    plan: Option<&Path>,
    out: Option<PathBuf>,
    seed: Option<u64>,
) -> anyhow::Result<ExitCode> {
    let text = |file: &Path| Ok::<_, anyhow::Error>((file.display().to_string(), read(file)?));
    let (scenario, plan) = match (text(scenario), plan.map(text).transpose()) {
        (Ok(scenario), Ok(plan)) => (scenario, plan),
        (Err(error), _) | (_, Err(error)) => {
            eprintln!("error: {error:#}");
            return Ok(ExitCode::from(2));
        }
    };
    match cli::simulate::simulate(input(&scenario), plan.as_ref().map(input), seed, out.is_some()) {
        Simulated::Wrong(text) => {
            eprint!("{text}");
            Ok(ExitCode::from(2))
        }
        Simulated::Played { text, page, holds } => {
            print(&text)?;
            if let Some((out, page)) = out.zip(page) {
                std::fs::write(&out, page).with_context(|| format!("write {}", out.display()))?;
            }
            Ok(if holds { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
    }
}

/// The file's text; one that is larger than can be read is not read whole.
fn read(file: &Path) -> anyhow::Result<String> {
    let mut text = String::new();
    let limit = document::LARGEST as u64 + 1;
    if file == Path::new("-") {
        std::io::stdin().take(limit).read_to_string(&mut text).context("read standard input")?;
    } else {
        let opened = std::fs::File::open(file);
        opened
            .and_then(|opened| opened.take(limit).read_to_string(&mut text))
            .with_context(|| format!("read {}", file.display()))?;
    }
    Ok(text)
}

/// Prints; a reader that has seen enough (`| head`) is no error.
fn print(text: &str) -> anyhow::Result<ExitCode> {
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error).context("print"),
        _ => Ok(ExitCode::SUCCESS),
    }
}
