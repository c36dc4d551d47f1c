//! Checks of the repository itself, run as `cargo xtask COMMAND`.
//!
//! Not for building, testing or releasing: `./test` and cargo do that. A check lives here when it is about
//! the shape of the workspace and no existing tool can express it.
#![expect(clippy::print_stderr, clippy::print_stdout, reason = "a command-line tool speaks on its terminal")]

mod graph;
mod layers;
mod lints;
mod rules;

use std::path::PathBuf;
use std::process::ExitCode;

const USAGE: &str = "\
usage: cargo xtask COMMAND [--manifest-path FILE]

  check-layers      dependencies point down the layers, pure crates stay pure, and carry the lints that say so
  check-pure-code   clippy over the pure crates with those lints forbidden: no `allow` in library code helps";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let (command, manifest) = match words.as_slice() {
        [command] => (*command, None),
        [command, "--manifest-path", file] => (*command, Some(PathBuf::from(file))),
        _ => ("", None),
    };
    let outcome = match command {
        "check-layers" => layers::check(manifest.as_deref()),
        "check-pure-code" => lints::check_pure_code(manifest.as_deref()),
        _ => Err(USAGE.to_owned()),
    };
    match outcome {
        Ok(report) => {
            println!("{report}");
            ExitCode::SUCCESS
        }
        Err(report) => {
            eprintln!("{report}");
            ExitCode::FAILURE
        }
    }
}
