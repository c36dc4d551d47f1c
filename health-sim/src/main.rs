//! Runs fleets by seeds: many of them, or one again with everything that happens in it.

#![expect(clippy::print_stdout, reason = "a program for developers prints")]

use std::process::ExitCode;

use clap::Parser;
use health_sim::{Fleet, Report, simulate};

/// Run simulated fleets through every fault, and check every promise
#[derive(Parser, Debug)]
#[command(after_help = "\
Examples:
  cargo run -p health-sim -- --fleet 1+2 --seeds 1000
  cargo run -p health-sim -- --fleet 1+2 --replay 17")]
struct Arguments {
    /// Client-access servers and mailbox servers
    #[arg(long, value_name = "N+M", value_parser = Fleet::parse, default_value = "1+2")]
    fleet: Fleet,
    /// How many seeds
    #[arg(long, value_name = "NUMBER", default_value_t = 100)]
    seeds: u64,
    /// The first seed
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    from: u64,
    /// Run this seed alone, and print everything that happens
    #[arg(long, value_name = "SEED")]
    replay: Option<u64>,
}

fn main() -> ExitCode {
    let Arguments { fleet, seeds, from, replay } = Arguments::parse();
    if let Some(seed) = replay {
        return match simulate(fleet, seed, &mut |line| println!("{line}")) {
            Ok(report) => {
                println!("{report:?}");
                ExitCode::SUCCESS
            }
            Err(broken) => {
                println!("{}", broken.what);
                ExitCode::FAILURE
            }
        };
    }
    let mut all = Report::default();
    for seed in from..from + seeds {
        match simulate(fleet, seed, &mut |_| ()) {
            Ok(report) => {
                all.faults += report.faults;
                report
                    .recoveries
                    .into_iter()
                    .for_each(|(key, n)| *all.recoveries.entry(key).or_default() += n);
                report.acts.into_iter().for_each(|(key, n)| *all.acts.entry(key).or_default() += n);
            }
            Err(broken) => {
                println!("{broken}");
                return ExitCode::FAILURE;
            }
        }
    }
    println!("{seeds} seeds of a fleet of {fleet} kept every promise: {all:?}");
    ExitCode::SUCCESS
}
