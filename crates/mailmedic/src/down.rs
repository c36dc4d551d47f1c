//! `mailmedic down`: stops what `mailmedic up` started.

use clap::Args;
use init::down::{Down, DownError, take_down};
use settings::{DataDirectory, Span};
use shell::{Failure, Outcome};

use crate::screen::say;
use crate::site::{claim_failure, span};

/// Stop everything that `mailmedic up` started
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  mailmedic down
  mailmedic down --data /srv/mailmedic-data

Sessions have a few seconds to come to an end. If nothing is running, that is said and is no error.")]
pub(crate) struct Arguments {
    /// How long to wait until everything has stopped
    #[arg(long, value_name = "TIME", value_parser = span, default_value = "2 min")]
    limit: Span,
}

impl Arguments {
    pub(crate) fn run(self, data: &DataDirectory) -> Outcome {
        let begun = |pid| {
            // Only to pass the time; the end is what counts.
            let _ =
                say(format_args!("stopping (process {pid}): sessions have a few seconds to come to an end"));
        };
        match take_down(data, self.limit.duration(), begun) {
            Ok(Down::Stopped(_)) => say("stopped"),
            Ok(Down::WasDown) => say(format_args!("nothing is running on {}", data.root().display())),
            Err(DownError::Claim(error)) => Err(claim_failure(error)),
            Err(error) => Err(Failure::failed(error)),
        }
    }
}
