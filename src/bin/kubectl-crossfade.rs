//! `kubectl crossfade`: what is so, and a hand on the brake.

use std::process::ExitCode;

use clap::Parser as _;
use crossfade::cli::kubectl::{self, Arguments};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match kubectl::run(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
