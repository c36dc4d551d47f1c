//! The last sessions worth keeping, in memory: those of probes, whether the protocol log is on or off.
//!
//! A session is in the ring from the moment it is known to be worth keeping, so that one that hangs can be looked at. The
//! ring is bounded by number and by size; the oldest session makes way.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::session_id::SessionId;

/// How many exchanges of one session are kept; of a longer one, the last.
const EXCHANGES: usize = 256;

/// One exchange of a session that is kept. The fields are those of the protocol log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptExchange {
    /// When it ended.
    pub at: Timestamp,
    /// Its place in the session, from 0.
    pub sequence: u32,
    /// From the command to the end of its reply, in microseconds.
    pub duration_micros: u64,
    /// Octets of the command.
    pub request: u64,
    /// Octets of the reply.
    pub reply: u64,
    /// The command.
    pub command: String,
    /// What followed it, secrets masked.
    pub parameters: String,
    /// What became of it.
    pub context: String,
}

impl KeptExchange {
    fn size(&self) -> usize {
        size_of::<Self>() + self.command.len() + self.parameters.len() + self.context.len()
    }
}

/// A session that is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptSession {
    /// Its id.
    pub id: SessionId,
    /// Our end of the connection.
    pub server: SocketAddr,
    /// The client's real address.
    pub client: SocketAddr,
    /// Who has logged in.
    pub user: String,
    /// The exchanges, the last at most 256 of them.
    pub exchanges: Vec<KeptExchange>,
    /// How many earlier exchanges are no longer kept.
    pub omitted: u64,
}

/// A session in the ring, being written by its owner.
pub(crate) type Slot = Arc<Mutex<Kept>>;

#[derive(Debug)]
pub(crate) struct Kept {
    pub(crate) id: SessionId,
    pub(crate) server: SocketAddr,
    pub(crate) client: SocketAddr,
    pub(crate) user: String,
    exchanges: VecDeque<KeptExchange>,
    omitted: u64,
    size: usize,
}

impl Kept {
    pub(crate) fn new(id: SessionId, server: SocketAddr, client: SocketAddr, user: &str) -> Self {
        let size = size_of::<Self>();
        Self { id, server, client, user: user.to_owned(), exchanges: VecDeque::new(), omitted: 0, size }
    }

    pub(crate) fn push(&mut self, exchange: KeptExchange) {
        self.size += exchange.size();
        self.exchanges.push_back(exchange);
        if self.exchanges.len() > EXCHANGES
            && let Some(first) = self.exchanges.pop_front()
        {
            self.size -= first.size();
            self.omitted += 1;
        }
    }

    fn report(&self) -> KeptSession {
        KeptSession {
            id: self.id,
            server: self.server,
            client: self.client,
            user: self.user.clone(),
            exchanges: self.exchanges.iter().cloned().collect(),
            omitted: self.omitted,
        }
    }
}

/// The ring.
#[derive(Debug)]
pub struct Ring {
    slots: Mutex<VecDeque<Slot>>,
    sessions: usize,
    octets: usize,
}

impl Ring {
    /// A ring of at most so many sessions and about so many octets.
    pub fn new(sessions: usize, octets: usize) -> Self {
        Self { slots: Mutex::default(), sessions, octets }
    }

    /// Keeps a session from now on. Older ones make way.
    pub(crate) fn keep(&self, kept: Kept) -> Slot {
        let slot = Arc::new(Mutex::new(kept));
        let mut slots = lock(&self.slots);
        slots.push_back(Arc::clone(&slot));
        let mut total: usize = slots.iter().map(|slot| lock(slot).size).sum();
        while slots.len() > 1 && (slots.len() > self.sessions || total > self.octets) {
            let Some(oldest) = slots.pop_front() else { break };
            total -= lock(&oldest).size;
        }
        slot
    }

    /// The sessions with this id, the newest first: probes through both tiers of one server have one each.
    pub fn find(&self, id: SessionId) -> Vec<KeptSession> {
        let slots = lock(&self.slots);
        slots
            .iter()
            .rev()
            .map(|slot| lock(slot))
            .filter(|kept| kept.id == id)
            .map(|kept| kept.report())
            .collect()
    }

    /// The sessions of the client at this address, the newest first.
    pub fn of_client(&self, client: SocketAddr) -> Vec<KeptSession> {
        let slots = lock(&self.slots);
        let kept = slots.iter().rev().map(|slot| lock(slot));
        kept.filter(|kept| kept.client == client).map(|kept| kept.report()).collect()
    }

    /// The ids of all sessions kept, the newest first.
    pub fn ids(&self) -> Vec<SessionId> {
        lock(&self.slots).iter().rev().map(|slot| lock(slot).id).collect()
    }
}

/// Nothing under these locks can leave anything half changed.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
