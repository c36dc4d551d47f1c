//! Judges passwords over any directory, so that a flood of guesses starves nobody.

use std::{fmt, io, sync::Arc, time::Duration};

use zeroize::Zeroizing;

use crate::{Directory, DirectoryError, Hashing, Name, Password, User};

/// How passwords are judged.
#[derive(Debug, Clone)]
pub struct AuthenticatorSettings {
    /// Threads that hash; as many hashes run at once.
    pub lanes: usize,
    /// Log-ins that may wait for a lane; beyond it the answer is [`Verification::Busy`] at once.
    pub queue: usize,
    /// Users whose last right password is remembered.
    pub remembered: usize,
    /// For how long after its last use a right password is remembered.
    pub remember_for: Duration,
    /// The cost of new hashes; worse ones are replaced after a log-in.
    pub hashing: Hashing,
    /// Whether SCRAM is offered: then its keys are made after a log-in for those who have none.
    pub scram: bool,
}

impl Default for AuthenticatorSettings {
    fn default() -> Self {
        let lanes = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            lanes,
            queue: 32 * lanes,
            remembered: 100_000,
            remember_for: Duration::from_mins(10),
            hashing: Hashing::RECOMMENDED,
            scram: false,
        }
    }
}

/// What became of a log-in.
#[derive(Debug)]
pub enum Verification {
    /// This is the user, enabled, and the password is right.
    Verified(Box<User>),
    /// No such user, a disabled one, or a wrong password: the client is not told which.
    Refused,
    /// More passwords wait for their check than are allowed to: `[SYS/TEMP]`.
    Busy,
    /// The directory gave no answer; the error says whether a retry helps.
    Unavailable(DirectoryError),
}

/// What a SCRAM exchange is checked against (RFC 5802 §3); for an unknown user something nobody can match.
#[derive(Clone, PartialEq, Eq)]
pub struct ScramSecret {
    /// The salt.
    pub salt: Vec<u8>,
    /// The iteration count.
    pub iterations: u32,
    /// `StoredKey`.
    pub stored_key: Zeroizing<[u8; 32]>,
    /// `ServerKey`.
    pub server_key: Zeroizing<[u8; 32]>,
}

impl fmt::Debug for ScramSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ScramSecret(..)")
    }
}

/// Judges log-ins. Shared by all sessions of a process behind an `Arc`.
pub struct Authenticator {
    directory: Arc<dyn Directory>,
}

impl Authenticator {
    /// Starts the lanes. Fails if the system gives no thread or no random octets.
    pub fn new(directory: Arc<dyn Directory>, settings: &AuthenticatorSettings) -> io::Result<Self> {
        unimplemented!()
    }

    /// Judges a name and a password.
    pub async fn verify(&self, name: &Name, password: Password) -> Verification {
        unimplemented!()
    }

    /// Looks up a user whom somebody else has authenticated: a SCRAM proof that was right, or the front end over
    /// EXTERNAL. Never [`Verification::Busy`].
    pub async fn authorise(&self, name: &Name) -> Verification {
        unimplemented!()
    }

    /// What to check a SCRAM exchange against. The same name gets the same salt, whether there is such a user or not.
    pub async fn scram_secret(&self, name: &Name) -> Result<ScramSecret, DirectoryError> {
        unimplemented!()
    }
}
