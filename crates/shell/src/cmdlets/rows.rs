//! From the rows of the agents to objects.

use admin_api::{Kind, Listing, Problem};

use super::Session;
use crate::values::{Object, Value};

/// The rows of a listing as values; the servers that did not answer are named.
pub(super) fn values<R>(
    session: &Session<'_>,
    listing: Listing<R>,
    object: impl Fn(R) -> Object,
) -> Vec<Value> {
    for missing in &listing.unanswered {
        session.screen.note(format_args!("{} did not answer: {}", missing.server, missing.why));
    }
    listing.rows.into_iter().map(|row| object(row).into()).collect()
}

/// The row of that name, whatever the case, or the problem that there is none.
pub(super) fn one<R>(
    rows: Vec<R>,
    what: &str,
    wanted: &str,
    name: impl Fn(&R) -> &str + Copy,
) -> Result<R, Problem> {
    match rows.iter().position(|row| name(row).eq_ignore_ascii_case(wanted)) {
        Some(index) => {
            rows.into_iter().nth(index).ok_or_else(|| Problem::new(Kind::Internal, "a row is gone"))
        }
        None => Err(Problem::unknown(what, wanted, rows.iter().map(name))),
    }
}

/// A word of the API as administrators write it: `service-down` is `ServiceDown`.
pub(super) fn pascal(word: &str) -> String {
    let capital = |part: &str| {
        let mut letters = part.chars();
        letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
    };
    word.split('-').map(capital).collect()
}

/// What a service or component is called here that administrators know by another name.
pub(super) fn service(name: &str) -> &str {
    match name.to_ascii_lowercase().as_str() {
        "msexchangepop3" | "popproxy" => "frontend",
        "msexchangepop3be" => "backend",
        _ => name,
    }
}
