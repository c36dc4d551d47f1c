//! The lines of a bulk add: `name:password-or-{SCHEME}hash[:database[:quota]]`, one user a line.
//!
//! Empty lines and lines that begin with `#` are passed over. A password is everything up to the next colon, blanks
//! included; one that has a colon itself, or looks like a hash, is given as a hash or with `{PLAIN}` in front.

use std::{collections::HashMap, thread};

use settings::{DatabaseName, SizeLimit, Value as _};

use super::{BadLine, Secret, Stored};
use crate::{Credential, CredentialError, Name, Password, Realm, administration::AdministrationSettings};

/// What fills in where the lines of a bulk add are silent.
#[derive(Debug, Clone)]
pub struct BulkDefaults<'a> {
    /// The realm of names without one.
    pub realm: &'a Realm,
    /// The databases there are; users without one are spread over them.
    pub databases: &'a [DatabaseName],
    /// The third-party routes there are. A user may name one instead of a database.
    pub routes: &'a [DatabaseName],
}

/// A line that was understood.
pub(super) struct Line {
    pub(super) number: usize,
    pub(super) name: Name,
    pub(super) secret: Secret,
    pub(super) database: Option<DatabaseName>,
    pub(super) quota: Option<SizeLimit>,
}

/// Reads the lines, and says of each that cannot be a user why.
pub(super) fn parse(text: &[u8], defaults: &BulkDefaults<'_>) -> Result<Vec<Line>, Vec<BadLine>> {
    let mut lines = Vec::new();
    let mut bad = Vec::new();
    let mut seen = HashMap::new();
    for (index, octets) in text.split(|octet| *octet == b'\n').enumerate() {
        let number = index + 1;
        let octets = octets.strip_suffix(b"\r").unwrap_or(octets);
        if octets.trim_ascii().is_empty() || octets.starts_with(b"#") {
            continue;
        }
        match parse_line(number, octets, defaults) {
            Ok(line) => match seen.insert(line.name.clone(), number) {
                Some(first) => {
                    bad.push(BadLine { number, reason: format!("the same name as in line {first}") });
                }
                None => lines.push(line),
            },
            Err(reason) => bad.push(BadLine { number, reason }),
        }
    }
    if bad.is_empty() { Ok(lines) } else { Err(bad) }
}

/// No reason repeats what was written, since with a field too many or too few it may be part of a password.
fn parse_line(number: usize, line: &[u8], defaults: &BulkDefaults<'_>) -> Result<Line, String> {
    let mut fields = line.split(|octet| *octet == b':');
    let name = std::str::from_utf8(fields.next().unwrap_or_default()).unwrap_or("\u{fffd}");
    let name = Name::parse(name, defaults.realm).map_err(|error| error.to_string())?;
    let secret = fields.next().ok_or("there is no password: name:password is the least")?;
    let database = fields.next().unwrap_or_default();
    let quota = fields.next().unwrap_or_default();
    if fields.next().is_some() {
        return Err(
            "there are more than four fields; a password with a colon can only be given as a hash".into()
        );
    }
    Ok(Line {
        number,
        name,
        secret: parse_secret(secret)?,
        database: parse_database(database, defaults)?,
        quota: parse_quota(quota)?,
    })
}

fn parse_secret(octets: &[u8]) -> Result<Secret, String> {
    if let Some(password) = octets.strip_prefix(b"{PLAIN}") {
        return parse_password(password);
    }
    // Other systems' hashes begin with a scheme in braces, or with $identifier$.
    let in_dollars = octets.strip_prefix(b"$").and_then(|rest| rest.split(|octet| *octet == b'$').next());
    let like_hash = in_dollars.is_some_and(|identifier| identifier.len() < octets.len() - 1);
    if !octets.starts_with(b"{") && !like_hash {
        return parse_password(octets);
    }
    let text = std::str::from_utf8(octets).map_err(|_| "the hash is not ASCII")?;
    match Credential::parse(text) {
        Ok(credential) => Ok(Secret::Hashed(credential)),
        Err(error @ CredentialError::UnknownScheme { .. }) => {
            Err(format!("{error}; if it is not a hash but the password, write {{PLAIN}} in front of it"))
        }
        Err(error) => Err(error.to_string()),
    }
}

fn parse_password(octets: &[u8]) -> Result<Secret, String> {
    let password = Password::new(octets);
    password.check().map_err(|error| error.to_string())?;
    Ok(Secret::Password(password))
}

fn parse_database(field: &[u8], defaults: &BulkDefaults<'_>) -> Result<Option<DatabaseName>, String> {
    if field.is_empty() {
        return Ok(None);
    }
    let known = || defaults.databases.iter().chain(defaults.routes);
    let named = known().find(|known| known.as_str().as_bytes().eq_ignore_ascii_case(field));
    named.cloned().map(Some).ok_or_else(|| {
        let choices: Vec<_> = known().map(DatabaseName::as_str).collect();
        format!(
            "the third field is not a mailbox database ({}); a password with a colon can only be given as a hash",
            choices.join(", ")
        )
    })
}

fn parse_quota(field: &[u8]) -> Result<Option<SizeLimit>, String> {
    if field.is_empty() {
        return Ok(None);
    }
    let quota = std::str::from_utf8(field).ok().and_then(|text| SizeLimit::parse(text).ok());
    quota.map(Some).ok_or_else(|| format!("the fourth field is not a quota: {} is", SizeLimit::example()))
}

/// Hashes the secrets of the lines, on as many threads as there are cores.
pub(super) fn hash(lines: &[Line], settings: AdministrationSettings) -> Result<Vec<Stored>, CredentialError> {
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let share = lines.len().div_ceil(threads).max(1);
    thread::scope(|scope| {
        let hash_share = |lines: &[Line]| -> Result<Vec<_>, _> {
            lines.iter().map(|line| line.secret.store(settings)).collect()
        };
        let workers: Vec<_> =
            lines.chunks(share).map(|lines| scope.spawn(move || hash_share(lines))).collect();
        let mut stored = Vec::with_capacity(lines.len());
        for worker in workers {
            stored.extend(worker.join().map_err(|_| CredentialError::Hashing(settings.hashing))??);
        }
        Ok(stored)
    })
}
