//! Configurations that need no thought: a small data centre on loopback, and one real machine.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::{ClusterSections, Configuration, Database, Role, Sections, Server};
use crate::value::{
    CertificateName, DatabaseName, HostName, Invalid, PowerKind, RecoveryMode, ServerName, Value,
};

/// The ports of the servers on loopback, one table for all of them. Each server has an address of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LoopbackPorts {
    /// POP3, with STLS.
    pub pop3: u16,
    /// POP3S.
    pub pop3s: u16,
    /// LMTP of the client-access server.
    pub lmtp: u16,
    /// POP3 between the tiers.
    pub inner_pop3: u16,
    /// LMTP between the tiers.
    pub inner_lmtp: u16,
    /// Readiness of the client-access server and metrics of all servers, by HTTP.
    pub ready: u16,
    /// The API, by HTTPS.
    pub api: u16,
}

impl Default for LoopbackPorts {
    fn default() -> Self {
        Self {
            pop3: 10110,
            pop3s: 10995,
            lmtp: 10224,
            inner_pop3: 11995,
            inner_lmtp: 11024,
            ready: 10111,
            api: 10180,
        }
    }
}

/// One machine with both roles that serves a domain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OneMachine {
    /// The domain of its users.
    pub domain: HostName,
    /// The name that clients know it by.
    pub host_name: HostName,
    /// The address to listen on.
    pub address: IpAddr,
    /// Its certificate; without one, our own CA makes one for the host name.
    pub certificate: Option<CertificateName>,
}

impl Configuration {
    /// The small data centre on loopback, for example.com: `cas1` on 127.0.0.1, `mbx1` on 127.0.0.21 and `mbx2` on
    /// 127.0.0.22, and the databases `DB01` and `DB02`, which both mailbox servers can mount. Each prefers one of them.
    pub fn for_loopback(ports: LoopbackPorts) -> Result<Self, Invalid> {
        let mut shared = Sections::default();
        shared.pop.set("UnencryptedOrTLSBindings", &format!(":{}", ports.pop3))?;
        shared.pop.set("SSLBindings", &format!(":{}", ports.pop3s))?;
        shared.pop.set("ProxyTargetPort", &ports.inner_pop3.to_string())?;
        shared.delivery.set("LmtpBindings", &format!(":{}", ports.lmtp))?;
        shared.inner.set("LmtpPort", &ports.inner_lmtp.to_string())?;
        shared.ready.set("Bindings", &format!(":{}", ports.ready))?;
        shared.ready.set("MetricsBindings", &format!(":{}", ports.ready))?;
        shared.api.set("Bindings", &format!(":{}", ports.api))?;
        shared.power.set("Kind", &PowerKind::Grid.text())?;
        // It is there to be tried out: everything is done, and soon.
        shared.recovery.set("Observe", "false")?;
        shared.recovery.set("Reboot", &RecoveryMode::Automatic.text())?;
        shared.recovery.set("ReturnAfter", "20 s")?;
        // The disk of whoever tries it out is often nearly full.
        shared.delivery.set("LowWaterMark", "64 MB")?;
        Ok(Self {
            default_realm: HostName::parse("example.com")?,
            servers: vec![
                server("cas1", &[Role::ClientAccess], Ipv4Addr::LOCALHOST)?,
                server("mbx1", &[Role::Mailbox], Ipv4Addr::new(127, 0, 0, 21))?,
                server("mbx2", &[Role::Mailbox], Ipv4Addr::new(127, 0, 0, 22))?,
            ],
            databases: vec![database("DB01", &["mbx1", "mbx2"])?, database("DB02", &["mbx2", "mbx1"])?],
            routes: Vec::new(),
            targets: Vec::new(),
            shared,
            cluster: ClusterSections::default(),
        })
    }

    /// Names the domain of the organisation, and the servers in it.
    pub fn name_domain(&mut self, domain: &HostName) -> Result<(), Invalid> {
        self.default_realm = domain.clone();
        for server in &mut self.servers {
            server.host_name = HostName::parse(&format!("{}.{domain}", server.name))?;
            server.host_name_given = true;
        }
        Ok(())
    }

    /// One real machine. Clients connect to its address on the well-known ports; the leg between the tiers and delivery stay
    /// on loopback.
    pub fn for_one_machine(machine: &OneMachine) -> Result<Self, Invalid> {
        let name = machine.host_name.as_str().split('.').next().unwrap_or("mail");
        let mut server = server(name, &[Role::ClientAccess, Role::Mailbox], Ipv4Addr::LOCALHOST)?;
        server.host_name = machine.host_name.clone();
        server.host_name_given = true;
        let mut shared = Sections::default();
        let at = |port| SocketAddr::new(machine.address, port).to_string();
        shared.pop.set("UnencryptedOrTLSBindings", &at(110))?;
        shared.pop.set("SSLBindings", &at(995))?;
        if let Some(certificate) = &machine.certificate {
            shared.pop.set("X509CertificateName", &certificate.text())?;
        }
        Ok(Self {
            default_realm: machine.domain.clone(),
            databases: vec![database("DB01", &[name])?],
            servers: vec![server],
            routes: Vec::new(),
            targets: Vec::new(),
            shared,
            cluster: ClusterSections::default(),
        })
    }
}

fn server(name: &str, roles: &[Role], address: Ipv4Addr) -> Result<Server, Invalid> {
    let name = ServerName::parse(name)?;
    Ok(Server {
        host_name: HostName::from(&name),
        aliases: Vec::new(),
        host_name_given: false,
        roles: roles.to_vec(),
        address: address.into(),
        own: Sections::default(),
        name,
    })
}

fn database(name: &str, copies: &[&str]) -> Result<Database, Invalid> {
    let copies = copies.iter().map(|copy| ServerName::parse(copy)).collect::<Result<_, _>>()?;
    Ok(Database { name: DatabaseName::parse(name)?, copies })
}
