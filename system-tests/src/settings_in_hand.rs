//! The settings of a server as a test holds them.

use std::net::IpAddr;

use settings::{
    ApiSettings, DeliverySettings, EscalationSettings, HealthSettings, InitSettings, InnerSettings,
    LogInSettings, LogSettings, NetworkList, PeerSettings, PopSettings, PowerSettings, ReadySettings,
    RecoverySettings, ServerSettings, SessionSettings, Span, Value as _,
};

/// Every section, to be changed freely: beyond the range that administrators have, too, since a test has no ten seconds.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "each is the section of its name")]
pub struct Settings {
    pub pop: PopSettings,
    pub session: SessionSettings,
    pub log_in: LogInSettings,
    pub peers: PeerSettings,
    pub delivery: DeliverySettings,
    pub inner: InnerSettings,
    pub ready: ReadySettings,
    pub health: HealthSettings,
    pub log: LogSettings,
    init: InitSettings,
    api: ApiSettings,
    power: PowerSettings,
    recovery: RecoverySettings,
    escalation: EscalationSettings,
    address: IpAddr,
}

impl Settings {
    /// The address of this number in the block of the server's house.
    pub fn at(&self, number: u8) -> IpAddr {
        let IpAddr::V4(own) = self.address else { return self.address };
        let [first, second, third, _] = own.octets();
        IpAddr::from([first, second, third, number])
    }

    pub(crate) fn of(server: &ServerSettings) -> Self {
        Self {
            pop: server.pop.values().clone(),
            session: server.session.values().clone(),
            log_in: server.log_in.values().clone(),
            peers: server.peers.values().clone(),
            delivery: server.delivery.values().clone(),
            inner: server.inner.values().clone(),
            ready: server.ready.values().clone(),
            health: server.health.values().clone(),
            log: server.log.values().clone(),
            init: server.init.values().clone(),
            api: server.api.values().clone(),
            power: server.power.values().clone(),
            recovery: server.recovery.values().clone(),
            escalation: server.escalation.values().clone(),
            address: server.address,
        }
    }

    pub(crate) fn into_server(self) -> ServerSettings {
        ServerSettings {
            address: self.address,
            pop: self.pop.into(),
            session: self.session.into(),
            log_in: self.log_in.into(),
            peers: self.peers.into(),
            delivery: self.delivery.into(),
            inner: self.inner.into(),
            ready: self.ready.into(),
            health: self.health.into(),
            log: self.log.into(),
            init: self.init.into(),
            api: self.api.into(),
            power: self.power.into(),
            recovery: self.recovery.into(),
            escalation: self.escalation.into(),
        }
    }
}

/// A duration as administrators write it.
pub fn span(text: &str) -> Span {
    Span::parse(text).unwrap()
}

/// Networks as administrators write them, with commas between.
pub fn networks(text: &str) -> NetworkList {
    NetworkList::parse(text).unwrap()
}
