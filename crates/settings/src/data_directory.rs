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

    /// The folder of a mailbox database.
    pub fn database(&self, name: &str) -> PathBuf {
        self.0.join("databases").join(name)
    }

    /// The folders of the servers, each with the name of its server.
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

    /// The admin socket of a service: `frontend`, `backend` or `init`.
    pub fn admin_socket(&self, service: &str) -> PathBuf {
        self.0.join("run").join(format!("{service}.sock"))
    }

    /// The socket on which the server's agent answers over HTTP.
    pub fn api_socket(&self) -> PathBuf {
        self.admin_socket("api")
    }

    /// The service log of a service, JSON lines.
    pub fn service_log(&self, service: &str) -> PathBuf {
        self.0.join(format!("{service}.log"))
    }

    /// Messages on their way in that are too large for memory. Emptied at start.
    pub fn spool(&self, service: &str) -> PathBuf {
        self.0.join("spool").join(service)
    }
}
