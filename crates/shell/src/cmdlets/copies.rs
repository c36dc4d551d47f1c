//! `Get-MailboxDatabaseCopyStatus`.

use admin_api::routes::Copies;
use admin_api::rows::{CopiesQuery, CopyRow};

use super::rows::{pascal, values};
use super::{Cmdlet, Kind, Parameter, Position};
use crate::language::Mistake;
use crate::values::Object;

pub(super) const GET: Cmdlet = Cmdlet {
    name: "Get-MailboxDatabaseCopyStatus",
    aliases: &[],
    summary: "Shows the copies of the databases: where they are, which are mounted, and how fit the others are",
    parameters: || {
        vec![
            Parameter::new("Identity", Kind::Text, r"One database, or one copy such as DB01\mbx1")
                .positional(),
            Parameter::new("Server", Kind::Text, "Only copies on this server"),
        ]
    },
    examples: &[
        "Get-MailboxDatabaseCopyStatus -Server mbx1 | group Status",
        r"Get-MailboxDatabaseCopyStatus DB01\mbx1 | Format-List",
    ],
    position: Position::First,
    prepare: |given| {
        let (identity, server) = (given.text("Identity").unwrap_or_default(), given.text("Server"));
        let query = match identity.split('\\').collect::<Vec<_>>().as_slice() {
            [""] => CopiesQuery { database: None, server },
            [database] => CopiesQuery { database: Some((*database).to_owned()), server },
            [database, on] if !database.is_empty() && !on.is_empty() => {
                if server.is_some_and(|server| !server.eq_ignore_ascii_case(on)) {
                    let what = format!("{identity} is a copy on {on}");
                    return Err(Mistake::new(given.place("Server"), what, "leave -Server out"));
                }
                CopiesQuery { database: Some((*database).to_owned()), server: Some((*on).to_owned()) }
            }
            _ => {
                let what = format!("{identity} is no copy of a database");
                return Err(Mistake::new(
                    given.place("Identity"),
                    what,
                    r"write DATABASE\SERVER, such as DB01\mbx1",
                ));
            }
        };
        Ok(Box::new(move |session, _| {
            Ok(values(session, session.agents()?.get(&Copies {}, &query)?, object))
        }))
    },
};

fn object(row: CopyRow) -> Object {
    Object::shown_by(&["Name", "Status", "CopyQueueLength", "ReplayQueueLength", "Redundancy"])
        .with("Name", format!(r"{}\{}", row.database, row.server))
        .with("Status", pascal(row.state.word()))
        .with("CopyQueueLength", row.copy_queue)
        .with("ReplayQueueLength", row.replay_queue)
        .with("Redundancy", if row.shared { "Shared" } else { "Replicated" })
        .with("DatabaseName", row.database)
        .with("MailboxServer", row.server)
        .with("ActiveCopy", row.active)
        .with("ActivationPreference", row.preference)
        .with("Since", row.since.as_ref())
        .with("Why", row.why)
}
