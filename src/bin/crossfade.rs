//! The operator's binary.

use clap::Parser;

/// Moves a live service from legacy infrastructure to Kubernetes in stages, guarded by its
/// databases' connections.
#[derive(Parser)]
#[command(version)]
enum Command {
    /// Runs the operator.
    Run(crossfade::control::Args),
    /// Prints the CRD.
    Crd,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    match Command::parse() {
        Command::Run(args) => crossfade::control::run(args).await?,
        Command::Crd => print!("{}", crossfade::api::crd::yaml()?),
    }
    Ok(())
}
