//! `Get-MailboxDatabase` and `Move-ActiveMailboxDatabase`.

use admin_api::routes::{Databases, MoveDatabase, MoveDatabases};
use admin_api::rows::{DatabaseRow, DatabaseState, MoveRequest, MoveRow, MovesRequest};
use admin_api::{Listing, Nothing};

use super::rows::{one, pascal, values};
use super::{Cmdlet, Given, Kind, Parameter, Position, Prepared, Session};
use crate::failure::Outcome;
use crate::language::Mistake;
use crate::moves::{have_succeeded, until_over};
use crate::patience::Patience;
use crate::screen::Format;
use crate::values::Object;

pub(super) const GET: Cmdlet = Cmdlet {
    name: "Get-MailboxDatabase",
    aliases: &[],
    summary: "Shows mailbox databases: where each is mounted, and where it could be",
    parameters: || {
        vec![
            Parameter::new("Identity", Kind::Text, "Only this database").positional(),
            Parameter::new("Server", Kind::Text, "Only databases that have a copy on this server"),
            Parameter::new("Status", Kind::Switch, "With their states, which are always there"),
        ]
    },
    examples: &["Get-MailboxDatabase", "Get-MailboxDatabase DB01 | Format-List"],
    position: Position::First,
    prepare: |given| {
        let (identity, server) = (given.text("Identity"), given.text("Server"));
        Ok(Box::new(move |session, _| {
            let mut listing = session.agents()?.get(&Databases {}, &Nothing {})?;
            if let Some(wanted) = identity {
                let row =
                    one(listing.rows, "database", &wanted, |row| &row.name).map_err(crate::Failure::from)?;
                listing.rows = vec![row];
            }
            if let Some(server) = server {
                listing.rows.retain(|row| row.copies.iter().any(|copy| copy.eq_ignore_ascii_case(&server)));
            }
            Ok(values(session, listing, object))
        }))
    },
};

fn object(row: DatabaseRow) -> Object {
    let under_way = row.moving.as_ref().map(|moving| {
        let to = moving.to.as_deref().unwrap_or("the fittest server");
        format!("{} to {to}", pascal(moving.state.word()))
    });
    Object::shown_by(&["Name", "Server", "Mounted", "Status", "Servers"])
        .with("Name", row.name)
        .with("Server", row.mounted_on.clone().unwrap_or_else(|| row.preferred.clone()))
        .with("Mounted", row.state == DatabaseState::Mounted)
        .with("Status", pascal(row.state.word()))
        .with("Servers", row.copies)
        .with("MountedOnServer", row.mounted_on)
        .with("PreferredServer", row.preferred)
        .with("Move", under_way)
        .with("Token", row.token.map(|token| token.to_string()))
        .with("Since", &row.since)
        .with("Why", row.why)
}

pub(super) const MOVE: Cmdlet = Cmdlet {
    name: "Move-ActiveMailboxDatabase",
    aliases: &[],
    summary: "Moves a database to another server, or all of a server away, or all back to a server",
    parameters: || {
        vec![
            Parameter::new("Identity", Kind::Text, "The database").positional(),
            Parameter::new(
                "ActivateOnServer",
                Kind::Text,
                "Where it moves; without it, to the fittest server",
            ),
            Parameter::new("Server", Kind::Text, "All databases that are mounted on this server"),
            Parameter::new(
                "ActivatePreferredOnServer",
                Kind::Text,
                "All databases that are preferred on this server and mounted elsewhere",
            ),
            Parameter::new(
                "Force",
                Kind::Switch,
                "Also to a server that is blocked, or whose copy is not healthy",
            ),
            Parameter::new("MoveComment", Kind::Text, "Why, for those who look later").or(&["Reason"]),
            Parameter::new("Limit", Kind::Span, "How long to wait for the end; 2 minutes if you do not say"),
        ]
    },
    examples: &[
        "Move-ActiveMailboxDatabase DB01 -ActivateOnServer mbx2 -MoveComment 'new disk in mbx1'",
        "Move-ActiveMailboxDatabase -Server mbx1",
        "Move-ActiveMailboxDatabase -ActivatePreferredOnServer mbx1",
    ],
    position: Position::First,
    prepare: prepare_move,
};

fn prepare_move(given: Given) -> Result<Prepared, Mistake> {
    let (identity, from, back) =
        (given.text("Identity"), given.text("Server"), given.text("ActivatePreferredOnServer"));
    let (to, force, reason) =
        (given.text("ActivateOnServer"), given.switch("Force"), given.text("MoveComment"));
    let which = match (identity, from, back) {
        (Some(database), None, None) => Which::One { database, request: MoveRequest { to, reason, force } },
        (None, Some(server), None) => Which::From { server, reason },
        (None, None, Some(server)) => Which::BackTo { server, reason },
        _ => {
            let instead = "write one of DATABASE, -Server SERVER and -ActivatePreferredOnServer SERVER";
            return Err(Mistake::new(given.command, "it is not clear which databases move", instead));
        }
    };
    let of_one =
        ["ActivateOnServer", "Force"].into_iter().find(|name| given.names().any(|given| given == *name));
    if let (Some(name), Which::From { .. } | Which::BackTo { .. }) = (of_one, &which) {
        let what = format!("-{name} is for the move of one database");
        return Err(Mistake::new(given.place(name), what, "name the database, or leave it out"));
    }
    let patience = Patience::with(given.span("Limit"));
    Ok(Box::new(move |session, _| {
        let mut listing = which.begin(session)?;
        let steps = session.format != Format::Json;
        until_over(session.agents()?, session.screen, steps, patience, &mut listing.rows)?;
        have_succeeded(&listing.rows)?;
        Ok(values(session, listing, move_object))
    }))
}

/// Which databases move.
enum Which {
    One { database: String, request: MoveRequest },
    From { server: String, reason: Option<String> },
    BackTo { server: String, reason: Option<String> },
}

impl Which {
    fn begin(self, session: &Session<'_>) -> Outcome<Listing<MoveRow>> {
        let agents = session.agents()?;
        match self {
            Self::One { database, request } => {
                Ok(Listing::complete(vec![agents.send(&MoveDatabase { database }, &request)?]))
            }
            Self::From { server, reason } => {
                let request = MovesRequest { from: Some(server), preferred: false, reason };
                agents.send(&MoveDatabases {}, &request)
            }
            Self::BackTo { server, reason } => {
                let databases = agents.get(&Databases {}, &Nothing {})?.rows;
                let here = |name: &str| name.eq_ignore_ascii_case(&server);
                let elsewhere = databases.into_iter().filter(|row| {
                    here(&row.preferred) && row.mounted_on.as_deref().is_some_and(|on| !here(on))
                });
                let begun = elsewhere.map(|row| {
                    let request =
                        MoveRequest { to: Some(row.preferred), reason: reason.clone(), force: false };
                    agents.send(&MoveDatabase { database: row.name }, &request)
                });
                Ok(Listing::complete(begun.collect::<Outcome<_>>()?))
            }
        }
    }
}

fn move_object(row: MoveRow) -> Object {
    Object::shown_by(&["Identity", "ActiveServerAtStart", "ActiveServerAtEnd", "Status", "Outcome"])
        .with("Identity", row.database)
        .with("ActiveServerAtStart", row.from)
        .with("ActiveServerAtEnd", row.to)
        .with("Status", pascal(row.state.word()))
        .with("Outcome", row.outcome)
        .with("TookMilliseconds", row.took_millis)
        .with("RequestedBy", row.by)
        .with("Requested", &row.requested)
        .with("MoveComment", row.reason)
}
