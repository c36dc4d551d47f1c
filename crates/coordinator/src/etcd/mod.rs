//! The etcd engine, through the JSON gateway that every etcd has (v3).
//!
//! Our keys lie below a prefix of their own, `PREFIXkeys/`; `PREFIXepoch` holds the epoch, made by whoever finds it
//! missing, so that an etcd made anew has a greater one. Why the gateway and not gRPC is in the decision record.
//!
//! Several endpoints are tried in turn: reads at all of them, a change only until it may have arrived at one. All of
//! an answer's time is bounded by the deadline.
//!
//! What is read or changed takes most of the members, so one that is cut off answers nothing. Only a lease is kept alive by
//! the leader alone: one that was cut off says so until it notices, which takes as long as an election.
//!
//! Not for: administering etcd. Its compaction, space and members are its operator's.

mod connection;
mod endpoint;
mod failure;
mod gateway;
mod messages;
mod watch;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rustls::ClientConfig;

pub use self::endpoint::{Endpoint, EndpointError};
use self::gateway::{Effect, Gateway};
use self::messages::{
    Empty, GrantRequest, Granted, KeepAliveAnswer, KeepAliveRequest, Namespace, RangeAnswer, RevokeRequest,
    TxnAnswer, TxnRequest,
};
use self::watch::EtcdWatch;
use crate::{
    Answer, Coordinator, CoordinatorError, Lease, LeaseId, Prefix, Reading, Revision, Txn, TxnOutcome, Watch,
};

/// Where an etcd is and how it is used.
#[derive(Clone, Debug)]
pub struct EtcdSettings {
    /// Its members, in the order in which they are tried. Not empty.
    pub endpoints: Vec<Endpoint>,
    /// What all our keys in it begin with: `mailmedic/`.
    pub prefix: Prefix,
    /// For `https` endpoints: whom to trust, and our certificate.
    pub tls: Option<Arc<ClientConfig>>,
    /// How long an answer may take.
    pub deadline: Duration,
    /// The epoch of a store that has to be made: Unix seconds, so that one made after a loss has a greater epoch.
    pub born: u64,
}

impl EtcdSettings {
    /// The usual deadline, below `prefix`.
    pub fn new(endpoints: Vec<Endpoint>, prefix: Prefix, tls: Option<Arc<ClientConfig>>) -> Self {
        let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let born = since_1970.unwrap_or_default().as_secs();
        Self { endpoints, prefix, tls, deadline: Duration::from_secs(3), born }
    }
}

/// A coordinator in etcd. Clones share connections.
#[derive(Clone)]
pub struct EtcdCoordinator(Arc<Inner>);

struct Inner {
    gateway: Gateway,
    names: Namespace,
    born: u64,
}

impl EtcdCoordinator {
    /// Connects when it is asked something.
    pub fn new(settings: EtcdSettings) -> Self {
        let EtcdSettings { endpoints, prefix, tls, deadline, born } = settings;
        let gateway = Gateway::new(endpoints, tls, deadline);
        Self(Arc::new(Inner { gateway, names: Namespace::new(&prefix), born: born.max(1) }))
    }
}

impl Inner {
    /// Reads a part of the store and the epoch at one moment. The first one to look for an epoch makes it.
    async fn read(&self, prefix: Option<&Prefix>) -> Result<Reading, CoordinatorError> {
        const OPERATION: &str = "read";
        let request = self.names.reading(prefix);
        loop {
            let answer: TxnAnswer = self.gateway.ask(OPERATION, Effect::None, "/v3/kv/txn", &request).await?;
            let mut ranges = answer.responses.into_iter().map(|response| response.response_range);
            let epoch = ranges.next().flatten().and_then(|range: RangeAnswer| range.kvs.into_iter().next());
            let Some(epoch) = epoch else {
                let make: TxnRequest = self.names.make_epoch(self.born);
                // That it may have been made already is no harm: it is made only if there is none.
                self.gateway.ask::<TxnAnswer>(OPERATION, Effect::Repeatable, "/v3/kv/txn", &make).await?;
                continue;
            };
            let epoch = epoch.epoch().map_err(|error| failure::garbled(OPERATION, error))?;
            let entries = ranges.next().flatten().map(|range| range.kvs).unwrap_or_default();
            let entries: Result<_, _> = entries.into_iter().map(|kv| self.names.entry(kv)).collect();
            let entries = entries.map_err(|error| failure::garbled(OPERATION, error))?;
            return Ok(Reading { epoch, revision: Revision(answer.header.revision), entries });
        }
    }

    async fn txn(&self, txn: &Txn) -> Result<TxnOutcome, CoordinatorError> {
        const OPERATION: &str = "change entries";
        txn.check()?;
        let effect = if txn.then.is_empty() { Effect::None } else { Effect::Change };
        let request = self.names.txn(txn);
        let answer: TxnAnswer = self.gateway.ask(OPERATION, effect, "/v3/kv/txn", &request).await?;
        let revision = Revision(answer.header.revision);
        if answer.succeeded {
            return Ok(TxnOutcome { succeeded: true, revision, read: Vec::new() });
        }
        let read = answer.responses.into_iter().filter_map(|response| response.response_range);
        let read: Result<_, _> = read.flat_map(|range| range.kvs).map(|kv| self.names.entry(kv)).collect();
        let read = read.map_err(|error| failure::garbled(OPERATION, error))?;
        Ok(TxnOutcome { succeeded: false, revision, read })
    }
}

impl Coordinator for EtcdCoordinator {
    fn epoch(&self) -> Answer<'_, u64> {
        Box::pin(async { Ok(self.0.read(None).await?.epoch) })
    }

    fn txn(&self, txn: Txn) -> Answer<'_, TxnOutcome> {
        Box::pin(async move { self.0.txn(&txn).await })
    }

    fn read(&self, prefix: &Prefix) -> Answer<'_, Reading> {
        let prefix = prefix.clone();
        Box::pin(async move { self.0.read(Some(&prefix)).await })
    }

    fn grant(&self, ttl: Duration) -> Answer<'_, Lease> {
        Box::pin(async move {
            // etcd counts in seconds.
            let seconds = ttl.as_secs() + u64::from(ttl.subsec_nanos() > 0);
            let request = GrantRequest { ttl: seconds.max(1) };
            let path = "/v3/lease/grant";
            // A lease that was granted unheard of runs out.
            let granted: Granted =
                self.0.gateway.ask("grant a lease", Effect::Change, path, &request).await?;
            Ok(Lease { id: LeaseId(granted.id), ttl: Duration::from_secs(granted.ttl) })
        })
    }

    fn keep_alive(&self, lease: LeaseId) -> Answer<'_, Duration> {
        Box::pin(async move {
            let (request, path) = (KeepAliveRequest { id: lease.0 }, "/v3/lease/keepalive");
            let answer: KeepAliveAnswer =
                self.0.gateway.ask("keep a lease alive", Effect::Repeatable, path, &request).await?;
            match answer.result.ttl {
                0 => Err(CoordinatorError::LeaseGone),
                seconds => Ok(Duration::from_secs(seconds)),
            }
        })
    }

    fn revoke(&self, lease: LeaseId) -> Answer<'_, ()> {
        Box::pin(async move {
            let (request, path) = (RevokeRequest { id: lease.0 }, "/v3/lease/revoke");
            self.0.gateway.ask::<Empty>("revoke a lease", Effect::Change, path, &request).await.map(drop)
        })
    }

    fn watch(&self, prefix: &Prefix, after: Revision) -> Answer<'_, Box<dyn Watch>> {
        let prefix = prefix.clone();
        Box::pin(async move {
            let watch = EtcdWatch::open(Arc::clone(&self.0), prefix, after).await?;
            Ok(Box::new(watch) as Box<dyn Watch>)
        })
    }
}
