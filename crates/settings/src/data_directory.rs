//! Where everything of an installation lies below its data directory: names only, nothing is opened here.

use std::path::{Path, PathBuf};

/// The folder that holds all state of an installation. One table of names for every process that uses it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataDirectory(PathBuf);

impl DataDirectory {
    /// The data directory at `root`.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self(root.into())
    }

    /// The folder itself.
    pub fn root(&self) -> &Path {
        &self.0
    }

    /// The file that says the folder is ours, and of which format.
    pub fn format(&self) -> PathBuf {
        self.0.join("format")
    }

    /// Locked by the process that runs the installation.
    pub fn lock(&self) -> PathBuf {
        self.0.join("lock")
    }

    /// The configuration file.
    pub fn configuration(&self) -> PathBuf {
        self.0.join("mailmedic.toml")
    }

    /// The users.
    pub fn directory(&self) -> PathBuf {
        self.0.join("directory.sqlite")
    }

    /// The authority that clients trust, and the certificates it made.
    pub fn client_authority(&self) -> PathBuf {
        self.0.join("ca/clients")
    }

    /// The authority that the servers trust among themselves, and the node certificates it made.
    pub fn cluster_authority(&self) -> PathBuf {
        self.0.join("ca/cluster")
    }

    /// The key that the secrets of the health mailboxes are made from: the same on every server, like the authority of the
    /// servers.
    pub fn health_key(&self) -> PathBuf {
        self.0.join("ca/health.key")
    }

    /// The folder of a mailbox database.
    pub fn database(&self, name: &str) -> PathBuf {
        self.0.join("databases").join(name)
    }

    /// The folder of the local coordinator.
    pub fn coordinator(&self) -> CoordinatorFolder {
        CoordinatorFolder(self.0.join("coordinator"))
    }

    /// The socket on which the power grid is asked and told.
    pub fn grid_socket(&self) -> PathBuf {
        self.0.join("run/grid.sock")
    }

    /// While this file is there nothing is done by itself to any server of this data directory.
    pub fn hands_off(&self) -> PathBuf {
        self.0.join("hands-off")
    }

    /// The folder that has one folder for each server.
    pub fn servers(&self) -> PathBuf {
        self.0.join("servers")
    }

    /// The folder of a server.
    pub fn server(&self, name: &str) -> ServerFolder {
        ServerFolder(self.servers().join(name))
    }
}

/// What belongs to one server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerFolder(PathBuf);

impl ServerFolder {
    /// The folder itself; relative paths in the settings start here.
    pub fn root(&self) -> &Path {
        &self.0
    }

    /// What `set` stored.
    pub fn pop_settings(&self) -> PathBuf {
        self.0.join("pop-settings.toml")
    }

    /// The admin socket of a service: `frontend`, `backend`, `agent` or `init`.
    pub fn admin_socket(&self, service: &str) -> PathBuf {
        self.0.join("run").join(format!("{service}.sock"))
    }

    /// The service log of a service, JSON lines.
    pub fn service_log(&self, service: &str) -> PathBuf {
        self.0.join(format!("{service}.log"))
    }

    /// The API of the agent, for commands on this machine.
    pub fn api_socket(&self) -> PathBuf {
        self.0.join("run/api.sock")
    }

    /// Which databases this server has been assigned, as far as it knows: what holds without a coordinator.
    pub fn assignments(&self) -> PathBuf {
        self.0.join("assignments.json")
    }

    /// The highest fencing token that the agent has seen for each target. It refuses lower ones.
    pub fn fencing_tokens(&self) -> PathBuf {
        self.0.join("fencing-tokens.json")
    }

    /// What probes found and monitors said lately.
    pub fn health_results(&self) -> PathBuf {
        self.0.join("health.db")
    }

    /// What the recoveries of this server were about to do and have done, JSON lines.
    pub fn recovery_journal(&self) -> PathBuf {
        self.0.join("recovery.journal")
    }

    /// Who asked the agent for which change and what became of it, JSON lines.
    pub fn audit_log(&self) -> PathBuf {
        self.0.join("audit.log")
    }

    /// Messages on their way in that are too large for memory. Emptied at start.
    pub fn spool(&self, service: &str) -> PathBuf {
        self.0.join("spool").join(service)
    }
}

/// What belongs to the local coordinator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CoordinatorFolder(PathBuf);

impl CoordinatorFolder {
    /// The folder itself.
    pub fn root(&self) -> &Path {
        &self.0
    }

    /// The folder of what it must not forget.
    pub fn store(&self) -> PathBuf {
        self.0.join("store")
    }

    /// Where it answers.
    pub fn socket(&self) -> PathBuf {
        self.0.join("run/coordinator.sock")
    }

    /// Its log, JSON lines.
    pub fn service_log(&self) -> PathBuf {
        self.0.join("coordinator.log")
    }

    /// What its process prints: start-up errors, panics.
    pub fn console(&self) -> PathBuf {
        self.0.join("coordinator.console")
    }
}
