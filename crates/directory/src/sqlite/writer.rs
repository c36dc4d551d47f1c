//! The thread through which a service writes the file: seldom, and one thing after the other.

use std::{
    sync::mpsc::{Receiver, SyncSender, sync_channel},
    thread,
    time::Duration,
};

use rusqlite::{Connection, params};
use tokio::{sync::oneshot, time::timeout};

use super::unavailable;
use crate::{DirectoryError, MoveId, Upgrade, administration::now};

/// Changes that may wait to be written; more are dropped, and tried again at the next log-in.
const WAITING: usize = 64;

/// What a service writes.
enum Change {
    /// The same password in a better form.
    Upgrade(Upgrade),
    /// The end of a freeze that is over, and who waits for it.
    Thaw(MoveId, oneshot::Sender<bool>),
}

/// The way to the thread, which ends with the last clone.
#[derive(Clone)]
pub(super) struct Writer {
    changes: SyncSender<Change>,
    patience: Duration,
}

impl Writer {
    pub(super) fn start(connection: Connection, patience: Duration) -> Result<Self, DirectoryError> {
        let (changes, receiver) = sync_channel(WAITING);
        thread::Builder::new()
            .name("directory-write".into())
            .spawn(move || write(&connection, &receiver))
            .map_err(unavailable("start a thread"))?;
        Ok(Self { changes, patience })
    }

    /// Stores a better hash, some time; best effort.
    pub(super) fn upgrade(&self, upgrade: Upgrade) {
        if self.changes.try_send(Change::Upgrade(upgrade)).is_err() {
            tracing::debug!("a better hash was not stored: too many wait to be written");
        }
    }

    /// Lifts a freeze if it is over; whether it is certain that the move is not frozen any more. If it is not, the user
    /// stays frozen for now, which harms nothing but patience.
    pub(super) async fn thaw(&self, id: MoveId) -> bool {
        let (reply, answer) = oneshot::channel();
        if self.changes.try_send(Change::Thaw(id, reply)).is_err() {
            return false;
        }
        matches!(timeout(self.patience, answer).await, Ok(Ok(true)))
    }
}

fn write(connection: &Connection, changes: &Receiver<Change>) {
    for change in changes {
        match change {
            Change::Upgrade(upgrade) => store_upgrade(connection, &upgrade),
            Change::Thaw(id, reply) => {
                let thawed = connection.execute(
                    "UPDATE moves SET phase = 'copying' WHERE id = ?1 AND phase = 'frozen' AND until <= ?2",
                    params![id.as_str(), now()],
                );
                if let Err(error) = &thawed {
                    tracing::warn!(%error, %id, "a freeze that is over was not lifted");
                }
                // Somebody else may have lifted it, or renewed it: the row says.
                let _ = reply.send(thawed.is_ok());
            }
        }
    }
}

fn store_upgrade(connection: &Connection, upgrade: &Upgrade) {
    let keys = upgrade.scram.as_ref().map(crate::ScramKeys::to_text);
    // The password stays the same, so its version does too, and nobody has to be verified again.
    let written = connection.execute(
        "UPDATE users SET credential = coalesce(?3, credential), scram = coalesce(?4, scram)
         WHERE mailbox = ?1 AND credential_version = ?2",
        params![
            upgrade.mailbox,
            upgrade.credential_version.cast_signed(),
            upgrade.credential.as_ref().map(crate::Credential::expose),
            keys.as_ref().map(|keys| keys.as_str()),
        ],
    );
    if let Err(error) = written {
        tracing::warn!(%error, mailbox = upgrade.mailbox, "a better hash was not stored");
    }
}
