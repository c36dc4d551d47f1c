//! The command line: what a run measures, and how much of it.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

use crate::ceiling::Serve;
use crate::load::Span;
use crate::rows::Row;

#[derive(Parser)]
#[command(about = "Measures mailmedic, its peers and its ceilings.")]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Measure everything and write docs/benchmarks.md.
    All(Plan),
    /// Measure some rows and print them.
    Row {
        #[arg(required = true)]
        rows: Vec<Row>,
        #[command(flatten)]
        plan: Plan,
    },
    /// A ceiling in a process of its own, for the benchmark itself.
    #[command(hide = true)]
    Serve(Serve),
}

#[derive(Args, Clone)]
pub(crate) struct Plan {
    /// Measurements of each figure, interleaved between the servers.
    #[arg(long, default_value_t = 5)]
    pub(crate) rounds: usize,
    /// Length of one measurement; a quarter of it comes before as a warm-up.
    #[arg(long, default_value_t = 3.0)]
    pub(crate) seconds: f64,
    /// Connections at a time.
    #[arg(long, default_value_t = 50)]
    pub(crate) connections: usize,
    /// Users whose mail is read by the loads.
    #[arg(long, default_value_t = 200)]
    pub(crate) readers: usize,
    /// Messages in each of their mailboxes.
    #[arg(long, default_value_t = 20)]
    pub(crate) messages: u64,
    /// Octets of each of these messages.
    #[arg(long, default_value_t = 12_000)]
    pub(crate) octets: usize,
    /// Messages in the large mailbox.
    #[arg(long, default_value_t = 100_000)]
    pub(crate) many: u64,
    /// Where the servers keep their data: a local file system, since fsync is part of what is measured.
    #[arg(long, default_value = "/var/tmp")]
    pub(crate) temporary: PathBuf,
    /// Measure what takes long, too: a database of 10 GB that moves. It needs 30 GB of free space.
    #[arg(long)]
    pub(crate) long: bool,
    /// Measure the peers and ceilings alone.
    #[arg(long)]
    pub(crate) peers_only: bool,
}

impl Plan {
    pub(crate) fn span(&self) -> Span {
        let measured = Duration::from_secs_f64(self.seconds);
        Span { warm_up: measured / 4, measured }
    }
}
