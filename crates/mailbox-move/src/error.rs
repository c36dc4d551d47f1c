//! Why a mailbox was not moved.

use directory::Name;
use directory::administration::AdministrationError;
use settings::DatabaseName;

/// Why a mailbox was not moved. The user is where they were, unless a variant says otherwise, and nothing is lost.
#[derive(Debug, thiserror::Error)]
pub enum MoveError {
    /// There is no such database.
    #[error("there is no database called {name}; {instead}")]
    UnknownDatabase {
        /// What was asked for.
        name: String,
        /// What may have been meant.
        instead: String,
    },
    /// A third-party route cannot take mail in.
    #[error("{route} is a third-party route: mailboxes are moved between databases only")]
    ThirdPartyTarget {
        /// The route.
        route: DatabaseName,
    },
    /// The mail is kept elsewhere.
    #[error("the mail of {user} is kept elsewhere, by the third-party route {route}")]
    ThirdPartySource {
        /// The user.
        user: Name,
        /// The route.
        route: DatabaseName,
    },
    /// The configuration does not have the database that the user is in.
    #[error("{user} is in database {database}, which is not in the configuration")]
    LostSource {
        /// The user.
        user: Name,
        /// The database.
        database: DatabaseName,
    },
    /// The target has mail in this mailbox that no move has left there. It is not mixed with other mail, and not removed.
    #[error(
        "{database} has {messages} messages of {user} already, which no move has left there; look at them with `mailmedic \
         mailbox export {mailbox}` and remove them with `mailmedic mailbox purge {mailbox}`"
    )]
    TargetHasMail {
        /// The user.
        user: Name,
        /// The mailbox.
        mailbox: String,
        /// The target.
        database: DatabaseName,
        /// How many there are.
        messages: u64,
    },
    /// The mailbox does not fit.
    #[error("the mailbox of {user} does not fit into {database}: {reason}")]
    NoRoom {
        /// The user.
        user: Name,
        /// The target.
        database: DatabaseName,
        /// Why not.
        reason: String,
    },
    /// No back end has the database mounted, or none of them answers.
    #[error("{database} is mounted nowhere at this moment: {why}")]
    NotMounted {
        /// The database.
        database: DatabaseName,
        /// What was tried.
        why: String,
    },
    /// A back end could not do its part.
    #[error("{database}: cannot {step} the mailbox of {user}: {reason}")]
    BackEnd {
        /// The user.
        user: Name,
        /// In which database.
        database: DatabaseName,
        /// What was to be done.
        step: &'static str,
        /// Why not.
        reason: String,
        /// Whether the same may succeed later.
        retry: bool,
    },
    /// The move was taken up by another mover while this one was taken to be dead, or its freeze was lifted.
    #[error(
        "the move of the mailbox of {user} is not held any more: the mover was too slow, and was taken to be dead"
    )]
    NotHeld {
        /// The user.
        user: Name,
    },
    /// The last difference took longer than log-ins and deliveries can be kept waiting.
    #[error("the last difference of the mailbox of {user} is too large to be copied while its mail waits")]
    TooSlow {
        /// The user.
        user: Name,
    },
    /// Source and target do not hold the same when the one is closed and the other complete.
    #[error("the copy of the mailbox of {user} has {copied} messages and the original {original}")]
    Differs {
        /// The user.
        user: Name,
        /// What the source holds.
        original: u64,
        /// What the target holds.
        copied: u64,
    },
    /// The user has moved, earlier, and what is left at the source could not be removed now either.
    #[error("what the mailbox of {user} left in {database} is not removed yet: {reason}")]
    LeftBehind {
        /// The user.
        user: Name,
        /// The source.
        database: DatabaseName,
        /// Why not.
        reason: String,
    },
    /// The directory did not say whether the switch was made. The next call finds out, and goes on from there.
    #[error("it is not known whether {user} has moved: call again")]
    OutcomeUnknown {
        /// The user.
        user: Name,
        /// Why there was no answer.
        source: AdministrationError,
    },
    /// The directory refused: there is no such user, or somebody else moves the mailbox; or it cannot be reached.
    #[error(transparent)]
    Directory(#[from] AdministrationError),
}

/// Whose fault it is that a mailbox was not moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// The asker's: the same question will have the same answer.
    Asker,
    /// The mailbox's owner's, or the disk's: somebody must make room.
    Space,
    /// Nobody's: something is elsewhere, or will be back in a moment.
    Placement,
    /// A server's: its disk, its processes, the directory.
    Server,
}

impl MoveError {
    /// Whose fault it is.
    pub const fn fault(&self) -> Fault {
        match self {
            Self::UnknownDatabase { .. }
            | Self::ThirdPartyTarget { .. }
            | Self::ThirdPartySource { .. }
            | Self::LostSource { .. }
            | Self::TargetHasMail { .. } => Fault::Asker,
            Self::NoRoom { .. } => Fault::Space,
            Self::NotMounted { .. } | Self::NotHeld { .. } | Self::TooSlow { .. } => Fault::Placement,
            Self::BackEnd { .. }
            | Self::Differs { .. }
            | Self::LeftBehind { .. }
            | Self::OutcomeUnknown { .. } => Fault::Server,
            Self::Directory(error) => match error {
                AdministrationError::UnderWay { .. } | AdministrationError::NotHeld { .. } => {
                    Fault::Placement
                }
                AdministrationError::Directory(_) => Fault::Server,
                _ => Fault::Asker,
            },
        }
    }

    /// Whether the same call may succeed later.
    pub const fn retry_helps(&self) -> bool {
        match self {
            Self::BackEnd { retry, .. } => *retry,
            Self::Differs { .. } => true,
            _ => !matches!(self.fault(), Fault::Asker),
        }
    }
}
