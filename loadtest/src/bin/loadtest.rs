//! The `loadtest` command: measures a Partyline server from the outside.

use std::process::ExitCode;

use clap::Parser;
use loadtest::measure::cli::Arguments;

#[tokio::main]
async fn main() -> ExitCode {
    match Arguments::parse().run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("loadtest: {error:#}");
            ExitCode::FAILURE
        }
    }
}
