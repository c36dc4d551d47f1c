//! Who asks, and what they may do.

use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::problem::{Kind, Problem};
use crate::routes::Route;

/// What a caller may do; each may do what those before may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Looks.
    Viewer,
    /// Moves, starts, stops and drains what can be brought back by the same hand.
    Operator,
    /// Takes a server down, and decides for users.
    Administrator,
}

impl Role {
    /// Every role, from the least.
    pub const ALL: [Self; 3] = [Self::Viewer, Self::Operator, Self::Administrator];

    /// The word that stands for it in headers, settings and documents.
    pub fn word(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Administrator => "administrator",
        }
    }

    /// The role that a word stands for.
    pub fn named(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.word() == word)
    }
}

/// Someone who asks, as an agent has made out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Caller {
    /// Who: a user of the machine, the owner of a token, the name in a certificate.
    pub name: String,
    /// What they may do.
    pub role: Role,
}

impl Caller {
    /// The header that carries the caller's name from agent to agent, percent-encoded. Believed only from a peer whose
    /// certificate is an agent's.
    pub const NAME_HEADER: &str = "x-mailmedic-caller";
    /// The header that carries the caller's role from agent to agent.
    pub const ROLE_HEADER: &str = "x-mailmedic-role";

    /// The headers that pass the caller on to another agent.
    pub fn headers(&self) -> [(&'static str, String); 2] {
        let name = utf8_percent_encode(&self.name, NON_ALPHANUMERIC).to_string();
        [(Self::NAME_HEADER, name), (Self::ROLE_HEADER, self.role.word().to_owned())]
    }

    /// The caller that another agent passes on; nobody if either header says nothing sensible.
    pub fn from_headers(name: &str, role: &str) -> Option<Self> {
        let name = percent_decode_str(name).decode_utf8().ok().filter(|name| !name.is_empty())?;
        Some(Self { name: name.into_owned(), role: Role::named(role)? })
    }

    /// Whether they may use a route; if not, what to tell them.
    pub fn may_use(&self, route: &Route) -> Result<(), Problem> {
        if self.role >= route.role {
            return Ok(());
        }
        Err(Problem::new(
            Kind::Forbidden,
            format!(
                "{} {} needs the role {}, and {} is {}",
                route.method.word(),
                route.template,
                route.role.word(),
                self.name,
                self.role.word()
            ),
        ))
    }
}
