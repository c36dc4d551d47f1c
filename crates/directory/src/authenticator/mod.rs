//! Judges passwords over any directory, so that a flood of guesses starves nobody.
//!
//! The user's row is read at every log-in. A password that was right a few minutes ago is recognised by a fast keyed
//! hash, without waiting for anything. Any other costs one slow hash in a lane, whether the user is unknown, disabled
//! or known, so that neither the answer nor its time tells which; beyond the queue of the lanes the answer is
//! [`Verification::Busy`] at once.
//!
//! Health mailboxes pass by all this: their secrets cannot be guessed, so a fast hash is enough, and probes get in however
//! many passwords wait. Whoever is no probe must not come this way: to [`Authenticator::verify`] they are unknown.

mod lanes;
mod remembered;
#[cfg(test)]
mod tests;

use std::{fmt, io, sync::Arc, time::Duration};

use lanes::{Busy, Lanes};
use remembered::Remembered;
use tokio::{sync::oneshot, time::Instant};

use crate::{
    Candidate, Credential, Directory, DirectoryError, Hashing, Name, Password, ScramKeys, Upgrade, User,
    credential::{mac, random},
};

/// How passwords are judged.
#[derive(Debug, Clone)]
pub struct AuthenticatorSettings {
    /// Threads that hash; as many hashes run at once.
    pub lanes: usize,
    /// Log-ins that may wait for a lane; beyond it the answer is [`Verification::Busy`] at once.
    pub queue: usize,
    /// Users whose last right password is remembered; the one who logged in longest ago is forgotten first.
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
        Self {
            lanes: std::thread::available_parallelism().map_or(1, usize::from),
            queue: 256,
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
    /// More passwords wait for their check than may: `[SYS/TEMP]`. Not a failed log-in for the throttle.
    Busy,
    /// The directory gave no answer; the error says whether a retry helps. Not a failed log-in for the throttle.
    Unavailable(DirectoryError),
}

/// The slow work: whether a password is the one that a credential was made from.
type Check = Arc<dyn Fn(&Credential, &Password) -> bool + Send + Sync>;

/// Judges log-ins. One for a process, shared by its sessions.
pub struct Authenticator {
    directory: Arc<dyn Directory>,
    lanes: Lanes,
    remembered: Remembered,
    /// What is checked if there is no user at all.
    decoy: Credential,
    hashing: Hashing,
    scram: bool,
    check: Check,
}

impl Authenticator {
    /// Starts the lanes. Blocks for one hash; fails if the system gives no thread or no random octets.
    pub fn new(directory: Arc<dyn Directory>, settings: &AuthenticatorSettings) -> io::Result<Self> {
        Self::with_check(directory, settings, Arc::new(Credential::verify))
    }

    fn with_check(
        directory: Arc<dyn Directory>,
        settings: &AuthenticatorSettings,
        check: Check,
    ) -> io::Result<Self> {
        let nobodys = Password::new(random::<32>().map_err(io::Error::other)?);
        Ok(Self {
            directory,
            lanes: Lanes::start(settings.lanes, settings.queue)?,
            remembered: Remembered::new(settings.remembered, settings.remember_for)
                .map_err(io::Error::other)?,
            decoy: Credential::new(&nobodys, settings.hashing).map_err(io::Error::other)?,
            hashing: settings.hashing,
            scram: settings.scram,
            check,
        })
    }

    /// Judges a name and a password.
    pub async fn verify(&self, name: &Name, password: Password) -> Verification {
        let candidate = match self.directory.candidate(name).await {
            Ok(candidate) => candidate,
            Err(error) => return Verification::Unavailable(error),
        };
        // From here on, who may not log in costs what a wrong password costs.
        let (mut user, credential) = match candidate {
            Candidate::Known(user) => {
                let credential = user.credential.clone();
                (Some(user).filter(|user| user.enabled), credential)
            }
            Candidate::Unknown { stand_in } => (None, stand_in.unwrap_or_else(|| self.decoy.clone())),
        };
        if let Some(user) = user.take_if(|user| self.remembered.recalls(user, &password, Instant::now())) {
            return Verification::Verified(user);
        }
        let upgrade = user.as_ref().and_then(|user| self.upgrade(user));
        let right = match self.check(credential, password.clone(), upgrade).await {
            Ok(right) => right,
            Err(Busy) => return Verification::Busy,
        };
        match user {
            Some(user) if right => {
                self.remembered.remember(&user, &password, Instant::now());
                Verification::Verified(user)
            }
            _ => Verification::Refused,
        }
    }

    /// Judges the secret of a health mailbox, at once. Only for clients from whom health mailboxes may be used. Never
    /// [`Verification::Busy`].
    pub async fn verify_health_mailbox(&self, name: &Name, secret: &Password) -> Verification {
        match self.directory.find(name).await {
            // A credential that somebody has put there instead would take its time, and is not what was provisioned.
            Ok(Some(user))
                if user.enabled
                    && user.is_health_mailbox()
                    && user.credential.is_of_health_mailbox()
                    && user.credential.verify(secret) =>
            {
                Verification::Verified(Box::new(user))
            }
            Ok(_) => Verification::Refused,
            Err(error) => Verification::Unavailable(error),
        }
    }

    /// Looks up a user whom somebody else has authenticated: a SCRAM proof that was right, or the front end over
    /// EXTERNAL. Never [`Verification::Busy`].
    pub async fn authorise(&self, name: &Name) -> Verification {
        match self.directory.find(name).await {
            Ok(Some(user)) if user.enabled => Verification::Verified(Box::new(user)),
            Ok(_) => Verification::Refused,
            Err(error) => Verification::Unavailable(error),
        }
    }

    /// What to check a SCRAM exchange against. Who has no keys gets some that nobody can match, the same at each try: the
    /// exchange goes on as with a known user, and fails at the proof.
    pub async fn scram_secret(&self, name: &Name) -> Result<ScramKeys, DirectoryError> {
        let secret = self.directory.installation_secret().await?;
        let user = self.directory.find(name).await?;
        let invented = |what: &[u8]| mac(secret.as_bytes(), &[what, b" ", name.as_str().as_bytes()]);
        let salt = invented(b"salt");
        let nobodys = ScramKeys {
            salt: salt[..ScramKeys::SALT].to_vec(),
            iterations: ScramKeys::ITERATIONS,
            stored_key: invented(b"stored"),
            server_key: invented(b"server"),
        };
        Ok(match user {
            Some(User { enabled, scram: Some(keys), .. }) if enabled => keys,
            // A disabled user keeps the salt that was shown before.
            Some(User { scram: Some(keys), .. }) => {
                ScramKeys { salt: keys.salt, iterations: keys.iterations, ..nobodys }
            }
            _ => nobodys,
        })
    }

    /// Has a lane check a password, and after a right one, when the answer is out, store it in a better form.
    async fn check(
        &self,
        credential: Credential,
        password: Password,
        upgrade: Option<PlannedUpgrade>,
    ) -> Result<bool, Busy> {
        let check = Arc::clone(&self.check);
        let (reply, answer) = oneshot::channel();
        self.lanes.enqueue(move || {
            // The client may be gone; then its hash is not worth a lane.
            if reply.is_closed() {
                return;
            }
            let right = check(&credential, &password);
            let _ = reply.send(right);
            if let Some(upgrade) = upgrade.filter(|_| right && credential.covers(&password)) {
                upgrade.carry_out(&password);
            }
        })?;
        // A lane that failed has given no judgement.
        answer.await.map_err(|_| Busy)
    }

    fn upgrade(&self, user: &User) -> Option<PlannedUpgrade> {
        let rehash = user.credential.is_outdated(self.hashing).then_some(self.hashing);
        let scram = self.scram && user.scram.is_none();
        ((rehash.is_some() || scram) && self.directory.takes_upgrades()).then(|| PlannedUpgrade {
            directory: Arc::clone(&self.directory),
            mailbox: user.mailbox.clone(),
            credential_version: user.credential_version,
            rehash,
            scram,
        })
    }
}

/// What to make of a password once it is known to be right.
struct PlannedUpgrade {
    directory: Arc<dyn Directory>,
    mailbox: String,
    credential_version: u64,
    rehash: Option<Hashing>,
    scram: bool,
}

impl PlannedUpgrade {
    /// Best effort: what fails is tried again at the next log-in that needs a hash.
    fn carry_out(self, password: &Password) {
        let credential = self.rehash.and_then(|hashing| Credential::new(password, hashing).ok());
        let scram = if self.scram { ScramKeys::derive(password).ok().flatten() } else { None };
        if credential.is_some() || scram.is_some() {
            let Self { mailbox, credential_version, .. } = self;
            self.directory.upgrade(Upgrade { mailbox, credential_version, credential, scram });
        }
    }
}

impl fmt::Debug for Authenticator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Authenticator(..)")
    }
}
