//! Something on a server: `mbx1/backend`.

use std::fmt;
use std::str::FromStr;

/// What is called `name` on a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) server: String,
    pub(crate) name: String,
}

impl FromStr for Place {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('/') {
            Some((server, name)) if !server.is_empty() && !name.is_empty() && !name.contains('/') => {
                Ok(Self { server: server.to_owned(), name: name.to_owned() })
            }
            _ => Err("write the server, a slash and what is there, such as mbx1/backend".to_owned()),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.server, self.name)
    }
}
