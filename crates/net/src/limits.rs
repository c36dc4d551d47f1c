//! How many connections there may be: in all, and from one client address.
//!
//! Only counting, and the answer is immediate: nobody waits for a place. The limit per user is not here: it is enforced
//! where the database is mounted. An address is an IPv4 address or the first 64 bits of an IPv6 address, since whoever
//! has one IPv6 address commonly has the whole /64.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The limits. Changing them never ends a connection: fewer are admitted until enough have gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Connections in all.
    pub total: u32,
    /// Connections from one client address.
    pub per_address: u32,
}

impl Limits {
    /// No limits.
    pub const NONE: Self = Self { total: u32::MAX, per_address: u32::MAX };
}

/// Why a connection is refused. The text for the client is the caller's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// As many connections as may be are open.
    #[error("all {limit} connections are in use")]
    Total {
        /// The limit that stands in the way.
        limit: u32,
    },
    /// As many connections as may be are open from this address.
    #[error("{source_address} has its {limit} connections in use")]
    PerAddress {
        /// The address or network that is counted as one.
        source_address: Source,
        /// The limit that stands in the way.
        limit: u32,
    },
}

/// What connections are counted by: an IPv4 address or an IPv6 /64.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Source {
    /// An IPv4 address.
    V4(u32),
    /// The first 64 bits of an IPv6 address.
    V6(u64),
}

impl From<IpAddr> for Source {
    fn from(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(v4) => Self::V4(v4.to_bits()),
            IpAddr::V6(v6) => Self::V6((v6.to_bits() >> 64) as u64),
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::V4(bits) => std::net::Ipv4Addr::from_bits(bits).fmt(f),
            Self::V6(bits) => write!(f, "{}/64", std::net::Ipv6Addr::from_bits(u128::from(bits) << 64)),
        }
    }
}

/// What the counters say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Connections open now.
    pub open: u32,
    /// Addresses that have at least one open.
    pub sources: usize,
    /// Admitted since the start.
    pub admitted: u64,
    /// Refused since the start because of the limit in all.
    pub refused_total: u64,
    /// Refused since the start because of the limit per address.
    pub refused_per_address: u64,
}

/// Counts connections and admits or refuses them. Clones count together.
#[derive(Debug, Clone)]
pub struct Limiter {
    ledger: Arc<Mutex<Ledger>>,
}

#[derive(Debug)]
struct Ledger {
    limits: Limits,
    sources: HashMap<Source, u32>,
    counts: Counts,
}

impl Limiter {
    /// A limiter with nothing open.
    pub fn new(limits: Limits) -> Self {
        let ledger = Ledger { limits, sources: HashMap::new(), counts: Counts::default() };
        Self { ledger: Arc::new(Mutex::new(ledger)) }
    }

    /// Changes the limits, effective for the next connection.
    pub fn set(&self, limits: Limits) {
        self.lock().limits = limits;
    }

    /// The limits now.
    pub fn limits(&self) -> Limits {
        self.lock().limits
    }

    /// The counters now.
    pub fn counts(&self) -> Counts {
        let ledger = self.lock();
        Counts { sources: ledger.sources.len(), ..ledger.counts }
    }

    /// Counts a connection from `client` until the permit is dropped, or says which limit stands in the way.
    pub fn admit(&self, client: IpAddr) -> Result<Permit, Refusal> {
        let source = Source::from(client);
        let mut guard = self.lock();
        let ledger = &mut *guard;
        let Limits { total, per_address } = ledger.limits;
        if ledger.counts.open >= total {
            ledger.counts.refused_total += 1;
            return Err(Refusal::Total { limit: total });
        }
        let open = ledger.sources.get(&source).copied().unwrap_or(0);
        if open >= per_address {
            ledger.counts.refused_per_address += 1;
            return Err(Refusal::PerAddress { source_address: source, limit: per_address });
        }
        ledger.sources.insert(source, open + 1);
        ledger.counts.open += 1;
        ledger.counts.admitted += 1;
        Ok(Permit { ledger: Arc::clone(&self.ledger), source })
    }

    fn lock(&self) -> MutexGuard<'_, Ledger> {
        lock(&self.ledger)
    }
}

/// A counted connection. It holds its place until it is dropped.
#[derive(Debug)]
#[must_use = "the connection is counted only as long as the permit lives"]
pub struct Permit {
    ledger: Arc<Mutex<Ledger>>,
    source: Source,
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut guard = lock(&self.ledger);
        guard.counts.open -= 1;
        if let Entry::Occupied(mut open) = guard.sources.entry(self.source) {
            *open.get_mut() -= 1;
            if *open.get() == 0 {
                open.remove();
            }
        }
    }
}

/// Nothing that holds the lock can leave the ledger half changed, so a poisoned lock is as good as any.
fn lock(ledger: &Mutex<Ledger>) -> MutexGuard<'_, Ledger> {
    ledger.lock().unwrap_or_else(PoisonError::into_inner)
}
