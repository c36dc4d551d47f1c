//! Sessions that a client may resume.
//!
//! A front end opens many inner sessions to few servers, often in bursts: after a mailbox server has come back, or when
//! an office opens. Each ticket resumes one session only, so enough of them are kept for a burst.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustls::client::{ClientSessionStore, Resumption, Tls12ClientSessionValue, Tls13ClientSessionValue};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, NamedGroup};

/// Tickets kept for each server; each is one to two kilobytes.
const TICKETS_PER_SERVER: usize = 128;

/// Servers remembered. A cluster has a few dozen at most; beyond that somebody is playing with names.
const SERVERS: usize = 256;

/// The configuration, with a memory of its own for sessions to resume.
pub(super) fn resuming(mut config: ClientConfig) -> ClientConfig {
    config.resumption = Resumption::store(Arc::new(Tickets::default()));
    config
}

#[derive(Debug, Default)]
struct Tickets {
    servers: Mutex<HashMap<ServerName<'static>, Remembered>>,
}

#[derive(Debug, Default)]
struct Remembered {
    group: Option<NamedGroup>,
    session: Option<Tls12ClientSessionValue>,
    tickets: VecDeque<Tls13ClientSessionValue>,
}

impl Tickets {
    fn lock(&self) -> MutexGuard<'_, HashMap<ServerName<'static>, Remembered>> {
        self.servers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn edit(&self, server: ServerName<'static>, edit: impl FnOnce(&mut Remembered)) {
        let mut servers = self.lock();
        if servers.len() >= SERVERS && !servers.contains_key(&server) {
            servers.clear();
        }
        edit(servers.entry(server).or_default());
    }
}

impl ClientSessionStore for Tickets {
    fn set_kx_hint(&self, server: ServerName<'static>, group: NamedGroup) {
        self.edit(server, |remembered| remembered.group = Some(group));
    }

    fn kx_hint(&self, server: &ServerName<'_>) -> Option<NamedGroup> {
        self.lock().get(server)?.group
    }

    fn set_tls12_session(&self, server: ServerName<'static>, session: Tls12ClientSessionValue) {
        self.edit(server, |remembered| remembered.session = Some(session));
    }

    fn tls12_session(&self, server: &ServerName<'_>) -> Option<Tls12ClientSessionValue> {
        self.lock().get(server)?.session.clone()
    }

    fn remove_tls12_session(&self, server: &ServerName<'static>) {
        if let Some(remembered) = self.lock().get_mut(server) {
            remembered.session = None;
        }
    }

    fn insert_tls13_ticket(&self, server: ServerName<'static>, ticket: Tls13ClientSessionValue) {
        self.edit(server, |remembered| {
            if remembered.tickets.len() == TICKETS_PER_SERVER {
                remembered.tickets.pop_front();
            }
            remembered.tickets.push_back(ticket);
        });
    }

    /// The newest ticket: the oldest may expire unused.
    fn take_tls13_ticket(&self, server: &ServerName<'static>) -> Option<Tls13ClientSessionValue> {
        self.lock().get_mut(server)?.tickets.pop_back()
    }
}
