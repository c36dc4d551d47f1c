//! A mailbox on its way from one database to another.
//!
//! Whoever moves a mailbox, the *mover*, has a record of it in the directory, and everybody goes by that: services look
//! at it at every log-in and RCPT, and a mover whose record has become another's may do nothing any more. The record is
//! leased, so that a dead mover locks nobody out: a freeze whose time is over is lifted, in the directory itself, by the
//! first one who meets it, and from then on the mailbox cannot be switched.

use std::fmt;

use settings::DatabaseName;

use crate::DirectoryError;

/// A mover's hold on a move: 128 random bits, written as 32 lower-case hexadecimal digits.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MoveId(String);

/// A text that does not name a move: not exactly 32 lower-case hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a move is named by 32 lower-case hexadecimal digits")]
pub struct MoveIdError;

/// What has been done of a move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MovePhase {
    /// The mail is being copied, and the user works on at the source.
    Copying,
    /// Nobody may log in or get mail: the last difference is being copied.
    Frozen,
    /// The user is at the target; what is left at the source is to be removed.
    Leaving,
}

/// The record of a move.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moving {
    /// Whose move it is.
    pub id: MoveId,
    /// Where the mail comes from.
    pub source: DatabaseName,
    /// Where it goes.
    pub target: DatabaseName,
    /// What has been done of it.
    pub phase: MovePhase,
    /// From when on its mover is taken to be dead, in seconds since 1970-01-01 UTC.
    pub until: u64,
}

impl MoveId {
    /// Reads 32 lower-case hexadecimal digits and nothing else.
    pub fn parse(text: &str) -> Result<Self, MoveIdError> {
        let digit = |byte: u8| byte.is_ascii_digit() || matches!(byte, b'a'..=b'f');
        if text.len() == 32 && text.bytes().all(digit) { Ok(Self(text.to_owned())) } else { Err(MoveIdError) }
    }

    /// One that nobody has.
    pub(crate) fn random() -> Result<Self, DirectoryError> {
        Ok(Self(crate::sqlite::random_name()?))
    }

    /// The digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for MoveId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for MoveId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MoveId({})", self.0)
    }
}

impl MovePhase {
    /// Every one.
    pub(crate) const ALL: [Self; 3] = [Self::Copying, Self::Frozen, Self::Leaving];

    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Copying => "copying",
            Self::Frozen => "frozen",
            Self::Leaving => "leaving",
        }
    }
}

impl fmt::Display for MovePhase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Moving {
    /// Whether its mover is taken to be dead at `now`, in seconds since 1970-01-01 UTC.
    pub fn has_lapsed(&self, now: u64) -> bool {
        self.until <= now
    }
}
