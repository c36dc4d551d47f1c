//! A refusal of placement as a problem of the API.

use admin_api::{Kind, Problem};
use placement::{Fault, Refusal};

pub(super) fn problem(refusal: &Refusal) -> Problem {
    let kind = match refusal {
        Refusal::UnknownDatabase { .. } | Refusal::UnknownServer { .. } => Kind::Unknown,
        Refusal::AlreadyMoving { .. } => Kind::Conflict,
        _ if refusal.fault() == Fault::Asker => Kind::BadInput,
        _ => Kind::Refused,
    };
    let nearest = match refusal {
        Refusal::UnknownDatabase { nearest, .. } | Refusal::UnknownServer { nearest, .. } => nearest.clone(),
        _ => None,
    };
    let detail = match refusal {
        Refusal::UnknownDatabase { name, .. } => format!("there is no database called {name}"),
        Refusal::UnknownServer { name, .. } => format!("there is no server called {name}"),
        other if other.force_helps() => format!("{other}; --force does it all the same"),
        other => other.to_string(),
    };
    Problem { nearest, ..Problem::new(kind, detail) }
}
