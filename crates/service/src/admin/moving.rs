//! What a mover asks of the back ends: to copy a mailbox into a database, to close it where it was, to remove what is left.
//!
//! Every step may be asked again, of the same process or of its successor: what is done already counts as done. A back end
//! does nothing that the directory's record of the move does not allow.

use serde::{Deserialize, Serialize};

/// Which move, and in which of its two databases.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MoveOrder {
    /// The move, as the directory names it.
    pub id: String,
    /// The user's name.
    pub user: String,
    /// The user's mailbox.
    pub mailbox: String,
    /// The database in which the step is to be done, which is mounted where this is asked.
    pub database: String,
}

/// A step of a move.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "kebab-case", deny_unknown_fields)]
pub enum MoveStep {
    /// Say what the mailbox holds. Needs no record. Answered with [`MoveAnswer::Holds`].
    Measure,
    /// Say whether a mailbox of `octets` would be taken. Needs no record. Answered with [`MoveAnswer::Done`] or
    /// [`MoveAnswer::NoRoom`].
    Admit {
        /// What the mailbox may hold, in octets; nothing is without limit.
        quota: Option<u64>,
        /// What it holds elsewhere, in octets.
        octets: u64,
    },
    /// At the target: copy what differs from `source`, and say how far that is. Asked again and again until it is over. A
    /// round sees the source as it is after the round was first asked for. Answered with [`MoveAnswer::Import`].
    Import {
        /// The database to copy from.
        source: String,
        /// The number of the round; each one is done once.
        round: u32,
    },
    /// At the source, once it is frozen: end the sessions and deliveries, so that nothing is written any more. Takes some
    /// seconds. Answered with [`MoveAnswer::Done`].
    Close,
    /// At the target, before the switch: stop copying and remove what was copied. Answered with [`MoveAnswer::Done`].
    Discard,
    /// At the source, after the switch: remove what was left there. Answered with [`MoveAnswer::Done`].
    Leave,
}

/// What came of a step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
pub enum MoveAnswer {
    /// It is done.
    Done,
    /// What the mailbox holds.
    Holds {
        /// How many messages.
        messages: u64,
        /// How many octets.
        octets: u64,
    },
    /// How far the copying is.
    Import(ImportReport),
    /// The mailbox does not fit.
    NoRoom {
        /// Why, for people.
        reason: String,
    },
    /// The database is not mounted here: ask elsewhere, or later.
    NotMounted,
    /// The directory's record is not of this move any more, or does not allow the step: somebody else moves the mailbox, or
    /// nobody does.
    Superseded,
    /// It could not be done.
    Failed {
        /// Why, for people.
        reason: String,
        /// Whether the same may succeed later.
        retry: bool,
    },
}

/// How far the copying of a mailbox is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportReport {
    /// The round.
    pub round: u32,
    /// How many messages are at the target.
    pub messages: u64,
    /// How many octets they have.
    pub octets: u64,
    /// How many messages there are to be.
    pub total_messages: u64,
    /// How many octets they have.
    pub total_octets: u64,
    /// Whether the round is over.
    pub state: ImportState,
}

/// Whether a round of copying is over.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum ImportState {
    /// It goes on.
    #[default]
    UnderWay,
    /// It is over: target and source were found to be alike, but for what came meanwhile.
    Over,
    /// It cannot go on.
    Failed {
        /// Why, for people.
        reason: String,
        /// Whether another round may succeed later.
        retry: bool,
    },
}
