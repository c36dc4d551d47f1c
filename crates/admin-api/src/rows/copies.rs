//! Copies of databases.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::words;
use crate::moment::Moment;

/// Which copies are wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct CopiesQuery {
    /// Only those on this server.
    pub server: Option<String>,
    /// Only those of this database.
    pub database: Option<String>,
}

/// A copy: what a server needs to mount a database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CopyRow {
    /// The database.
    pub database: String,
    /// The server.
    pub server: String,
    /// How it is.
    pub state: CopyState,
    /// Whether it is the one that is mounted, or is to be.
    pub active: bool,
    /// How much it is preferred: 1 before 2.
    pub preference: u32,
    /// How many changes wait to be copied; 0 where copies share one file.
    pub copy_queue: u64,
    /// How many changes wait to be applied; 0 where copies share one file.
    pub replay_queue: u64,
    /// Whether it is the same file as the other copies: then it protects from a sick server and not from a lost disk.
    pub shared: bool,
    /// Since when it is so.
    pub since: Option<Moment>,
    /// Why it is so, for people.
    pub why: String,
}

/// How a copy is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum CopyState {
    /// Active, and served.
    Mounted,
    /// About to be served.
    Mounting,
    /// Active, and not served.
    Dismounted,
    /// About to be given up.
    Dismounting,
    /// Passive, and fit to be mounted.
    Healthy,
    /// Passive, and blocked: nothing is moved here unless nothing else is fit.
    Suspended,
    /// Its server has no service that could mount it.
    ServiceDown,
    /// It cannot be mounted.
    Failed,
    /// Nobody says how it is.
    Unknown,
}

words!(CopyState {
    Mounted = "mounted",
    Mounting = "mounting",
    Dismounted = "dismounted",
    Dismounting = "dismounting",
    Healthy = "healthy",
    Suspended = "suspended",
    ServiceDown = "service-down",
    Failed = "failed",
    Unknown = "unknown",
});
