//! What the grid has been asked to do with the power of its servers, and what became of it.
//!
//! Every request has an id that the asker chose. Who asks again with the same id, because it did not hear the answer or
//! was itself on the server that lost its power, learns how the first request went; nothing is done twice.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Action, Power, State, Then};

/// One request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Request {
    /// What its asker calls it.
    pub id: String,
    /// For which server.
    pub server: String,
    /// What for.
    pub action: Action,
    /// How far it is.
    pub fate: Fate,
}

/// How far a request is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case")]
pub enum Fate {
    /// Not done yet.
    UnderWay {
        /// How often the server had booted when it was begun.
        boots: u64,
    },
    /// Done: the server has booted, or is off.
    Done,
    /// Not done, and it will not be.
    Failed(String),
}

/// What an id means to the grid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Known {
    /// Nothing: the request is new, and has been taken down.
    New,
    /// The same request came before.
    Before(Fate),
    /// Another request had this id.
    Another(String),
}

/// The requests, oldest first.
#[derive(Clone, Debug, Default)]
pub struct Requests(Vec<Request>);

/// How many requests are remembered once they are over.
const REMEMBERED: usize = 256;

impl Requests {
    /// Those of an earlier grid, as it wrote them down. What was under way then has ended with it.
    pub fn of_earlier_grid(mut requests: Vec<Request>) -> Self {
        for request in &mut requests {
            if matches!(request.fate, Fate::UnderWay { .. }) {
                request.fate = Fate::Failed("the power grid ended before it was done".to_owned());
            }
        }
        Self(requests)
    }

    /// All of them, to write them down.
    pub fn all(&self) -> &[Request] {
        &self.0
    }

    /// What became of a request.
    pub fn fate(&self, id: &str) -> Option<&Fate> {
        self.0.iter().find(|request| request.id == id).map(|request| &request.fate)
    }

    /// Takes a request down, unless it is known. `boots`: how often the server has booted until now.
    pub fn take(&mut self, id: &str, server: &str, action: Action, boots: u64) -> Known {
        if let Some(before) = self.0.iter().find(|request| request.id == id) {
            return if before.server == server && before.action == action {
                Known::Before(before.fate.clone())
            } else {
                Known::Another(before.to_string())
            };
        }
        while self.0.len() >= REMEMBERED {
            let Some(over) = self.0.iter().position(|old| !matches!(old.fate, Fate::UnderWay { .. })) else {
                break;
            };
            self.0.remove(over);
        }
        let (id, server) = (id.to_owned(), server.to_owned());
        self.0.push(Request { id, server, action, fate: Fate::UnderWay { boots } });
        Known::New
    }

    /// Looks at what is under way on a server whose power may have changed.
    pub fn settle(&mut self, server: &str, power: &Power) {
        for request in self.0.iter_mut().filter(|request| request.server == server) {
            if let Fate::UnderWay { boots } = request.fate {
                request.fate = judge(request.action, boots, power);
            }
        }
    }
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.action, self.server)
    }
}

/// How far an action is whose server had booted so often when it was begun.
fn judge(action: Action, boots: u64, power: &Power) -> Fate {
    let failed = |why: &str| Fate::Failed(why.to_owned());
    let on = action != Action::Off;
    match power.state() {
        State::Off { by_hand: false } | State::ShuttingDown { then: Then::Off { by_hand: false }, .. } => {
            failed("the power grid goes down")
        }
        State::Off { by_hand: true } if !on => Fate::Done,
        State::Off { by_hand: true } | State::ShuttingDown { then: Then::Off { by_hand: true }, .. }
            if on =>
        {
            failed("the server was switched off by hand meanwhile")
        }
        State::On { .. } if action == Action::On || on && power.boots() > boots => Fate::Done,
        State::On { .. } | State::Booting | State::ShuttingDown { then: Then::Boot, .. } if !on => {
            failed("the server was switched on meanwhile")
        }
        _ => Fate::UnderWay { boots },
    }
}

#[cfg(test)]
mod tests;
