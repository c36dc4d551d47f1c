//! The seam: what services ask of a directory.

use std::{fmt, future::Future, pin::Pin};

use zeroize::Zeroizing;

use crate::{Credential, DirectoryError, Name, ScramKeys, User};

/// An answer under way.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, DirectoryError>> + Send + 'a>>;

/// Where users are looked up. An engine never blocks the thread that asks, and answers in bounded time.
pub trait Directory: Send + Sync + 'static {
    /// The user whom a name or an alias belongs to, enabled or not; read anew at every call. Nobody is shown as frozen
    /// whose freeze is over: it has been lifted before.
    fn find<'a>(&'a self, name: &'a Name) -> Answer<'a, Option<User>>;

    /// Like [`find`](Self::find), for a log-in by password: an unknown name is answered with somebody to check against in
    /// vain. So is a health mailbox, which has no password.
    fn candidate<'a>(&'a self, name: &'a Name) -> Answer<'a, Candidate>;

    /// Random octets that are this installation's alone and stay the same, for answers about unknown names.
    fn installation_secret(&self) -> Answer<'_, InstallationSecret>;

    /// Whether [`upgrade`](Self::upgrade) has an effect: only then it is worth to hash for it.
    fn takes_upgrades(&self) -> bool;

    /// Stores the same password in a better form, some time, unless it has changed meanwhile. Returns at once; best
    /// effort.
    fn upgrade(&self, upgrade: Upgrade);
}

/// Whom a log-in is checked against.
#[derive(Debug, Clone)]
pub enum Candidate {
    /// The name belongs to this user.
    Known(Box<User>),
    /// The name belongs to nobody who has a password.
    Unknown {
        /// The credential of a user chosen by the name: checking against it takes the time that checking against a user
        /// takes, whatever schemes and costs the users have. That it matches means nothing. None if there is no user.
        stand_in: Option<Credential>,
    },
}

/// A better form of a password that is known to be right.
#[derive(Debug)]
pub struct Upgrade {
    /// The mailbox of the user whose password it is.
    pub mailbox: String,
    /// The version that was verified; the upgrade is dropped if the password has changed since.
    pub credential_version: u64,
    /// The new form, if the old one is outdated.
    pub credential: Option<Credential>,
    /// SCRAM keys, if they are wanted and missing.
    pub scram: Option<ScramKeys>,
}

/// 256 random bits made when the directory was.
#[derive(Clone)]
pub struct InstallationSecret(Zeroizing<[u8; 32]>);

impl InstallationSecret {
    /// Takes the octets that an engine keeps.
    pub fn new(octets: [u8; 32]) -> Self {
        Self(Zeroizing::new(octets))
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.0.as_slice()
    }
}

impl fmt::Debug for InstallationSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InstallationSecret(..)")
    }
}
