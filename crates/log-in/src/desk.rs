//! The desk in front of the directory.

use std::io;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use directory::{
    Admission, Authenticator, AuthenticatorSettings, Directory, Name, Password, Realm, Throttle,
    ThrottleSettings, User, Verification,
};
use pop3::{Credentials, Refusal, ResponseCode, ScramSecret, sasl::Nonce};
use settings::LogInSettings;

/// What everybody is told whose name or password is wrong, whichever it is.
const WRONG: &str = "Wrong user name or password";

/// Judges log-ins. Shared by all sessions of a service.
pub struct Desk {
    authenticator: Authenticator,
    throttle: Mutex<Throttle>,
    realm: Realm,
}

/// A desk could not be opened.
#[derive(Debug)]
pub struct OpenError(io::Error);

impl std::fmt::Display for OpenError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "cannot start the threads that check passwords: {}", self.0)
    }
}

impl std::error::Error for OpenError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.0)
    }
}

impl Desk {
    /// A desk before `directory`. Names without a domain are taken as of `realm`.
    pub fn open(
        directory: Arc<dyn Directory>,
        realm: Realm,
        settings: &LogInSettings,
    ) -> Result<Self, OpenError> {
        let authenticator = AuthenticatorSettings {
            queue: settings.password_queue as usize,
            remember_for: settings.remembered_credential_time.duration(),
            scram: settings.scram_enabled,
            ..AuthenticatorSettings::default()
        };
        let throttle = ThrottleSettings {
            failures: settings.failed_log_in_limit,
            refusal: settings.failed_log_in_pause.duration(),
            exempt: settings.failed_log_in_exemptions.clone(),
            ..ThrottleSettings::default()
        };
        Ok(Self {
            authenticator: Authenticator::new(directory, &authenticator).map_err(OpenError)?,
            throttle: Mutex::new(Throttle::new(throttle)),
            realm,
        })
    }

    /// A name as clients write it; `None` if nobody can be called so.
    pub fn name(&self, text: &str) -> Option<Name> {
        Name::parse(text, &self.realm).ok()
    }

    /// Judges what a client at `client` claims to be, after [`admit`](Self::admit). Everything but EXTERNAL, which is the
    /// business of the peer's certificate.
    pub async fn judge(&self, credentials: Credentials, client: IpAddr) -> Result<Box<User>, Refusal> {
        match credentials {
            Credentials::Password { user, password } => self.password(None, &user, &password, client).await,
            Credentials::Plain { authzid, user, password } => {
                self.password(authzid.as_deref(), &user, &password, client).await
            }
            Credentials::Scram { authzid, user } => {
                let user = self.acting(authzid.as_deref(), &user)?;
                self.settle(self.authenticator.authorise(&user).await, client)
            }
            Credentials::External { .. } => {
                Err(Refusal::new(ResponseCode::Auth, "EXTERNAL is not for this peer"))
            }
        }
    }

    /// Judges credentials that are those of a health mailbox, which may be used from servers of the cluster only: from
    /// anywhere else it is unknown to [`judge`](Self::judge). No throttle counts, since nothing can be guessed and probes
    /// must not wait for those who try to. Nothing, if these are somebody else's.
    pub async fn health_mailbox(&self, credentials: &Credentials) -> Option<Result<Box<User>, Refusal>> {
        let (authzid, user, secret) = match credentials {
            Credentials::Password { user, password } => (None, user, password),
            Credentials::Plain { authzid, user, password } => (authzid.as_deref(), user, password),
            Credentials::Scram { .. } | Credentials::External { .. } => return None,
        };
        let user = self.acting(authzid, user).ok().filter(Name::is_of_health_mailbox)?;
        let secret = Password::new(secret.as_bytes());
        Some(answer(self.authenticator.verify_health_mailbox(&user, &secret).await))
    }

    /// Finds a user whom the front end has authenticated.
    pub async fn introduced(&self, user: &str) -> Result<Box<User>, Refusal> {
        let user = self.name(user).ok_or_else(wrong)?;
        answer(self.authenticator.authorise(&user).await)
    }

    /// What a SCRAM exchange of `user` is checked against, after [`admit`](Self::admit), with a nonce of our own (RFC 5802
    /// section 5.1).
    pub async fn scram_secret(&self, user: &str) -> Result<(ScramSecret, Nonce), Refusal> {
        let user = self.name(user).ok_or_else(wrong)?;
        let secret = self.authenticator.scram_secret(&user).await.map_err(|error| unavailable(&error))?;
        let mut octets = [0; 24];
        // Without randomness from the operating system no nonce is safe, and no log-in by SCRAM.
        getrandom::fill(&mut octets).map_err(|error| unavailable(&error))?;
        let secret = ScramSecret {
            salt: secret.salt,
            iterations: secret.iterations,
            stored_key: *secret.stored_key,
            server_key: *secret.server_key,
        };
        Ok((secret, Nonce::from_random(octets)))
    }

    /// Counts a failed log-in that somebody else has judged: a SCRAM proof, a third-party back end. What the client is told.
    pub fn failed_elsewhere(&self, client: IpAddr) -> Refusal {
        self.throttle().failed(client, Instant::now());
        wrong()
    }

    /// Counts a log-in that a third-party back end has accepted.
    pub fn accepted_elsewhere(&self, client: IpAddr) {
        self.throttle().succeeded(client);
    }

    async fn password(
        &self,
        authzid: Option<&str>,
        user: &str,
        password: &pop3::Secret,
        client: IpAddr,
    ) -> Result<Box<User>, Refusal> {
        let Ok(user) = self.acting(authzid, user) else {
            self.throttle().failed(client, Instant::now());
            return Err(wrong());
        };
        let verification = self.authenticator.verify(&user, Password::new(password.as_bytes())).await;
        self.settle(verification, client)
    }

    /// Whom a client acts as: itself. Nobody may act for somebody else (RFC 4616 section 2).
    fn acting(&self, authzid: Option<&str>, user: &str) -> Result<Name, Refusal> {
        let user = self.name(user).ok_or_else(wrong)?;
        match authzid {
            Some(other) if self.name(other).as_ref() != Some(&user) => Err(wrong()),
            _ => Ok(user),
        }
    }

    /// Lets an address try to log in when its time has come, which for a guesser is a while.
    pub async fn admit(&self, client: IpAddr) -> Result<(), Refusal> {
        let admission = self.throttle().admit(client, Instant::now());
        match admission {
            Admission::Now => Ok(()),
            Admission::After(delay) => {
                tokio::time::sleep(delay).await;
                Ok(())
            }
            Admission::Refused(pause) => {
                let minutes = pause.as_secs().div_ceil(60);
                let text = format!("Too many failed log-ins from your address; try again in {minutes} min");
                Err(Refusal::new(ResponseCode::LoginDelay, text).closing())
            }
        }
    }

    /// Tells the throttle of a verdict and makes the answer of it.
    fn settle(&self, verification: Verification, client: IpAddr) -> Result<Box<User>, Refusal> {
        match &verification {
            Verification::Verified(_) => self.throttle().succeeded(client),
            Verification::Refused => self.throttle().failed(client, Instant::now()),
            Verification::Busy | Verification::Unavailable(_) => {}
        }
        answer(verification)
    }

    fn throttle(&self) -> MutexGuard<'_, Throttle> {
        // A count too many or too few is the worst that a panic elsewhere can leave.
        self.throttle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn answer(verification: Verification) -> Result<Box<User>, Refusal> {
    match verification {
        Verification::Verified(user) => Ok(user),
        Verification::Refused => Err(wrong()),
        Verification::Busy => {
            Err(Refusal::new(ResponseCode::SysTemp, "Too many log-ins at this moment; try again"))
        }
        Verification::Unavailable(error) => Err(unavailable(&error)),
    }
}

/// What everybody is told whose name or password is wrong.
pub(crate) fn wrong() -> Refusal {
    Refusal::new(ResponseCode::Auth, WRONG)
}

/// The cause goes to the log, never to a client.
fn unavailable(error: &dyn std::error::Error) -> Refusal {
    tracing::error!(%error, "a log-in could not be judged");
    Refusal::new(ResponseCode::SysTemp, "Log-ins cannot be checked at this moment; try again")
}
