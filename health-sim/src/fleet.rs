//! How large a fleet is.

use std::fmt;

use placement::{PlacedDatabase, PlacedServer, Topology};
use settings::{DatabaseName, Role, ServerName, Value as _};

/// So many servers of each kind, written `1+2`: client-access servers and mailbox servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fleet {
    /// Client-access servers.
    pub client_access: usize,
    /// Mailbox servers.
    pub mailbox: usize,
}

impl Fleet {
    /// Reads `1+2`.
    pub fn parse(text: &str) -> Result<Self, String> {
        let read = || {
            let (client_access, mailbox) = text.split_once('+')?;
            let fleet = Self { client_access: client_access.parse().ok()?, mailbox: mailbox.parse().ok()? };
            (fleet.client_access > 0 && fleet.mailbox > 0).then_some(fleet)
        };
        read().ok_or_else(|| format!("{text:?} is no fleet; write client-access and mailbox servers as 1+2"))
    }

    /// Two databases a mailbox server, each with a copy on the next one.
    pub(crate) fn topology(self) -> Topology {
        let name = |text: String| ServerName::parse(&text).expect("it is a name");
        let client_access = (1..=self.client_access).map(|number| PlacedServer {
            name: name(format!("cas{number}")),
            roles: vec![Role::ClientAccess],
        });
        let mailbox = (1..=self.mailbox)
            .map(|number| PlacedServer { name: name(format!("mbx{number}")), roles: vec![Role::Mailbox] });
        let databases = (0..self.mailbox * 2).map(|number| {
            let first = number % self.mailbox;
            let second = (first + 1) % self.mailbox;
            let mut copies = vec![name(format!("mbx{}", first + 1))];
            if second != first {
                copies.push(name(format!("mbx{}", second + 1)));
            }
            let name = DatabaseName::parse(&format!("DB{:02}", number + 1)).expect("it is a name");
            PlacedDatabase { name, copies }
        });
        Topology { servers: client_access.chain(mailbox).collect(), databases: databases.collect() }
    }
}

impl fmt::Display for Fleet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}+{}", self.client_access, self.mailbox)
    }
}
