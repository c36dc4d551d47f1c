//! How a command waits for what the agents do.

use std::thread;
use std::time::{Duration, Instant};

use clap::Args;
use settings::{Span, Value};

use crate::failure::{Failure, Outcome};

/// Whether and how long a command waits.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct Patience {
    /// Do not wait for the end
    #[arg(long)]
    no_wait: bool,
    /// How long to wait for the end
    #[arg(long, value_name = "TIME", value_parser = span, default_value = "2 min")]
    limit: Span,
}

/// A length of time as an argument.
pub(crate) fn span(text: &str) -> Result<Span, String> {
    Span::parse(text).map_err(|invalid| invalid.to_string())
}

/// How long a command waits if nobody says; the default of `--limit`.
const USUAL: Span = Span::seconds(120);
/// How often it is asked at most.
const PAUSE: Duration = Duration::from_millis(100);

impl Patience {
    /// To wait so long; without a limit, as long as commands wait if nobody says.
    pub(crate) fn with(limit: Option<Span>) -> Self {
        Self { no_wait: false, limit: limit.unwrap_or(USUAL) }
    }

    /// Whether the command waits at all.
    pub(crate) fn waits(self) -> bool {
        !self.no_wait
    }

    /// Asks `look` until it has found something; `what` is not over when patience is.
    pub(crate) fn until<T>(self, what: &str, look: impl FnMut() -> Outcome<Option<T>>) -> Outcome<T> {
        until(self.limit, what, look)
    }
}

/// Asks `look` until it has found something; `what` is not over when the limit is.
pub(crate) fn until<T>(limit: Span, what: &str, mut look: impl FnMut() -> Outcome<Option<T>>) -> Outcome<T> {
    let deadline = Instant::now() + limit.duration();
    loop {
        let asked = Instant::now();
        if let Some(found) = look()? {
            return Ok(found);
        }
        if Instant::now() >= deadline {
            return Err(Failure::failed(format!("{what} is not over after {limit}; it goes on")));
        }
        // An agent that puts off its answer has waited already.
        thread::sleep(PAUSE.saturating_sub(asked.elapsed()));
    }
}
