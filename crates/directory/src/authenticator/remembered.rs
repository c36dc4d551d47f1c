//! Passwords that were right a while ago, as a keyed hash: clients poll, and a hash for each poll would cost too much.
//!
//! What is remembered is HMAC-SHA256 under a key of this process over the mailbox, the version of the credential and
//! the password. The version changes with the password, and a mailbox is never given twice, so nothing remembered
//! outlives the password it was made from, nor passes to another user of the same name.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use subtle::ConstantTimeEq as _;
use tokio::time::Instant;
use zeroize::Zeroizing;

use crate::{
    CredentialError, Password, User,
    bounded::Bounded,
    credential::{mac, random},
};

/// The keyed hash of a password that was right.
type Tag = Zeroizing<[u8; 32]>;

pub(super) struct Remembered {
    key: Zeroizing<[u8; 32]>,
    keep: Duration,
    /// By mailbox: one password is right for a user, so one is enough.
    tags: Mutex<Bounded<String, (Tag, Instant)>>,
}

impl Remembered {
    pub(super) fn new(capacity: usize, keep: Duration) -> Result<Self, CredentialError> {
        let key = Zeroizing::new(random()?);
        Ok(Self { key, keep, tags: Mutex::new(Bounded::new(capacity)) })
    }

    /// Whether this password was right for this user a while ago. If so, the while begins anew.
    pub(super) fn recalls(&self, user: &User, password: &Password, now: Instant) -> bool {
        let tag = self.tag(user, password);
        let mut tags = self.lock();
        let Some((known, last)) = tags.get(&user.mailbox) else { return false };
        if now.saturating_duration_since(*last) > self.keep {
            tags.remove(&user.mailbox);
            return false;
        }
        let matches = bool::from(known.ct_eq(tag.as_ref()));
        if matches {
            tags.insert(user.mailbox.clone(), (tag, now));
        }
        matches
    }

    pub(super) fn remember(&self, user: &User, password: &Password, now: Instant) {
        let tag = self.tag(user, password);
        self.lock().insert(user.mailbox.clone(), (tag, now));
    }

    fn tag(&self, user: &User, password: &Password) -> Tag {
        // Two fields of fixed length in front of the one that has none, so that nothing reads in two ways.
        let mailbox = mac(self.key.as_ref(), &[user.mailbox.as_bytes()]);
        mac(
            self.key.as_ref(),
            &[mailbox.as_ref(), &user.credential_version.to_be_bytes(), password.as_bytes()],
        )
    }

    fn lock(&self) -> MutexGuard<'_, Bounded<String, (Tag, Instant)>> {
        self.tags.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
