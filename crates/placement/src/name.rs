//! Names that records carry and keys are made of: who asks, which move, which component.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A text that cannot be such a name. The asker's fault; the same text is refused again.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{text:?} is not {what}; write letters, digits and any of . _ @ -, at most 63, a letter or digit first"
)]
pub struct NameError {
    what: &'static str,
    text: String,
}

macro_rules! name {
    ($(#[$doc:meta])* $type:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $type(String);

        impl $type {
            /// Checks a text: a letter or digit first, then letters, digits and any of `._@-`, at most 63.
            pub fn parse(text: &str) -> Result<Self, NameError> {
                let first = text.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric());
                let rest = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._@-".contains(&byte));
                if first && rest && text.len() <= 63 {
                    Ok(Self(text.to_owned()))
                } else {
                    Err(NameError { what: $what, text: text.to_owned() })
                }
            }

            /// The name.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $type {
            type Err = NameError;

            fn from_str(text: &str) -> Result<Self, NameError> {
                Self::parse(text)
            }
        }

        impl TryFrom<String> for $type {
            type Error = NameError;

            fn try_from(text: String) -> Result<Self, NameError> {
                Self::parse(&text)
            }
        }

        impl From<$type> for String {
            fn from(name: $type) -> Self {
                name.0
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }
    };
}

name!(
    /// Who asks for something: a person by their log-in name, or one of `recovery-mbx1-17`, `maintenance`, `placement`.
    Requester, "a name for a requester"
);
name!(
    /// One move, from its request to its outcome. Its maker sees to it that no two are alike.
    MoveId, "an id of a move"
);
name!(
    /// A part of a server that takes traffic or does not, such as `backend`.
    Component, "a name for a component"
);

impl Requester {
    /// The plan itself.
    pub fn placement() -> Self {
        Self("placement".to_owned())
    }

    /// The maintenance of a server.
    pub fn maintenance() -> Self {
        Self("maintenance".to_owned())
    }

    /// A recovery by its id, `mbx1-17`.
    pub fn recovery(id: &str) -> Self {
        Self(format!("recovery-{id}"))
    }

    /// Whether a person asks, who may have reasons that no record shows.
    pub fn is_human(&self) -> bool {
        self.0 != "placement" && self.0 != "maintenance" && !self.0.starts_with("recovery-")
    }
}

impl MoveId {
    /// The id of a move that the plan asks for. One assignment is left by at most one of them.
    pub(crate) fn of_standing_order(revision: u64) -> Self {
        Self(format!("placement-{revision}"))
    }
}

impl Component {
    /// The service that mounts databases.
    pub fn back_end() -> Self {
        Self("backend".to_owned())
    }

    /// The service that accepts clients.
    pub fn front_end() -> Self {
        Self("frontend".to_owned())
    }
}
