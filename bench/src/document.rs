//! docs/benchmarks.md: written anew by every whole run, but for the part that explains it.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::machine;
use crate::plan::Plan;
use crate::report::{self, Section};
use crate::servers::{Dovecot, Nginx};

/// From here on the document is written by hand and kept.
const EXPLANATION: &str = "## Where the time goes";

/// Writes the document and returns its path.
pub(crate) fn write(sections: &[Section], plan: &Plan) -> Result<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/benchmarks.md");
    let old = fs::read_to_string(&path).unwrap_or_default();
    let explanation = old.find(EXPLANATION).map_or("", |at| &old[at..]);
    let mut text = format!(
        "# Benchmarks\n\nWritten by `cargo run --release -p bench -- all` on {}, commit {}.\n\n\
         Machine: {}. Clients, servers and peers share it: ratios carry over to other machines, absolute figures do \
         not. Every figure is the median of {} measurements of {} s, with the least and the greatest in brackets; \
         servers take turns, so that a slow moment of the machine falls on all of them. The client is the same for \
         all; it checks the size of every message and compares one in fifty octet by octet. Before a clock runs it logs \
         every user in once, so that caches of log-ins are as warm as those of a server whose clients poll.\n\n\
         Peers: Dovecot {} (sdbox, log-ins in high-performance mode, two workers, auth cache, passwords in the clear \
         so that it need not hash: mailmedic hashes at a first log-in and remembers), nginx {}; their configurations \
         are in `bench/peers`. Ceilings are servers \
         of our own that answer from memory or copy bytes.\n\n## What was reached\n\n",
        machine::today(),
        machine::commit(),
        machine::description(&plan.temporary),
        plan.rounds,
        plan.seconds,
        Dovecot::version()?,
        Nginx::version()?,
    );
    let _ = writeln!(text, "{}", report::judgements(sections));
    for section in sections {
        let _ = writeln!(text, "{}", section.markdown());
    }
    text.push_str(explanation);
    fs::write(&path, format!("{}\n", text.trim_end())).with_context(|| path.display().to_string())?;
    Ok(path)
}
