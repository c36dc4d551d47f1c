//! The rules of the architecture as data: which layer may use which, and what must stay out of reach.
//!
//! To add a crate, give it a layer in its Cargo.toml. To change a rule, change this file and its fixture, and say why
//! in a decision record.

/// Where a crate stands: `[package.metadata.mailmedic] layer = "…"`. A crate may use its own layer and those below.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Layer {
    /// Decides: no executor, sockets, files, clocks, threads or randomness.
    Pure,
    /// One engine behind a seam of a pure crate.
    Adapter,
    /// What services do alike with the outside world.
    Runtime,
    /// A service, or the executable.
    Process,
    /// Never shipped, so free to use everything, and used by nothing but its own kind.
    Development,
}

impl Layer {
    pub(crate) const ALL: [Self; 5] =
        [Self::Pure, Self::Adapter, Self::Runtime, Self::Process, Self::Development];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Pure => "pure",
            Self::Adapter => "adapter",
            Self::Runtime => "runtime",
            Self::Process => "process",
            Self::Development => "development",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|layer| layer.name() == name)
    }
}

/// Crates of the outside world that no pure crate may reach, not through another crate or a feature either.
///
/// A name ending in `*` stands for the family. `libc` is absent on purpose: hashes ask it for processor features, and
/// without `unsafe`, which the workspace forbids, it cannot be called.
pub(crate) const IMPURE: &[(&str, &str)] = &[
    ("async-io", "an executor and sockets"),
    ("async-std", "an executor, sockets and files"),
    ("futures-executor", "an executor"),
    ("futures-timer", "a clock"),
    ("smol", "an executor, sockets and files"),
    ("tokio*", "an executor, sockets and a clock"),
    ("mio", "sockets"),
    ("polling", "sockets"),
    ("socket2", "sockets"),
    ("hickory-*", "name look-ups"),
    ("rustls", "its sessions read the clock and draw random numbers"),
    ("nix", "system calls"),
    ("rustix", "system calls"),
    ("signal-hook*", "signals of the process"),
    ("libsqlite3-sys", "files"),
    ("rusqlite", "files"),
    ("memmap2", "files"),
    ("tempfile", "files"),
    ("walkdir", "files"),
    ("chrono", "a clock"),
    ("coarsetime", "a clock"),
    ("jiff", "a clock"),
    ("quanta", "a clock"),
    ("time", "a clock"),
    ("fastrand", "randomness"),
    ("getrandom", "randomness"),
    ("rand", "randomness"),
    ("uuid", "randomness"),
    ("rayon*", "threads"),
    ("threadpool", "threads"),
    ("tracing-subscriber", "files and a clock"),
];

/// A crate of ours and what it must not reach among our crates, with the reason.
pub(crate) struct Fence {
    pub(crate) from: &'static str,
    pub(crate) reach: Reach,
    pub(crate) reason: &'static str,
}

/// The two ways to draw a fence.
pub(crate) enum Reach {
    /// All of ours but these.
    AllBut(&'static [&'static str]),
    /// None of ours but these.
    Only(&'static [&'static str]),
}

pub(crate) const FENCES: &[Fence] = &[
    Fence {
        from: "frontend",
        reach: Reach::AllBut(&["mailbox", "mailbox-sqlite", "mailbox-postgres", "backend"]),
        reason: "the front end cannot read mail",
    },
    Fence {
        from: "agent",
        reach: Reach::AllBut(&["frontend", "backend", "mailbox-sqlite", "mailbox-postgres"]),
        reason: "the doctor never links the patient",
    },
    Fence {
        from: "shell",
        reach: Reach::Only(&["admin-api", "api-client", "settings", "tls-identity"]),
        reason: "commands reach the cluster through its API alone",
    },
];

/// Whether `name` is what `pattern` stands for.
pub(crate) fn stands_for(pattern: &str, name: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(family) => name.starts_with(family),
        None => name == pattern,
    }
}
