//! The installation, as a mover sees it.

use std::path::PathBuf;
use std::time::Duration;

use directory::User;
use settings::{Configuration, DataDirectory, DatabaseName, Layer, SizeLimit, nearest};

use crate::MoveError;

/// An installation whose servers are all on this machine.
#[derive(Clone, Debug)]
pub struct Site {
    /// Where it lives.
    pub data: DataDirectory,
    /// Its configuration.
    pub configuration: Configuration,
    /// How long a database may be mounted nowhere before a move is given up: 15 s unless it is changed, so that a back end
    /// can be started anew, and log-ins that wait for the mailbox are not told in vain to wait.
    pub patience: Duration,
}

impl Site {
    /// The installation in `data`.
    pub fn new(data: DataDirectory, configuration: Configuration) -> Self {
        Self { data, configuration, patience: Duration::from_secs(15) }
    }

    /// The database called `name`, as the configuration writes it.
    pub(crate) fn target(&self, name: &str) -> Result<DatabaseName, MoveError> {
        if let Some(database) = self.configuration.database(name) {
            return Ok(database.name.clone());
        }
        if let Some(route) = self.configuration.route(name) {
            return Err(MoveError::ThirdPartyTarget { route: route.name.clone() });
        }
        let known = self.configuration.databases.iter().map(|database| database.name.as_str());
        let instead = match nearest(name, known.clone()) {
            Some(near) => format!("did you mean {near}?"),
            None => format!("there is {}", known.collect::<Vec<_>>().join(", ")),
        };
        Err(MoveError::UnknownDatabase { name: name.to_owned(), instead })
    }

    /// Refuses to move a mailbox that is in no database of ours.
    pub(crate) fn require_own(&self, user: &User) -> Result<(), MoveError> {
        if self.configuration.database(user.database.as_str()).is_some() {
            return Ok(());
        }
        let (user, database) = (user.name.clone(), user.database.clone());
        if self.configuration.route(database.as_str()).is_some() {
            Err(MoveError::ThirdPartySource { user, route: database })
        } else {
            Err(MoveError::LostSource { user, database })
        }
    }

    /// The admin sockets of the back ends that may have a database mounted, the preferred one first.
    pub(crate) fn sockets(&self, database: &str) -> Vec<PathBuf> {
        let copies = self.configuration.database(database).map_or(&[][..], |database| &database.copies);
        copies.iter().map(|server| self.data.server(server.as_str()).admin_socket("backend")).collect()
    }

    /// What the mailbox of a user may hold in `database`, in octets.
    pub(crate) fn quota(&self, user: &User, database: &DatabaseName) -> Option<u64> {
        let limit = user.quota.or_else(|| {
            let holder = self.configuration.database(database.as_str())?.copies.first()?;
            let server = self.configuration.server(holder.as_str())?;
            Some(self.configuration.settings_of(server, &Layer::default()).delivery.default_quota)
        });
        limit.and_then(SizeLimit::octets)
    }
}
