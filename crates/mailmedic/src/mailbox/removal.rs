//! Removing the mail of a mailbox, for ever.

use std::time::Duration;

use ::mailbox::{MailboxId, MailboxStore};
use mailbox_sqlite::{Archive, DatabaseError, MountOptions, SqliteStore};
use service::admin::{self, Ask, AskError};
use settings::DatabaseName;
use shell::{Failure, Outcome};

use crate::site::{Site, database_failure};

/// How long a back end may take to remove a mailbox.
const PATIENCE: Duration = Duration::from_mins(1);

/// Removes the mail of a mailbox, whether a back end has the database mounted or nobody.
pub(crate) fn remove(site: &Site, database: &DatabaseName, mailbox: &MailboxId) -> Outcome {
    let folder = site.data.database(database.as_str());
    let token = Archive::open(&folder).and_then(|archive| archive.token());
    let token = token.map_err(|error| database_failure(&error))?;
    match SqliteStore::mount(&folder, token, MountOptions::default()) {
        Ok(store) => in_store(&store, mailbox),
        Err(DatabaseError::InUse { .. }) => by_back_end(site, database, mailbox),
        Err(error) => Err(database_failure(&error)),
    }
}

/// Has the back end do it that has the database mounted: nobody else may write to it.
fn by_back_end(site: &Site, database: &DatabaseName, mailbox: &MailboxId) -> Outcome {
    let copies = site.configuration.database(database.as_str()).map_or(&[][..], |database| &database.copies);
    let ask = Ask::RemoveMailbox { database: database.to_string(), mailbox: mailbox.to_string() };
    let mut said = Vec::new();
    for server in copies {
        match admin::ask(&site.data.server(server.as_str()).admin_socket("backend"), &ask, PATIENCE) {
            Ok(_) => return Ok(()),
            Err(AskError::NotRunning { .. }) => {}
            Err(error) => said.push(format!("the back end of {server} says: {error}")),
        }
    }
    if said.is_empty() {
        said.push(format!(
            "{database} is mounted by a process that is no back end of its servers; try again later"
        ));
    }
    Err(Failure::failed(said.join("; ")))
}

fn in_store(store: &SqliteStore, mailbox: &MailboxId) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::failed(format!("cannot start the asynchronous runtime: {error}")))?;
    runtime.block_on(async {
        let removed = store.remove_mailbox(mailbox).await.map_err(|error| Failure::because(&error));
        store.dismount().await;
        removed
    })
}
