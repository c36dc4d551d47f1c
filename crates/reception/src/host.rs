//! Receiving connections on behalf of a host.

use std::fmt::Debug;
use std::future::Future;
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use net::drain::{Phase, SessionToken};
use net::limits::{Limits, Permit, Refusal};
use net::listeners::{BindError, Bound, Incoming};
use net::{Accepted, Binding, Limiter, Listeners, Sessions};
use service::Service;
use service::live::Settled;
use settings::Configuration;
use tokio::time::{Instant, MissedTickBehavior, interval};

/// How often what may have changed by itself (certificate files, failed bindings) is looked at.
const LOOK: Duration = Duration::from_secs(5);
/// Connections that the kernel holds for each binding until they are accepted.
const BACKLOG: u32 = 4096;
/// How long a peer may take to read why it is turned away.
const LAST_WORD: Duration = Duration::from_secs(1);

/// A service, as its reception sees it.
pub trait Host: Send + Sync + 'static {
    /// What a binding is for.
    type Kind: Clone + Copy + Debug + Eq + Hash + Send + Sync + 'static;

    /// Where the service is to listen.
    fn bindings(&self, settings: &Settled) -> Vec<Binding<Self::Kind>>;

    /// Which limits count connections of this kind; kinds with the same number, 0 to 3, are counted together.
    fn limits(&self, kind: Self::Kind, settings: &Settled) -> (usize, Limits);

    /// Whether peers of this kind are introduced by listed proxies.
    fn takes_proxies(&self, kind: Self::Kind) -> bool;

    /// What a connection that cannot be served is told. Nothing, where the peer would not understand it yet.
    fn turn_away(&self, kind: Self::Kind, why: &Refusal) -> Vec<u8>;

    /// Serves a connection until its end.
    fn serve(
        self: Arc<Self>,
        accepted: Accepted<Self::Kind>,
        token: SessionToken,
    ) -> impl Future<Output = ()> + Send;

    /// Whether connections of this kind are no sessions but questions about the service, which are answered while it
    /// drains, too.
    fn is_question(&self, _kind: Self::Kind) -> bool {
        false
    }

    /// Answers a question.
    fn answer(self: Arc<Self>, _question: Accepted<Self::Kind>) -> impl Future<Output = ()> + Send {
        async {}
    }

    /// Takes up what has changed: settings, certificate files.
    fn refresh(&self, settings: &Settled);
}

/// A service cannot listen where it is to.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// A binding cannot be opened.
    #[error(transparent)]
    Bind(#[from] BindError),
}

/// How many sets of limits a host may have.
const LIMITERS: usize = 4;

/// How many more connections the servers of the cluster may have, once all others are taken.
const RESERVE: u32 = 8;

/// Places for connections: those that the settings grant, and a few that only the servers of the cluster take, so that its
/// probes find out what is wrong while clients are turned away.
#[derive(Clone)]
struct Places {
    granted: Limiter,
    reserved: Limiter,
}

impl Places {
    fn new() -> Self {
        let reserve = Limits { total: RESERVE, per_address: RESERVE };
        Self { granted: Limiter::new(Limits::NONE), reserved: Limiter::new(reserve) }
    }

    fn admit(&self, client: IpAddr, configuration: &Configuration) -> Result<Permit, Refusal> {
        self.granted.admit(client).or_else(|refusal| {
            let client = client.to_canonical();
            let of_a_server = configuration.servers.iter().any(|server| server.address == client);
            if of_a_server { self.reserved.admit(client).map_err(|_| refusal) } else { Err(refusal) }
        })
    }
}

/// The open front door.
pub struct Reception<H: Host> {
    host: Arc<H>,
    service: Arc<Service>,
    listeners: Listeners<H::Kind>,
    incoming: Incoming<H::Kind>,
    places: [Places; LIMITERS],
}

impl<H: Host> Reception<H> {
    /// Opens every binding, or says which one cannot be opened.
    pub async fn open(host: Arc<H>, service: Arc<Service>) -> Result<Self, OpenError> {
        let (mut listeners, incoming) = Listeners::new(BACKLOG);
        let settled = service.live.snapshot();
        let reconciled = listeners.reconcile(&host.bindings(&settled)).await;
        if let Some(error) = reconciled.failed.into_iter().next() {
            return Err(error.into());
        }
        let places = std::array::from_fn(|_| Places::new());
        let reception = Self { host, service, listeners, incoming, places };
        reception.set_limits(&settled);
        Ok(reception)
    }

    /// Where connections are accepted now.
    pub fn bound(&self) -> Vec<Bound<H::Kind>> {
        self.listeners.bound().cloned().collect()
    }

    /// Receives until it is dropped. While the sessions are told to end, it listens for questions only.
    pub async fn receive(mut self) {
        let mut changes = self.service.live.subscribe();
        let mut phases = self.service.sessions.phases();
        let mut look = interval(LOOK);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                accepted = self.incoming.next() => match accepted {
                    Some(accepted) if self.host.is_question(accepted.kind) => self.answer(accepted),
                    Some(accepted) => self.welcome(accepted),
                    None => return,
                },
                _ = changes.changed() => self.reconcile().await,
                _ = phases.changed() => self.reconcile().await,
                _ = look.tick() => self.reconcile().await,
            }
        }
    }

    /// Answers one question in a task of its own.
    fn answer(&self, question: Accepted<H::Kind>) {
        let (places, _) = self.host.limits(question.kind, &self.service.live.load());
        // Who asks again and again asks too much.
        let Ok(permit) = self.places[places].granted.admit(question.peer.client.ip()) else { return };
        let answer = Arc::clone(&self.host).answer(question);
        tokio::spawn(async move {
            let _permit = permit;
            answer.await;
        });
    }

    /// Serves one connection in a task of its own.
    fn welcome(&self, accepted: Accepted<H::Kind>) {
        let (host, live) = (Arc::clone(&self.host), Arc::clone(&self.service.live));
        let places = self.places.clone();
        let admitted = self.service.sessions.spawn(|token| async move {
            let settled = live.snapshot();
            let accepted = if host.takes_proxies(accepted.kind) {
                let proxies = &settled.server.peers.proxy_protocol;
                let deadline =
                    Instant::now() + settled.server.pop.pre_authenticated_connection_timeout.duration();
                let peer = accepted.peer;
                match accepted.identify(|peer| proxies.contains(peer), deadline).await {
                    Ok(accepted) => accepted,
                    Err(error) => {
                        tracing::warn!(%peer, %error, "a listed proxy does not introduce its client");
                        return;
                    }
                }
            } else {
                accepted
            };
            let (place, _) = host.limits(accepted.kind, &settled);
            let permit = places[place].admit(accepted.peer.client.ip(), &settled.configuration);
            drop(settled);
            match permit {
                Ok(_permit) => host.serve(accepted, token).await,
                Err(refusal) => {
                    tracing::warn!(peer = %accepted.peer, %refusal, "turned away");
                    let words = host.turn_away(accepted.kind, &refusal);
                    let mut connection = accepted.connection;
                    // The peer may be gone already, which is as good.
                    let _ = connection.send_before(Instant::now() + LAST_WORD, &words).await;
                    connection.close(LAST_WORD).await;
                }
            }
        });
        if admitted.is_err() {
            tracing::debug!("a connection came while the service was closing");
        }
    }

    async fn reconcile(&mut self) {
        let settled = self.service.live.snapshot();
        self.host.refresh(&settled);
        self.set_limits(&settled);
        let mut bindings = self.host.bindings(&settled);
        if self.service.sessions.phase() != Phase::Admitting {
            bindings.retain(|binding| self.host.is_question(binding.kind));
        }
        let reconciled = self.listeners.reconcile(&bindings).await;
        for bound in reconciled.opened {
            tracing::info!(address = %bound.local, kind = ?bound.binding.kind, "listening");
        }
        for binding in reconciled.closed {
            tracing::info!(address = %binding.endpoint, kind = ?binding.kind, "no longer listening");
        }
        for error in reconciled.failed {
            tracing::error!(error = %error.source, address = %error.endpoint, "cannot listen");
        }
    }

    fn set_limits(&self, settled: &Settled) {
        for binding in self.host.bindings(settled) {
            let (place, limits) = self.host.limits(binding.kind, settled);
            self.places[place].granted.set(limits);
        }
    }
}

/// Tells every session to end and waits for it: first at a boundary, after `limit` wherever it is.
pub async fn empty(sessions: &Sessions, limit: Duration) {
    sessions.set_phase(Phase::Draining);
    if sessions.ended(Instant::now() + limit).await.is_err() {
        sessions.set_phase(Phase::Refusing);
        if let Err(left) = sessions.ended(Instant::now() + LAST_WORD).await {
            tracing::warn!(%left, "sessions were cut off");
        }
    }
}

#[cfg(test)]
mod tests;
