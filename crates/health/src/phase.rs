//! The phases of an attempt, and the parts of the system that can fail in one.

use serde::{Deserialize, Serialize};

/// A phase of an attempt, in the order in which they come. Each is timed, and one of them fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// From a name to an address.
    Resolve,
    /// The TCP connection.
    Connect,
    /// The TLS handshake, with the server's certificate judged.
    Tls,
    /// The server's first line.
    Greeting,
    /// CAPA, or LHLO.
    Capabilities,
    /// The log-in. Behind a front end it holds the inner connection too.
    Auth,
    /// STAT.
    Stat,
    /// LIST.
    List,
    /// UIDL.
    Uidl,
    /// RETR, the message compared.
    Retrieve,
    /// DELE, and what a second session sees of it.
    Delete,
    /// QUIT.
    Quit,
    /// A message handed over by LMTP.
    Deliver,
    /// A name looked up in the directory.
    LookUp,
    /// Something read from a store.
    Read,
    /// Something written to a store.
    Write,
    /// A question to another process: the admin socket of a service, the API of an agent.
    Ask,
    /// Something compared with what it should be: free space, an expiry, a number of copies.
    Compare,
}

impl Phase {
    /// The name of the phase.
    pub fn word(self) -> &'static str {
        match self {
            Self::Resolve => "resolve",
            Self::Connect => "connect",
            Self::Tls => "tls",
            Self::Greeting => "greeting",
            Self::Capabilities => "capabilities",
            Self::Auth => "auth",
            Self::Stat => "stat",
            Self::List => "list",
            Self::Uidl => "uidl",
            Self::Retrieve => "retrieve",
            Self::Delete => "delete",
            Self::Quit => "quit",
            Self::Deliver => "deliver",
            Self::LookUp => "look-up",
            Self::Read => "read",
            Self::Write => "write",
            Self::Ask => "ask",
            Self::Compare => "compare",
        }
    }
}

/// A part of the system that can be at fault. Which it is, is first guessed by where an attempt failed, then judged by
/// what else fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    /// The front end of a client-access server.
    FrontEnd,
    /// The back end of a mailbox server.
    BackEnd,
    /// Who users are.
    Directory,
    /// Whether they are who they say.
    Authentication,
    /// The trust between front ends and back ends.
    MailboxServerAuthentication,
    /// The store of a mailbox database.
    Store,
    /// Where databases are mounted, and whether elsewhere they could be.
    HighAvailability,
    /// The ways between servers.
    Network,
    /// The coordinator.
    Coordinator,
    /// A certificate.
    Certificate,
    /// An agent.
    Agent,
    /// A server that is not ours.
    ThirdParty,
    /// Whoever made the attempt: nobody else is to blame.
    Observer,
}

impl Part {
    /// Its name for people.
    pub fn word(self) -> &'static str {
        match self {
            Self::FrontEnd => "front end",
            Self::BackEnd => "back end",
            Self::Directory => "directory",
            Self::Authentication => "authentication",
            Self::MailboxServerAuthentication => "mailbox server authentication",
            Self::Store => "store",
            Self::HighAvailability => "high availability",
            Self::Network => "network",
            Self::Coordinator => "coordinator",
            Self::Certificate => "certificate",
            Self::Agent => "agent",
            Self::ThirdParty => "third-party server",
            Self::Observer => "observer",
        }
    }
}
