//! How far a long command has come, for whoever sits at the terminal.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

/// A line at the end of the terminal that says how far it is; elsewhere nothing.
#[derive(Debug)]
pub(crate) struct Bar {
    what: String,
    next: Instant,
    shown: bool,
    terminal: bool,
}

const PAUSE: Duration = Duration::from_millis(200);

impl Bar {
    pub(crate) fn new(what: String) -> Self {
        Self { what, next: Instant::now() + PAUSE, shown: false, terminal: io::stderr().is_terminal() }
    }

    /// `done` of `total`; shown now and then only.
    pub(crate) fn show(&mut self, done: u64, total: u64) {
        if !self.terminal || Instant::now() < self.next {
            return;
        }
        self.next = Instant::now() + PAUSE;
        self.shown = true;
        let percent = (done * 100).checked_div(total).unwrap_or(100);
        // A terminal that is gone misses nothing.
        let _ = write!(io::stderr(), "\r{}: {percent} %", self.what);
    }

    /// Takes the line away, for what is printed next.
    pub(crate) fn clear(&mut self) {
        if std::mem::take(&mut self.shown) {
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
    }
}
