//! Rows of the file as users.

use std::{error::Error, fmt::Write as _};

use rusqlite::{Connection, OptionalExtension as _, Row, types::Type};
use settings::{DatabaseName, Size, SizeLimit, Value as _};

use crate::{Credential, InstallationSecret, MoveId, MovePhase, Moving, Name, ScramKeys, User};

/// The columns that [`user`] reads.
macro_rules! users {
    ($rest:literal) => {
        concat!(
            "SELECT users.name, mailbox, database, quota, enabled, credential, credential_version, scram, created,
                 changed, (SELECT group_concat(other.name, ' ') FROM addresses AS other
                           WHERE other.user = users.id AND other.name <> users.name),
                 moves.id, moves.source, moves.target, moves.phase, moves.until
             FROM users LEFT JOIN moves ON moves.user = users.id ",
            $rest
        )
    };
}

/// The user whom a name or an alias belongs to.
pub(crate) fn find(connection: &Connection, name: &Name) -> rusqlite::Result<Option<User>> {
    connection
        .prepare_cached(users!("JOIN addresses ON addresses.user = users.id WHERE addresses.name = ?1"))?
        .query_row([name.as_str()], user)
        .optional()
}

/// Every user, by name.
pub(crate) fn list(connection: &Connection) -> rusqlite::Result<Vec<User>> {
    connection.prepare(users!("ORDER BY users.name"))?.query_map([], user)?.collect()
}

/// The credential of a user whom the octets choose: mailboxes are random, so every user is as likely. Not of a health
/// mailbox, since checking against that takes no time.
pub(super) fn stand_in(connection: &Connection, place: &[u8]) -> rusqlite::Result<Option<Credential>> {
    let place = place.iter().take(16).fold(String::new(), |mut digits, octet| {
        let _ = write!(digits, "{octet:02x}");
        digits
    });
    // The second half is for a place behind the last mailbox.
    connection
        .prepare_cached(
            "SELECT credential FROM (SELECT credential FROM users WHERE mailbox >= ?1 AND credential NOT LIKE '{HEALTH}%'
                                     ORDER BY mailbox LIMIT 1)
             UNION ALL
             SELECT credential FROM (SELECT credential FROM users WHERE credential NOT LIKE '{HEALTH}%'
                                     ORDER BY mailbox LIMIT 1)
             LIMIT 1",
        )?
        .query_row([place], |row| credential(row, 0))
        .optional()
}

/// What this installation alone knows.
pub(super) fn secret(connection: &Connection) -> rusqlite::Result<InstallationSecret> {
    connection
        .query_row("SELECT secret FROM installation", [], |row| Ok(InstallationSecret::new(row.get(0)?)))
}

fn user(row: &Row<'_>) -> rusqlite::Result<User> {
    let aliases = row.get_ref(10)?.as_str_or_null()?.unwrap_or_default();
    let mut aliases =
        aliases.split_ascii_whitespace().map(|alias| name(alias, 10)).collect::<Result<Vec<_>, _>>()?;
    aliases.sort_unstable();
    let scram = row
        .get_ref(7)?
        .as_str_or_null()?
        .map(|keys| ScramKeys::from_text(keys).ok_or_else(|| unreadable(7, "the SCRAM keys are damaged")));
    Ok(User {
        name: name(row.get_ref(0)?.as_str()?, 0)?,
        aliases,
        mailbox: row.get(1)?,
        database: database(row, 2)?,
        quota: row.get::<_, Option<i64>>(3)?.map(quota),
        enabled: row.get(4)?,
        credential: credential(row, 5)?,
        credential_version: row.get(6)?,
        scram: scram.transpose()?,
        moving: moving(row)?,
        created: row.get(8)?,
        changed: row.get(9)?,
    })
}

/// The record of the user's move, from column 11 on.
fn moving(row: &Row<'_>) -> rusqlite::Result<Option<Moving>> {
    let Some(id) = row.get_ref(11)?.as_str_or_null()? else { return Ok(None) };
    let phase = row.get_ref(14)?.as_str()?;
    let phase = MovePhase::ALL.into_iter().find(|known| known.as_str() == phase);
    Ok(Some(Moving {
        id: MoveId::parse(id).map_err(|error| unreadable(11, error))?,
        source: database(row, 12)?,
        target: database(row, 13)?,
        phase: phase.ok_or_else(|| unreadable(14, "the phase of a move is unknown"))?,
        until: row.get(15)?,
    }))
}

fn database(row: &Row<'_>, column: usize) -> rusqlite::Result<DatabaseName> {
    DatabaseName::parse(row.get_ref(column)?.as_str()?).map_err(|error| unreadable(column, error))
}

/// A quota as it is stored: octets, or a negative number for none at all.
pub(crate) fn stored_quota(quota: SizeLimit) -> i64 {
    quota.octets().map_or(-1, |octets| i64::try_from(octets).unwrap_or(i64::MAX))
}

fn quota(stored: i64) -> SizeLimit {
    u64::try_from(stored).map_or(SizeLimit::Unlimited, |octets| SizeLimit::AtMost(Size::octets(octets)))
}

fn name(text: &str, column: usize) -> rusqlite::Result<Name> {
    text.parse().map_err(|error: crate::NameError| unreadable(column, error))
}

fn credential(row: &Row<'_>, column: usize) -> rusqlite::Result<Credential> {
    Credential::parse_stored(row.get_ref(column)?.as_str()?).map_err(|error| unreadable(column, error))
}

fn unreadable(column: usize, error: impl Into<Box<dyn Error + Send + Sync>>) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, Type::Text, error.into())
}
