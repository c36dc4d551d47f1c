//! The benchmark: `cargo run --release -p bench -- all` installs and starts the peers, measures every row and writes
//! docs/benchmarks.md; `row NAME` measures one row and prints it.
#![expect(clippy::print_stderr, clippy::print_stdout, reason = "a command-line tool speaks on its terminal")]
#![expect(clippy::cast_precision_loss, reason = "what is measured is far below 2⁵²")]

mod ceiling;
mod certificates;
mod client;
mod document;
mod fleet;
mod load;
mod machine;
mod mail;
mod memory;
mod plan;
mod process;
mod report;
mod rows;
mod servers;

use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::Parser;
use tokio::signal::unix::{SignalKind, signal};

use crate::plan::{Arguments, Command};

#[tokio::main]
async fn main() -> ExitCode {
    let outcome = match Arguments::parse().command {
        Command::Serve(options) => ceiling::serve(options).await,
        Command::All(plan) => unless_stopped(rows::document_all(plan)).await,
        Command::Row { rows, plan } => {
            unless_stopped(async { rows::print(&rows, &plan).await.map(drop) }).await
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Whichever way a run ends, its servers end with the values that stand for them.
async fn unless_stopped(run: impl Future<Output = Result<()>>) -> Result<()> {
    machine::raise_open_files();
    let mut terminated = signal(SignalKind::terminate())?;
    tokio::select! {
        outcome = run => outcome,
        _ = tokio::signal::ctrl_c() => bail!("interrupted"),
        _ = terminated.recv() => bail!("terminated"),
    }
}
